"""The adversary at a hundredth of the price: the worlds of `hostile_world` without a database and without requests of a client.

The order system is the same sandbox with the same misbehaviours; the worker, the tracker, the clean-up, their decisions, the search,
its control, the comparison and the client of the order system are the gateway's own. Checkouts stand in memory (`memory_rows`) as a
real acceptance left one in the database, whole answers take no connection (`direct_exchange`), and nobody tells of orders by events.
"""

from __future__ import annotations

import asyncio
import gc
import math
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace as replace_fields
from datetime import datetime, timedelta
from inspect import CO_COROUTINE
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import structlog
import tenacity
from direct_exchange import Wire, direct_exchanges
from hostile_host import Host, settings_of
from hostile_world import (
    AFTER_SECONDS,
    CALM_SECONDS,
    END_SECONDS,
    OPEN_STATES,
    WAITS_SECONDS,
    Weather,
    World,
    drop_event,
)
from memory_database import Process, current_process
from memory_network import memory_network
from memory_rows import TENANT, Rows, RowsDatabase, rows_in_memory
from msgspec.structs import replace
from sqlalchemy import select
from virtual_time import VirtualLoop, virtual_time

from gateway.checkouts.model import findings_decoder
from gateway.checkouts.reasons import OF_THE_UPSTREAM
from gateway.checkouts.stored import store as checkouts
from gateway.metrics import Metrics
from gateway.ordering import Mapping
from gateway.storage import tables
from gateway.submission import clock_watch, resuming
from gateway.submission.cleanup import Cleanup
from gateway.submission.worker import Worker
from gateway.tracking import polling
from gateway.tracking.tracker import Tracker
from gateway.upstream.building import build_upstreams

# An order system that does not answer is asked for one order this often.
ASKED_AGAIN_SECONDS: Final = 1200.0
# What is read of an answer at most: one that is larger is as good as one of gigabytes.
ANSWER_BYTES_MAX: Final = 1 << 18
GENERATIONS_MAX: Final = 6
ASKED: Final = tenacity._utils.is_coroutine_callable
LEAST_SECONDS: Final = 0.2
REST_SECONDS_MAX: Final = 600.0
TICK_SECONDS: Final = 0.001
MARKER: Final = re.compile(r"gw1-([a-z]{16})-0")
_ONLY_HOST: Final = threading.Lock()
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


class QuickHost:
    """What one world after the other is played with: an accepted checkout, settings, and the clients of one order system."""

    def __init__(self, loop: VirtualLoop, mapping: Mapping) -> None:
        self.loop = loop
        self.mapping = mapping.name
        self.mappings = {mapping.name: mapping}
        self.world: QuickWorld | None = None
        self.settings = _settings_of(mapping)
        self.wire = Wire()
        self.database = RowsDatabase(loop)
        self.upstreams: dict[str, Any] = {}
        self.metrics = Metrics()
        signal = SimpleNamespace(listeners=[])
        self.services: Any = SimpleNamespace(
            settings=self.settings,
            database=self.database,
            upstreams=self.upstreams,
            mappings=self.mappings,
            metrics=self.metrics,
            work_due=signal,
            events_due=signal,
        )
        self.accepted, self.documents = loop.run_until_complete(_accepted(Host(loop, mapping)))

    def make_world(self, seed: int, weather: Weather) -> QuickWorld:
        """Make a world; nobody tells of orders by events in it."""
        return QuickWorld(self, seed, replace_fields(weather, events=False))

    async def empty(self) -> None:
        """Forget every checkout, and what is known of the order system."""
        for upstream in self.upstreams.values():
            await upstream.close()
        self.database.rows, self.database.listeners = Rows(), []
        self.upstreams.update(build_upstreams(self.settings, self.mappings))


def _settings_of(mapping: Mapping) -> Any:
    settings = settings_of(mapping.name)
    shop = settings.upstreams["shop"]
    limits = replace(shop.limits, response_bytes_max=ANSWER_BYTES_MAX)
    return replace(
        settings,
        upstreams={"shop": replace(shop, limits=limits)},
        submission=replace(settings.submission, generations_max=GENERATIONS_MAX),
        retention=replace(settings.retention, payloads_days=0),
    )


async def _accepted(host: Host) -> tuple[Any, dict[str, str]]:
    """Let a gateway with a database accept a checkout; return its row and its documents."""
    await host.empty()
    identifier = await World(host, 0, Weather())._check_out()
    rows = tables.checkout_document

    def stored(connection: Any) -> tuple[Any, dict[str, str]]:
        record = checkouts.get(connection, TENANT, identifier)
        found = connection.execute(select(rows.c.kind, rows.c.document).where(rows.c.checkout_id == identifier))
        return record, {row.kind: row.document for row in found}

    return host.database.run(stored)


