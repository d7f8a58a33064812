"""Plans and their calls: whatever the order and the limits, the calls build exactly the order, within every limit."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.ordering.loading import parse_mapping
from gateway.ordering.mapping import Limits
from gateway.ordering.model import Order, OrderLine, Plan, Step
from gateway.ordering.plan import check_plan, plan
from gateway.ordering.render import render, render_whole

FILE = Path(__file__).resolve().parents[2] / "mappings" / "salesforce-v4.toml"
SALESFORCE = parse_mapping(FILE.read_bytes(), FILE.name)
GROWTHS = ("additive", "cumulative-merge", "json-patch-append")


def mapping_with(limits: Limits, growth: str, hierarchy: str = "nested"):
    line_id = "orderLineItemId" if growth == "additive" else "id"
    return replace(
        SALESFORCE,
        limits=limits,
        draft=replace(SALESFORCE.draft, growth=growth),
        item=replace(SALESFORCE.item, hierarchy=hierarchy, relationships=True),
        lines=replace(SALESFORCE.lines, line_id=line_id),
    )


@st.composite
def orders(draw: st.DrawFn, lines_max: int = 25) -> Order:
    """Orders of any shape: each line hangs beneath an earlier one or is a root; parents come first, children anywhere."""
    count = draw(st.integers(1, lines_max))
    depths: list[int] = []
    lines: list[OrderLine] = []
    for number in range(count):
        parent = draw(st.none() | st.integers(0, number - 1)) if number else None
        depth = depths[parent] + 1 if parent is not None else 1
        if depth > 6:
            parent, depth = None, 1
        depths.append(depth)
        characteristics = [
            {"name": f"c{position}", "value": "v" * draw(st.integers(0, 60))}
            for position in range(draw(st.integers(0, 3)))
        ]
        alterations = (
            ({"name": "Half", "priceType": "oneTime", "price": {"percentage": 50}},) if draw(st.booleans()) else ()
        )
        lines.append(
            OrderLine(
                id=f"i{number}",
                cart_item_id=f"i{number}",
                parent_id=None if parent is None else f"i{parent}",
                root_id=f"i{number}" if parent is None else lines[parent].root_id,
                depth=depth,
                item={
                    "id": f"i{number}",
                    "action": "add",
                    "productOffering": {"id": draw(st.sampled_from("ABC"))},
                    "product": {"productCharacteristic": characteristics},
                },
                alterations=alterations,
            )
        )
    return Order(header={"description": "d" * draw(st.integers(0, 100))}, lines=tuple(lines))


limit_values = st.builds(
    Limits,
    items_max=st.integers(2, 12),
    bytes_max=st.integers(1_000, 4_000),
    characteristics_max=st.integers(3, 12),
    depth_max=st.integers(2, 6),
    budget=st.sampled_from([0, 0, 30, 60]),
    budget_item_weight=st.integers(0, 3),
    budget_characteristic_weight=st.integers(0, 3),
    budget_depth_weight=st.integers(0, 2),
)


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
                if operation["path"] == "/submitCart":
                    continue
                *above, name, last = operation["path"].strip("/").split("/")
                assert (operation["op"], name, last) == ("add", "productOrderItem", "-")
                node: Any = {"productOrderItem": self.items}
                for part in above:
                    node = node[int(part)] if isinstance(node, list) else node[part]
                node.setdefault("productOrderItem", []).append(operation["value"])
                self._enter([operation["value"]])
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
            appended = [one["value"] for one in body if one["path"].endswith("/-")] if isinstance(body, list) else []
            carried = appended or body["productOrderItem"]
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


@given(count=st.integers(1, 300), items_max=st.integers(1, 50))
def test_single_items_take_the_fewest_calls(count, items_max):
    lines = tuple(
        OrderLine(
            id=str(n),
            cart_item_id=str(n),
            parent_id=None,
            root_id=str(n),
            depth=1,
            item={"id": str(n), "action": "add"},
        )
        for n in range(count)
    )
    limits = Limits(items_max=items_max, bytes_max=1_000_000)
    planned, _ = plan(Order(header={}, lines=lines), mapping_with(limits, "additive"))
    calls = [step for step in planned.steps if step.kind in ("create", "add")]
    assert len(calls) == math.ceil(count / items_max)


@given(children=st.integers(1, 300), items_max=st.integers(2, 50))
def test_a_big_bundle_takes_the_fewest_calls(children, items_max):
    """Each call after the first carries the parent again: items_max - 1 children fit in every call."""
    root = OrderLine(id="r", cart_item_id="r", parent_id=None, root_id="r", depth=1, item={"id": "r", "action": "add"})
    lines = [
        OrderLine(
            id=str(n), cart_item_id=str(n), parent_id="r", root_id="r", depth=2, item={"id": str(n), "action": "add"}
        )
        for n in range(children)
    ]
    limits = Limits(items_max=items_max, bytes_max=1_000_000)
    planned, _ = plan(Order(header={}, lines=(root, *lines)), mapping_with(limits, "additive"))
    calls = [step for step in planned.steps if step.kind in ("create", "add")]
    assert len(calls) == math.ceil(children / (items_max - 1))


def bundles(sizes: list[int]) -> Order:
    lines: list[OrderLine] = []
    for number, size in enumerate(sizes):
        for position in range(size):
            parent = None if position == 0 else f"{number}"
            item_id = f"{number}" if position == 0 else f"{number}.{position}"
            lines.append(
                OrderLine(
                    id=item_id,
                    cart_item_id=item_id,
                    parent_id=parent,
                    root_id=f"{number}",
                    depth=1 if parent is None else 2,
                    item={"id": item_id, "action": "add"},
                )
            )
    return Order(header={}, lines=tuple(lines))


def brute_force(sizes: list[int], room: int) -> int:
    """The fewest calls for bundles, by trying every distribution: bundles that fit one call stay whole.

    A larger one is a parent and children that go anywhere after it; in a call without it they need one more item, its carrier.
    """
    pieces: list[tuple[int, int, bool]] = []  # bundle, items, is a child of a bundle that is split
    for bundle, size in enumerate(sizes):
        if size <= room:
            pieces.append((bundle, size, False))
        else:
            pieces += [(bundle, 1, position > 0) for position in range(size)]
    best = len(pieces)

    def place(
        rest: list[tuple[int, int, bool]], calls: list[tuple[int, frozenset[int]]], parent: dict[int, int]
    ) -> None:
        nonlocal best
        if len(calls) >= best and rest:
            return
        if not rest:
            best = min(best, len(calls))
            return
        (bundle, size, child), *others = rest
        for number in range(len(calls) + 1):
            used, named = calls[number] if number < len(calls) else (0, frozenset())
            if child and number < parent[bundle]:
                continue
            cost = size + (1 if child and bundle not in named else 0)
            if used + cost > room:
                continue
            changed = [*calls[:number], (used + cost, named | {bundle}), *calls[number + 1 :]]
            place(others, changed, parent | ({} if child else {bundle: number}))

    place(pieces, [], {})
    return best


@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=7), room=st.integers(2, 6))
@settings(max_examples=200, deadline=None)
def test_a_handful_of_bundles_takes_the_fewest_calls(sizes, room):
    """Mixed sizes, as brute force has it; at most one bundle is larger than a call, so that pieces stay few."""
    large = [size for size in sizes if size > room]
    sizes = [size for size in sizes if size <= room] + large[:1]
    pieces = sum(size if size > room else 1 for size in sizes)
    order = bundles(sizes)
    limits = Limits(items_max=room, bytes_max=1_000_000)
    planned, _ = plan(order, mapping_with(limits, "additive"))
    check_plan(order, planned, mapping_with(limits, "additive"))
    calls = [step for step in planned.steps if step.kind in ("create", "add")]
    if pieces <= 7:
        assert len(calls) == brute_force(sizes, room)


def first_fit(sizes: list[int], room: int, *, only_last: bool) -> int:
    """Calls that bundles take when each goes into the first call with room (`only_last`: into the last one, or a new one)."""
    calls: list[int] = []
    for size in sizes:
        open_calls = range(len(calls))[-1:] if only_last else range(len(calls))
        fitting = next((number for number in open_calls if calls[number] + size <= room), None)
        if fitting is None:
            calls.append(size)
        else:
            calls[fitting] += size
    return len(calls)


@given(sizes=st.lists(st.integers(1, 10), min_size=1, max_size=40), room=st.integers(10, 14))
@example(sizes=[7, 9, 7, 1, 6, 2, 4, 3], room=13)
@settings(max_examples=200, deadline=None)
def test_a_plan_is_never_worse_than_first_fit_and_always_the_same(sizes, room):
    mapping = mapping_with(Limits(items_max=room, bytes_max=1_000_000), "additive")
    planned, _ = plan(bundles(sizes), mapping)
    assert plan(bundles(sizes), mapping)[0] == planned
    calls = len([step for step in planned.steps if step.kind in ("create", "add")])
    assert -(-sum(sizes) // room) <= calls
    assert calls <= min(
        first_fit(given, room, only_last=last) for given in (sizes, sorted(sizes)[::-1]) for last in (False, True)
    )


@pytest.mark.parametrize(
    "sizes", [[5, 5, 7, 4, 4, 3, 5, 2, 2, 3], [3, 3, 5, 2, 3, 2, 5, 3, 2, 2], [6, 2, 6, 2, 5, 2, 6, 2, 3, 3, 2]]
)
def test_first_fit_as_they_come_is_tried_too(sizes):
    as_they_come = first_fit(sizes, 10, only_last=False)
    assert as_they_come < first_fit(sorted(sizes)[::-1], 10, only_last=False)
    planned, _ = plan(bundles(sizes), mapping_with(Limits(items_max=10, bytes_max=1_000_000), "additive"))
    assert len([step for step in planned.steps if step.kind in ("create", "add")]) <= as_they_come


def test_mixed_sizes_that_next_fit_would_waste_room_with():
    sizes = [6, 7, 4, 3] * 10
    limits = Limits(items_max=10, bytes_max=1_000_000)
    planned, _ = plan(bundles(sizes), mapping_with(limits, "additive"))
    assert len([step for step in planned.steps if step.kind in ("create", "add")]) == sum(sizes) / 10


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
