"""What a look at a live order showed, and what else is to be found out before anything is believed. Pure.

The id of an order is a hint, its marker is evidence, its contents decide: an order that is followed shows our marker on every
read, and its end is believed when what is live was looked for and what it holds was compared.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.states import OUTCOME_OF_ORDER
from gateway.ordering import (
    DEAD_ENDS,
    LiveDifference,
    Mapping,
    Marker,
    ObservedOrder,
    carries,
    is_changed,
    is_final,
    is_inert,
    shows_neither,
    spelling,
    tmf_state,
)
from gateway.submission.decisions.refusal import CartProblem
from gateway.upstream.cancel_task import CancelTask

Showing: TypeAlias = Literal["ours", "missing", "unmarked", "another", "draft", "stateless"]
"""What reading the order showed: it as it should be; that there is none; without our marker, or with the id and marker of
another; as a draft; without any state where the order system shows one."""


class Search(Struct, frozen=True, kw_only=True):
    """The orders that carry the marker of a checkout, each read by its own id, and whether there are no others for all that is known.

    `doubt` says in words why there may be others.
    """

    orders: tuple[ObservedOrder, ...]
    complete: bool
    doubt: str = ""


class Contents(Struct, frozen=True, kw_only=True):
    """What comparing the lines of an order with what was sent has shown; `line_ids` are the lines of the items."""

    difference: LiveDifference | None
    line_ids: dict[str, str]


class Evidence(Struct, frozen=True, kw_only=True):
    """One look at a live order: the order as it was read (None: there is none), and what was found out about it beside that.

    `also_of` names other checkouts that follow the same order, and whose marker it shows as well;
    `problems` are why the order came to nothing, as it says itself, in the terms of the cart; `cancel_task` is the task that it is to
    be cancelled by.
    """

    observed: ObservedOrder | None
    search: Search | None = None
    contents: Contents | None = None
    also_of: tuple[str, ...] = ()
    problems: tuple[CartProblem, ...] = ()
    cancel_task: CancelTask | None = None


def showing(
    record: CheckoutRecord, observed: ObservedOrder | None, mapping: Mapping, search: Search | None = None
) -> Showing:
    """Return what reading the order of a checkout showed."""
    if observed is None:
        return "missing"
    if not _is_ours(record, observed, mapping, search):
        return "another" if observed.marker.is_shown else "unmarked"
    if observed.id != record.order_id:
        return "another"
    if not observed.state:
        # Where the order system keeps drafts and shows their state, an order without one may be a draft still.
        return "stateless" if shows_neither(mapping, observed) else "ours"
    return "draft" if is_inert(mapping, observed) else "ours"


def is_marked(record: CheckoutRecord, observed: ObservedOrder, mapping: Mapping) -> bool:
    """Tell whether an order shows our marker in a form that can be read, be it another spelling than was sent."""
    return carries(observed, record.marker, mapping) or is_changed(spelling(observed.marker, record.marker))


def _is_ours(record: CheckoutRecord, observed: ObservedOrder, mapping: Mapping, search: Search | None) -> bool:
    """Tell whether an order shows our marker in a form that can be read, or shows none and is known to be ours otherwise.

    One that a person named is ours whatever it shows.

    Otherwise: the search for our marker came upon it; or the answer to our call named it, and showed our marker, or the order
    system shows nobody's and cannot be searched. What such an order holds decides (see `wants_contents`).
    """
    if carries(observed, record.marker, mapping) or record.adopted_order == observed.id:
        return True
    if observed.marker.is_shown:
        return is_changed(spelling(observed.marker, record.marker))
    if search is not None and any(order.id == observed.id for order in search.orders):
        return True
    if record.answered_order != observed.id:
        return False
    answered = Marker((record.answered_marker,)) if record.answered_marker else Marker()
    shown = spelling(answered, record.marker)
    return shown == "exact" or is_changed(shown) or (shown == "none" and mapping.recovery.find == "none")


def end_of(mapping: Mapping, observed: ObservedOrder) -> str | None:
    """Return the TM Forum state that an order has ended with; None while it goes on."""
    state = tmf_state(mapping, observed.state) if observed.state else ""
    return state if state in OUTCOME_OF_ORDER and is_final(mapping, state) else None


def is_dead(mapping: Mapping, observed: ObservedOrder | None) -> bool:
    """Tell whether an order came to nothing."""
    return observed is not None and end_of(mapping, observed) in DEAD_ENDS


def wants_search(record: CheckoutRecord, observed: ObservedOrder | None, mapping: Mapping, *, polled: bool) -> bool:
    """Tell whether the marker is to be searched.

    At the first poll, where the order is not ours, at each poll of one that shows no state, and before its end is told. Where a
    search reads a whole list, that is not done again for an order that was fulfilled.
    """
    if mapping.recovery.find == "none":
        return False
    if showing(record, observed, mapping) in {"missing", "unmarked", "another"}:
        return True
    assert observed is not None, "it shows something"
    end = end_of(mapping, observed)
    if end is not None and (end in DEAD_ENDS or mapping.recovery.find == "filter"):
        return True
    # One that shows no state may have come to nothing, and another one live in its place.
    return polled and (record.searched_at is None or not observed.state)


def wants_contents(
    record: CheckoutRecord, observed: ObservedOrder | None, mapping: Mapping, search: Search | None = None
) -> bool:
    """Tell whether the lines are to be compared: at the first look, at each change of the order's state, at its end.

    Always where the order does not show our marker as it should.
    """
    if (
        observed is None
        or record.adopted_order == observed.id
        or showing(record, observed, mapping, search) != "ours"
        or end_of(mapping, observed) in DEAD_ENDS
    ):
        return False
    if not carries(observed, record.marker, mapping):
        return True
    first_or_told = record.searched_at is None or record.reason_code == "contents_differ"
    moved = observed.state != record.upstream_state
    return first_or_told or moved or record.awaiting == "same_contents" or end_of(mapping, observed) is not None
