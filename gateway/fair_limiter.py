"""Slots at something that does few things at once, so that one tenant leaves some of them to the others.

Lists have readers of the database by turns (a read by key is done at once; a list with filters may take
`storage.read_seconds_max`), reads of offerings have calls to the catalogue, work on large documents has threads. In the order of asking.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Final, ParamSpec, TypeVar

from gateway.errors import RequestError, UnavailableError
from gateway.fair_shares import book, charged, rest_before_more

# How long a tenant's turn is kept after something large was refused: so many times as long as that took, up to this.
REST_TIMES: Final = 3
REST_SECONDS_MAX: Final = 1.0
P = ParamSpec("P")
R = TypeVar("R")


def _too_many_lists() -> UnavailableError:
    return UnavailableError("Too many lists are being read at this moment; try again.", headers={"Retry-After": "2"})


class TurnsByKey:
    """Turns of which there are `turns_max` at a time for each key, such as a cart or a tenant, in the order of asking.

    Nothing is kept of keys that rest. Who waits longer than `wait_seconds_max` (None: as long as it takes) gets the error `busy`.
    """

    def __init__(
        self,
        turns_max: int,
        *,
        wait_seconds_max: float | None = None,
        busy: Callable[[], RequestError] = _too_many_lists,
    ) -> None:
        self._turns_max = max(1, turns_max)
        self._wait_seconds_max = wait_seconds_max
        self._busy = busy
        # Only keys that have a turn or wait for one, each with how many.
        self._keys: dict[Hashable, tuple[asyncio.Semaphore, int]] = {}

    def __len__(self) -> int:
        """Return how many keys have a turn or wait for one."""
        return len(self._keys)

    @asynccontextmanager
    async def slot(self, key: Hashable) -> AsyncIterator[None]:
        """Have a turn of a key. Raises the error `busy` when there is none in time."""
        own, users = self._keys.get(key, (asyncio.Semaphore(self._turns_max), 0))
        self._keys[key] = own, users + 1
        try:
            await acquire(own, self._wait_seconds_max, self._busy)
            try:
                yield
            finally:
                own.release()
        finally:
            own, users = self._keys.pop(key)
            if users > 1:
                self._keys[key] = own, users - 1


class FairLimiter:
    """Turns: `turns_max` at once, of one tenant one less where that leaves it any.

    Who waits longer than `wait_seconds_max` (None: as long as it takes) gets UnavailableError (503): only lists do not wait for ever.
    """

    def __init__(self, turns_max: int, *, wait_seconds_max: float | None = None) -> None:
        self._of_tenants = TurnsByKey(turns_max - 1, wait_seconds_max=wait_seconds_max)
        self._all = asyncio.Semaphore(max(1, turns_max))
        self._wait_seconds_max = wait_seconds_max

    def __len__(self) -> int:
        """Return how many tenants have a turn or wait for one."""
        return len(self._of_tenants)

    @asynccontextmanager
    async def slot(self, tenant: str) -> AsyncIterator[None]:
        """Have a turn. Raises UnavailableError (503) when there is none in time."""
        async with self._of_tenants.slot(tenant):
            await acquire(self._all, self._wait_seconds_max, _too_many_lists)
            try:
                yield
            finally:
                self._all.release()

    async def run(
        self,
        tenant: str,
        large: bool,  # noqa: FBT001 - what follows belongs to the function, so it cannot be a keyword
        function: Callable[P, R],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> R:
        """Run a function that touches nothing but its arguments: when they are `large` in a thread, in a turn of the tenant.

        Threads share the interpreter: each that computes slows everything else, so how many do is what keeps tenants apart. What is
        refused (RequestError) is sent again at once by whoever floods: the tenant's turn is kept three times as long as that took. What
        is done counts as the tenant's share of the processor: who used more than it while others ask has its next piece begun later.
        """
        if not large:
            return function(*arguments, **named)
        refused_seconds: float | None = None
        async with self._of_tenants.slot(tenant):
            await rest_before_more()
            began = time.monotonic()
            await acquire(self._all, self._wait_seconds_max, _too_many_lists)
            try:
                return await asyncio.to_thread(charged(function), *arguments, **named)
            except RequestError:
                refused_seconds = time.monotonic() - began
                raise
            finally:
                self._all.release()
                book()
                if refused_seconds is not None:
                    await rest(min(REST_TIMES * refused_seconds, REST_SECONDS_MAX))


async def rest(seconds: float) -> None:
    """Leave the interpreter to others for a while."""
    await asyncio.sleep(seconds)


async def acquire(
    semaphore: asyncio.Semaphore, wait_seconds_max: float | None, busy: Callable[[], RequestError]
) -> None:
    """Take one of a semaphore, or raise `busy` when there is none in time."""
    if not semaphore.locked():
        # Taken at once: a timer for each request would cost more than all the rest.
        await semaphore.acquire()
        return
    try:
        async with asyncio.timeout(wait_seconds_max):
            await semaphore.acquire()
    except TimeoutError:
        raise busy() from None
