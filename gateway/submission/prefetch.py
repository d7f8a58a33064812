"""What is done early, so that the order system is not kept waiting: the read that comes next, and the next call.

While the answer to a call is looked into and its outcome is being committed, the read that the next decision will most
likely ask for is under way; while that read is under way, the bytes of the call after it are made. Neither has an effect:
what was done early is used only if it is what the decision asks for once the commit is there, and forgotten otherwise. An
intent is committed before its call is sent as ever, and after the outcome before it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Coroutine
from datetime import datetime
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from gateway.ordering import ObservedOrder, RenderedStep, render
from gateway.submission.decisions.actions import ReadHead, ReadOrder, Save, Send, Work
from gateway.submission.decisions.next_action import next_action
from gateway.upstream.port import Upstream

Read: TypeAlias = ReadOrder | ReadHead
LEAVING_SECONDS: Final = 0.001


def foreseen(work: Work, decision: Save, now: datetime) -> Read | None:
    """Return the read that follows when a step is done, unless something comes in between; None when no read does."""
    if decision.rest or decision.step_changes.get("state") != "done":
        return None
    if decision.changes.get("order_id", work.record.order_id) is None:
        return None
    known = work.known | decision.lines if decision.lines else work.known
    expected = replace(work, record=replace(work.record, **decision.changes), known=known)
    action = next_action(expected, now)
    return action if isinstance(action, ReadOrder | ReadHead) else None


def rendered_step(work: Work, lines: dict[str, str]) -> RenderedStep:
    """Return the call of the current step; `lines` are line ids that were just read."""
    return render(
        work.current,
        work.order,
        work.plan,
        work.mapping,
        known_line_ids=work.known | lines if lines else work.known,
        marker=work.record.marker,
        order_id=work.record.order_id,
    )


class ReadAhead:
    """One read that was begun before it was decided on; `drop` it before the turn ends."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._begun: tuple[Read, Awaitable[ObservedOrder | None]] | None = None

    async def begin(self, action: Read) -> None:
        """Begin the read of `action`, unless it is under way; another one is broken off.

        What comes of it, an exception too, is for the caller that takes it.
        """
        if self._begun is None or self._begun[0] != action:
            await self.drop()
            self._begun = (action, self._start(self._read(action)))

    def _start(self, reading: Coroutine[Any, Any, ObservedOrder | None]) -> Awaitable[ObservedOrder | None]:
        return asyncio.ensure_future(reading)

    async def _read(self, action: Read) -> ObservedOrder | None:
        if isinstance(action, ReadHead):
            return await self._upstream.get_head(action.order_id)
        return await self._upstream.get_order(action.order_id)

    async def let_leave(self) -> None:
        """Give the read that was begun the time to leave: what comes next takes the processor for a while."""
        if self._begun is not None:
            await asyncio.wait({asyncio.ensure_future(self._begun[1])}, timeout=LEAVING_SECONDS)

    def take(self) -> Awaitable[ObservedOrder | None]:
        """Return the read that was begun; it is the caller's from now on."""
        assert self._begun is not None, "a read is begun before it is taken"
        (_, reading), self._begun = self._begun, None
        return reading

    async def drop(self) -> None:
        """Break off the read that nobody took."""
        if self._begun is None:
            return
        reading = asyncio.ensure_future(self.take())
        reading.cancel()
        # Also of a read that failed: an exception that nobody takes is logged as an error.
        await asyncio.gather(reading, return_exceptions=True)


class CallAhead:
    """The bytes of the next call, made while something else is waited for."""

    def __init__(self) -> None:
        self._made: tuple[Work, RenderedStep] | None = None

    def make(self, work: Work) -> None:
        """Make the call of the current step; what cannot be made now is left to be told when it is to be sent."""
        with contextlib.suppress(LookupError, AssertionError):
            self._made = (work, rendered_step(work, {}))

    def take(self, work: Work, action: Send) -> RenderedStep | None:
        """Return the call of `action` if it was made from what is known now."""
        if self._made is None or action.lines:
            return None
        made_from, rendered = self._made
        self._made = None
        return rendered if _is_same_call(made_from, work, action) else None


def _is_same_call(made_from: Work, work: Work, action: Send) -> bool:
    before, now = made_from.record, work.record
    return (
        made_from.plan is work.plan
        and made_from.order is work.order
        and made_from.mapping is work.mapping
        and made_from.known is work.known
        and (before.step, before.marker, before.order_id) == (now.step, now.marker, now.order_id)
        and work.current is action.step
    )
