"""Events as one subscriber gets them: which of a page are wanted, and their bodies, found out and written in threads.

The loop that answers requests has nothing to do with it. There are two threads, however many subscribers there are: more would
take turns with the loop. What is large waits for what is large, and what is small for what is small alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from gateway.hub.envelope import Renderer
from gateway.hub.model import Event

R = TypeVar("R")

# Work is counted in bytes of documents times what is asked of each. Up to the first it is done at once (a few hundred
# microseconds), up to the second it is small (a few milliseconds).
AT_ONCE_WORK_MAX: Final = 10_000
SMALL_WORK_MAX: Final = 200_000


class Threads:
    """The threads of one dispatcher."""

    def __init__(self) -> None:
        self._small = ThreadPoolExecutor(1, thread_name_prefix="hub small")
        self._large = ThreadPoolExecutor(1, thread_name_prefix="hub large")

    async def run(self, work: int, function: Callable[[], R]) -> R:
        """Run a function that takes about so much work and touches nothing that others change."""
        if work <= AT_ONCE_WORK_MAX:
            return function()
        executor = self._small if work <= SMALL_WORK_MAX else self._large
        return await asyncio.get_running_loop().run_in_executor(executor, function)

    def close(self) -> None:
        """Begin nothing more; what runs is left to its end."""
        for executor in (self._small, self._large):
            executor.shutdown(wait=False, cancel_futures=True)


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
