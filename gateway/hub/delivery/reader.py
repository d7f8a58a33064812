"""Events as one subscriber gets them, found out and written beside the loop: which of a page are wanted, and their bodies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from gateway.hub.delivery.envelope import Renderer
from gateway.hub.delivery.threads import SMALL_WORK_MAX, Threads
from gateway.hub.model import Event


class EventReader:
    """Looks at events with a subscriber's eyes, in threads that it shares with the other subscribers."""

    def __init__(self, renderer: Renderer, threads: Threads) -> None:
        self._renderer = renderer
        self._threads = threads

    async def judged(self, page: Sequence[Event]) -> list[tuple[Event, bool]]:
        """Return the events, each with whether it is wanted; piece by piece, so that other subscribers get their turns."""
        found: list[tuple[Event, bool]] = []
        for piece, work in self._pieces(page):
            found += await self._threads.run(work, partial(self._judge_all, piece))
        return found

    async def is_wanted(self, event: Event) -> bool:
        """Return whether an event is wanted."""
        return (await self.judged([event]))[0][1]

    async def body(self, event: Event) -> bytes:
        """Return the event as JSON."""
        return await self._threads.run(self._renderer.writing_work(event), lambda: self._renderer.body(event))

    def _judge_all(self, piece: list[Event]) -> list[tuple[Event, bool]]:
        return [(event, self._judge(event)) for event in piece]

    def _judge(self, event: Event) -> bool:
        try:
            return self._renderer.is_wanted(event)
        except Exception:  # noqa: BLE001 - a document that cannot be looked at is dealt with when it is to be sent
            return True

    def _pieces(self, page: Sequence[Event]) -> Iterator[tuple[list[Event], int]]:
        """Yield events whose judging is small work together, and each that is large work by itself, with that work."""
        piece: list[Event] = []
        total = 0
        for event in page:
            work = self._renderer.judging_work(event)
            if piece and total + work > SMALL_WORK_MAX:
                yield piece, total
                piece, total = [], 0
            piece.append(event)
            total += work
        if piece:
            yield piece, total
