"""Documents are checked by the schema files: another library agrees, everything that is wrong is told, and at a bounded cost."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.carts.dialects import v1_shape, v5_shape
from gateway.carts.shape import COMPLETE, STORED
from gateway.checkouts import request
from gateway.tmf.paths import path_text
from gateway.tmf.schema import Shape, is_identifier
from gateway.tmf.schema_keywords import KEYWORDS, LENIENT_FORMATS, STRICT_FORMATS
from gateway.tmf.shapes import PROBLEMS_MAX

SHAPES: dict[str, Shape] = {
    "v4": COMPLETE,
    "stored": STORED,
    "v1": v1_shape.CART,
    "v5": v5_shape.CART,
    "checkout": request._REQUEST,
}
WORDS = ["", " ", "a", "\n", "a\n", "é", "x" * 255, "x" * 256, "active", "add", "Add", "SavedForLater", "aborted "]
MOMENTS = ["2026-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T00:00", "2026-W49"]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2_000_000),
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.sampled_from([*WORDS, *MOMENTS]),
    st.text(max_size=5),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def mostly(shape: Shape, name: str, depth: int) -> st.SearchStrategy[Any]:
    """Return values that mostly have the shape of a definition, and now and then something else."""
    found = shape._compiled
    classes = [None, "Mine", *found.classes.get(name, ())]

    def of_class(kind: str | None) -> st.SearchStrategy[Any]:
        known = found.attributes_of({"@type": kind} if kind else {}, name)
        values = {}
        for attribute, told in known.items():
            inner = LEAVES if told.definition is None or depth == 0 else mostly(shape, told.definition, depth - 1)
            values[attribute] = st.one_of(inner, st.lists(inner, max_size=2), LEAVES)
        head = {"@type": st.just(kind)} if kind else {}
        optional = {key: value for key, value in values.items() if key != "@type"}
        few = st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True) if optional else st.just([])
        return few.flatmap(lambda names: st.fixed_dictionaries({**head, **{key: optional[key] for key in names}}))

    if not found.attributes_of({}, name) and name not in found.classes:
        return ANYTHING
    objects = st.sampled_from(classes).flatmap(of_class)
    return objects if name == shape._root else st.one_of(objects, objects, objects, LEAVES)


def second_opinion(shape: Shape, formats: Any) -> Any:
    """Return a validator of another library for the same schema."""
    checker = jsonschema.FormatChecker(formats=())
    for name, is_right in formats.items():
        checker.checks(name)(lambda value, is_right=is_right: type(value) is not str or is_right(value))

    def keyword(name: str) -> Any:
        def look(_validator: Any, value: Any, instance: Any, _schema: Any) -> Iterator[jsonschema.ValidationError]:
            if not KEYWORDS[name]({}, value, []).is_kept(instance):
                yield jsonschema.ValidationError(name)

        return look

    base = jsonschema.Draft202012Validator
    numbers = base.TYPE_CHECKER.redefine("number", lambda _, value: type(value) in {int, Decimal})
    made = jsonschema.validators.extend(base, {name: keyword(name) for name in KEYWORDS}, type_checker=numbers)
    return made(shape._schema, format_checker=checker)


SECOND = {
    name: second_opinion(shape, STRICT_FORMATS if name == "v4" else LENIENT_FORMATS) for name, shape in SHAPES.items()
}


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_another_library_says_the_same(name: str, data: st.DataObject) -> None:
    shape = SHAPES[name]
    document = data.draw(mostly(shape, shape._root, 3))
    before = copy.deepcopy(document)

    fits = shape.fits(document)

    assert document == before
    assert fits == SECOND[name].is_valid({shape._root: document})
    found = shape.findings(document)
    # Null in attributes that are known is gone; then nothing is told of what fits, and something of what does not.
    assert shape.fits(document) == (not found)
    assert len({(finding.path, finding.message) for finding in found}) == len(found)
    for finding in found:
        assert path_text(finding.path) or finding.message


def right_cart() -> dict[str, Any]:
    return {
        "@type": "ShoppingCart",
        "unknown": {"to": ["the", "shape", None]},
        "validFor": {"startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2026-01-02T00:00"},
        "relatedParty": [{"id": "1", "role": "customer"}],
        "cartItem": [
            {
                "id": "01",
                "quantity": 2,
                "status": "active",
                "note": [{"date": "2026-01-01T10:00:00+02:00", "text": "x"}],
                "itemPrice": [{"price": {"taxRate": 19, "dutyFreeAmount": {"unit": "EUR", "value": Decimal("19.90")}}}],
                "product": {"productCharacteristic": [{"name": "color", "value": {"any": "thing"}}]},
                "cartItem": [{"id": "02", "cartItem": [{"id": "03", "quantity": 1}]}],
            }
        ],
    }


def test_an_ordinary_cart_fits_at_once() -> None:
    assert STORED.fits(right_cart())


WRONG: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("@type",), 1, "must be text, not a number"),
    (("validFor", "startDateTime"), "2026-01-03T00:00:00Z", "must not be before startDateTime"),
    (("validFor", "endDateTime"), "2026-02-30T00:00:00Z", "must be a date-time as in 2026-12-01T08:30:00Z"),
    (("relatedParty", 0), {"id": "", "name": "x"}, "must be 1 to 255 printable characters"),
    (("relatedParty", 0, "id"), "a\n", "must be 1 to 255 printable characters"),
    (("relatedParty", 0, "id"), "\u2028", "must be 1 to 255 printable characters"),
    (("relatedParty", 0, "id"), "x" * 256, "must be 1 to 255 printable characters"),
    (("relatedParty", 0, "id"), 1.5, "must be text, not a number"),
    (("relatedParty", 0), {"role": "x"}, "needs id or name or href"),
    (("cartItem", 0), None, "must be an object, not null"),
    (("cartItem", 0, "quantity"), 0, "must be from 1 to 1000000"),
    (("cartItem", 0, "quantity"), True, "must be a whole number, not true or false"),
    (("cartItem", 0, "quantity"), Decimal("1.0"), "must be a whole number, written without fraction or exponent"),
    (("cartItem", 0, "quantity"), Decimal("1.5"), "must be a whole number, written without fraction or exponent"),
    (("cartItem", 0, "status"), "Active", "must be one of active, saveForLater, savedForLater"),
    (("cartItem", 0, "status"), 1, "must be one of active, saveForLater, savedForLater"),
    (("cartItem", 0, "note", 0, "date"), "yesterday", "must be a date-time as in 2026-12-01T08:30:00Z"),
    (("cartItem", 0, "note", 0, "date"), 5, "must be a date-time as in 2026-12-01T08:30:00Z"),
    (("cartItem", 0, "itemPrice", 0, "price", "taxRate"), "19", "must be a number, not text"),
    (("cartItem", 0, "product", "productCharacteristic", 0), {}, "is missing"),
    (("cartItem", 0, "cartItem", 0, "cartItem", 0, "quantity"), "1", "must be a whole number, not text"),
    (("cartItem", 0, "cartItem", 0, "cartItem"), {}, "must be a list, not an object"),
    (("cartItem", 0, "productOffering"), [], "must be an object, not a list"),
    (("cartItem", 0, "product", "place"), [{"name": 1.5}], "must be text, not a number"),
    (
        ("cartItem", 0, "product", "@schemaLocation"),
        "foo",
        "must be a whole URI as in https://example.com/schemas/cart.json",
    ),
]


@pytest.mark.parametrize(("path", "value", "message"), WRONG)
def test_what_is_wrong_is_told_with_its_path(path: tuple[str | int, ...], value: Any, message: str) -> None:
    cart = right_cart()
    node: Any = cart
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value

    (finding,) = STORED.findings(cart)

    assert not STORED.fits(cart)
    assert finding.message == message
    assert path_text(finding.path).startswith(path_text(path[:1]))
    assert path_text(finding.path).startswith(path_text(path)) or "before" in message


def test_everything_is_told_at_once_the_first_hundred_of_it() -> None:
    items = [{"quantity": "x", "status": "y", "product": {"status": "z"}} for _ in range(50)]
    found = STORED.findings({"cartItem": items, "relatedParty": "w"})

    assert len(found) == PROBLEMS_MAX
    assert {path_text(finding.path) for finding in found} >= {
        "relatedParty",
        "cartItem[0].quantity",
        "cartItem[9].status",
    }


def test_null_is_removed_where_the_attribute_is_known_and_has_a_type() -> None:
    kept = {"name": "x", "value": None, "vendor": None}
    cart = {
        "vendor": None,
        "@type": None,
        "cartItem": [{"quantity": None, "product": {"productCharacteristic": [kept]}}],
    }

    assert STORED.findings(cart) == []
    assert cart == {"vendor": None, "cartItem": [{"product": {"productCharacteristic": [kept]}}]}


class Counted:
    """A validator that counts how often it is asked for all errors."""

    def __init__(self, validator: Any) -> None:
        self.asked = 0
        self.is_valid = validator.is_valid
        self._validator = validator

    def iter_errors(self, document: Any) -> Any:
        self.asked += 1
        return self._validator.iter_errors(document)


HOSTILE: list[dict[str, Any]] = [
    {"cartItem": [{"quantity": "x", "productOffering": {}} for _ in range(20_000)]},
    {"cartItem": [{"id": None} for _ in range(20_000)]},
    {"relatedParty": [{} for _ in range(20_000)]},
    {"cartItem": [{"cartItem": [{"cartItem": [None] * 5_000}]}]},
    {"contactMedium": list(range(20_000))},
]


@pytest.mark.parametrize("document", HOSTILE, ids=["items", "nulls", "parties", "nested", "numbers"])
def test_a_document_that_is_nothing_but_mistakes_is_looked_into_a_hundred_times_at_most(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(STORED._validator)
    monkeypatch.setattr(STORED, "_validator", counted)

    assert len(STORED.findings(document)) <= PROBLEMS_MAX
    assert counted.asked <= PROBLEMS_MAX + 5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", True),
        ("a b", True),
        (" a", True),
        ("é", True),
        ("日本", True),
        ("x" * 255, True),
        ("", False),
        (" ", False),
        ("a\n", False),
        ("\x7f", False),
        ("\u2028", False),
        ("\u00a0", False),
        ("\u200b", False),
        ("x" * 256, False),
        (1, False),
        (None, False),
    ],
)
def test_an_identifier_is_the_same_to_the_schema_and_to_everybody_else(value: Any, expected: bool) -> None:
    assert is_identifier(value) is expected
    assert STORED.fits({"cartItem": [{"id": value}]}) is expected


def test_many_threads_that_check_at_once_say_what_one_says() -> None:
    right, wrong = right_cart(), right_cart() | {"relatedParty": [{}], "cartItem": [{"quantity": 0}]}
    expected = STORED.findings(copy.deepcopy(wrong))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(32) as pool:
            looked = list(pool.map(lambda _: (STORED.fits(right), STORED.findings(copy.deepcopy(wrong))), range(640)))
    finally:
        sys.setswitchinterval(interval)
    assert looked == [(True, expected)] * 640
