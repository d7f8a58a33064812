"""The task by which an order system is asked to cancel a live order (cancelProductOrder of TMF622), as it is written and read. Pure.

What becomes of the order says the order itself; the task tells what the order does not: that the order system will not cancel it,
or that it waits for information.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from gateway.documents import JsonObject
from gateway.upstream.answers import is_safe_id

STATE_CHARACTERS_MAX: Final = 64
# In lower case. Not among them is v5's `cancelled`: some say by it that the task was withdrawn, others that the order is cancelled.
_DENIED: Final = frozenset({"terminatedwitherror", "rejected"})
_WAITING: Final = frozenset({"pending", "held"})


# How far a task has come: it may still be done, waits for somebody, or came to nothing, so that the order goes on.
CancelProgress: TypeAlias = Literal["open", "waiting", "denied"]


class CancelWish(Struct, frozen=True):
    """Why a client wants an order to be cancelled, and when (a date-time as the client wrote it), in the client's own words."""

    reason: str
    requested_date: str | None = None


class CancelTask(Struct, frozen=True):
    """A task as an answer showed it; `state` is the order system's word, empty where it shows none."""

    id: str
    state: str

    @property
    def progress(self) -> CancelProgress:
        """How far it has come. A word that is not known says nothing."""
        word = self.state.casefold()
        return "denied" if word in _DENIED else "waiting" if word in _WAITING else "open"


def cancel_body(order_id: str, wish: CancelWish, dialect: str) -> JsonObject:
    """Return the body of the request for the cancellation of an order."""
    order = {"id": order_id}
    body: dict[str, Any] = {"productOrder": order, "cancellationReason": wish.reason}
    if wish.requested_date is not None:
        body["requestedCancellationDate"] = wish.requested_date
    if dialect == "tmf622-v5":
        body["@type"] = "CancelProductOrder"
        order["@type"] = "ProductOrderRef"
    return body


def read_task(document: object, order_id: str) -> CancelTask | None:
    """Return the task about an order that an answer shows; None where it shows none that could be asked for, or the order itself."""
    if type(document) is not dict or "productOrderItem" in document:
        return None
    about = document.get("productOrder")
    if type(about) is dict and str(about.get("id", order_id)) != order_id:
        return None
    task_id, state = document.get("id"), document.get("state")
    if type(task_id) is int:
        task_id = str(task_id)
    if type(task_id) is not str or not is_safe_id(task_id) or (about is None and task_id == order_id):
        return None
    if type(state) is not str or not state.isprintable() or len(state) > STATE_CHARACTERS_MAX:
        state = ""
    return CancelTask(task_id, state)
