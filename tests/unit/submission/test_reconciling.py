"""An order system's orders against the checkouts, both ways: each difference is told once, by its kind."""

from __future__ import annotations

from checkout_work import MARKER_ROOT, PLAIN, drafted, work_of
from msgspec.structs import replace

from gateway.ordering import Marker
from gateway.submission.reconciling import Placed, compared

WORK = work_of(PLAIN)
OURS = f"gw1-{MARKER_ROOT}-0"


def order(order_id="00000001", *, state="inProgress", marker=OURS, lines=None):
    made = drafted(WORK, 1)
    kept = made.lines if lines is None else made.lines[:lines]
    return replace(made, id=order_id, state=state, marker=Marker((marker,)), lines=kept)


def placed(**attributes):
    given = {
        "tenant": "default", "checkout_id": "k1", "order_id": "00000001", "marker_root": MARKER_ROOT,
        "order_state": "inProgress", "order": WORK.order, "lines": {},
    }  # fmt: skip
    return Placed(**{**given, **attributes})


def kinds(checkouts, marked, read, roots=frozenset({MARKER_ROOT})):
    found = compared(checkouts, marked, set(roots), read, PLAIN)
    return [(each.kind, each.order_id, each.checkout_id) for each in found]


def test_what_is_the_same_there_and_here_is_not_told():
    assert kinds([placed()], [order()], {"00000001": order()}) == []


def test_a_live_order_that_no_checkout_has_is_told_and_one_that_is_dead_is_not():
    strange = [
        order("7", marker="gw1-zzzzzzzzzzzzzzzz-0"),
        order("8", marker="gw1-yyyyyyyyyyyyyyyy-0", state="cancelled"),
    ]
    assert kinds([], strange, {}) == [("unknown_here", "7", None)]


def test_a_second_live_order_of_a_checkout_is_told():
    assert kinds([placed()], [order(), order("00000002")], {"00000001": order()}) == [
        ("second_live_order", "00000002", "k1")
    ]


def test_a_checkout_whose_order_is_not_there_or_cannot_be_read_is_told():
    assert kinds([placed()], [], {"00000001": None}) == [("missing_there", "00000001", "k1")]
    assert kinds([placed()], [], {"00000001": "503"}) == [("unreadable", "00000001", "k1")]


def test_contents_and_states_that_differ_are_told_apart():
    other = order(state="completed", lines=2)
    assert kinds([placed()], [order()], {"00000001": other}) == [
        ("contents_differ", "00000001", "k1"),
        ("states_differ", "00000001", "k1"),
    ]
