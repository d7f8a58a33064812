"""The state of a checkout's order in the words of TMF622, whatever the order system calls it. Pure.

The one table of it is `order_state`; a filter of lists is made by asking it about every checkout that there can be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import product
from typing import Final, NamedTuple, get_args

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.states import FINAL, CheckoutState
from gateway.ordering import TMF_ORDER_STATES

_BEFORE_SUBMISSION: Final = frozenset({"accepted", "drafting", "draft"})
_NOT_ITEM_STATES: Final = frozenset({"draft", "partial", "inProgress.accepted"})
# The words that only v5 has, and those of v4 that they are: a draft is an order that was received.
_IN_V4: Final = {"draft": "acknowledged", "inProgress.accepted": "inProgress"}
_CANCELLING: Final = frozenset({"assessingCancellation", "pendingCancellation"})
STATES: Final[dict[str, tuple[str, ...]]] = {
    "v4": tuple(state for state in TMF_ORDER_STATES if state not in _IN_V4),
    "v5": TMF_ORDER_STATES,
}


class Facts(NamedTuple):
    """The columns of a checkout that say in which state its order is."""

    state: CheckoutState
    submit: bool
    cancel_requested: bool
    order_state: str | None


def facts_of(record: CheckoutRecord) -> Facts:
    """Return the facts of a record."""
    return Facts(record.state, record.submit, record.cancel_requested, record.order_state)


def order_state(facts: Facts) -> str:
    """Return the state of the order, one of `TMF_ORDER_STATES`.

    What the order system says last is not the order's end before the gateway has verified it; a word that is not the standard's
    means that the order is being worked on.
    """
    if facts.state in _BEFORE_SUBMISSION:
        return "acknowledged" if facts.submit else "draft"
    if facts.state == "submitting":
        return "acknowledged"
    return _live_state(facts) if facts.state == "submitted" else facts.state


def _live_state(facts: Facts) -> str:
    word = facts.order_state
    if word == "cancelled":
        return "pendingCancellation"
    if facts.cancel_requested and word not in _CANCELLING:
        return "assessingCancellation"
    if word is None or word == "draft":
        return "acknowledged"
    return word if word in TMF_ORDER_STATES and word not in FINAL else "inProgress"


def in_version(state: str, version: str) -> str:
    """Return a state in the words of a version: v4 knows no draft."""
    return _IN_V4.get(state, state) if version == "v4" else state


def item_state(word: str | None, order: str) -> str | None:
    """Return the state of an item whose line shows `word` (None: nothing) in an order in the state `order`; None when none is known."""
    for state in (word, order):
        if state is not None and state in TMF_ORDER_STATES:
            told = _IN_V4.get(state, state)
            return None if told in _NOT_ITEM_STATES or state == "draft" else told
    return None


class Group(NamedTuple):
    """Checkouts that are found by a state: `order_states` is None for any, else the words there, None among them for no word.

    `others`: every word that is not the standard's, too.
    """

    state: CheckoutState
    submit: bool
    cancel_requested: bool
    order_states: frozenset[str | None] | None
    others: bool = False


_OTHER: Final = "a word that is not the standard's"


def groups_of(wanted: Collection[str], version: str) -> list[Group]:
    """Return which checkouts have an order in one of the `wanted` states of a version."""
    return groups_where(lambda facts: in_version(order_state(facts), version) in wanted)


def groups_where(is_meant: Callable[[Facts], bool]) -> list[Group]:
    """Return every kind of checkout that `is_meant`, as conditions on its columns."""
    words: tuple[str | None, ...] = (*TMF_ORDER_STATES, None, _OTHER)
    found = []
    for state, submit, cancel in product(get_args(CheckoutState), (False, True), (False, True)):
        fitting = {word for word in words if is_meant(Facts(state, submit, cancel, word))}
        if len(fitting) == len(words):
            found.append(Group(state, submit, cancel, None))
        elif fitting:
            found.append(Group(state, submit, cancel, frozenset(fitting - {_OTHER}), _OTHER in fitting))
    return found
