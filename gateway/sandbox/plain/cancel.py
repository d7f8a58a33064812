"""cancelProductOrder: the task resource that asks for the end of an order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.sandbox.answers import not_found
from gateway.sandbox.orders import Order


@dataclass(frozen=True, slots=True)
class Cancellation:
    """One request to cancel; `too_late` when the order was at its end already."""

    id: str
    body: dict[str, Any]
    order: Order
    too_late: bool

    def view(self, address: str) -> dict[str, Any]:
        """Return the task as GET shows it; `address` is that of the resource."""
        state = "done" if self.order.state == "cancelled" else "inProgress"
        own = {
            "id": self.id,
            "href": f"{address}/{self.id}",
            "state": "terminatedWithError" if self.too_late else state,
        }
        return self.body | own


class Cancellations:
    """All requests to cancel, in the order they came."""

    def __init__(self) -> None:
        self._all: dict[str, Cancellation] = {}

    def add(self, body: dict[str, Any], order: Order, *, too_late: bool) -> Cancellation:
        """Record a request."""
        cancellation = Cancellation(str(len(self._all) + 1), body, order, too_late)
        self._all[cancellation.id] = cancellation
        return cancellation

    def get(self, number: str) -> Cancellation:
        """Return one request; 404 when there is none."""
        if number not in self._all:
            raise not_found(f"there is no cancelProductOrder {number!r}")
        return self._all[number]

    def views(self, address: str) -> list[dict[str, Any]]:
        """Return every request as GET shows it."""
        return [cancellation.view(address) for cancellation in self._all.values()]
