"""Plans and their calls: whatever the order and the limits, the calls build exactly the order, within every limit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from plan_orders import chain, limit_values, mapping_with, orders

from gateway.ordering.calls.plan import check_plan, plan
from gateway.ordering.calls.render import render, render_whole
from gateway.ordering.mapping.model import Limits
from gateway.ordering.model import Plan, Step

GROWTHS = ("additive", "cumulative-merge", "json-patch-append")


class Server:
    """An order system that does what the calls say, by the three ways an order grows."""

    def __init__(self, growth: str, line_slot: str) -> None:
        self.growth = growth
        self.slot = line_slot
        self.items: list[dict[str, Any]] = []
        self.by_line: dict[str, dict[str, Any]] = {}
        self.line_of: dict[str, str] = {}
        self.submitted = 0
        self.alterations: dict[str, list[Any]] = {}

    def take(self, kind: str, body: Any) -> None:
        assert not self.submitted
        if kind == "create":
            assert body["submitCart"] is False
            self.items = body["productOrderItem"]
            self._enter(self.items)
        elif kind == "submit":
            self.submitted += 1
        elif kind == "price":
            (item,) = body["productOrderItem"]
            assert "action" not in item
            self.alterations[item[self.slot]] = [a for p in item["itemPrice"] for a in p["priceAlteration"]]
        elif self.growth == "cumulative-merge":
            self.items = body["productOrderItem"]
            self._enter(self.items)
        elif self.growth == "json-patch-append":
            for operation in body:
                if operation["path"] != "/submitCart":
                    self._patch(operation)
        else:
            for item in body["productOrderItem"]:
                if self.slot in item:
                    assert item["action"] == "modify"
                    children = item.get("productOrderItem", [])
                    self.by_line[item[self.slot]].setdefault("productOrderItem", []).extend(children)
                    self._enter(children)
                else:
                    self.items.append(item)
                    self._enter([item])

    def _patch(self, operation: dict[str, Any]) -> None:
        *above, last = operation["path"].removesuffix("/-").strip("/").split("/")
        assert (operation["op"], last) == ("add", "productOrderItem")
        node: Any = {"productOrderItem": self.items}
        for part in above:
            node = node[int(part)] if isinstance(node, list) else node[part]
        begun = not operation["path"].endswith("/-")
        assert begun is (last not in node), "nothing is appended to a list that is not there, and none is replaced"
        items = operation["value"] if begun else [operation["value"]]
        node.setdefault(last, []).extend(items)
        self._enter(items)

    def _enter(self, items: list[dict[str, Any]]) -> None:
        for item in items:
            line_id = item["id"] if self.slot == "id" else f"802{item['id']}"
            self.line_of[item["id"]] = line_id
            self.by_line[line_id] = item
            self._enter(item.get("productOrderItem", []))


def tree(items: list[dict[str, Any]]) -> Any:
    """The items as nested sets by id: the order of siblings does not matter."""
    return {
        item["id"]: (
            item["action"],
            item["productOffering"]["id"],
            json.dumps(item.get("product")),
            tree(item.get("productOrderItem", [])),
        )
        for item in items
    }


def appended(operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items of a JSON patch: one that is appended to a list, or a list that is begun with one."""
    values = [one["value"] for one in operations if "/productOrderItem" in one["path"]]
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def size_of(items: list[dict[str, Any]], depth: int = 1) -> tuple[int, int, int]:
    """Items, characteristics and depth of what a call carries."""
    count = characteristics = 0
    deepest = depth if items else 0
    for item in items:
        inner = size_of(item.get("productOrderItem", []), depth + 1)
        count += 1 + inner[0]
        characteristics += len(item.get("product", {}).get("productCharacteristic", ())) + inner[1]
        deepest = max(deepest, inner[2])
    return count, characteristics, deepest


def weight_of(items: list[dict[str, Any]], limits: Limits, depth: int = 1) -> int:
    """The weight of what a call carries, by the depths in the call."""
    weight = 0
    for item in items:
        characteristics = len(item.get("product", {}).get("productCharacteristic", ()))
        own = limits.budget_item_weight + limits.budget_characteristic_weight * characteristics
        weight += own * (1 + limits.budget_depth_weight * (depth - 1))
        weight += weight_of(item.get("productOrderItem", []), limits, depth + 1)
    return weight


