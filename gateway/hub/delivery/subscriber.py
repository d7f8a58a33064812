"""One subscription while this process serves it: events in, deliveries out.

A few deliverers take events from the feed and send them; beside them one loop has the next page loaded when there is room, and
progress recorded. Nothing here knows of other subscriptions: a slow one is slow alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from gateway.errors import UnavailableError
from gateway.hub.delivery import claims
from gateway.hub.delivery.health import (
    Gone,
    Outcome,
    Taken,
    after_failure,
    after_success,
    blocked_after,
    health_of,
    is_dead,
    is_failing,
    is_given_up,
)
from gateway.hub.delivery.lease import RECORD_SECONDS, Lease
from gateway.hub.delivery.queue import DeliveryQueue
from gateway.hub.delivery.reader import EventReader
from gateway.hub.delivery.sender import Post, Signer
from gateway.hub.envelope import address
from gateway.hub.model import Blocked, Event, Subscription
from gateway.logs import get_logger
from gateway.settings import HubSettings
from gateway.storage import Database

# How long a subscription that has nothing more to send is kept, with its connections, before another process may have it.
LINGER_SECONDS: Final = 5.0
FAILED_SECONDS: Final = 30.0
GONE: Final = "The callback answered 410: it wants no more events."
FAILING: Final = "The callback took no event for too long."


class SubscriberDelivery:
    """Serves one claimed subscription until there is nothing to send, it must pause, or it is another's."""

    def __init__(
        self,
        subscription: Subscription,
        lease: Lease,
        *,
        settings: HubSettings,
        database: Database,
        sender: Post,
        reader: EventReader,
        count: Callable[[str, str, str], None] = lambda _tenant, _resource, _outcome: None,
    ) -> None:
        self._subscription = subscription
        self._lease = lease
        self._settings = settings
        self._database = database
        self._sender = sender
        self._signer = Signer(subscription.secrets)
        self._reader = reader
        self._count = count
        self._health = health_of(subscription)
        self._queue = self._empty_queue({})
        self._deliverers: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._last_known = 0
        self._end: str | None = None
        self._stopping = False
        self._log = get_logger("gateway.hub").bind(tenant=subscription.tenant, subscription=subscription.id)

    def _empty_queue(self, blocked: Mapping[str, Blocked]) -> DeliveryQueue:
        return DeliveryQueue(
            self._subscription, blocked, settings=self._settings, database=self._database, reader=self._reader
        )

    def wake(self, last_position: int) -> None:
        """Tell that there are events up to this position."""
        if last_position > self._last_known:
            self._last_known = last_position
            self._changed.set()

    def stop(self) -> None:
        """Begin no more deliveries; end after those under way."""
        self._stopping = True
        self._changed.set()

    async def run(self) -> None:
        """Serve the subscription; whatever happens to the database or the callback stays here."""
        try:
            blocked = await self._database.read(lambda c: claims.blocked_resources(c, self._subscription))
            self._queue = self._empty_queue(blocked)
            await self._serve()
        except UnavailableError as error:
            self._log.warning("hub.put_off", reason=error.message)
        except asyncio.CancelledError:
            for task in self._deliverers:
                task.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever goes wrong with one subscriber stays with it
            self._failed(error)
        finally:
            await self._leave()

    def _failed(self, error: BaseException) -> None:
        """Stop for a while: a defect of ours, which another round at once would only meet again."""
        self._log.error("hub.failed", exc_info=error)
        later = self._lease.now() + timedelta(seconds=FAILED_SECONDS)
        self._health = replace(self._health, due_at=max(self._health.due_at, later))
        self._stopping = True

    @property
    def _is_failing(self) -> bool:
        return is_failing(self._health, self._settings)

    def _has_work(self) -> bool:
        return self._queue.has_work(self._lease.now(), failing=self._is_failing)

    def _may_send(self) -> bool:
        """Whether an event may be sent now: the lease outlives the delivery, and the subscriber is not to be left alone."""
        return (
            not (self._stopping or self._lease.lost or self._end)
            and self._health.due_at <= self._lease.now()
            and self._lease.lease_left_seconds > self._settings.timeout_seconds
        )

    async def _serve(self) -> None:
        while not (self._lease.lost or self._end):
            self._changed.clear()
            if self._may_send():
                if await self._queue.load(failing=self._is_failing):
                    # There may be more: look again before waiting.
                    self._changed.set()
                self._start_deliverers()
            if self._lease.is_record_due or self._lease.lease_left_seconds <= self._settings.timeout_seconds:
                await self._lease.keep(self._queue, self._health)
            if self._deliverers or self._changed.is_set():
                await self._until_changed(RECORD_SECONDS)
            elif self._stopping or self._health.due_at > self._lease.now() or not await self._linger():
                return

    async def _until_changed(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
                return True
        return False

    async def _linger(self) -> bool:
        """Wait for new events, or for those that wait to become due; False when it is not worth waiting for."""
        if self._has_work():
            return True
        if self._lease.is_dirty(self._queue, self._health):
            await self._lease.keep(self._queue, self._health)
        due = [blocked.due_at for blocked in self._queue.blocked.values()]
        seconds = min(LINGER_SECONDS, (min(due) - self._lease.now()).total_seconds() if due else LINGER_SECONDS)
        return await self._until_changed(max(seconds, 0.001)) or self._has_work()

    def _start_deliverers(self) -> None:
        """Have as many deliverers as may send at once; of a failing subscriber's one. Those without work end by themselves."""
        if not self._has_work():
            return
        for _ in range((1 if self._is_failing else self._settings.concurrency_max) - len(self._deliverers)):
            task = asyncio.create_task(self._deliver(), name=f"deliverer {self._subscription.id}")
            self._deliverers.add(task)
            task.add_done_callback(self._deliverer_ended)

    def _deliverer_ended(self, task: asyncio.Task[None]) -> None:
        self._deliverers.discard(task)
        self._changed.set()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # What it had in its hands is not recorded as done; the next claim finds it.
            self._failed(error)

    async def _deliver(self) -> None:
        """Send one event after the other while there are some."""
        while (
            self._may_send()
            and (event := await self._queue.next_event(self._lease.now(), failing=self._is_failing)) is not None
        ):
            if not self._may_send():
                self._queue.put_back(event)
                return
            await self._deliver_one(event)
            if self._is_failing:
                return
            if self._queue.loaded_events * 2 <= self._settings.page_events_max:
                self._changed.set()

    async def _deliver_one(self, event: Event) -> None:
        subscription = self._subscription
        try:
            body = await self._reader.body(event)
        except asyncio.CancelledError:
            self._queue.put_back(event)
            raise
        except Exception as error:  # noqa: BLE001 - the same each time: waiting would stop this resource's events for good
            self._log.error("hub.event_not_written", event_id=event.id, exc_info=error)
            self._lease.dropped += 1
            self._queue.settle(event, self._lease.now())
            return
        headers = self._signer.headers(f"{event.id}_{subscription.id}", self._lease.now(), body)
        url = address(subscription.callback, subscription.api, event.event_type)
        try:
            outcome = await self._sender.post(url, body, headers)
        except asyncio.CancelledError:
            self._queue.put_back(event)
            raise
        self._count(subscription.tenant, subscription.resource, type(outcome).__name__)
        self._apply(event, outcome)

    def _apply(self, event: Event, outcome: Outcome) -> None:
        """Take down what came of a delivery."""
        now, settings, queue = self._lease.now(), self._settings, self._queue
        if isinstance(outcome, Taken):
            recovered = self._is_failing
            self._health = after_success(self._health, now)
            queue.settle(event, now)
            if recovered:
                self._log.info("hub.recovered")
                queue.make_all_due(now)
            return
        self._changed.set()
        if isinstance(outcome, Gone):
            self._end = GONE
            queue.put_back(event)
            return
        self._health = after_failure(self._health, outcome, now, settings)
        blocked = blocked_after(queue.is_blocked_at(event), event.position, outcome, now, self._health, settings)
        if is_given_up(blocked, self._health, settings):
            self._log.warning("hub.event_given_up", event_id=event.id, attempts=blocked.attempts, reason=outcome.detail)
            self._lease.dropped += 1
            queue.settle(event, now)
        else:
            queue.block(event, blocked)
        if is_dead(self._health, now, settings):
            self._end = FAILING

    async def _leave(self) -> None:
        """Let the deliveries under way end, have recorded what came of them, and give the subscription up."""
        self._stopping = True
        try:
            if self._deliverers:
                await asyncio.wait(self._deliverers)
            if self._lease.lost:
                self._log.info("hub.lease_lost")
            elif self._end:
                dropped = await self._lease.switch_off(self._queue, self._health, self._end)
                if dropped is not None:
                    self._log.warning(
                        "hub.switched_off", why=self._end, events_dropped=dropped, reason=self._health.last_failure
                    )
            else:
                await self._lease.let_go(self._queue, self._health)
        except UnavailableError as error:
            self._log.warning("hub.not_recorded", reason=error.message)
        finally:
            for task in self._deliverers:
                task.cancel()
            with contextlib.suppress(Exception):
                await self._sender.close()
