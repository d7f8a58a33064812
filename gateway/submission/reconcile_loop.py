"""Compares each order system with the checkouts as often as its settings say; one process of all does it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from gateway.background import Loop
from gateway.logs import get_logger
from gateway.services import Services
from gateway.submission.reconciling import claim, reconciled

log = get_logger(__name__)
ROUND_SECONDS: Final = 60.0
BACK_HOURS_MIN: Final = 48.0
"""A comparison looks at least so far back: an order that is shown late is seen by the next one."""


class ReconcileLoop:
    """Looks every minute whether a comparison is due. Without `reconcile_hours` it does nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services
        wanted = any(each.reconcile_hours > 0 for each in services.settings.upstreams.values())
        self.loop = Loop("reconcile", self.once, seconds=ROUND_SECONDS if wanted else None)

    async def once(self) -> bool:
        """Compare what is due; tell that there is nothing more to do at once."""
        for name, settings in self._services.settings.upstreams.items():
            if settings.reconcile_hours > 0:
                await self._compare(name, timedelta(hours=settings.reconcile_hours))
        return False

    async def _compare(self, name: str, every: timedelta) -> None:
        services = self._services
        upstream = services.upstreams.get(name)
        mapping = services.mappings.get(services.settings.upstreams[name].mapping)
        if upstream is None or mapping is None:
            return
        now = await services.database.read(services.database.now)
        if not await services.database.write(lambda connection: claim(connection, name, now - every, now)):
            return
        back = max(2 * every, timedelta(hours=BACK_HOURS_MIN))
        report = await reconciled(services.database, upstream, name, mapping, now - back)
        if report.found or not report.complete:
            kinds = sorted({each.kind for each in report.found})
            log.warning("reconcile.differs", upstream=name, found=len(report.found), kinds=kinds, why=report.detail)
        else:
            log.info("reconcile.same", upstream=name, orders=report.orders, checkouts=report.checkouts)
