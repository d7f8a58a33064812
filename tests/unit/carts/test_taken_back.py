"""A change in any version leaves the stored form of what it does not touch: entries that are not pairs, share an id, or were copied."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from gateway.carts.changing import changed_cart
from gateway.carts.dialects import DIALECTS
from gateway.errors import InvalidBodyError
from gateway.tmf.json import decode_stored, encode_json


def cart(*relationships: Any) -> dict[str, Any]:
    return {"cartItem": [{"id": "1", "action": "add", "quantity": 1, "cartItemRelationship": list(relationships)}]}


def patched(stored: dict[str, Any], version: str, change: Any) -> dict[str, Any]:
    """Return what is stored after `change` was made in place to what the version shows."""
    shown = DIALECTS[version].from_canonical(stored)
    after = decode_stored(encode_json(shown))
    change(after)
    return changed_cart(stored, shown, lambda _: after, DIALECTS[version])


@pytest.mark.parametrize(
    "relationship",
    [
        {"id": "2", "relationshipType": "reliesOn", "cartItem": [{"id": "3"}, {"id": "4"}]},
        {"relationshipType": "reliesOn", "cartItem": [{"id": "3"}, {"id": "3"}]},
        {"id": "2", "relationshipType": "reliesOn", "cartItem": []},
    ],
)
def test_a_relationship_that_has_the_name_of_an_r17_list_stays_as_it_is(relationship: dict[str, Any]) -> None:
    stored = cart(relationship, {"id": "9", "relationshipType": "reliesOn"})

    def change(shown: dict[str, Any]) -> None:
        shown["cartItem"][0]["quantity"] = 2

    taken = patched(copy.deepcopy(stored), "v1", change)

    assert taken["cartItem"] == [{**stored["cartItem"][0], "quantity": 2}]


def test_of_entries_that_share_an_id_each_is_paired_with_the_one_in_its_place() -> None:
    other = {"href": "https://crm.example/party/1", "role": "buyer", "@referredType": "Customer"}
    parties = [{"id": "1", "role": "payer"}, other]

    def change(shown: dict[str, Any]) -> None:
        shown["relatedParty"][0]["role"] = "customer"
        shown["relatedParty"][1]["role"] = "user"

    taken = patched({"cartItem": [], "relatedParty": parties}, "v4", change)

    assert taken["relatedParty"][0] == {"id": "1", "role": "customer"}
    assert taken["relatedParty"][1] == {**other, "id": "1", "role": "user"}


@pytest.mark.parametrize("version", ["v1", "v4", "v5"])
@pytest.mark.parametrize("places", [[0], [0, 0], [0, 0, 1], [1, 0], [1], [0, 1, 1], [1, 1, 0], []])
def test_entries_that_moved_were_copied_or_went_keep_their_stored_form(version: str, places: list[int]) -> None:
    entries: list[dict[str, Any]] = [
        {"name": "A User", "role": "user"},
        {"href": "https://crm.example/party/9", "role": "seller"},
    ]

    def change(shown: dict[str, Any]) -> None:
        shown["relatedParty"] = [shown["relatedParty"][place] for place in places]

    taken = patched({"cartItem": [], "relatedParty": entries}, version, change)

    assert taken["relatedParty"] == [entries[place] for place in places]


@pytest.mark.parametrize("version", ["v1", "v4", "v5"])
def test_a_value_that_equals_another_only_in_python_is_a_change(version: str) -> None:
    stored = {"cartItem": [{"id": "1", "action": "add", "vendor": 1}, {"id": "2", "action": "add", "vendor": [0]}]}

    def change(shown: dict[str, Any]) -> None:
        shown["cartItem"][0]["vendor"] = True
        shown["cartItem"][1]["vendor"] = [False]

    taken = patched(stored, version, change)

    assert [encode_json(item["vendor"]) for item in taken["cartItem"]] == [b"true", b"[false]"]


@pytest.mark.parametrize("version", ["v1", "v5"])
def test_entries_that_nobody_touched_are_the_very_objects_that_are_stored(version: str) -> None:
    stored = {"cartItem": [{"id": str(number), "action": "add", "quantity": 1} for number in range(5)]}

    def change(shown: dict[str, Any]) -> None:
        shown["cartItem"][2]["quantity"] = 7
        shown["cartItem"].append({"@type": "CartItem", "id": "6", "action": "add", "quantity": 1})

    taken = patched(stored, version, change)["cartItem"]

    assert [new is old for new, old in zip(taken, stored["cartItem"], strict=False)] == [True, True, False, True, True]
    assert taken[2]["quantity"] == 7
    assert len(taken) == 6


V4_PARTIES: list[dict[str, Any]] = [{"id": "1", "role": "buyer"}, {"id": "2"}]
V4_ITEMS: list[dict[str, Any]] = [{"id": "1", "action": "add"}, {"id": "2", "productOffering": {"id": "A"}}]


@pytest.mark.parametrize(
    ("version", "name", "entries"), [("v5", "relatedParty", V4_PARTIES), ("v1", "cartItem", V4_ITEMS)]
)
def test_an_entry_that_lacks_something_may_move_but_not_be_added(
    version: str, name: str, entries: list[dict[str, Any]]
) -> None:
    stored = {"cartItem": [], name: entries}

    def added(shown: dict[str, Any]) -> None:
        lacking = {key: "3" if key == "id" else value for key, value in shown[name][1].items()}
        shown[name] = [lacking | {"name": "another"}, *shown[name]]

    assert patched(stored, version, lambda shown: shown[name].pop(0))[name] == entries[1:]
    with pytest.raises(InvalidBodyError) as raised:
        patched(stored, version, added)
    assert [problem.path.partition(".")[0] for problem in raised.value.problems] == [f"{name}[0]"]
