from __future__ import annotations

import pytest
from checkout_work import NOW, PLAIN, SALESFORCE, cart, request, seconds
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.ordering.calls.checks import check_plan
from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.sizes import CallSize, cut, fitted, halved, learnt, recovered
from gateway.ordering.model import Order, OrderLine
from gateway.ordering.translation.translate import translate

HOUR = 3600.0
LIMITS = SALESFORCE.limits


@pytest.mark.parametrize(("items", "half"), [(50, 25), (3, 1), (2, 1), (1, None), (0, None)])
def test_a_call_is_halved_down_to_one_item(items, half):
    assert halved(items) == half


def test_halving_always_comes_to_an_end():
    items, rounds = 100_000, 0
    while items is not None:
        items, rounds = halved(items), rounds + 1
    assert rounds == 17


def test_nothing_is_remembered_where_nothing_was_refused():
    assert recovered(None, LIMITS, NOW, HOUR) is None


def test_a_remembered_size_grows_by_a_quarter_each_hour_up_to_the_mappings_limit():
    sizes = [recovered(CallSize(12, NOW), LIMITS, NOW + seconds(hour * HOUR), HOUR) for hour in range(9)]
    assert sizes == [12, 15, 18, 22, 27, 33, 41, None, None]
    assert recovered(CallSize(12, NOW), LIMITS, NOW + seconds(HOUR - 1), HOUR) == 12


def test_a_size_of_one_grows_too():
    sizes = [recovered(CallSize(1, NOW), LIMITS, NOW + seconds(hour * HOUR), HOUR) for hour in range(6)]
    assert sizes == [1, 2, 3, 4, 5, 6]


def test_a_clock_that_went_back_does_not_shrink_it():
    assert recovered(CallSize(12, NOW), LIMITS, NOW - seconds(HOUR), HOUR) == 12


def test_a_size_above_the_mappings_limit_says_nothing():
    assert recovered(CallSize(80, NOW), LIMITS, NOW, HOUR) is None


@pytest.mark.parametrize(("items", "known", "kept"), [(25, None, 25), (25, 6, 6), (6, 25, 6)])
def test_the_smaller_size_is_kept(items, known, kept):
    assert learnt(items, known, NOW) == CallSize(kept, NOW)


def planned(count, mapping=SALESFORCE, **limits):
    mapping = replace(mapping, limits=replace(mapping.limits, **limits))
    order = translate(cart(count), request(), mapping, now=NOW).order
    steps, findings = plan(order, mapping)
    assert steps is not None, findings
    return order, steps, mapping


def test_what_was_sent_stays_and_what_follows_is_cut():
    order, steps, mapping = planned(12, items_max=4)
    smaller = cut(steps, order, mapping, 2, first=1)
    check_plan(order, smaller, mapping)
    assert [(step.kind, len(step.item_ids)) for step in smaller.steps] == [
        ("create", 4),
        ("add", 2),
        ("add", 2),
        ("add", 2),
        ("add", 2),
        ("price", 1),
        ("submit", 0),
    ]
    assert smaller.steps[0] == steps.steps[0]


def test_a_create_that_is_cut_has_adds_after_it():
    order, steps, mapping = planned(5, items_max=50)
    smaller = cut(steps, order, mapping, 2)
    check_plan(order, smaller, mapping)
    assert [step.kind for step in smaller.steps] == ["create", "add", "add", "price", "submit"]


def test_an_order_that_goes_in_one_call_is_never_cut():
    order, steps, _ = planned(5, PLAIN)
    assert cut(steps, order, PLAIN, 1) == steps


def test_what_a_cut_leaves_over_is_joined_where_nothing_was_sent():
    order, steps, mapping = planned(100, items_max=50)
    sizes = [len(step.item_ids) for step in fitted(steps, order, mapping, 40).steps if step.kind in {"create", "add"}]
    assert sizes == [40, 40, 20]
    assert len(cut(steps, order, mapping, 40).steps) == len(fitted(steps, order, mapping, 40).steps) + 1


def test_a_size_too_small_for_a_plan_of_its_own_is_cut_to():
    lines = [line(0, None, "0", 1), line(1, "0", "0", 2), line(2, "0", "0", 2)]
    order = Order(header={}, lines=tuple(lines))
    steps, _ = plan(order, SALESFORCE)
    # A child beneath a parent that is there takes two items of a call: no plan keeps to one, and a cut comes nearest to it.
    smaller = fitted(steps, order, SALESFORCE, 1)
    check_plan(order, smaller, SALESFORCE)
    assert [step.item_ids for step in smaller.steps[:-1]] == [("0",), ("1",), ("2",)]


def test_the_post_that_must_hold_every_installed_product_is_never_cut():
    assets = [line(number, None, str(number), 1, action="modify") for number in range(5)]
    new = [line(number, None, str(number), 1) for number in range(5, 9)]
    order = Order(header={}, lines=tuple(assets + new))
    steps, _ = plan(order, SALESFORCE)
    for smaller in (cut(steps, order, SALESFORCE, 2), fitted(steps, order, SALESFORCE, 2)):
        check_plan(order, smaller, SALESFORCE)
        assert [len(step.item_ids) for step in smaller.steps] == [5, 2, 2, 0]


def line(number, parent, root, depth, action="add"):
    return OrderLine(
        id=str(number),
        cart_item_id=str(number),
        parent_id=parent,
        root_id=root,
        depth=depth,
        item={"id": str(number), "action": action, "quantity": 1, "productOffering": {"id": f"P{number}"}},
        path=f"cartItem[{number}]",
    )


def test_a_root_stays_with_its_children_where_they_fit():
    lines = [line(0, None, "0", 1), line(1, None, "1", 1), line(2, "1", "1", 2), line(3, None, "3", 1)]
    order = Order(header={}, lines=tuple(lines))
    steps, _ = plan(order, SALESFORCE)
    assert [step.item_ids for step in cut(steps, order, SALESFORCE, 2).steps[:-1]] == [("0",), ("1", "2"), ("3",)]


@st.composite
def orders(draw):
    lines = []
    for number in range(draw(st.integers(1, 40))):
        choices = [None, *(other for other in lines if other.depth < 5)]
        parent = draw(st.sampled_from(choices))
        if parent is None:
            lines.append(line(number, None, str(number), 1))
        else:
            lines.append(line(number, parent.id, parent.root_id, parent.depth + 1))
    return Order(header={}, lines=tuple(lines))


@given(order=orders(), limit=st.integers(2, 12), items_max=st.integers(1, 12), data=st.data())
def test_every_cut_is_a_plan_and_no_call_is_larger_than_asked(order, limit, items_max, data):
    mapping = replace(SALESFORCE, limits=replace(SALESFORCE.limits, items_max=limit))
    steps, _ = plan(order, mapping)
    first = data.draw(st.integers(0, len(steps.steps) - 1))
    smaller = cut(steps, order, mapping, items_max, first=first)
    check_plan(order, smaller, mapping)
    assert smaller.steps[:first] == steps.steps[:first]
    for step in smaller.steps[first:]:
        assert len(step.item_ids) <= items_max
    assert cut(steps, order, mapping, items_max, first=first) == smaller
    anew = fitted(steps, order, mapping, items_max)
    check_plan(order, anew, mapping)
    assert max(len(step.item_ids) for step in anew.steps) <= items_max
    sent = [item_id for step in steps.steps for item_id in step.item_ids]
    assert [item_id for step in smaller.steps for item_id in step.item_ids] == sent
