"""Nothing vanishes: each value of a cart is in the calls, or in a finding, or left out by a named rule."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from official_carts import official_carts
from r17_carts import checkout_requests, r17_carts

from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.render import render, render_whole
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import Translation
from gateway.ordering.tracing.accounting import RULES, account
from gateway.ordering.translation.translate import translate
from gateway.tmf.json import decode_json, encode_json

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = sorted((ROOT / "tests" / "golden" / "cases").iterdir())
MAPPINGS = [parse_mapping(file.read_bytes(), file.name) for file in sorted((ROOT / "mappings").glob("*.toml"))]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def calls_of(order: Any, mapping: Mapping) -> list[Any]:
    planned, findings = plan(order, mapping)
    assert planned is not None, findings
    known = {line.id: f"802-{line.id}" for line in order.lines}
    return [
        decode_json(
            render(step, order, planned, mapping, known_line_ids=known, marker="gw1-m", order_id="1").body, depth_max=64
        )
        for step in planned.steps
    ]


CARTS = {"R17": r17_carts(), "v4": official_carts(4), "v5": official_carts(5)}
EXAMPLES = 40
MET_BY_ALL = {"order selection", "item ids", "cart address", "checkout only"}
"""The rules that generated carts of every version meet; `empty` and `type names` only those of the official files of v4 and v5."""


def rules_met(mapping: Mapping, version: str) -> set[str]:
    """Return the rules that carts of a version must have met: a proof that meets none of them proves nothing about them."""
    met = MET_BY_ALL if version == "R17" else MET_BY_ALL | {"empty", "type names"}
    # An order of v5 has a place for the cart's id, and the carts of v5 have no href beside it.
    return met - {"cart address"} if (mapping.dialect, version) == ("tmf622-v5", "v5") else met


@pytest.mark.parametrize("version", CARTS)
def test_each_value_of_a_cart_and_its_request_is_accounted_for(version):
    """By every mapping: making a cart up takes longer than to translate it by each of them."""
    seen: Counter[tuple[str, str]] = Counter()
    refusals: Counter[tuple[str, str]] = Counter()
    rules: Counter[tuple[str, str]] = Counter()

    def is_ordered(cart, request, mapping):
        name = mapping.name
        translation = translate(cart, request, mapping, now=NOW)
        if translation.order is None:
            refusals.update((name, finding.code) for finding in translation.findings if finding.severity == "error")
            return False
        calls = calls_of(translation.order, mapping)
        entries, lost = account(cart, request, translation.order, calls, translation.findings)
        assert lost == [], name
        named = {entry.why.removeprefix("rule: ") for entry in entries if entry.why.startswith("rule: ")}
        assert named <= set(RULES)
        rules.update((name, rule) for rule in named)
        seen[name, "ordered"] += 1
        seen[name, "rendered"] += any(entry.source and entry.target for entry in entries)
        seen[name, "finding"] += any(entry.why.startswith("finding: ") for entry in entries)
        seen[name, "rule"] += bool(named)
        return True

    @given(cart=CARTS[version], request=st.just({}) | checkout_requests())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def check(cart, request):
        cart, request = (decode_json(encode_json(one), depth_max=64) for one in (cart, request))
        ordered = [is_ordered(cart, request, mapping) for mapping in MAPPINGS]
        if not all(ordered):
            reject()

    check()
    for mapping in MAPPINGS:
        count = {what: number for (name, what), number in seen.items() if name == mapping.name}
        assert count["ordered"] >= EXAMPLES, f"too few of the generated carts can be ordered: {count}, {refusals}"
        assert count["rendered"] == count["ordered"], "an order holds something of its cart"
        assert min(count["finding"], count["rule"]) > count["ordered"] / 4, f"a kind of answer is hardly met: {count}"
        met = {rule for name, rule in rules if name == mapping.name}
        assert met >= rules_met(mapping, version), (mapping.name, rules)


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda mapping: mapping.name)
@given(cart=r17_carts(), request=checkout_requests(), position=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_value_taken_out_of_the_calls_is_missed(mapping, cart, request, position):
    """The account can fail: whatever unique value is taken out of the calls, it says which one is lost."""
    cart, request = (decode_json(encode_json(one), depth_max=64) for one in (cart, request))
    translation = translate(cart, request, mapping, now=NOW)
    if translation.order is None:
        return
    sent = encode_json(calls_of(translation.order, mapping)).decode()
    told = {finding.path for finding in translation.findings}
    entries, _ = account(
        cart, request, translation.order, decode_json(sent.encode(), depth_max=64), translation.findings
    )
    values = dict(leaves(cart, "")) | dict(leaves(request, "checkout"))
    candidates = [
        entry.source
        for entry in entries
        if entry.source
        and entry.target
        and not entry.why
        and not any(entry.source.startswith(path) for path in told)
        and str(values.get(entry.source)).startswith(("<t", "<r"))
    ]
    if not candidates:
        return
    lost = candidates[position % len(candidates)]
    without = decode_json(sent.replace(values[lost], "<gone>").encode(), depth_max=64)
    assert lost in account(cart, request, translation.order, without, translation.findings)[1]


def leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(node, list):
        for at, inner in enumerate(node):
            yield from leaves(inner, f"{path}[{at}]")
    else:
        yield path, node


OWN_WORDS = re.compile(
    # The marker, ids that were absent or not unique, and the class and type that a version tells otherwise.
    r"externalId(\[\d+\]\.(id|owner|externalIdentifierType))?$|\.id$|@referredType$|valueType$"
    # Totals that were added up again, and the second relationship that one of R17 becomes.
    r"|orderTotalPrice|itemTotalPrice|relationshipType$"
)
"""Where an order of the golden corpus has a value that neither cart nor request have, and no finding says `defaulted`."""


def invented(cart: Any, request: Any, translation: Translation, mapping: Mapping) -> list[str]:
    """Return the values of the whole order of which nothing says where they come from, or only that they are our own."""
    document = decode_json(encode_json(render_whole(translation.order, mapping, "gw1-m")), depth_max=64)
    entries, _ = account(cart, request, translation.order, document, translation.findings)
    told = {entry.target for entry in entries if entry.target and entry.why != "gateway"}
    return [path for path, _ in leaves(document, "") if path not in told and not OWN_WORDS.search(path)]


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda mapping: mapping.name)
def test_each_value_of_the_golden_carts_is_accounted_for(mapping):
    ordered = 0
    for case in GOLDEN:
        cart = decode_json((case / "cart.json").read_bytes())
        file = case / "request.json"
        request = decode_json(file.read_bytes()) if file.exists() else {}
        translation = translate(cart, request, mapping, now=NOW)
        if translation.order is None or plan(translation.order, mapping)[0] is None:
            continue
        ordered += 1
        document = calls_of(translation.order, mapping)
        _, lost = account(cart, request, translation.order, document, translation.findings)
        assert lost == [], case.name
        assert invented(cart, request, translation, mapping) == [], case.name
    assert ordered > len(GOLDEN) / 2


def test_a_value_that_is_in_no_call_and_no_finding_is_noticed():
    cart = {"cartItem": [{"id": "1", "action": "add", "productOffering": {"id": "A"}, "gift": "<unique>"}]}
    (mapping,) = [one for one in MAPPINGS if one.name == "tmf622-v4"]
    translation = translate(cart, {}, mapping, now=NOW)
    (call,) = calls_of(translation.order, mapping)
    assert account(cart, {}, translation.order, [call], translation.findings)[1] == []
    del call["productOrderItem"][0]["gift"]
    assert account(cart, {}, translation.order, [call], translation.findings)[1] == ["cartItem[0].gift"]


def test_that_a_value_was_changed_does_not_account_for_one_that_is_lost():
    amount = {"money": {"unit": "EUR", "value": 9}, "taxRate": 19}
    alteration = {"name": "A", "priceType": "oneTime", "priceCondition": "<new>", "price": {"percentage": 5}}
    price = {"priceType": "oneTime", "price": {"taxIncludedAmount": amount}, "priceAlteration": [alteration]}
    cart = {"cartItem": [{"id": "1", "action": "Add", "productOffering": {"id": "A"}, "itemPrice": [price]}]}
    (mapping,) = [one for one in MAPPINGS if one.name == "tmf622-v4"]
    translation = translate(cart, {}, mapping, now=NOW)
    (call,) = calls_of(translation.order, mapping)
    assert account(cart, {}, translation.order, [call], translation.findings)[1] == []
    (item,) = call["productOrderItem"]
    del (
        item["itemPrice"][0]["price"]["taxRate"],
        item["itemPrice"][0]["priceAlteration"][0]["description"],
        item["action"],
    )
    assert account(cart, {}, translation.order, [call], translation.findings)[1] == [
        "cartItem[0].action",
        "cartItem[0].itemPrice[0].price.taxIncludedAmount.taxRate",
        "cartItem[0].itemPrice[0].priceAlteration[0].priceCondition",
    ]


def test_numbers_within_a_text_are_found_by_their_digits():
    """Order systems that keep texts get an array as one text: 1880 stands there so, not as 1.88E+3."""
    product = {"productCharacteristic": [{"name": "speeds", "value": [1879, 1880, 100]}]}
    cart = {
        "relatedParty": [{"id": "CD1", "role": "customer"}],
        "cartItem": [{"id": "1", "action": "add", "productOffering": {"id": "A"}, "product": product}],
    }
    (mapping,) = [one for one in MAPPINGS if one.name == "salesforce-v4"]
    translation = translate(cart, {}, mapping, now=NOW)
    calls = calls_of(translation.order, mapping)
    assert account(cart, {}, translation.order, calls, translation.findings)[1] == []
    # Digits of a date, a time, a longer number or a word are not the number.
    for text in ("[1879]", "1879, 1880-12-01", "[1879,18801,100.5]", '{"a":1879} at 1880:100:100', "1879 x1880 100GB"):
        calls[0]["productOrderItem"][0]["product"]["productCharacteristic"][0]["value"] = text
        lost = account(cart, {}, translation.order, calls, translation.findings)[1]
        assert lost == [f"cartItem[0].product.productCharacteristic[0].value[{at}]" for at in (1, 2)], text


def test_a_value_that_other_values_hold_by_chance_is_missed_all_the_same():
    """A letter stands in many texts, a one in many ids: only what is at its own place has been sent."""
    gifts = {"gift": "a", "giftNumber": 1, "giftNote": {"text": "add"}, "giftWrapped": True}
    item = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "A", "isBundle": True}, **gifts}
    cart = {"relatedParty": [{"id": "CD1", "role": "customer", "name": "a"}], "cartItem": [item]}
    (mapping,) = [one for one in MAPPINGS if one.name == "tmf622-v4"]
    translation = translate(cart, {}, mapping, now=NOW)
    (call,) = calls_of(translation.order, mapping)
    assert account(cart, {}, translation.order, [call], translation.findings)[1] == []
    for gift in gifts:
        del call["productOrderItem"][0][gift]
    lost = account(cart, {}, translation.order, [call], translation.findings)[1]
    assert lost == [
        "cartItem[0].gift",
        "cartItem[0].giftNumber",
        "cartItem[0].giftNote.text",
        "cartItem[0].giftWrapped",
    ]
