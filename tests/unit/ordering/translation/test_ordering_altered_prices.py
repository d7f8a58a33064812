"""Alterations that are sent apart from their prices: which price each is for can be told, or a finding says that it cannot."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.ordering.calls.writer import Writer
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.model import OrderLine
from gateway.ordering.translation.translate import translate
from gateway.tmf.json import decode_json, encode_json

FILE = Path(__file__).resolve().parents[4] / "mappings" / "salesforce-v4.toml"
MERGED = parse_mapping(FILE.read_bytes(), FILE.name)
SEPARATE = replace(MERGED, price=replace(MERGED.price, altered_prices="separate"))
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
OFF = {"name": "Off", "applicationDuration": 3, "price": {"percentage": 5}}
MONTH = {"priceType": "recurring", "recurringChargePeriod": "month"}
YEAR = {"priceType": "recurring", "recurringChargePeriod": "year"}
ONCE = {"priceType": "oneTime"}


def translated(mapping, *prices, action="add"):
    item = {"id": "1", "action": action, "productOffering": {"id": "A"}, "product": {"id": "P"}, "itemPrice": [*prices]}
    cart = {"relatedParty": [{"id": "CD1", "role": "customer"}], "cartItem": [item]}
    return translate(cart, {}, mapping, now=NOW)


def altered(price, *alterations, **names):
    return {**price, **names, "priceAlteration": [{**OFF, **one} for one in alterations or ({},)]}


@pytest.mark.parametrize(
    ("prices", "merged", "separate"),
    [
        ((altered(MONTH), altered(ONCE)), [], []),
        ((altered(MONTH), altered(YEAR), ONCE), [], []),
        ((altered(MONTH, {"priceType": "discount"}), altered(ONCE, {"priceType": "discount"})), [], []),
        ((altered(MONTH), MONTH), [0], [0]),
        ((altered(MONTH, name="a"), {**MONTH, "name": "b"}), [0], []),
        ((altered(ONCE), ONCE, altered(ONCE)), [0, 2], [0, 2]),
        ((altered(MONTH, {"priceType": "oneTime"}), ONCE), [0], []),
        ((altered(ONCE), {"price": {"percentage": 1}}), [0], []),
        ((altered(MONTH),), [], []),
        ((MONTH, MONTH), [], []),
    ],
)
def test_what_may_be_for_another_price_is_told(prices, merged, separate):
    for mapping, wanted in ((MERGED, merged), (SEPARATE, separate)):
        translation = translated(mapping, *prices)
        assert translation.order is not None
        told = [one for one in translation.findings if one.code == "ambiguous_alteration"]
        assert [(one.severity, one.path) for one in told] == [
            ("warning", f"cartItem[0].itemPrice[{at}].priceAlteration") for at in wanted
        ]


@pytest.mark.parametrize("mapping", [MERGED, SEPARATE], ids=["merged", "separate"])
def test_an_alteration_says_itself_which_charge_it_is_for_even_where_nothing_is_demanded(mapping):
    """Merged, nothing else says it."""
    mapping = replace(mapping, price=replace(mapping.price, recurring_required=()))
    (line,) = translated(mapping, altered(MONTH), altered(YEAR)).order.lines
    periods = [alteration.get("recurringChargePeriod") for alteration in line.alterations]
    assert periods == (["month", "year"] if mapping.price.altered_prices == "merged" else [None, None])


def test_separate_prices_hold_their_own_alterations_and_no_amount():
    line = translated(
        SEPARATE,
        {**altered(MONTH, {"name": "a"}, {"name": "b"}, name="Fee"), "price": {"percentage": 1}},
        YEAR,
        altered(ONCE, {"name": "c"}, unitOfMeasure="piece"),
    ).order.lines[0]
    stored = decode_json(encode_json(Writer(SEPARATE).priced_item(line, "802A")))
    assert stored["orderLineItemId"] == "802A"
    names = [[alteration["name"] for alteration in price.pop("priceAlteration")] for price in stored["itemPrice"]]
    assert names == [["a", "b"], ["c"]]
    assert stored["itemPrice"] == [{"name": "Fee", **MONTH}, {**ONCE, "unitOfMeasure": "piece"}]


def test_an_order_that_was_stored_before_is_sent_as_it_was_planned():
    line = OrderLine(
        id="1", cart_item_id="1", parent_id=None, root_id="1", depth=1, item={"action": "add"}, alterations=(OFF, OFF)
    )
    assert Writer(SEPARATE).priced_item(line, "802A")["itemPrice"] == [{"priceAlteration": [OFF, OFF]}]


def test_an_item_that_takes_a_product_away_is_not_priced():
    kept = translated(
        replace(SEPARATE, item=replace(SEPARATE.item, asset_orders="mixed")), altered(ONCE), action="delete"
    )
    (line,) = kept.order.lines
    assert (line.alterations, line.altered_prices) == ((), ())
