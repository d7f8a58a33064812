"""The marker by which an order is found again: nothing that a cart or request says takes its place."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.render import render
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.translation.translate import translate

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CART = {"cartItem": [{"id": "1", "action": "add", "productOffering": {"id": "A"}}]}
REQUEST = {"description": "For the summer house", "category": "web"}


@pytest.mark.parametrize("dialect", ["tmf622-v4", "tmf622-v5"])
@pytest.mark.parametrize("slot", ["description", "category", "customerReference"])
def test_the_marker_is_sent_whatever_the_request_says(slot, dialect):
    text = f'name = "acme"\ndialect = "{dialect}"\n[api]\nresource = "orders"\n[recovery]\nmarker_slot = "{slot}"\n'
    mapping = parse_mapping(text.encode(), "acme.toml")
    translation = translate(CART, REQUEST, mapping, now=NOW)
    assert translation.order is not None
    steps, _ = plan(translation.order, mapping)
    assert steps is not None
    call = render(
        steps.steps[0], translation.order, steps, mapping, known_line_ids={}, marker="gw1-marker", order_id=None
    )
    assert json.loads(call.body)[slot] == "gw1-marker"
    lost = {finding.path for finding in translation.findings if finding.code == "dropped"}
    assert lost == {f"checkout.{slot}"} & {f"checkout.{name}" for name in REQUEST}
