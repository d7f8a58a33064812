"""Removing carts that expired: a few at a time, never one that a checkout holds, by any number of processes at once.

There is nothing to resume: what a sweep did not come to is found by the next one, here or in another process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection

from gateway.background import Loop, running
from gateway.carts import store
from gateway.services import Services
from gateway.settings import CartSettings
from gateway.storage import Database

log = structlog.get_logger(__name__)
# Carts removed in one transaction: other writes wait for no more.
BATCH_MAX: Final = 100


class Sweep:
    """Looks for expired carts from time to time."""

    def __init__(self, settings: CartSettings, database: Database, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self.loop = Loop("cart_sweep", self._round, seconds=settings.sweep_seconds)

    async def _round(self) -> bool:
        if removed := await self.once():
            log.info("carts.expired_removed", carts=removed)
        return False

    async def once(self) -> int:
        """Remove what is to be removed, `sweep_carts_max` carts at most; return how many that were."""
        now = self._clock()
        before = now - timedelta(days=self._settings.expired_kept_days)
        removed = 0
        while removed < self._settings.sweep_carts_max and not self.loop.stopping:
            wanted = min(BATCH_MAX, self._settings.sweep_carts_max - removed)
            found, gone = await self._database.write(partial(remove_expired, before=before, limit=wanted, now=now))
            removed += gone
            if found < wanted:
                break
        return removed


def remove_expired(connection: Connection, before: datetime, limit: int, now: datetime) -> tuple[int, int]:
    """Remove up to `limit` carts that expired before that moment; return how many were found, and how many removed."""
    found = store.expired(connection, before, limit)
    gone = sum(store.delete(connection, tenant, cart_id, version, now) for tenant, cart_id, version in found)
    return len(found), gone


@asynccontextmanager
async def sweeping(services: Services) -> AsyncIterator[None]:
    """Sweep from start to stop of the service."""
    sweep = Sweep(services.settings.cart, services.database, services.clock)
    async with running(sweep.loop):
        yield