class QuickWorld(World):
    """See the module."""

    host: Any

    # -- a process: the worker, the tracker and the clean-up, each with a loop that looks when something of its own is due ---------

    def _start(self) -> None:
        process = Process()
        self.restarts.append(process)

        async def live() -> None:
            current_process.set(process)
            host, services = self.host, self.host.services
            shared = {
                "settings": host.settings,
                "database": host.database,
                "upstreams": host.upstreams,
                "mappings": host.mappings,
            }
            worker = Worker(services, owner="one", monotonic=self.loop.time)
            tracker = Tracker(**shared, metrics=host.metrics, monotonic=self.loop.time)
            cleanup = Cleanup(**shared, metrics=host.metrics)
            await asyncio.gather(
                self._act(process, lambda: self._due_work(worker), worker._round),
                self._act(process, lambda: self._due_reads(tracker), tracker._round),
                self._act(process, self._due_drafts, cleanup.once),
            )

        process.task = self.loop.create_task(live())

    async def _act(self, process: Process, due: Callable[[], float | None], act: Callable[[], Awaitable[Any]]) -> None:
        """Act whenever something is due, in the loop's seconds."""
        loop, changed = self.loop, asyncio.Event()
        waits_until, rest = 0.0, LEAST_SECONDS

        def nudge() -> None:
            if (at := due()) is not None and at < waits_until:
                changed.set()

        self.host.database.listeners.append(nudge)
        while True:
            await process.passes(lambda: None)
            changed.clear()
            at = due()
            if at is not None and at <= loop.seconds:
                await act()
                stays = (again := due()) is not None and again <= loop.seconds
                if stays:
                    await asyncio.sleep(rest)  # somebody is at work on it
                rest = min(2 * rest, REST_SECONDS_MAX) if stays else LEAST_SECONDS
                continue
            waits_until = math.inf if at is None else at + TICK_SECONDS
            await _news(changed, None if at is None else at - loop.seconds + TICK_SECONDS)
            waits_until = 0.0

    def _seconds(self, moment: datetime) -> float:
        return self.loop.seconds + (moment - self.loop.now()).total_seconds()

    def _due_work(self, worker: Worker) -> float | None:
        rows = self.host.database.rows.checkouts.values()
        times = [self._seconds(max(row.due_at, row.lease_until)) for row in rows if row.due_at is not None]
        if worker._waited_for:
            times.append(worker._scout_at)
        return min(times, default=None)

    def _due_reads(self, tracker: Tracker) -> float | None:
        rows = self.host.database.rows.checkouts.values()
        times = [
            self._seconds(row.track_due_at) for row in rows if row.track_due_at is not None and row.state == "submitted"
        ]
        return min([*times, *tracker._polls._failing.values()], default=None)

    def _due_drafts(self) -> float | None:
        drafts = self.host.database.rows.drafts.values()
        return min((self._seconds(each.due_at) for each in drafts if each.due_at is not None), default=None)

    # -- a run ---------------------------------------------------------------------------------------------------------------

    def _others_order(self) -> None:
        """Let there be orders of others, and know those that the gateway made before, as its database does."""
        super()._others_order()
        rows, now = self.host.database.rows, self.loop.now()
        for order in self.server.application.intake.book.orders.values():
            marker = MARKER.fullmatch(order.external_id or "")
            if marker is not None:
                made_at = now - timedelta(seconds=self.loop.time() - order.created_monotonic)
                rows.checkouts[f"earlier-{order.number}"] = replace(
                    self.host.accepted,
                    id=f"earlier-{order.number}",
                    cart_id=None,
                    cart_live=False,
                    marker_root=marker[1],
                    state="completed",
                    order_id=order.number,
                    due_at=None,
                    track_due_at=None,
                    sent_at=made_at,
                    first_sent_at=made_at,
                    created_at=made_at,
                    updated_at=made_at,
                )

    async def _documents(self, identifiers: list[str]) -> list[Any]:
        assert not self.host.database.rows.statements, self.host.database.rows.statements[0]
        assert not self.restarts[-1].task.done(), self.restarts[-1].task.exception()
        return [self._document(identifier) for identifier in identifiers]

    async def _check_out(self) -> str:
        """Store a checkout as one that was just accepted."""
        number, now = len(self.host.database.rows.checkouts), self.loop.now()
        identifier = f"checkout-{number}"
        record = replace(
            self.host.accepted,
            id=identifier,
            cart_id=f"cart-{number}",
            marker_root="".join(self.random.choices(LETTERS, k=len(self.host.accepted.marker_root))),
            due_at=now,
            created_at=now,
            updated_at=now,
        )
        rows = self.host.database.rows
        rows.checkouts[identifier], rows.documents[identifier] = record, dict(self.host.documents)
        for listener in self.host.database.listeners:
            listener()
        return identifier

    async def _until_they_rest(self, further: asyncio.Task[None]) -> None:
        """Look at whatever changes, and let the order system calm down in time, until nothing changes for long."""
        changed = asyncio.Event()
        rows = self.host.database.rows
        rested_at = same_since = self.loop.seconds
        said: list[tuple[str, str | None]] = []

        def nudge() -> None:
            for row in rows.checkouts.values():
                self._look(row)
            if said != [(row.state, row.reason_code) for row in rows.checkouts.values()]:
                changed.set()

        self.host.database.listeners.append(nudge)
        while self.age < END_SECONDS:
            changed.clear()
            now = self.loop.seconds
            still_open = [row for row in rows.checkouts.values() if row.state in OPEN_STATES]
            if said != (said := [(row.state, row.reason_code) for row in rows.checkouts.values()]):
                same_since = now
            is_away = bool(still_open) and all(row.reason_code in OF_THE_UPSTREAM for row in still_open)
            is_stuck = is_away and now - same_since > WAITS_SECONDS
            if is_stuck and self.calm:
                return
            if not self.calm and (is_stuck or self.age > CALM_SECONDS):
                self.calm, same_since = True, now
                self.server.application.replace_faults(self.weather.lasting)
            goes_on = bool(still_open) or not further.done()
            rested_at = now if goes_on else rested_at
            if now - rested_at > AFTER_SECONDS:
                return
            times = [rested_at + AFTER_SECONDS] if not goes_on else [self.began + END_SECONDS]
            times += [] if self.calm else [self.began + CALM_SECONDS]
            times += [same_since + WAITS_SECONDS] if is_away else []
            await _news(changed, min(times) - now + TICK_SECONDS)

    def _document(self, identifier: str) -> dict[str, Any]:
        """Return of a checkout what a verdict needs, under the names of the resource."""
        row = self.host.database.rows.checkouts[identifier]
        found = findings_decoder.decode(self.host.database.rows.documents[identifier].get("findings", "[]"))
        return {
            "id": identifier,
            "state": row.state,
            "statusReason": row.status_reason,
            "reason": {"code": row.reason_code},
            "productOrder": {"id": row.order_id},
            "finding": [{"code": each.code, "severity": each.severity} for each in found],
        }


