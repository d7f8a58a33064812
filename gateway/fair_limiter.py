"""Slots at something that does few things at once, so that one tenant leaves some of them to the others.

Lists have readers of the database by turns (a read by key is done at once; a list with filters may take
`storage.read_seconds_max`), reads of offerings have calls to the catalogue. In the order of asking.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from gateway.errors import UnavailableError

_BUSY = "Too many lists are being read at this moment; try again."


class OneByOne:
    """Turns of which there is one at a time for each key, such as a cart: in the order of asking, and nothing of keys that rest."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def slot(self, key: Hashable) -> AsyncIterator[None]:
        """Have the turn of a key."""
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = lock, users - 1


class FairLimiter:
    """Turns: `turns_max` at once, of one tenant one less where that leaves it any.

    Who waits longer than `wait_seconds_max` (None: as long as it takes) gets UnavailableError (503): only lists do not wait for ever.
    """

    def __init__(self, turns_max: int, *, wait_seconds_max: float | None = None) -> None:
        self._of_tenant_max = max(1, turns_max - 1)
        self._all = asyncio.Semaphore(max(1, turns_max))
        self._wait_seconds_max = wait_seconds_max
        # Only tenants that have a turn or wait for one, each with how many.
        self._tenants: dict[str, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def slot(self, tenant: str) -> AsyncIterator[None]:
        """Have a turn. Raises UnavailableError (503) when there is none in time."""
        own, users = self._tenants.get(tenant, (asyncio.Semaphore(self._of_tenant_max), 0))
        self._tenants[tenant] = own, users + 1
        try:
            await self._acquired(own)
            try:
                await self._acquired(self._all)
                try:
                    yield
                finally:
                    self._all.release()
            finally:
                own.release()
        finally:
            own, users = self._tenants.pop(tenant)
            if users > 1:
                self._tenants[tenant] = own, users - 1

    async def _acquired(self, semaphore: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds_max):
                await semaphore.acquire()
        except TimeoutError:
            raise UnavailableError(_BUSY, headers={"Retry-After": "2"}) from None
