"""The order system as the rest of the gateway sees it: seven calls, outcomes as values, one exception for failed reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from gateway.errors import GatewayError
from gateway.ordering import ObservedOrder, RenderedStep
from gateway.upstream.cancel_task import CancelTask, CancelWish
from gateway.upstream.causes import Cause
from gateway.upstream.evidence import CallInDoubt, FindResult, MarkedOrders
from gateway.upstream.outcome import Outcome


class ReadFailed(GatewayError):  # noqa: N818 - it is the fact that a read gave no proof, no matter who is to blame
    """A read gave no answer that proves anything. The message is safe to show and to log.

    `cause` is why, as a code; `status` is the HTTP status if there was one, `retry_after_seconds` how long to leave the order
    system alone. `too_large`: what was asked for is more than the order system shows, or than is read; it will be so the next time.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_seconds: float | None = None,
        too_large: bool = False,
        cause: Cause = "unreadable_answer",
    ) -> None:
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.too_large = too_large
        self.cause: Cause = cause
        super().__init__(message)


class AnotherOrder(ReadFailed):
    """The order system answered with an order of another id: it merged orders, gave one another name, or mixed them up.

    `order` is what it answered with.
    """

    def __init__(self, order: ObservedOrder) -> None:
        self.order = order
        super().__init__("the answer is another order than the one asked for")


class Upstream(Protocol):
    """An order system. Outcomes are values; only reads raise, and only ReadFailed. Cancellation passes through."""

    async def send(self, rendered: RenderedStep, *, answered: Callable[[], Awaitable[None]] | None = None) -> Outcome:
        """Send one step, once.

        `answered` is called when a whole answer with a status of success is there, before it is looked into: what it begins
        goes on while that is done. It is no outcome yet.
        """

    async def get_order(self, order_id: str) -> ObservedOrder | None:
        """Read an order; None if the order system says that it does not exist. An answer with another id is AnotherOrder."""

    async def get_head(self, order_id: str) -> ObservedOrder | None:
        """Read an order's state and marker, without its lines; None as `get_order`."""

    async def find(
        self,
        marker: str,
        *,
        since: datetime,
        doubt: CallInDoubt | None = None,
        live: bool = False,
        beside: str | None = None,
    ) -> FindResult:
        """Search the orders made at or after `since` that carry `marker`; with `live` also those that are no longer drafts.

        A scan may be narrowed to drafts by its mapping, which is what a lost call is looked for in. `beside` is the id of an order
        that carries the marker: a filter that does not show it is not believed, and the list is read.

        With `doubt` the search is also controlled: its absence is `proven` only if the same kind of question finds orders made
        before and after the call in question. Only what would send that call again needs it.
        """

    async def list_marked(self, *, since: datetime) -> MarkedOrders:
        """List the orders made at or after `since` that carry a marker of a gateway, drafts and void ones included; never raises."""

    async def cancel(self, order_id: str, wish: CancelWish) -> Outcome:
        """Ask for the cancellation of an order; the answer may show the task that this is."""

    async def get_cancel_task(self, task_id: str, order_id: str) -> CancelTask | None:
        """Read the task that an order is cancelled by; None where there is no such task of that order."""

    async def delete(self, order_id: str) -> Outcome:
        """Delete a draft."""

    async def close(self) -> None:
        """Close every connection."""
