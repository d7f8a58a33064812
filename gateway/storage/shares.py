"""Shares of the readers: lists, which may look through many rows, leave a reader to everything else, and a tenant to the others.

A read by key is done at once or takes a moment; a list with filters may take `storage.read_seconds_max`. Without shares the
lists of one tenant would have every reader, and with them the worker's and the subscriptions' reads would wait too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.errors import UnavailableError

_BUSY = "Too many lists are being read at this moment; try again."


class ReadShares:
    """Turns of lists: `lists_max` at once, of one tenant one less where that leaves it any. In the order of asking."""

    def __init__(self, lists_max: int, *, wait_seconds_max: float) -> None:
        self._of_tenant_max = max(1, lists_max - 1)
        self._all = asyncio.Semaphore(max(1, lists_max))
        self._wait_seconds_max = wait_seconds_max
        # Only tenants that have a list under way or waiting, each with how many.
        self._tenants: dict[str, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def turn(self, tenant: str) -> AsyncIterator[None]:
        """Have a turn; raises UnavailableError (503) when there is none in time."""
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
