"""Removing what the audit says of long ago: tenant by tenant, a few rows at a time, by any number of processes at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from gateway.background import Loop, running
from gateway.logs import get_logger
from gateway.services import Services
from gateway.storage import audit

log = get_logger(__name__)
LOOK_SECONDS: Final = 3_600.0
# Rows removed in one transaction: other writes wait for no more.
BATCH_MAX: Final = 500


class AuditRetention:
    """Looks for old rows from time to time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.loop = Loop("audit_retention", self._round, seconds=LOOK_SECONDS)

    async def _round(self) -> bool:
        if removed := await self.once():
            log.info("audit.old_removed", rows=removed)
        return False

    async def once(self) -> int:
        """Remove what is older than `retention.audit_days`; return how many rows that were."""
        days, database = self._services.settings.retention.audit_days, self._services.database
        if not days:
            return 0
        before = self._services.clock() - timedelta(days=days)
        removed = 0
        for tenant in await database.read(audit.tenants):
            gone = BATCH_MAX
            while gone == BATCH_MAX and not self.loop.stopping:
                gone = await database.write(partial(audit.forget, tenant=tenant, before=before, limit=BATCH_MAX))
                removed += gone
        return removed


@asynccontextmanager
async def forgetting(services: Services) -> AsyncIterator[None]:
    """Remove old rows from start to stop of the service."""
    async with running(AuditRetention(services).loop):
        yield
