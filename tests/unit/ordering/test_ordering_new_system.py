"""An order system nobody has seen before is one new file: a mapping is written, a cart is played, no code changes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from new_order_system import MAPPING, PRODUCTS, Model, cart

from gateway.ordering.calls.checks import check_plan
from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.render import render
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.states import is_draft, tmf_state
from gateway.ordering.mapping.tables import with_tables
from gateway.ordering.model import Marker
from gateway.ordering.readback.matching import match
from gateway.ordering.readback.reading import read_order
from gateway.ordering.translation.translate import translate

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_a_new_order_system_is_one_file():
    mapping = with_tables(parse_mapping(MAPPING, "acme.toml"), {"acme-products.csv": PRODUCTS}, "acme.toml")
    translation = translate(cart(), {}, mapping, now=NOW)
    assert translation.order is not None, translation.findings
    order = translation.order
    planned, _ = plan(order, mapping)
    assert planned is not None
    check_plan(order, planned, mapping)
    system, known, sent, priced = Model(), dict[str, str](), set[str](), set[str]()
    for step in planned.steps:
        order_id = None if step.kind == "create" else "D-1"
        call = render(step, order, planned, mapping, known_line_ids=known, marker="gw1-0123456789", order_id=order_id)
        system.take(call.method, call.path, json.loads(call.body))
        observed = read_order(system.show(), mapping)
        assert observed is not None
        assert observed.marker == Marker(("gw1-0123456789",))
        assert is_draft(mapping, observed.state) == (step.kind != "submit")
        sent |= set(step.item_ids)
        priced |= set(step.item_ids) if step.kind == "price" else set()
        found = match([line for line in order.lines if line.id in sent], priced, observed, mapping, known)
        assert found.exact, found
        known |= found.line_ids
    assert tmf_state(mapping, system.state) == "acknowledged"
    assert [party["id"] for party in system.header["relatedParty"]] == ["8", "7"]
    assert sorted(line["article"]["number"] for line in system.lines if "article" in line) == sorted(
        ["ACME-1", *(f"ACME-{n}" for n in range(6)), "ACME-2", "ACME-2"]
    )
    assert [step.kind for step in planned.steps].count("price") == 1
