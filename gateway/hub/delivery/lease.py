"""A process's lease of one subscription: the database's time, and what was recorded of the progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from gateway.errors import UnavailableError
from gateway.hub.delivery import claims
from gateway.hub.delivery.health import Health
from gateway.hub.delivery.waiting import WaitingEvents
from gateway.hub.model import Subscription
from gateway.logs import get_logger
from gateway.settings import HubSettings
from gateway.storage import Database

RECORD_SECONDS: Final = 1.0


class Lease:
    """What one process has recorded, and may rely on, of a subscription that it just claimed."""

    def __init__(
        self,
        subscription: Subscription,
        health: Health,
        *,
        database: Database,
        settings: HubSettings,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lost = False
        # Events given up since the last record.
        self.dropped = 0
        self._subscription = subscription
        self._database = database
        self._lease_seconds = settings.lease_seconds
        self._monotonic = monotonic
        # The database's time as it was last seen, and when that was here.
        self._seen = subscription.lease_until - timedelta(seconds=settings.lease_seconds), monotonic()
        self._lease_until = monotonic() + settings.lease_seconds
        self._position = subscription.position
        self._health = health
        self._recorded_at = monotonic()
        self._sent_before = 0
        self._log = get_logger("gateway.hub").bind(tenant=subscription.tenant, subscription=subscription.id)

    def now(self) -> datetime:
        """Return the database's time: as it was last seen, plus what has passed here since."""
        seen, at = self._seen
        return seen + timedelta(seconds=self._monotonic() - at)

    @property
    def lease_left_seconds(self) -> float:
        """For how long the subscription is surely this process's."""
        return self._lease_until - self._monotonic()

    @property
    def is_record_due(self) -> bool:
        """Whether progress should be recorded although nothing else asks for it."""
        return self._monotonic() - self._recorded_at >= RECORD_SECONDS

    def is_dirty(self, queue: WaitingEvents, health: Health) -> bool:
        """Return whether there is progress that is not recorded."""
        return bool(queue.watermark != self._position or queue.changed or self.dropped or health is not self._health)

    async def keep(self, queue: WaitingEvents, health: Health) -> None:
        """Record progress and renew the lease, unless there is nothing to record and the lease is long enough.

        A database that is away is asked again until the lease is over: what is not recorded would be sent again.
        """
        queue.detach(self._sent_before, self.now())
        self._sent_before = queue.sent
        self._recorded_at = self._monotonic()
        if not self.is_dirty(queue, health) and self.lease_left_seconds > self._lease_seconds / 2:
            return
        try:
            await self._record(queue, health, lease_seconds=self._lease_seconds)
        except UnavailableError as error:
            self._log.warning("hub.not_recorded", reason=error.message)
            self.lost = self.lease_left_seconds <= 0

    async def let_go(self, queue: WaitingEvents, health: Health) -> None:
        """Record progress and end the lease. Raises UnavailableError; the lease then ends by itself."""
        queue.close(self.now())
        await self._record(queue, health, lease_seconds=0)

    async def switch_off(self, queue: WaitingEvents, health: Health, reason: str) -> int | None:
        """Switch the subscription off; return how many events are not delivered, None when it is not ours to do."""
        queue.close(self.now())
        await self._record(queue, health, lease_seconds=self._lease_seconds)
        if self.lost:
            return None
        subscription, database = self._subscription, self._database
        return await database.write(
            lambda connection: claims.switch_off(connection, subscription, reason, database.now(connection))
        )

    async def _record(self, queue: WaitingEvents, health: Health, *, lease_seconds: float) -> None:
        changed, queue.changed = queue.changed, set()
        dropped, self.dropped = self.dropped, 0
        position = queue.watermark
        progress = claims.Progress(position, health, {each: queue.blocked.get(each) for each in changed}, dropped)
        started = self._monotonic()

        def function(connection: Connection) -> tuple[bool, datetime]:
            now = self._database.now(connection)
            until = now + timedelta(seconds=lease_seconds)
            return claims.record(connection, self._subscription, progress, until), now

        try:
            held, now = await self._database.write(function)
        except BaseException:
            queue.changed |= changed
            self.dropped += dropped
            raise
        self.lost = not held
        self._seen = now, self._monotonic()
        self._lease_until = started + lease_seconds
        self._position, self._health = position, health
