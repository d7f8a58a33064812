"""What becomes of an order after its submission: the states it walks through, on timers.

Product codes starting with one of `ENDINGS` choose another way than the good one, so that a test can order a failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.sandbox.options import Mapping
from gateway.sandbox.orders import Order

_GOOD: dict[bool, tuple[str, ...]] = {True: ("Activated",), False: ("inProgress", "completed")}
"""States after submission, for Salesforce (True) and for a plain TM Forum server (False)."""

ENDINGS: dict[str, dict[bool, tuple[str, ...]]] = {
    "REJECT_": {True: ("Rejected",), False: ("rejected",)},
    "FAIL_": {True: ("Rejected",), False: ("inProgress", "failed")},
    "HOLD_": {True: (), False: ("inProgress", "held")},
    "PARTIAL_": {True: ("Activated",), False: ("inProgress", "partial")},
}
"""Ways of an order that holds a product code with such a prefix; the first that fits wins."""

CANCELLATION = ("assessingCancellation", "pendingCancellation", "cancelled")

REFUSE_PREFIX = "REFUSE_"
"""A product code that POST and PATCH refuse."""

FINAL = frozenset({"Activated", "Rejected", "rejected", "cancelled", "completed", "failed", "partial"})
"""States an order does not leave."""


def way_of(order: Order, mapping: Mapping) -> tuple[str, ...]:
    """Return the states an order passes after its submission."""
    is_salesforce = mapping == "salesforce-v4"
    for prefix, ways in ENDINGS.items():
        if any(line.offering is not None and line.offering.startswith(prefix) for line in order.lines.values()):
            return ways[is_salesforce]
    return _GOOD[is_salesforce]


class Walk:
    """Moves orders from state to state, one `delay_seconds` apart; `arrive(order, state)` does what a state means."""

    def __init__(self, mapping: Mapping, delay_seconds: float, arrive: Callable[[Order, str], None]) -> None:
        self._mapping = mapping
        self._delay_seconds = delay_seconds
        self._arrive = arrive

    def start(self, order: Order) -> None:
        """Begin, or begin again after a change: the order rests for one delay, then goes on from where it is."""
        self.follow(order, way_of(order, self._mapping))

    def cancel(self, order: Order) -> None:
        """Send the order to its cancellation instead."""
        self.follow(order, CANCELLATION)

    def stop(self, order: Order) -> None:
        """Leave the order in its state."""
        if order.timer is not None:
            order.timer.cancel()
            order.timer = None

    def follow(self, order: Order, states: tuple[str, ...]) -> None:
        """Send the order through these states, leaving out those up to its present one."""
        self.stop(order)
        if order.state in states:
            states = states[states.index(order.state) + 1 :]
        if states:
            loop = asyncio.get_running_loop()
            order.timer = loop.call_later(self._delay_seconds, self._step, order, states)

    def _step(self, order: Order, states: tuple[str, ...]) -> None:
        self._arrive(order, states[0])
        self.follow(order, states)
