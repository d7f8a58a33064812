"""A plan takes no more calls than it must: counted for what can be counted, compared with the best for small orders."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from plan_orders import chain, mapping_with

from gateway.ordering.calls.fewest import PIECES_MAX
from gateway.ordering.calls.plan import check_plan, plan
from gateway.ordering.calls.render import render
from gateway.ordering.mapping.model import Limits
from gateway.ordering.model import Order, OrderLine, Plan, Step


def calls_of(planned: Plan) -> list[Step]:
    """Return the steps that carry items."""
    return [step for step in planned.steps if step.kind in ("create", "add")]


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
    calls = calls_of(planned)
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
    calls = calls_of(planned)
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


def planned_calls(sizes: list[int], room: int) -> int:
    """Return the calls that a plan takes for bundles, after a check of every promise."""
    order, mapping = bundles(sizes), mapping_with(Limits(items_max=room, bytes_max=1_000_000), "additive")
    planned, _ = plan(order, mapping)
    check_plan(order, planned, mapping)
    return len(calls_of(planned))


def pieces_of(sizes: tuple[int, ...], room: int) -> int:
    """Return the pieces that are distributed: bundles that fit one call, lines of those that do not."""
    return sum(size if size > room else 1 for size in sizes)


@pytest.mark.parametrize("room", [2, 3, 4])
def test_a_handful_of_bundles_takes_the_fewest_calls(room):
    """Every list of up to PIECES_MAX pieces in some order, as brute force has it: none is left to chance, none is left out.

    Sizes go up to one more than a call holds; at most one bundle is so large, as its pieces are many.
    """
    compared = better = 0
    for count in range(1, PIECES_MAX + 1):
        for sizes in itertools.combinations_with_replacement(range(room + 1, 0, -1), count):
            if sum(size > room for size in sizes) > 1 or pieces_of(sizes, room) > PIECES_MAX:
                continue
            shuffled = random.Random(repr((sizes, room))).sample(sizes, count)
            calls = planned_calls(shuffled, room)
            assert calls == brute_force(shuffled, room), (shuffled, room)
            compared += 1
            better += calls < first_fit(shuffled, room, only_last=True)
    # Lists of bundles that fit, and those with a larger one besides, as combinations with repetition count them.
    assert compared == math.comb(PIECES_MAX + room, room) - 1 + math.comb(PIECES_MAX - 1, room)
    assert better > compared / 10, "cases where packing as they come is good enough prove nothing"


@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=PIECES_MAX), room=st.integers(2, 6))
@settings(max_examples=200, deadline=None)
def test_bundles_of_any_sizes_and_order_take_the_fewest_calls(sizes, room):
    large = [size for size in sizes if size > room]
    sizes = [size for size in sizes if size <= room] + large[:1]
    assume(pieces_of(tuple(sizes), room) <= PIECES_MAX)
    assert planned_calls(sizes, room) == brute_force(sizes, room)


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
    calls = len(calls_of(planned))
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
    assert len(calls_of(planned)) <= as_they_come


def test_mixed_sizes_that_next_fit_would_waste_room_with():
    sizes = [6, 7, 4, 3] * 10
    limits = Limits(items_max=10, bytes_max=1_000_000)
    planned, _ = plan(bundles(sizes), mapping_with(limits, "additive"))
    assert len(calls_of(planned)) == sum(sizes) / 10


def every_split(order: Order, limits: Limits, growth: str) -> int | None:
    """The fewest calls for a small order of any shape, by every way to send it; None when there is none.

    What has been sent is a set that has every line's parent: calls lead from one such set to a larger one. A root that fits
    a call with everything beneath it goes in one.
    """
    lines = order.lines
    number = {line.id: position for position, line in enumerate(lines)}
    parent = [None if line.parent_id is None else number[line.parent_id] for line in lines]
    named = [len(line.item["product"]["productCharacteristic"]) for line in lines]
    additive, everything = growth == "additive", (1 << len(lines)) - 1

    def fits(sent: int, new: int) -> bool:
        members = [position for position in range(len(lines)) if new >> position & 1]
        above = [parent[position] for position in members]
        if any(one is not None and not (sent | new) >> one & 1 for one in above):
            return False
        carriers = {one for one in above if one is not None and sent >> one & 1} if additive else set()
        levels: dict[int, int] = {}
        for position, one in zip(members, above, strict=True):
            levels[position] = 1 if one is None else levels.get(one, int(additive)) + 1
        if growth == "cumulative-merge":  # which repeats what is above
            levels = {position: line.depth for position, line in enumerate(lines)}
        deepest = max(levels.values())
        weight = len(carriers) + sum((1 + named[position]) * levels[position] for position in members)
        return (
            len(members) + len(carriers) <= limits.items_max
            and sum(named[position] for position in members) <= limits.characteristics_max
            and deepest <= limits.depth_max
            and (not limits.budget or weight <= limits.budget)
        )

    families = [
        sum(1 << position for position, line in enumerate(lines) if line.root_id == root.id)
        for root in lines
        if root.parent_id is None
    ]
    whole = [family for family in families if fits(0, family)]
    reached = level = {0}
    for calls in range(1, len(lines) + 1):
        level = {
            sent | new
            for sent in level
            for new in range(1, everything + 1)
            if not new & sent and all(family & (sent | new) in (0, family) for family in whole) and fits(sent, new)
        } - reached
        if everything in level:
            return calls
        reached = reached | level
    return None


@pytest.mark.parametrize("growth", ["additive", "json-patch-append", "cumulative-merge"])
def test_a_small_order_of_any_shape_takes_the_fewest_calls(growth):
    draw = random.Random(growth)
    split = 0
    for _ in range(60):
        lines: list[OrderLine] = []
        for number in range(draw.randint(3, 6)):
            above = draw.choice([None, *lines, *lines])
            named = [{"name": f"c{position}", "value": "v"} for position in range(draw.choice([0, 0, 1, 2, 3]))]
            item = {"id": str(number), "action": "add", "product": {"productCharacteristic": named}}
            lines.append(
                OrderLine(
                    id=str(number),
                    cart_item_id=str(number),
                    parent_id=above and above.id,
                    root_id=above.root_id if above else str(number),
                    depth=above.depth + 1 if above else 1,
                    item=item,
                )
            )
        order = Order(header={}, lines=tuple(lines))
        limits = Limits(
            items_max=draw.randint(2, 5),
            characteristics_max=draw.choice([3, 4, 6, 1000]),
            depth_max=draw.choice([2, 3, 8]),
            budget=draw.choice([0, 0, 12, 20]),
            bytes_max=1_000_000,
        )
        planned, _ = plan(order, mapping_with(limits, growth))
        fewest = every_split(order, limits, growth)
        assert (None if planned is None else len(calls_of(planned))) == fewest, (order, limits)
        split += fewest is not None and fewest > 1
    assert split > 20, "orders that fit one call prove nothing"


def test_only_what_is_cut_off_by_its_depth_is_sent_apart():
    """Beneath an installed product: one child with a child of its own, one with two levels beneath it, which no call holds."""
    parents = {"a": None, "b": "a", "c": "b", "d": "a", "e": "d", "f": "e"}
    depths = {"a": 1, "b": 2, "c": 3, "d": 2, "e": 3, "f": 4}
    lines = [
        OrderLine(
            id=one,
            cart_item_id=one,
            parent_id=above,
            root_id="a",
            depth=depths[one],
            item={"id": one, "action": "modify" if one == "a" else "add"},
        )
        for one, above in parents.items()
    ]
    mapping = mapping_with(Limits(items_max=5, depth_max=3), "additive")
    planned, _ = plan(Order(header={}, lines=tuple(lines)), mapping)
    steps = [set(step.item_ids) for step in calls_of(planned)]
    assert steps[0] == {"a"}
    assert sum({"b", "c"} <= step for step in steps) == 1, "what fits a call stays together"


def test_a_budget_weighs_how_deep_an_item_stands_in_its_call():
    """Beneath its carrier an item of the sixth level stands on the second: it is not too heavy for a call of its own."""
    order = chain(6)
    planned, _ = plan(order, mapping_with(Limits(items_max=9, budget=5), "additive"))
    assert [step.item_ids for step in calls_of(planned)] == [("1", "2"), ("3",), ("4",), ("5",), ("6",)]
    planned, _ = plan(order, mapping_with(Limits(items_max=9, budget=6), "additive"))
    assert [step.item_ids for step in calls_of(planned)] == [("1", "2", "3"), ("4", "5"), ("6",)]


def test_an_add_call_never_becomes_the_post_when_nothing_fits_beside_the_header():
    """Bundles that fit an add call and, with the long header, not the POST: the first call is still counted with the header."""
    order = Order(header={"description": "d" * 937}, lines=bundles([3, 3, 5, 5]).lines)
    mapping = mapping_with(Limits(items_max=5, bytes_max=1234), "additive")
    planned, _ = plan(order, mapping)
    check_plan(order, planned, mapping)


@pytest.mark.parametrize("hierarchy", ["nested", "flat"])
@pytest.mark.parametrize("bytes_max", [4000, 7000, 9500])
def test_a_preview_of_items_with_long_ids_keeps_to_the_bytes_of_a_call(hierarchy, bytes_max):
    """What stands in for a line id there is as long as the item's own."""
    tail = "x" * 1500
    lines = [
        replace(
            line, id=line.id + tail, root_id=line.root_id + tail, parent_id=line.parent_id and line.parent_id + tail
        )
        for line in bundles([5]).lines
    ]
    order = Order(header={}, lines=tuple(lines))
    mapping = mapping_with(Limits(items_max=3, bytes_max=bytes_max), "additive", hierarchy)
    planned, _ = plan(order, mapping)
    known = {line.id: f"{{lineId:{line.id}}}" for line in lines}
    for step in planned.steps if planned is not None else ():
        call = render(step, order, planned, mapping, known_line_ids=known, marker="m", order_id="1")
        assert len(call.body) <= bytes_max
