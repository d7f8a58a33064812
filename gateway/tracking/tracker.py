"""The tracker: looks at the inbox and at orders that are due, reads each order, and records what it has become."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection

from gateway.background import Loop
from gateway.checkouts.model import CheckoutRecord, LineState, lines_decoder
from gateway.checkouts.stored import store as checkouts
from gateway.errors import UnavailableError
from gateway.lanes import Piece, Places, in_turns
from gateway.metrics import Metrics
from gateway.ordering import Mapping as OrderMapping
from gateway.settings import Settings
from gateway.storage import Database
from gateway.tracking import store
from gateway.tracking.due_events import OrderKey, due_events, events_of_order, last_happened
from gateway.tracking.events import DueEvent
from gateway.tracking.inbox import DEAD, RECEIVED, forget_old
from gateway.tracking.polling import Polls, read_seconds
from gateway.tracking.reading import OrderReader
from gateway.tracking.settling import Seen, Settlement, Settler, done, kept, put_off, without_reading
from gateway.tracking.told import order_told
from gateway.upstream.port import ReadFailed, Upstream

log = structlog.get_logger(__name__)
BATCH_MAX: Final = 100
# After a round in which so many orders were looked at others have their turn: so many times as long as it took, up to this.
RESTED_AFTER: Final = 10
REST_TIMES: Final = 3
REST_SECONDS_MAX: Final = 1.0
# Orders that are looked at at once, for each order system.
CONCURRENCY_MAX: Final = 8
# What takes longer goes on beside the next rounds: nobody waits for a slow order system but those whose orders it has.
ROUND_SECONDS_MAX: Final = 2.0
# An event whose processing broke is tried again after this.
BROKEN_SECONDS: Final = 30.0
# Events that are forgotten in one transaction.
FORGOTTEN_MAX: Final = 500
# While the database cannot be used, that is told this often.
TELL_AWAY_SECONDS: Final = 60.0
FORGET_SECONDS: Final = 3600.0
LAST_READS_MAX: Final = 10_000


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
        self._settler = Settler(database, mappings, on_named)
        self.loop = Loop("tracking", self._round, seconds=settings.submission.poll_seconds)
        # When each order was read last, the longest ago first.
        self._last_read: dict[OrderKey, float] = {}
        self._forget_at = self._tell_away_at = monotonic()
        self._places = Places(CONCURRENCY_MAX, self.loop.wake)

    async def _round(self) -> bool:
        began = self._monotonic()
        done = await self.once(ROUND_SECONDS_MAX)
        await self._polls.probe()
        await self._forget_old_events()
        if done >= RESTED_AFTER:
            # There is a queue: three quarters of the time are left to everybody else.
            await asyncio.sleep(min(REST_TIMES * (self._monotonic() - began), REST_SECONDS_MAX))
        return bool(done)

    async def end(self) -> None:
        """Let go of what is under way still; it is due again."""
        await self._places.end()

    async def once(self, seconds: float | None = None) -> int:
        """Look at what is due; return how much of it could be dealt with or put off within so many seconds (None: as long as it takes).

        Tenants and order systems have their turns.
        """

        def due(connection: Connection) -> tuple[list[DueEvent], list[CheckoutRecord]]:
            now = self._database.now(connection)
            return due_events(connection, now, BATCH_MAX), store.due_orders(connection, now, BATCH_MAX)

        due_now, orders = await self._database.read(due)
        away: list[UnavailableError] = []
        by_order: dict[OrderKey, list[DueEvent]] = {}
        for event in due_now:
            key = event.tenant, event.upstream, event.order_id
            if not self._places.is_under_way(key):
                by_order.setdefault(key, []).append(event)
        to_read, settled = await self._settle_without_reading(by_order, away)
        told = [
            Piece(key, key[1], partial(self._guarded, partial(self._look_at_events, key), key, away)) for key in to_read
        ]
        # By its own key: an order may be due while notifications of it are looked at.
        polled = [
            Piece(
                (record.tenant, record.id),
                record.upstream,
                partial(self._guarded, partial(self._look_at_order, record), None, away),
            )
            for record in orders
            if not self._places.is_under_way((record.tenant, record.id))
        ]
        looked_at = await self._places.run(in_turns([told, polled]), seconds)
        if away:
            self._tell_away(away)
        return settled + looked_at

    async def _settle_without_reading(
        self, due: Mapping[OrderKey, list[DueEvent]], away: list[UnavailableError]
    ) -> tuple[list[OrderKey], int]:
        """Settle the notifications of all orders together that need not be read; return the other orders, and how many were settled.

        Those alone that are due: the others of an order are read when it is. Where anything goes wrong with one of them, each is looked
        at by itself.
        """
        if not due:
            return [], 0

        def look(connection: Connection) -> list[Seen]:
            known, now = store.known_orders(connection, due), self._database.now(connection)
            return [
                self._seen(connection, key, events) if key in known else Seen(key, None, {}, events, now)
                for key, events in due.items()
            ]

        try:
            everything = await self._database.read(look)
            decided = [(seen.order, self._without_reading(seen)) for seen in everything]
            await self._settler.settle([each for _, settlements in decided for each in settlements or ()])
        except UnavailableError as error:
            away += [error] * len(due)
            return [], 0
        except Exception:
            log.exception("tracking.crashed")
            return list(due), 0
        to_read = [order for order, settlements in decided if settlements is None]
        return to_read, len(due) - len(to_read)

    def _without_reading(self, seen: Seen) -> list[Settlement] | None:
        """Return what becomes of notifications for which the order need not be read, or not yet; None when it is to be read."""
        mapping = None if seen.record is None else self._mappings.get(seen.record.mapping)
        settlements = without_reading(seen, mapping, self._settings.tracking.unmatched_hours)
        coalesce_seconds = self._settings.tracking.coalesce_seconds
        readable = mapping is None or mapping.api.order_readable
        read_seconds_ago = self._monotonic() - self._last_read.get(seen.order, float("-inf"))
        if settlements is None and readable and read_seconds_ago < coalesce_seconds:
            return put_off(seen, "waits: the order was read a moment ago", coalesce_seconds)
        return settlements

    def _tell_away(self, away: list[UnavailableError]) -> None:
        """Tell that the database could not be used, for all that waits for it together, and not in every round."""
        if self._monotonic() >= self._tell_away_at:
            self._tell_away_at = self._monotonic() + TELL_AWAY_SECONDS
            log.warning("tracking.put_off", waiting=len(away), reason=away[0].message)

    async def _guarded(
        self, work: Callable[[], Awaitable[None]], order: OrderKey | None, away: list[UnavailableError]
    ) -> bool:
        """Do one piece of work; whatever goes wrong with it stays with it. False when it is due again as it was.

        `order`: its notifications are what is worked on. `away` gets what says that the database cannot be used.
        """
        try:
            await work()
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
            events = await self._database.read(lambda connection: events_of_order(connection, order))
            why = "processing it failed; the log says where"
            tried = [event for event in events if event.attempts + 1 < attempts_max]
            given_up = [event for event in events if event not in tried]
            told = f"processing it failed {attempts_max} times"
            await self._settler.settle(
                [
                    Settlement(events=tried, state=RECEIVED, detail=why, wait_seconds=BROKEN_SECONDS, failed=True),
                    Settlement(events=given_up, state=DEAD, detail=why, failed=True, told=told),
                ]
            )
        except Exception:
            log.exception("tracking.crashed")
            return False
        return True

    async def _look_at_events(self, key: OrderKey) -> None:
        """Process the notifications of one order, due or not, with at most one reading of it."""
        seen = await self._database.read(
            lambda connection: self._seen(connection, key, events_of_order(connection, key))
        )
        settlements = self._without_reading(seen)
        if settlements is None:
            assert seen.record is not None, "an order that is not known is not read"
            settlements = await self._read(seen, seen.record)
        await self._settler.settle(settlements)

    async def _read(self, seen: Seen, record: CheckoutRecord) -> list[Settlement]:
        """Read an order for its notifications; return what becomes of them."""
        key, events = seen.order, seen.events
        mapping = self._mappings.get(record.mapping)
        if mapping is not None and not mapping.api.order_readable:
            after = await self._database.read(lambda connection: last_happened(connection, key))
            told = order_told(record, events, after)
            if told is None:
                return done(record, events, "was overtaken by what is known, or names no state")
            return done(record, events, await self._reader.believe(record, told, mapping))
        self._note_read(key)
        try:
            return done(record, events, await self._reader.read_and_apply(record, polled=False))
        except ReadFailed as error:
            wait = max(read_seconds(self._settings, key[1]), error.retry_after_seconds or 0.0)
            return kept(events, str(error), wait, seen.now, self._settings.tracking.unmatched_hours)

    def _seen(self, connection: Connection, key: OrderKey, events: Sequence[DueEvent]) -> Seen:
        record = checkouts.get_by_order(connection, *key)
        lines: dict[str, LineState] = {}
        if record is not None and any(event.item_states is not None for event in events):
            stored = checkouts.documents(connection, record.tenant, record.id, ("lines",))
            lines = lines_decoder.decode(stored.get("lines", "{}"))
        return Seen(key, record, lines, events, self._database.now(connection))

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
