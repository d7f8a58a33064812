"""Work that goes on beside the requests: a loop that is woken, survives and stops, and the name of the process that does it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

from gateway.errors import UnavailableError
from gateway.logs import get_logger

# How long tasks that were told to stop may take before they are cancelled.
END_SECONDS: Final = 5.0
_log = get_logger("gateway.background")


class Loop:
    """Rounds of work until stopped: at once while there is more to do, when woken, or after a while.

    A round that raises is logged, and the next one tries again: `NAME.failed` while the database is away (UnavailableError),
    `NAME.crashed` for a mistake of ours. Cancellation passes through.
    """

    def __init__(
        self, name: str, work: Callable[[], Awaitable[bool]], *, seconds: float | None, gather_seconds: float = 0.0
    ) -> None:
        """Make a loop whose rounds are calls of `work`, which tells whether there is more to do.

        Otherwise the loop waits for `wake`, and `seconds` at most (None: for ever). What wakes it in quick succession is looked at together
        when it waits `gather_seconds` more.
        """
        self.name = name
        self._work = work
        self._seconds = seconds
        self._gather_seconds = gather_seconds
        self._awake = asyncio.Event()
        self.stopping = False

    def wake(self) -> None:
        """Begin the next round now, or directly after the one at hand."""
        self._awake.set()

    def stop(self) -> None:
        """End after the round at hand."""
        self.stopping = True
        self._awake.set()

    async def run(self) -> None:
        """Work until stopped or cancelled."""
        while not self.stopping:
            self._awake.clear()
            more = False
            try:
                more = await self._work()
            except UnavailableError as error:
                _log.warning(f"{self.name}.failed", reason=error.message)
            except Exception as error:  # noqa: BLE001 - the work must go on, whatever one round met
                _log.error(f"{self.name}.crashed", exc_info=error)
            if not more and not self.stopping:
                await self._wait()

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), self._seconds)
            if self._gather_seconds and not self.stopping:
                await asyncio.sleep(self._gather_seconds)


@asynccontextmanager
async def running(*loops: Loop) -> AsyncIterator[None]:
    """Run loops while this is entered; at the end stop them, and cancel those that do not end in time."""
    tasks = [asyncio.create_task(loop.run(), name=loop.name) for loop in loops]
    try:
        yield
    finally:
        for loop in loops:
            loop.stop()
        await ended(tasks)


async def ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Wait a moment for tasks that were told to stop, then cancel them. What a task raised is raised here."""
    done, late = await asyncio.wait(list(tasks), timeout=END_SECONDS)
    for task in late:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    for task in done:
        task.result()


def process_name() -> str:
    """Return a name for this process that no other one has: what a lease is held by."""
    return f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"
