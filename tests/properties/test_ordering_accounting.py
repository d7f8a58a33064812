"""Nothing vanishes: each value of a cart is in the calls, or in a finding, or left out by a named rule."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from official_carts import official_carts

from gateway.ordering.accounting import RULES, account
from gateway.ordering.loading import parse_mapping
from gateway.ordering.mapping import Mapping
from gateway.ordering.plan import plan
from gateway.ordering.render import render
from gateway.ordering.translate import translate
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


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda mapping: mapping.name)
def test_each_value_of_an_official_cart_is_accounted_for(mapping, version):
    ordered = 0

    @given(cart=official_carts(version))
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    def check(cart):
        nonlocal ordered
        cart = decode_json(encode_json(cart), depth_max=64)
        translation = translate(cart, {}, mapping, now=NOW)
        if translation.order is None:
            return
        ordered += 1
        entries, lost = account(cart, {}, translation.order, calls_of(translation.order, mapping), translation.findings)
        assert lost == []
        named = {entry.why.removeprefix("rule: ") for entry in entries if entry.why.startswith("rule: ")}
        assert named <= set(RULES)

    check()
    assert ordered > 5, "the generated carts must be ones that can be ordered"


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
    assert ordered > len(GOLDEN) / 2


def test_a_value_that_is_in_no_call_and_no_finding_is_noticed():
    cart = {"cartItem": [{"id": "1", "action": "add", "productOffering": {"id": "A"}, "gift": "<unique>"}]}
    (mapping,) = [one for one in MAPPINGS if one.name == "tmf622-v4"]
    translation = translate(cart, {}, mapping, now=NOW)
    (call,) = calls_of(translation.order, mapping)
    assert account(cart, {}, translation.order, [call], translation.findings)[1] == []
    del call["productOrderItem"][0]["gift"]
    assert account(cart, {}, translation.order, [call], translation.findings)[1] == ["cartItem[0].gift"]