def _is_coroutine_callable(call: Any) -> bool:
    """Tell what tenacity asks `inspect` for: a tenth of the time of a world."""
    function = getattr(call, "__func__", call)
    code = getattr(function, "__code__", None)
    return bool(code.co_flags & CO_COROUTINE) if code is not None else ASKED(call)


async def _news(changed: asyncio.Event, seconds: float | None) -> None:
    """Wait until something changes, for so many seconds at most."""
    try:
        async with asyncio.timeout(seconds):
            await changed.wait()
    except TimeoutError:
        pass


@contextmanager
def _alone() -> Iterator[None]:
    """Refuse a second host: each puts parts of its own in the place of those that all use."""
    if not _ONLY_HOST.acquire(blocking=False):
        raise RuntimeError("one host at a time: the one before is not closed yet")
    try:
        yield
    finally:
        _ONLY_HOST.release()


@contextmanager
def quick_hosting(mapping: Mapping) -> Iterator[QuickHost]:
    """Give a host in virtual time; worlds are run in it one after the other. There is one host at a time (RuntimeError)."""
    structlog.configure(processors=[drop_event], cache_logger_on_first_use=False)
    with _alone(), virtual_time() as loop:
        asyncio.set_event_loop(loop)
        hosts: list[QuickHost] = []
        thresholds = gc.get_threshold()

        async def gate() -> None:
            """Let every connection come about: the call went through the world's own gate."""

        with (
            memory_network(lambda: hosts[0].wire.server, gate),
            direct_exchanges(lambda: hosts[0].world),
            patch.object(tenacity._utils, "is_coroutine_callable", _is_coroutine_callable),
            patch.object(polling, "PROBE_SECONDS", ASKED_AGAIN_SECONDS),
            patch.object(resuming, "SCOUT_SECONDS", ASKED_AGAIN_SECONDS),
            patch.object(clock_watch, "LOOK_SECONDS", END_SECONDS),
        ):
            hosts.append(QuickHost(loop, mapping))
            with rows_in_memory():
                gc.collect()
                gc.freeze()
                gc.set_threshold(50_000, 20, 20)
                try:
                    yield hosts[0]
                finally:
                    gc.set_threshold(*thresholds)
                    gc.unfreeze()
                    asyncio.set_event_loop(None)
