from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import Problem
from gateway.filters.projection import FIELDS_MAX, parse_fields, project

CART: dict[str, Any] = {
    "id": "1",
    "href": "/1",
    "validFor": {"endDateTime": "2026-12-01T00:00:00Z"},
    "cartItem": [{"id": "a", "quantity": 1, "product": {"id": "p", "name": "n"}}, {"id": "b", "quantity": 2}],
    "@type": "ShoppingCart",
}


def projected(*values: str) -> dict[str, Any]:
    problems: list[Problem] = []
    selection = parse_fields(list(values), problems)

    assert not problems
    assert selection is not None
    return project(CART, selection)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ("none", ["id", "href"]),
        ("id", ["id", "href"]),
        ("validFor", ["id", "href", "validFor"]),
        ("@type,validFor", ["id", "href", "validFor", "@type"]),
        ("unknown", ["id", "href"]),
        (" cartItem , unknown ,", ["id", "href", "cartItem"]),
    ],
)
def test_first_level_selection_always_has_id_and_href(fields: str, names: list[str]) -> None:
    assert list(projected(fields)) == names


def test_repeated_parameters_add_up() -> None:
    assert list(projected("validFor", "@type")) == ["id", "href", "validFor", "@type"]


def test_a_dotted_name_selects_inside_lists_and_objects() -> None:
    assert projected("cartItem.product.id,cartItem.quantity")["cartItem"] == [
        {"quantity": 1, "product": {"id": "p"}},
        {"quantity": 2},
    ]


@pytest.mark.parametrize("fields", ["cartItem,cartItem.id", "cartItem.id,cartItem"])
def test_the_whole_attribute_wins_over_a_part_of_it(fields: str) -> None:
    assert projected(fields)["cartItem"] == CART["cartItem"]


@pytest.mark.parametrize("values", [[], [""], [" , "]])
def test_no_names_mean_everything(values: list[str]) -> None:
    assert parse_fields(values, []) is None


@pytest.mark.parametrize("text", ["a," * (FIELDS_MAX + 1), "x" * 5000])
def test_too_many_names_are_refused(text: str) -> None:
    problems: list[Problem] = []

    parse_fields([text], problems)

    assert [problem.path for problem in problems] == ["fields"]
