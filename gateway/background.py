"""Work that goes on while requests are answered: a loop that is woken, survives and stops, and the name of the process that does it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

from gateway.errors import UnavailableError
from gateway.logs import get_logger

# How long tasks that were told to stop may take before they are cancelled.
END_SECONDS: Final = 5.0
# A round that failed is tried again after so long, however often or seldom the loop has something to do.
FAILED_SECONDS_MIN: Final = 1.0
FAILED_SECONDS_MAX: Final = 30.0
# While rounds go on failing, that is told this often.
TELL_SECONDS: Final = 60.0
_log = get_logger("gateway.background")


class Loop:
    """Rounds of work until stopped: at once while there is more to do, when woken, or after a while.

    A round that raises is tried again, after FAILED_SECONDS_MIN at the earliest and FAILED_SECONDS_MAX at the latest, and is logged:
    `NAME.failed` while the database is away (UnavailableError), `NAME.crashed` for a mistake of ours; once, then every TELL_SECONDS
    with how many rounds that were, and `NAME.goes_on` when it is over. Cancellation passes through.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[bool]],
        *,
        seconds: float | None,
        gather_seconds: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a loop whose rounds are calls of `work`, which tells whether there is more to do.

        Otherwise the loop waits for `wake`, and `seconds` at most (None: for ever). What wakes it in quick succession is looked at together
        when it waits `gather_seconds` more.
        """
        self.name = name
        self._work = work
        self._seconds = seconds
        self._gather_seconds = gather_seconds
        self._monotonic = monotonic
        self._awake = asyncio.Event()
        self._failed = 0  # rounds in a row
        self._told: tuple[str, type[Exception]] | None = None
        self._tell_at = 0.0
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
                self._tell_failed(f"{self.name}.failed", error)
            except Exception as error:  # noqa: BLE001 - the work must go on, whatever one round met
                self._tell_failed(f"{self.name}.crashed", error)
            else:
                self._tell_goes_on()
            if not more and not self.stopping:
                await self._wait()

    def _tell_failed(self, event: str, error: Exception) -> None:
        self._failed += 1
        what = event, type(error)
        if what == self._told and self._monotonic() < self._tell_at:
            return
        self._told = what
        self._tell_at = self._monotonic() + TELL_SECONDS
        if isinstance(error, UnavailableError):
            _log.warning(event, reason=error.message, rounds=self._failed)
        else:
            _log.error(event, exc_info=error, rounds=self._failed)

    def _tell_goes_on(self) -> None:
        if self._failed:
            _log.info(f"{self.name}.goes_on", rounds_failed=self._failed)
            self._failed, self._told = 0, None

    async def _wait(self) -> None:
        if self._failed:
            seconds = FAILED_SECONDS_MAX if self._seconds is None else self._seconds
            await self._woken(min(max(seconds, FAILED_SECONDS_MIN), FAILED_SECONDS_MAX))
        elif await self._woken(self._seconds) and self._gather_seconds and not self.stopping:
            await asyncio.sleep(self._gather_seconds)

    async def _woken(self, seconds: float | None) -> bool:
        """Wait to be woken, `seconds` at most (None: for ever); return whether that was it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), seconds)
            return True
        return False


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
