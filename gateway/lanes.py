"""Work of many for many order systems, side by side: what is due is taken from each in turn, and a slow order system keeps only its own.

A lane is a tenant's work for one order system.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from gateway.fair_limiter import TurnsByKey
from gateway.logs import get_logger

_log = get_logger("gateway.lanes")
T = TypeVar("T")


class Lane(NamedTuple):
    """A tenant's work for one order system."""

    tenant: str
    upstream: str


class Piece(NamedTuple):
    """A piece of work: what it is about, its order system, and how it is done. `work` returns whether something was dealt with."""

    key: Hashable
    upstream: str
    work: Callable[[], Awaitable[bool]]


def from_each(lanes: Sequence[Lane], limit: int, read: Callable[[Lane, int], Sequence[T]]) -> list[T]:
    """Return up to `limit` of what is read of the lanes, one of each in turn; what a lane has not got is left to those behind it.

    `read` returns up to so many of a lane.
    """
    found: list[Sequence[T]] = []
    left = limit
    for index, lane in enumerate(lanes):
        if left <= 0:
            break
        found.append(read(lane, -(-left // (len(lanes) - index))))
        left -= len(found[-1])
    return in_turns(found)


def in_turns(lists: Sequence[Sequence[T]]) -> list[T]:
    """Return the first of each list, then the second of each, and so on."""
    longest = max(map(len, lists), default=0)
    return [each[index] for index in range(longest) for each in lists if index < len(each)]


class Places:
    """Pieces of work side by side: `places_max` at once for each order system, in the order in which they are handed in.

    A piece is about something that no other piece is under way for (`is_under_way`). `on_late` is called when a piece that took longer
    than its round has dealt with something.
    """

    def __init__(self, places_max: int, on_late: Callable[[], None] = lambda: None) -> None:
        self._turns = TurnsByKey(places_max)
        self._on_late = on_late
        self._under_way: dict[Hashable, asyncio.Task[bool]] = {}

    def is_under_way(self, key: Hashable) -> bool:
        """Tell whether a piece about this was begun and has not ended."""
        return key in self._under_way

    async def run(self, pieces: Iterable[Piece], seconds: float | None = None) -> int:
        """Do the pieces; return how many of them dealt with something within `seconds` (None: as long as it takes).

        After that what has not begun is left undone, and what is under way goes on beside later rounds: nobody waits for it.
        What a piece raised within the time is raised here, once all have ended or the time is over.
        """
        tasks = [asyncio.create_task(self._done(piece)) for piece in pieces]
        if not tasks:
            return 0
        try:
            done, late = await asyncio.wait(tasks, timeout=seconds)
        except asyncio.CancelledError:
            await _cancelled(tasks)
            raise
        begun = set(self._under_way.values())
        for task in late & begun:
            task.add_done_callback(self._ended_late)
        await _cancelled(late - begun)
        done = {task for task in done if not task.cancelled()}
        errors = [error for task in done if (error := task.exception()) is not None]
        if errors:
            raise errors[0]
        return sum(task.result() for task in done)

    async def end(self) -> None:
        """Cancel what is under way still."""
        await _cancelled(list(self._under_way.values()))

    async def _done(self, piece: Piece) -> bool:
        async with self._turns.slot(piece.upstream):
            task = asyncio.current_task()
            assert task is not None, "only tasks do pieces"
            self._under_way[piece.key] = task
            try:
                return await piece.work()
            finally:
                del self._under_way[piece.key]

    def _ended_late(self, task: asyncio.Task[bool]) -> None:
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            _log.error("work.failed", exc_info=error)
        elif task.result():
            self._on_late()


async def _cancelled(tasks: Iterable[asyncio.Task[bool]]) -> None:
    """Cancel tasks and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
