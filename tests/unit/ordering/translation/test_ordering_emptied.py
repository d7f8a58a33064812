"""A change of which nothing is left, because the order system has no place for what it is about, is not ordered."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.translation.translate import translate

ROOT = Path(__file__).resolve().parents[4]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PLACE = {"id": "ADDR-NEW", "role": "installation address", "@referredType": "GeographicAddress"}
TERM = {"name": "Extension", "duration": {"amount": 24, "units": "month"}}
PRICE = {
    "priceType": "recurring",
    "recurringChargePeriod": "month",
    "price": {"dutyFreeAmount": {"unit": "EUR", "value": 1}},
}


def told(name: str, *items: dict[str, Any]) -> tuple[bool, list[tuple[str, str]]]:
    mapping = parse_mapping((ROOT / "mappings" / f"{name}.toml").read_bytes(), f"{name}.toml")
    cart = {"relatedParty": [{"id": "C1", "role": "customer"}], "cartItem": list(items)}
    translation = translate(cart, {}, mapping, now=NOW)
    found = [(one.severity, one.path) for one in translation.findings if one.code == "nothing_to_order"]
    return translation.order is not None, found


def modify(product: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"id": "1", "action": "modify", "quantity": 1, "product": {"id": "P-1", **(product or {})}, **more}


@pytest.mark.parametrize(
    "item",
    [
        modify(itemTerm=[TERM]),
        modify({"place": [PLACE]}),
        modify(itemPrice=[PRICE]),
        modify({"relatedParty": [{"id": "U", "role": "user", "@referredType": "Individual"}], "name": "DSL"}),
        modify({"productCharacteristic": [{"name": "size", "value": {"width": 3}}]}),
    ],
)
def test_a_change_that_lost_what_it_was_about_is_refused(item):
    assert told("salesforce-v4", item) == (False, [("error", "cartItem[0]")])
    assert told("tmf622-v4", item) == (True, [])


def test_one_beside_another_item_is_refused_too():
    other = {"id": "2", "action": "add", "quantity": 1, "productOffering": {"id": "A"}}
    assert told("salesforce-v4", other, modify(itemTerm=[TERM])) == (False, [("error", "cartItem[1]")])


def test_one_that_names_an_offering_may_be_a_change_to_that():
    item = modify(itemTerm=[TERM], productOffering={"id": "NEW"})
    assert told("salesforce-v4", item) == (True, [("warning", "cartItem[0]")])


@pytest.mark.parametrize(
    "item",
    [
        modify(),
        modify({"productCharacteristic": [{"name": "speed", "value": "100"}]}, itemTerm=[TERM]),
        modify(itemTerm=[TERM], cartItem=[{"id": "2", "action": "add", "productOffering": {"id": "B"}}]),
        {**modify({"place": [PLACE]}), "action": "delete"},
    ],
)
def test_what_still_does_something_is_ordered_or_judged_otherwise(item):
    assert told("salesforce-v4", item)[1] == []


@pytest.mark.parametrize("name", ["salesforce-v4", "tmf622-v4", "tmf622-v5"])
@pytest.mark.parametrize(
    "items",
    [
        [{"id": "1", "action": "modify", "product": {"id": "P-1"}}],
        [{"id": "1", "action": "modify", "product": {"href": "/products/P-1", "productCharacteristic": []}}],
        [{"id": "1", "action": "noChange", "quantity": 1, "product": {"id": "P-1"}}],
        [{"id": "1", "action": "noChange", "product": {"id": "P"}, "cartItem": [{"id": "2", "action": "modify", "product": {"id": "Q"}}]}],
    ],
)  # fmt: skip
def test_an_order_of_which_no_line_says_what_changes_is_refused(name: str, items: list[dict[str, Any]]) -> None:
    assert told(name, *items) == (False, [("error", "cartItem")])


@pytest.mark.parametrize("name", ["tmf622-v4", "tmf622-v5"])
def test_a_line_that_says_nothing_goes_along_with_one_that_does(name: str) -> None:
    above = {"id": "1", "action": "noChange", "product": {"id": "P"}}
    assert told(name, {**above, "cartItem": [{"id": "2", "action": "add", "productOffering": {"id": "A"}}]}) == (
        True,
        [],
    )
