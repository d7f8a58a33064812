"""Misbehaviours that happen by themselves: to a draft while it is built, and to an order after it was accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.sandbox.hostile.state import State
from gateway.sandbox.intake import LineChange
from gateway.sandbox.ledger import Effect
from gateway.sandbox.orders import Order

IDLE_SECONDS: Final = 600.0
FOREVER: Final = 1e12

Happening = Callable[[State, Order], None]


def follow(state: State, effect: Effect, order: Order) -> None:
    """Set going what follows from an effect on an order."""
    names = state.memory(order.number).flags
    for name in names:
        if effect == "created" and name in _AFTER_CREATION:
            seconds, happening = _AFTER_CREATION[name]
            state.later(seconds, happening, state, order)
        if effect == "submitted" and name in _AFTER_SUBMISSION:
            share, happening = _AFTER_SUBMISSION[name]
            state.later(share * state.intake.options.state_delay_seconds, happening, state, order)
    if effect == "changed" and "self-submit" in names:
        state.later(IDLE_SECONDS, _submit_when_idle, state, order, order.version)


def _submit(state: State, order: Order) -> None:
    if order.is_draft and order.number in state.intake.book.orders:
        state.intake.submit_by_hand(order)


def _submit_when_idle(state: State, order: Order, version: int) -> None:
    if order.version == version:
        _submit(state, order)


def _add(state: State, order: Order) -> None:
    if order.is_draft and order.number in state.intake.book.orders:
        state.intake.change_lines_by_hand(order, "add")


def _change(change: LineChange) -> Happening:
    return lambda state, order: state.intake.change_lines_by_hand(order, change)


def _share_marker(state: State, order: Order) -> None:
    state.make_stranger(order.external_id or "")


def _back_to_draft(state: State, order: Order) -> None:
    state.intake.walk.stop(order)
    state.memory(order.number).shown_state = "Draft" if state.intake.options.mapping == "salesforce-v4" else "draft"


def _hide(seconds: float) -> Happening:
    def function(state: State, order: Order) -> None:
        now = state.clock.monotonic()
        state.memory(order.number).hidden.append((now, now + seconds))

    return function


def _cancel_for_twin(state: State, order: Order) -> None:
    twin = state.copy_of(order)
    state.intake.walk.start(twin)
    state.intake.arrive_by_hand(order, "cancelled" if state.intake.options.mapping != "salesforce-v4" else "Rejected")


def _show_stranger(state: State, order: Order) -> None:
    state.memory(order.number).shown_as = state.stranger().number


def _rename(state: State, order: Order) -> None:
    book = state.intake.book.orders
    if order.number in book:
        memory = state.memories.pop(order.number)
        del book[order.number]
        order.number = f"R{order.number}"
        book[order.number] = order
        state.memories[order.number] = memory


_AFTER_CREATION: Final[dict[str, tuple[float, Happening]]] = {
    "hand-submit": (1.0, _submit),
    "hand-add": (0.5, _add),
    "self-submit": (IDLE_SECONDS, lambda state, order: _submit_when_idle(state, order, 1)),
    "marker-shared": (0.0, _share_marker),
}
"""Seconds after an order was made, and what happens."""
_AFTER_SUBMISSION: Final[dict[str, tuple[float, Happening]]] = {
    "drop-later": (0.5, _change("drop")),
    "split-later": (0.5, _change("split")),
    "add-later": (0.5, _change("add")),
    "cancelled-for-twin": (0.5, _cancel_for_twin),
    "deleted": (0.1, _hide(FOREVER)),
    "deleted-once": (0.01, _hide(3.0)),
    "back-to-draft": (0.2, _back_to_draft),
    "merged": (0.3, _show_stranger),
    "id-reused": (0.3, _show_stranger),
    "renamed": (0.4, _rename),
}
"""The share of a state's time after the submission, and what happens."""
