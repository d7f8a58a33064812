"""Time of which the waiting is left out: of the running loop with its timers, though it has real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

# What is skipped at once: timers that set others off, like the states of an order, run in their order.
STEP_SECONDS: Final = 0.125


class SkippedTime:
    """The real time, and what was skipped: `sleep` passes at once, and every timer of the loop that is due by then has run.

    A call over a socket takes the time it takes: nothing is skipped while one is waited for, so that no timeout comes early.
    """

    def __init__(self) -> None:
        self.skipped_seconds = 0.0

    def monotonic(self) -> float:
        """Return the monotonic time in seconds, which is also the loop's."""
        return time.monotonic() + self.skipped_seconds

    def now(self) -> datetime:
        """Return the time of day."""
        return datetime.now(UTC) + timedelta(seconds=self.skipped_seconds)

    async def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        while seconds > 0:
            passed = min(seconds, STEP_SECONDS)
            self.skipped_seconds += passed
            seconds -= passed
            # What is due is found by the next turn of the loop, and run by it.
            for _ in range(2):
                await asyncio.sleep(0)


@contextmanager
def skipped_time() -> Iterator[SkippedTime]:
    """Give the running loop a time that can be skipped."""
    loop, passing = asyncio.get_running_loop(), SkippedTime()
    real, loop.time = loop.time, passing.monotonic  # type: ignore[method-assign]
    try:
        yield passing
    finally:
        loop.time = real  # type: ignore[method-assign]
