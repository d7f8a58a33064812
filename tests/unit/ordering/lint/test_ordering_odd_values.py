"""Any value of any key: it is told with its key, or it works. Nothing is taken that fails at a checkout."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from gateway.errors import Problem
from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.render import render, render_tombstone
from gateway.ordering.lint.loading import read_mapping
from gateway.ordering.mapping.model import NOT_IN_FILE, Mapping
from gateway.ordering.translation.translate import translate

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
VALUES = [
    '""', '"x "', '"{marker}"', '"@type"', '"id"', "-1", "nan", '[""]', '["product"]', '{a = "x"}', "{a = [2030-01-01]}", '{note = ["x"]}',
]  # fmt: skip
GIVEN = {
    "name": '"shop"', "dialect": '"tmf622-v5"', "api.resource": '"orders"', "draft.supported": "true",
    "draft.growth": '"additive"', "draft.states": '["Draft"]', "draft.submit_attributes": '{state = "Go"}',
}  # fmt: skip
PRICE = {"priceType": "recurring", "recurringChargePeriod": "month", "price": {"taxIncludedAmount": {"value": 1}}}
CHILD = {"id": "2", "action": "add", "productOffering": {"id": "B"}, "note": [{"text": "x"}], "itemPrice": [PRICE]}
PRODUCT = {"id": "p", "productCharacteristic": [{"name": "c", "value": "v"}], "place": [{"id": "1", "role": "here"}]}
CART = {
    "id": "c",
    "relatedParty": [{"id": "1", "role": "customer", "@referredType": "Individual"}, {"id": "2"}],
    "cartItem": [
        {"id": "1", "action": "add", "productOffering": {"id": "A"}, "cartItem": [CHILD]},
        {"id": "3", "action": "modify", "product": PRODUCT},
        {"id": "4", "action": "noChange", "product": {"id": "q"}},
    ],
}
REQUEST = {"description": "x", "channel": [{"id": "web"}], "requestedStartDate": "2030-01-01T00:00:00Z"}


def keys(kind: type[Any], path: str = "") -> list[str]:
    found = []
    for field in msgspec.structs.fields(kind):
        where = f"{path}.{field.name}" if path else field.name
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            found += keys(field.type, where) if field.name not in NOT_IN_FILE else []
        elif field.name not in NOT_IN_FILE:
            found.append(where)
    return found


def check_out(mapping: Mapping) -> bool:
    """Write every call of a cart by `mapping`; tell whether it was ordered and not refused."""
    order = translate(CART, REQUEST, mapping, now=NOW).order
    steps = plan(order, mapping)[0] if order is not None else None
    if order is None or steps is None:
        return False
    known = {line.id: f"line-{line.id}" for line in order.lines}
    for step in steps.steps:
        call = render(step, order, steps, mapping, known_line_ids=known, marker="gw1-marker", order_id="1")
        assert msgspec.json.decode(call.body)
    assert msgspec.json.decode(render_tombstone(mapping, "1", "gw1-marker").body) is not None
    return True


def test_a_value_is_told_with_its_key_or_it_works():
    refused, stopped = set(), set()
    for key, value in itertools.product(keys(Mapping), VALUES):
        document = GIVEN | {key: value}
        text = "\n".join(f"{name} = {each}" for name, each in document.items()).encode()
        problems: list[Problem] = []
        mapping = read_mapping(text, "shop.toml", problems)
        assert mapping is not None
        assert all(problem.path for problem in problems), text
        if problems:
            refused.add(key)
        elif not check_out(mapping):
            stopped.add(key)
    assert refused == set(keys(Mapping))
    # An order system that has no place for what a change is about orders no change.
    stopped.discard("item.product_attributes")
    assert {key.partition(".")[0] for key in stopped} <= {"limits"}
