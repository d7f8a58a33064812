"""The tracker: looks at the inbox and at orders that are due, reads each order, and records what it has become."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Connection

from gateway.background import Loop
from gateway.checkouts import history
from gateway.checkouts import store as checkouts
from gateway.checkouts.history import Happening
from gateway.checkouts.model import CheckoutRecord, LineState, lines_decoder
from gateway.checkouts.states import CART_RELEASED, FINAL
from gateway.errors import UnavailableError
from gateway.metrics import Metrics
from gateway.ordering import Mapping as OrderMapping
from gateway.settings import Settings
from gateway.storage import Database
from gateway.tmf.json import decode_stored
from gateway.tracking import store
from gateway.tracking.events import DueEvent
from gateway.tracking.inbox import DEAD, DONE, RECEIVED, WAITING, forget_old
from gateway.tracking.known import says_nothing_new
from gateway.tracking.polling import Polls, read_seconds
from gateway.tracking.reading import OrderReader
from gateway.tracking.store import OrderKey
from gateway.upstream.port import ReadFailed, Upstream

log = structlog.get_logger(__name__)
BATCH_MAX: Final = 100
CONCURRENCY_MAX: Final = 8
# An event whose processing broke is tried again after this.
BROKEN_SECONDS: Final = 30.0
# An event of an order that is not known yet is looked at again after this, then after twice its age.
EARLY_EVENT_SECONDS: Final = 5.0
EARLY_EVENT_SECONDS_MAX: Final = 900.0
# Events that are forgotten in one transaction.
FORGOTTEN_MAX: Final = 500
# While the database cannot be used, that is told this often.
TELL_AWAY_SECONDS: Final = 60.0
FORGET_SECONDS: Final = 3600.0
LAST_READS_MAX: Final = 10_000
# A checkout in one of these has an order whose notifications can be matched with it.
KNOWN_STATES: Final = frozenset({"submitted", "held", *FINAL})


class Tracker:
    """Follows the live orders of one process. Waking its loop makes it look at once.

    `on_named` runs when a notification named, by its marker, the order that a checkout waits for: that checkout is due then.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        upstreams: Mapping[str, Upstream],
        mappings: Mapping[str, OrderMapping],
        metrics: Metrics | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        on_named: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._mappings = mappings
        self._reader = OrderReader(settings, database, upstreams, mappings, metrics or Metrics())
        self._polls = Polls(settings, database, self._reader, monotonic)
        self._monotonic = monotonic
        self._on_named = on_named
        self.loop = Loop("tracking", self._round, seconds=settings.submission.poll_seconds)
        # When each order was read last, the longest ago first.
        self._last_read: dict[OrderKey, float] = {}
        self._forget_at = self._tell_away_at = monotonic()
        self._slots = asyncio.Semaphore(CONCURRENCY_MAX)

    async def _round(self) -> bool:
        done = await self.once()
        await self._polls.probe()
        await self._forget_old_events()
        return bool(done)

    async def once(self) -> int:
        """Look at what is due; return how much of it could be dealt with or put off."""

        def due(connection: Connection) -> tuple[list[DueEvent], list[CheckoutRecord]]:
            now = self._database.now(connection)
            return store.due_events(connection, now, BATCH_MAX), store.due_orders(connection, now, BATCH_MAX)

        due_now, orders = await self._database.read(due)
        keys = dict.fromkeys((event.tenant, event.upstream, event.order_id) for event in due_now)
        away: list[UnavailableError] = []
        results = await asyncio.gather(
            *(self._guarded(self._look_at_events(key), key, away) for key in keys),
            *(self._guarded(self._look_at_order(record), None, away) for record in orders),
        )
        if away:
            self._tell_away(away)
        return sum(results)

    def _tell_away(self, away: list[UnavailableError]) -> None:
        """Tell that the database could not be used, for all that waits for it together, and not in every round."""
        if self._monotonic() >= self._tell_away_at:
            self._tell_away_at = self._monotonic() + TELL_AWAY_SECONDS
            log.warning("tracking.put_off", waiting=len(away), reason=away[0].message)

    async def _guarded(
        self, work: Coroutine[Any, Any, None], order: OrderKey | None, away: list[UnavailableError]
    ) -> bool:
        """Do one piece of work; whatever goes wrong with it stays with it. False when it is due again as it was.

        `order`: its notifications are what is worked on. `away` gets what says that the database cannot be used.
        """
        async with self._slots:
            try:
                await work
            except UnavailableError as error:
                away.append(error)
                return False
            except Exception:
                log.exception("tracking.crashed")
                return order is not None and await self._set_aside(order)
        return True

    async def _set_aside(self, order: OrderKey) -> bool:
        """Put the notifications of an order off that could not be processed; after too many attempts they are dead."""
        attempts_max = self._settings.tracking.attempts_max
        try:
            events = await self._database.read(lambda connection: store.events_of_order(connection, order))
            why = "processing it failed; the log says where"
            tried = [event for event in events if event.attempts + 1 < attempts_max]
            await self._settle(tried, RECEIVED, BROKEN_SECONDS, why, failed=True)
            given_up = [event for event in events if event not in tried]
            _tell_dead(
                await self._settle(given_up, DEAD, None, why, failed=True), f"processing it failed {attempts_max} times"
            )
        except Exception:
            log.exception("tracking.crashed")
            return False
        return True

    async def _look_at_events(self, key: OrderKey) -> None:
        """Process the notifications of one order, due or not, with at most one reading of it."""
        record, lines, events, now = await self._database.read(lambda connection: self._seen(connection, key))
        if not events:
            return
        if record is None or record.state not in KNOWN_STATES:
            why = "the order is not known" if record is None else f"the checkout is {record.state}"
            await self._keep_for_later(key, events, why, now)
            return
        if record.state == "held" or record.state in FINAL - CART_RELEASED:
            await self._settle(events, DONE, None, f"the checkout is {record.state}", of=record)
            return
        mapping = self._mappings.get(record.mapping)
        if mapping is not None and all(says_nothing_new(record, lines, event, mapping) for event in events):
            why = "says what is known; the order was not read for it"
            await self._settle(events, DONE, None, why, of=record)
            return
        coalesce_seconds = self._settings.tracking.coalesce_seconds
        if self._monotonic() - self._last_read.get(key, float("-inf")) < coalesce_seconds:
            await self._settle(events, RECEIVED, coalesce_seconds, "waits: the order was read a moment ago")
            return
        self._note_read(key)
        try:
            detail = await self._reader.read_and_apply(record, polled=False)
        except ReadFailed as error:
            wait = max(read_seconds(self._settings, key[1]), error.retry_after_seconds or 0.0)
            await self._keep(events, str(error), wait, now)
            return
        await self._settle(events, DONE, None, detail, of=record)

    def _seen(
        self, connection: Connection, key: OrderKey
    ) -> tuple[CheckoutRecord | None, dict[str, LineState], list[DueEvent], datetime]:
        """Return the checkout of an order with its lines, and what the order's notifications are now."""
        record = checkouts.get_by_order(connection, *key)
        events = store.events_of_order(connection, key)
        lines: dict[str, LineState] = {}
        if record is not None and any(event.item_states is not None for event in events):
            stored = checkouts.documents(connection, record.tenant, record.id, ("lines",))
            lines = lines_decoder.decode(stored.get("lines", "{}"))
        return record, lines, events, self._database.now(connection)

    async def _keep_for_later(self, key: OrderKey, events: list[DueEvent], why: str, now: datetime) -> None:
        """Keep early events; they are due when their order becomes known here, and now and then."""
        age_seconds = (now - min(event.received_at for event in events)).total_seconds()
        wait = min(max(EARLY_EVENT_SECONDS, age_seconds), EARLY_EVENT_SECONDS_MAX)
        await self._keep(events, why, wait, now, unknown=key)

    async def _keep(
        self, events: list[DueEvent], why: str, wait_seconds: float, now: datetime, *, unknown: OrderKey | None = None
    ) -> None:
        """Keep events up to their age limit; the old ones are dead. `unknown`: they wait for this order to become known."""
        kept_hours = self._settings.tracking.unmatched_hours
        old = [event for event in events if now - event.received_at > timedelta(hours=kept_hours)]
        young = [event for event in events if event not in old]
        if old:
            dead = await self._settle(old, DEAD, None, f"{why}, and that for {kept_hours:g} hours")
            _tell_dead(dead, f"could not be matched with its order for {kept_hours:g} hours")
        if young:
            state = RECEIVED if unknown is None else WAITING
            await self._settle(young, state, wait_seconds, why, unknown=unknown)

    async def _settle(
        self,
        events: list[DueEvent],
        state: str,
        wait_seconds: float | None,
        detail: str,
        *,
        failed: bool = False,
        unknown: OrderKey | None = None,
        of: CheckoutRecord | None = None,
    ) -> list[DueEvent]:
        """Record what became of events; return those that have not come again meanwhile, and for which that is so.

        They are kept in the history of the checkout that they are `of`.

        An order that was `unknown` may have become known since it was looked for, when nobody was told to wake these events: they
        are due at once then. One that is not known may be what a checkout waits for, which is known by its marker.
        """
        named = False
        if not events:
            return []

        def function(connection: Connection) -> list[DueEvent]:
            nonlocal named
            now = self._database.now(connection)
            due_at = None if wait_seconds is None else now + timedelta(seconds=wait_seconds)
            if unknown is not None:
                record = checkouts.get_by_order(connection, *unknown)
                due_at = now if record is not None and record.state in KNOWN_STATES else due_at
                if record is None:
                    named = self._wake_marked(connection, unknown, events, now)
            done = store.settle_events(connection, events, state=state, due_at=due_at, detail=detail, failed=failed)
            if of is not None:
                history.record(connection, of.tenant, of.id, [event_entry(event, detail) for event in done])
            return done

        settled = await self._database.write(function)
        if named:
            self._on_named()
        return settled

    def _wake_marked(self, connection: Connection, order: OrderKey, events: list[DueEvent], now: datetime) -> bool:
        """Make the checkouts due that wait for an order with a marker that one of the events carries; tell whether there are any.

        One that is held because its order was never named goes on as well.
        """
        tenant, upstream, _ = order
        drafts = {name: mapping.draft.supported for name, mapping in self._mappings.items()}
        woken = 0
        for marker in sorted({event.marker for event in events if event.marker is not None}):
            woken += store.wake_marked(connection, tenant, upstream, marker, now)
            woken += store.take_up_held(connection, tenant, upstream, marker, drafts, now)
        return woken > 0

    async def _look_at_order(self, record: CheckoutRecord) -> None:
        """Read an order whose time has come: its notifications may have been lost."""
        if not await self._polls.take(record):
            return
        if record.order_id is not None:
            self._note_read((record.tenant, record.upstream, record.order_id))
        await self._polls.read(record)

    def _note_read(self, key: OrderKey) -> None:
        """Remember that the order is read now; what is forgotten again is only read once more."""
        self._last_read.pop(key, None)
        self._last_read[key] = self._monotonic()
        if len(self._last_read) > LAST_READS_MAX:
            del self._last_read[next(iter(self._last_read))]

    async def _forget_old_events(self) -> None:
        """Delete events that were dealt with long ago, now and then."""
        if self._monotonic() < self._forget_at:
            return
        kept = timedelta(days=self._settings.retention.inbox_days)

        def function(connection: Connection) -> int:
            return forget_old(connection, self._database.now(connection) - kept, FORGOTTEN_MAX)

        if await self._database.write(function) < FORGOTTEN_MAX:
            self._forget_at = self._monotonic() + FORGET_SECONDS


def event_entry(event: DueEvent, detail: str) -> Happening:
    """Return the entry of the history for a notification that was dealt with: what it said, and what came of it."""
    notes = [f"{note['kind']}: {note['text']}" for note in decode_stored(event.notes or "[]")]
    return Happening(
        id=history.new_entry_id(event.received_at),
        at=event.received_at,
        kind="event",
        by=event.upstream,
        action=event.event_type or "unknown",
        outcome=event.order_state or "received",
        detail="; ".join([*notes, detail]),
    )


def _tell_dead(events: list[DueEvent], reason: str) -> None:
    """Tell in the log of notifications that nobody looks at again, by their ids."""
    for event in events:
        log.warning(
            "notification.dead",
            tenant=event.tenant,
            upstream=event.upstream,
            event_key=event.dedup_key,
            order=event.order_id,
            reason=reason,
        )
