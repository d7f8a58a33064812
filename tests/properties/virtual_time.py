"""An event loop whose time passes only when nothing is left to do, without sockets and without threads."""

from __future__ import annotations

import asyncio
import contextlib
import math
import selectors
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

BEGIN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class NothingLeftError(Exception):
    """Everybody waits for somebody else."""


class EndlessError(Exception):
    """What runs took more turns of the loop, or more of its time, than it was given.

    Raised out of the loop itself, where no task can take it for an error of its own.
    """


class _Selector(selectors.SelectSelector):
    """Waits by letting the loop's time pass."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        loop = self.loop
        loop.turns += 1
        if loop.turns > loop.turns_max or loop.seconds > loop.seconds_max:
            raise EndlessError(f"no end after {loop.turns} turns of the loop, at {loop.seconds:.0f} s")
        if timeout is None:
            raise NothingLeftError
        if timeout > 0:
            self.loop.seconds += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module. Functions for threads run at once."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.seconds = 0.0
        self.turns = 0
        self.turns_max = self.seconds_max = math.inf
        super().__init__(selector)
        # Coarser than what is left of a float after years of worlds: else a timer that is due may never be reached.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        del executor
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
            future.set_exception(error)
        return future

    def bound(self, *, turns: int, seconds: float) -> None:
        """Let what is run next take so many turns and so much time from here, and no more."""
        self.turns_max, self.seconds_max = self.turns + turns, self.seconds + seconds

    def unbound(self) -> None:
        """Let what is run next take as long as it takes."""
        self.turns_max = self.seconds_max = math.inf

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds)


@contextlib.contextmanager
def clocks_of(loop: VirtualLoop) -> Iterator[None]:
    """Give every class of the gateway that measures time the loop's."""
    changed = []
    for name, module in list(sys.modules.items()):
        if not name.startswith("gateway."):
            continue
        for kind in list(vars(module).values()):
            defaults = (
                getattr(getattr(kind, "__init__", None), "__kwdefaults__", None) if isinstance(kind, type) else None
            )
            for argument, value in (defaults or {}).items():
                # Also where another loop's time is still in its place: loops may be opened one inside the other.
                if value is time.monotonic or getattr(value, "__func__", None) is VirtualLoop.time:
                    changed.append((defaults, argument, value))
                    defaults[argument] = loop.time
    try:
        yield
    finally:
        for defaults, argument, value in changed:
            defaults[argument] = value


@contextlib.contextmanager
def virtual_time() -> Iterator[VirtualLoop]:
    """Make a loop whose time is virtual, and let the gateway live in it."""
    loop = VirtualLoop()
    with clocks_of(loop), patch("random.random", lambda: 0.5):
        try:
            yield loop
        finally:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            with contextlib.suppress(NothingLeftError):
                loop.run_until_complete(asyncio.sleep(0))
            loop.close()
