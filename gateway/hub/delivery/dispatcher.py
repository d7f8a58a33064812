"""The dispatcher of one process: numbers new events, takes subscriptions that wait for some, and tidies up.

Any number of processes may run one. Each subscription is served by one of them at a time, by a delivery of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from gateway.background import Loop
from gateway.hub import events
from gateway.hub.delivery import claims, wrong_clock
from gateway.hub.delivery.health import health_of, is_failing
from gateway.hub.delivery.lease import Lease
from gateway.hub.delivery.reader import EventReader, Threads
from gateway.hub.delivery.sender import Post
from gateway.hub.delivery.subscriber import SubscriberDelivery
from gateway.hub.envelope import Renderer, Shape
from gateway.hub.model import Subscription
from gateway.hub.query import parse_query
from gateway.logs import get_logger
from gateway.settings import Settings
from gateway.storage import Database

NUMBERED_AT_ONCE_MAX: Final = 1_000
REMOVED_AT_ONCE_MAX: Final = 2_000
TIDY_SECONDS: Final = 5.0
# Between two looks at what a clock that was ahead put off.
CLOCK_SECONDS: Final = 60.0
# Events that come in quick succession are looked at together.
GATHER_SECONDS: Final = 0.01
BACKLOG: Final = "Too many events were waiting for the callback."
_log = get_logger("gateway.hub")


class Dispatcher:
    """Delivers events to subscribers. `new_sender` makes what a subscription's events are sent with."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        owner: str,
        new_sender: Callable[[], Post],
        shape: Shape | None = None,
        count: Callable[[str, str, str], None] = lambda _tenant, _resource, _outcome: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings.hub
        self._public_url = settings.server.public_url
        self._database = database
        self._owner = owner
        self._new_sender = new_sender
        self._shape = shape
        self._count = count
        self._monotonic = monotonic
        self._threads = Threads()
        self._deliveries: dict[tuple[str, str], SubscriberDelivery] = {}
        self._failing: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = Loop("hub_round", self._round, seconds=self._settings.poll_seconds, gather_seconds=GATHER_SECONDS)
        self._anybody = True
        self._tidied_at = monotonic()
        self._clock_look_at = monotonic()

    def wake(self) -> None:
        """Look for new events now; costs nothing while nobody subscribes."""
        if self._anybody:
            self._loop.wake()

    @property
    def serving(self) -> int:
        """How many subscriptions this process serves at this moment."""
        return len(self._deliveries)

    async def run(self) -> None:
        """Deliver events until stopped. Survives a database that is away for a while."""
        await self._loop.run()

    async def _round(self) -> bool:
        await self._look_at_the_clock()
        more = await self.once()
        if self._monotonic() - self._tidied_at >= TIDY_SECONDS:
            await self.tidy()
        return more

    async def stop(self, drain_seconds: float) -> None:
        """Begin nothing more, let the deliveries under way end, then cut them off: the next process repeats those."""
        self._loop.stop()
        for delivery in self._deliveries.values():
            delivery.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=drain_seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.close()

    async def once(self) -> bool:
        """Give new events their numbers and see to it that they are delivered; return whether there are more."""
        more = await self._number_events()
        failures_max = self._settings.failures_before_pause

        def look(connection: Connection) -> tuple[bool, list[claims.Waiting]]:
            now = self._database.now(connection)
            return claims.any_active(connection), claims.waiting_subscriptions(connection, now, failures_max)

        self._anybody, waiting = await self._database.read(look)
        for each in waiting:
            delivery = self._deliveries.get((each.tenant, each.id))
            if delivery is not None:
                delivery.wake(each.last_position)
        await self._claim(
            [each for each in waiting if each.claimable and (each.tenant, each.id) not in self._deliveries]
        )
        return more

    async def _number_events(self) -> bool:
        kinds = await self._database.read(events.kinds_with_new_events)
        if not kinds:
            return False

        def number(connection: Connection) -> int:
            return max(
                events.number_events(connection, tenant, resource, limit=NUMBERED_AT_ONCE_MAX)
                for tenant, resource in kinds
            )

        return await self._database.write(number) == NUMBERED_AT_ONCE_MAX

    async def _claim(self, waiting: list[claims.Waiting]) -> None:
        """Take as many of the waiting subscriptions as there is room for; failing ones leave half of it to the others."""
        most = self._settings.subscribers_max
        healthy = [each for each in waiting if not each.failing]
        failing = [each for each in waiting if each.failing][: max(0, most // 2 - len(self._failing))]
        wanted: dict[str, list[str]] = {}
        for each in [*healthy, *failing][: max(0, most - len(self._deliveries))]:
            wanted.setdefault(each.tenant, []).append(each.id)
        if not wanted or self._loop.stopping:
            return
        lease_seconds = self._settings.lease_seconds

        def claim(connection: Connection) -> list[Subscription]:
            now = self._database.now(connection)
            return [
                subscription
                for tenant, ids in wanted.items()
                for subscription in claims.claim(
                    connection, tenant, ids, now, owner=self._owner, lease_seconds=lease_seconds
                )
            ]

        for subscription in await self._database.write(claim):
            self._serve(subscription)

    def _serve(self, subscription: Subscription) -> None:
        key = (subscription.tenant, subscription.id)
        health = health_of(subscription)
        lease = Lease(subscription, health, database=self._database, settings=self._settings, monotonic=self._monotonic)
        renderer = Renderer(
            subscription.api,
            # It was checked when it was stored.
            parse_query(subscription.query, subscription.api, []),
            self._shape,
            self._public_url or subscription.base_url or "",
            owner_scope=subscription.owner_scope,
        )
        delivery = SubscriberDelivery(
            subscription,
            lease,
            settings=self._settings,
            database=self._database,
            sender=self._new_sender(),
            reader=EventReader(renderer, self._threads),
            count=self._count,
        )
        self._deliveries[key] = delivery
        if is_failing(health, self._settings):
            self._failing.add(key)
        task = asyncio.create_task(delivery.run(), name=f"delivery {subscription.id}")
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._failing.discard(key)
            self._deliveries.pop(key, None)
            self._loop.wake()
            if not task.cancelled() and (error := task.exception()) is not None:
                _log.error("hub.lane_failed", tenant=key[0], subscription=key[1], exc_info=error)

        task.add_done_callback(ended)

    async def _look_at_the_clock(self) -> None:
        """Deliver what a clock that was ahead put off too far: at the start, and every minute."""
        if self._monotonic() < self._clock_look_at:
            return
        settings, now = self._settings, self._database.now
        if await self._database.read(lambda c: wrong_clock.is_anything_put_off_too_far(c, now(c), settings)):
            subscriptions = await self._database.write(lambda c: wrong_clock.pull_in(c, now(c), settings))
            _log.warning("hub.clock_was_ahead", subscriptions=subscriptions)
        self._clock_look_at = self._monotonic() + CLOCK_SECONDS

    async def tidy(self) -> None:
        """Remove events that nobody waits for; switch off subscribers that too many wait for."""
        self._tidied_at = self._monotonic()
        for tenant, resource in await self._database.read(events.kinds_with_events):
            await self._remove_events(tenant, resource)
        for subscription in await self._database.read(
            lambda connection: claims.far_behind(connection, self._settings.backlog_events_max)
        ):

            def switch_off(connection: Connection, subscription: Subscription = subscription) -> int | None:
                return claims.switch_off(connection, subscription, BACKLOG, self._database.now(connection))

            dropped = await self._database.write(switch_off)
            if dropped is not None:
                _log.warning(
                    "hub.switched_off",
                    tenant=subscription.tenant,
                    subscription=subscription.id,
                    why=BACKLOG,
                    events_dropped=dropped,
                )

    async def _remove_events(self, tenant: str, resource: str) -> None:
        settings = self._settings

        def look(connection: Connection) -> tuple[int, int] | None:
            since = self._database.now(connection) - timedelta(days=settings.kept_days)
            keep = events.Keep(since, settings.kept_events_max)
            return events.removable(connection, tenant, resource, keep)

        span = await self._database.read(look)
        if span is None:
            return
        first, last = span
        for reached in [*range(first + REMOVED_AT_ONCE_MAX - 1, last, REMOVED_AT_ONCE_MAX), last]:

            def remove(connection: Connection, reached: int = reached) -> None:
                events.remove(connection, tenant, resource, reached)

            await self._database.write(remove)
