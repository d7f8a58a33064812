"""The plain TM Forum servers, TMF622 v4 and v5."""

from __future__ import annotations

from typing import Any

from gateway.sandbox.answers import Answer, tmf_error
from gateway.sandbox.intake import Call, OrderIntake
from gateway.sandbox.orders import Order


class PlainIntake(OrderIntake):
    """Answers 501 to everything: this mapping comes with the next change."""

    def handle(self, call: Call) -> Answer:
        """Refuse the call."""
        raise tmf_error(501, "1", "Not implemented", f"{call.request.method} is not served by this mapping yet")

    def view(self, order: Order, *, with_items: bool = True) -> dict[str, Any]:
        """Return the header of the order."""
        return {"id": order.number, "state": order.state, "with_items": with_items}

    def unreadable(self, message: str) -> Exception:
        """Return the refusal of a body that is no JSON."""
        return tmf_error(400, "22", "Invalid body", message)

    def server_error(self) -> Answer:
        """Return the 500."""
        return tmf_error(500, "1", "Internal error", "an unexpected error occurred").answer