@pytest.mark.parametrize("growth", GROWTHS)
@given(order=orders(), limits=limit_values)
@settings(max_examples=150, deadline=None)
def test_the_calls_build_the_order_within_the_limits(growth, order, limits):
    mapping = mapping_with(limits, growth)
    planned, findings = plan(order, mapping)
    assert plan(order, mapping) == (planned, findings), "a plan is deterministic"
    if planned is None:
        assert any(finding.severity == "error" for finding in findings)
        return
    check_plan(order, planned, mapping)
    server = Server(growth, mapping.lines.line_id)
    for step in planned.steps:
        call = render(
            step, order, planned, mapping, known_line_ids=server.line_of, marker="gw1-" + "m" * 20, order_id="1"
        )
        body = json.loads(call.body)
        assert len(call.body) <= limits.bytes_max
        if step.kind in ("create", "add") and growth != "cumulative-merge":
            # Appended items stand in operations of their own, which carry no parents. A merge carries everything so far, of
            # which only the bytes are limited.
            carried = appended(body) if isinstance(body, list) else body["productOrderItem"]
            count, characteristics, depth = size_of(carried)
            assert count <= limits.items_max
            assert characteristics <= limits.characteristics_max
            assert depth <= limits.depth_max
            assert not limits.budget or weight_of(carried, limits) <= limits.budget
        server.take(step.kind, body)
    whole = render_whole(order, replace(mapping, price=replace(mapping.price, alterations="drop")), "m")
    bare = [strip(item) for item in whole["productOrderItem"]]
    assert tree(server.items) == tree(bare)
    assert server.submitted == 1
    assert set(server.alterations) == {server.line_of[line.id] for line in order.lines if line.alterations}


def strip(item: dict[str, Any]) -> dict[str, Any]:
    return {
        key: [strip(child) for child in value] if key == "productOrderItem" else value for key, value in item.items()
    }


@given(order=orders(lines_max=12), items_max=st.integers(2, 6))
@settings(max_examples=200, deadline=None)
def test_what_fits_into_one_call_stays_together(order, items_max):
    limits = Limits(items_max=items_max, bytes_max=1_000_000, characteristics_max=1_000, depth_max=32)
    planned, _ = plan(order, mapping_with(limits, "additive"))
    step_of = {
        item_id: step.sequence for step in planned.steps if step.kind in ("create", "add") for item_id in step.item_ids
    }
    families: dict[str, list[str]] = {}
    for line in order.lines:
        families.setdefault(line.root_id, []).append(line.id)
    for members in families.values():
        if len(members) <= items_max:
            assert len({step_of[item_id] for item_id in members}) == 1


@given(order=orders(lines_max=8))
@settings(max_examples=100, deadline=None)
def test_without_growth_it_is_one_call_or_a_refusal(order):
    limits = Limits(items_max=5, bytes_max=100_000, characteristics_max=12, depth_max=3)
    mapping = mapping_with(limits, "none")
    planned, findings = plan(order, mapping)
    characteristics = sum(len(line.item["product"]["productCharacteristic"]) for line in order.lines)
    fits = len(order.lines) <= 5 and characteristics <= 12 and max(line.depth for line in order.lines) <= 3
    assert (planned is not None) == fits
    if planned is None:
        assert {finding.code for finding in findings} == {"does_not_fit"}
    else:
        assert [step.kind for step in planned.steps if step.kind != "price"] == ["create", "submit"]


@given(order=orders(lines_max=10), data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_plan_is_noticed(order, data):
    limits = Limits(items_max=4, bytes_max=100_000, characteristics_max=100, depth_max=6)
    mapping = mapping_with(limits, "additive")
    planned, _ = plan(order, mapping)
    steps = list(planned.steps)
    damage = data.draw(st.sampled_from(["drop", "double", "reorder", "no submit", "unknown", "gap"]))
    if damage == "drop":
        steps[0] = Step(sequence=1, kind="create", item_ids=steps[0].item_ids[1:])
    elif damage == "double":
        steps[0] = Step(sequence=1, kind="create", item_ids=steps[0].item_ids * 2)
    elif damage == "reorder":
        steps = [*steps[1:], steps[0]]
    elif damage == "no submit":
        steps = steps[:-1]
    elif damage == "unknown":
        steps[0] = Step(sequence=1, kind="create", item_ids=("nobody",))
    else:
        steps[-1] = Step(sequence=len(steps) + 1, kind="submit")
    with pytest.raises(AssertionError):
        check_plan(order, Plan(version=1, mapping=mapping.name, steps=tuple(steps)), mapping)


@pytest.mark.parametrize(
    ("growth", "why"),
    [("none", "takes nothing more afterwards"), ("cumulative-merge", "repeats what is there already")],
)
def test_an_order_that_is_too_deep_to_be_split_says_why(growth, why):
    planned, (finding,) = plan(chain(3), mapping_with(Limits(depth_max=2), growth))
    assert planned is None
    assert why in finding.message
