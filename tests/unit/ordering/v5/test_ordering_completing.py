"""What v5 makes mandatory deep inside of an item is there, or the part is told and not sent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.ordering.calls.render import render_whole
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.translation.translate import translate
from gateway.tmf.json import encode_json

ROOT = Path(__file__).resolve().parents[4]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BY = parse_mapping((ROOT / "mappings" / "tmf622-v5.toml").read_bytes(), "tmf622-v5.toml")
SITE = {"@type": "GeographicSite", "role": "site", "code": "S1"}
NAMED = {"role": "owner", "partyOrPartyRole": {"@type": "PartyRef", "name": "gone-1"}}
AMOUNT = {"dutyFreeAmount": {"unit": "EUR", "value": 1}}


def ordered(item: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    cart = {"cartItem": [{"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "A"}, **item}]}
    translation = translate(cart, {}, BY, now=NOW)
    assert translation.order is not None, translation.findings
    told = {finding.path: finding.code for finding in translation.findings}
    return encode_json(render_whole(translation.order, BY, "gw1-m")["productOrderItem"]), told


PLACED = [
    (
        {"product": {"place": [{**SITE, "relatedParty": [NAMED]}]}},
        "product.place[0].relatedParty[0]",
    ),
    ({"product": {"place": [{**SITE, "siteRelationship": [{"id": "gone-1"}]}]}}, "product.place[0].siteRelationship[0]"),
    ({"product": {"realizingService": [{"name": "gone-1"}]}}, "product.realizingService[0]"),
    ({"product": {"billingAccount": {"name": "gone-1"}}}, "product.billingAccount"),
    (
        {"product": {"productCharacteristic": [{"name": "c", "value": "v", "characteristicRelationship": [{"id": "gone-1"}]}]}},
        "product.productCharacteristic[0].characteristicRelationship[0]",
    ),
    ({"payment": [{"name": "gone-1"}]}, "payment[0]"),
    ({"appointment": {"description": "gone-1"}}, "appointment"),
    ({"quoteItem": {"quoteName": "gone-1"}}, "quoteItem"),
    ({"itemPrice": [{"priceType": "oneTime", "price": AMOUNT, "productOfferingPrice": {"name": "gone-1"}}]},
     "itemPrice[0].productOfferingPrice"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "path"), PLACED)
def test_a_part_without_what_v5_demands_is_told_and_the_rest_is_sent(item, path):
    sent, told = ordered(item)
    assert told[f"cartItem[0].{path}"] == "dropped"
    assert b"gone-1" not in sent
    assert b'"id":"A"' in sent


def test_an_id_that_an_href_tells_is_taken_from_it():
    party = {"role": "owner", "partyOrPartyRole": {"@type": "PartyRef", "href": "https://x.test/party/p-7"}}
    sent, told = ordered(
        {"product": {"place": [{**SITE, "relatedParty": [party]}], "billingAccount": {"href": "/a/b-8"}}}
    )
    assert b'"id":"p-7"' in sent
    assert b'"id":"b-8"' in sent
    assert told["cartItem[0].product.place[0].relatedParty[0].partyOrPartyRole.id"] == "defaulted"
    assert told["cartItem[0].product.billingAccount.id"] == "defaulted"
