"""The whole gateway against one order system that misbehaves, in virtual time.

What runs is the service itself: requests come in over HTTP, the worker, the clean-up and the tracker run in their loops, the client
of the order system writes and reads bytes. The order system is the sandbox, which shares nothing with the gateway. Processes are
killed: what they had begun goes no further, and another one starts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any, TypeVar
from unittest.mock import patch

import httpx
import structlog
from checkout_work import PLAIN, SPLIT
from memory_network import memory_network
from msgspec.structs import replace
from sqlalchemy import Connection, create_engine, delete, event, select
from sqlalchemy.pool import StaticPool
from virtual_time import VirtualLoop, virtual_time

from gateway import runtime
from gateway.app import create_app
from gateway.sandbox import SandboxOptions, SandboxServer
from gateway.sandbox.clock import Clock
from gateway.sandbox.faults import Fault
from gateway.sandbox.intake import HAND_OFFERING
from gateway.sandbox.orders import Order
from gateway.settings import Settings, StorageSettings, SubmissionSettings, UpstreamLimits, UpstreamSettings
from gateway.storage import schema, tables
from gateway.storage.tables import EPOCH
from gateway.submission import recovery
from gateway.submission.cleanup import Cleanup
from gateway.upstream.building import build_upstreams

T = TypeVar("T")
CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
OPEN_STATES = {"accepted", "drafting", "draft", "submitting", "submitted"}
POLL_SECONDS = 6 * 3600.0
PROBE_SECONDS = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0)
STATE_SECONDS = 400.0
# Nothing is restored in these worlds: days of rounds that look for it would cost more than all else.
recovery.ROUND_SECONDS = POLL_SECONDS  # type: ignore[misc]
DAYS = 4
CART: dict[str, Any] = {
    "cartItem": [
        {
            "@type": "CartItem",
            "id": "1",
            "action": "add",
            "quantity": 1,
            "productOffering": {"id": "BUNDLE"},
            "cartItem": [
                {"@type": "CartItem", "id": "2", "action": "add", "quantity": 1, "productOffering": {"id": "SIM"}},
                {"@type": "CartItem", "id": "3", "action": "add", "quantity": 2, "productOffering": {"id": "SIM"}},
            ],
        },
        {
            "@type": "CartItem",
            "id": "4",
            "action": "add",
            "quantity": 3,
            "productOffering": {"id": "PHONE"},
            "product": {
                "productCharacteristic": [{"name": "colour", "value": "Black"}, {"name": "size", "value": "L"}]
            },
            "itemPrice": [
                {
                    "name": "Monthly",
                    "priceType": "recurring",
                    "recurringChargePeriod": "month",
                    "price": {"dutyFreeAmount": {"unit": "EUR", "value": 20}},
                    "priceAlteration": [
                        {
                            "name": "Half",
                            "priceType": "recurring",
                            "recurringChargePeriod": "month",
                            "applicationDuration": 3,
                            "price": {"percentage": 50},
                        }
                    ],
                }
            ],
        },
    ]
}
WANTED = [
    ("BUNDLE", "", 1, (), 0),
    ("PHONE", "", 3, (("colour", "Black"), ("size", "L")), 1),
    ("SIM", "BUNDLE", 1, (), 0),
    ("SIM", "BUNDLE", 2, (), 0),
]


class _Process:
    """What runs between two kills."""

    def __init__(self) -> None:
        self.alive = True
        self.over = False
        self.task: asyncio.Task[None] | None = None

    async def passes(self, draw: Callable[[], None]) -> None:
        """Go on, unless the process is killed here."""
        draw()
        if self.over:
            raise asyncio.CancelledError
        if not self.alive:
            await asyncio.get_running_loop().create_future()


_process: ContextVar[_Process | None] = ContextVar("_process", default=None)


class MemoryDatabase:
    """SQLite in memory, in the loop's own thread: a transaction takes no time, and may be the last of its process."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.between: Callable[[], None] = lambda: None
        self.changed = asyncio.Event()
        self.engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False, "isolation_level": None}
        )
        event.listen(self.engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
        schema.migrate(self.engine)
        self._connection = self.engine.connect()
        driver: Any = self._connection.connection.driver_connection
        self.cursor = driver.cursor()

    def now(self, _connection: object = None) -> datetime:
        return self._loop.now()

    async def _passes(self) -> None:
        process = _process.get()
        await asyncio.sleep(0)
        if process is not None:
            await process.passes(self.between)

    def run(self, function: Callable[[Connection], T]) -> T:
        self._connection.exec_driver_sql("BEGIN")
        try:
            value = function(self._connection)
        except BaseException:
            self._connection.exec_driver_sql("ROLLBACK")
            raise
        self._connection.exec_driver_sql("COMMIT")
        return value

    async def read(self, function: Callable[[Connection], T]) -> T:
        await self._passes()
        return self.run(function)

    async def read_list(self, tenant: str, function: Callable[[Connection], T]) -> T:
        del tenant
        return await self.read(function)

    async def read_brief(self, function: Callable[[Connection], T]) -> T:
        return await self.read(function)

    async def write(self, function: Callable[[Connection], T]) -> T:
        await self._passes()
        value = self.run(function)
        self.changed.set()
        await self._passes()
        return value

    async def close(self) -> None:
        self.engine.dispose()


@dataclass
class Ended:
    """What became of one checkout, and what the order system holds of it."""

    document: dict[str, Any]
    live: list[Order]
    """Live orders that calls of this checkout made, or that carry its marker by the order system's own doing."""
    calls_live: int
    """How many different calls of ours made a live order."""
    added_children: bool = False
    """Whether the mapping says that the order system adds children of its own."""
    unexplained: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        return str(self.document["state"])

    @property
    def reason(self) -> str:
        reason = self.document.get("reason") or {}
        return str(reason.get("code") or self.document.get("statusReason") or "")


class Host:
    """One gateway application in memory, used for one world after the other."""

    def __init__(self, loop: VirtualLoop, mapping: str) -> None:
        self.loop = loop
        self.mapping = mapping
        self.world: World | None = None
        self.settings = _settings(mapping)
        self.mappings = {mapping: SPLIT if mapping == DRAFTED else PLAIN}
        self.database = MemoryDatabase(loop)
        self.upstreams: dict[str, Any] = {"shop": None}
        self.application = create_app(
            self.settings,
            database=self.database,
            mappings=self.mappings,
            upstreams=self.upstreams,  # type: ignore[arg-type]
        )
        self.services = self.application.services
        transport = httpx.ASGITransport(app=self.application, raise_app_exceptions=False)  # type: ignore[arg-type]
        self.client = httpx.AsyncClient(transport=transport, base_url="http://gateway.test")

    async def empty(self) -> None:
        for upstream in filter(None, self.upstreams.values()):
            await upstream.close()
        there = set(tables.metadata.tables)
        self.database.run(
            lambda connection: [
                connection.execute(delete(table))
                for table in reversed(tables.metadata.sorted_tables)
                if table.name in there
            ]
        )
        self.upstreams.update(build_upstreams(self.settings, self.mappings))


def _settings(mapping: str) -> Settings:
    limits = UpstreamLimits()
    upstream = UpstreamSettings(base_url=f"http://shop.test{ROOTS[mapping]}", mapping=mapping, limits=limits)
    settings = Settings(
        storage=StorageSettings(url="sqlite:///unused"),
        upstreams={"shop": upstream},
        submission=SubmissionSettings(poll_seconds=POLL_SECONDS, probe_seconds=PROBE_SECONDS, generations_max=12),
    )
    return replace(settings, checkout=replace(settings.checkout, default_upstream="shop"))


ROOTS = {
    "salesforce-v4": "/services/apexrest/vlocity_cmt/tmforum/productopenapi/v1",
    "tmf622-v4": "/tmf-api/productOrderingManagement/v4",
}
DRAFTED, LIVE = "salesforce-v4", "tmf622-v4"


@cache
def _due_queries() -> tuple[str, ...]:
    queries = []
    for table in tables.metadata.tables.values():
        for name in ("due_at", "track_due_at"):
            if name in table.c:
                value = f"max({name}, lease_until)" if name == "due_at" and "lease_until" in table.c else name
                queries.append(f"SELECT min({value}) FROM {table.name} WHERE {value} > ?")  # noqa: S608 - names of ours
    return tuple(queries)


CRASHES_AT_WRITES = 0.003
CRASHES_AT_CALLS = 0.01
RESTART_SECONDS = 3.0
OVERDUE_MICROSECONDS = 60_000_000
CALM_SECONDS = 6 * 3600.0
END_SECONDS = 4 * 86400.0
AFTER_SECONDS = 26 * 3600.0
LATE_SECONDS = 500.0


@dataclass(frozen=True)
class Weather:
    """What happens to one world: its misbehaviours, which of them end when it calms down, and whether processes are killed."""

    faults: tuple[Fault, ...] = ()
    passing: frozenset[str] = frozenset()
    crashes: bool = True
    events: bool = False
    """Whether the order system tells of its orders by events."""
    established: bool = True
    """Whether the gateway has ordered there before."""
    first: tuple[str, ...] = ()
    """What the first calls that change something suffer, one name each, before anything is drawn."""

    @property
    def lasting(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.faults if fault.name not in self.passing)


class World:
    """One order system, one gateway, one cart that is checked out."""

    def __init__(self, host: Host, seed: int, weather: Weather) -> None:
        self.host = host
        self.loop = host.loop
        self.seed = seed
        self.weather = weather
        self.random = Random(seed)
        self.began = self.loop.seconds
        self.crashes = 0
        self.restarts: list[_Process] = []
        self.cleanups: list[Cleanup] = []
        self.unexplained: list[str] = []
        self.states: list[str] = []
        self.calm = False
        options = SandboxOptions(
            mapping=host.mapping,  # type: ignore[arg-type]
            faults=weather.faults,
            seed=seed,
            state_delay_seconds=STATE_SECONDS,
            late_seconds=self.random.uniform(31.0, LATE_SECONDS),
            clock=Clock(self.loop.time, self.loop.now),
            notify_url="http://gateway.test/notifications/shop" if weather.events else None,
        )
        self.server = SandboxServer(options)
        self.server.application.notifier._deliver = self._notified  # type: ignore[method-assign]

    @property
    def age(self) -> float:
        return self.loop.seconds - self.began

    async def _notified(self, event: Any) -> None:
        from gateway.sandbox.answers import encode

        memory = self.server.application.hostility.state.memories.get(event.order)
        if memory is None or not memory.ours:
            return  # nobody subscribed to what others order
        with contextlib.suppress(httpx.HTTPError):
            await self.host.client.post(
                f"/notifications/shop{event.path_suffix}",
                content=encode(event.document),
                headers={"Content-Type": "application/json"},
            )

    def make_cleanup(self, **named: Any) -> Cleanup:
        """Make the clean-up of a process; what is due for it wakes it."""
        self.cleanups.append(Cleanup(**named))
        return self.cleanups[-1]

    # -- processes -----------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        process = _Process()
        self.restarts.append(process)

        async def live() -> None:
            _process.set(process)
            async with runtime.submission(self.host.services), runtime.tracking(self.host.services):
                await self.loop.create_future()

        process.task = self.loop.create_task(live())

    def _draw(self, share: float) -> None:
        process = self.restarts[-1]
        if self.weather.crashes and not self.calm and process.alive and self.random.random() < share:
            self.crashes += 1
            process.alive = False
            self.host.services.work_due.listeners.clear()
            self.host.services.events_due.listeners.clear()
            self.loop.call_later(RESTART_SECONDS, self._start)

    async def gate(self) -> None:
        """Pass before a connection is opened."""
        await asyncio.sleep(self.random.uniform(0.01, 0.1))
        process = _process.get()
        if process is not None:
            await process.passes(lambda: self._draw(CRASHES_AT_CALLS))

    # -- a run ---------------------------------------------------------------------------------------------------------------

    async def run(self) -> Ended:
        """Check a cart out and go on until nothing more happens to it."""
        host = self.host
        host.world = self
        await host.empty()
        host.database.between = lambda: self._draw(CRASHES_AT_WRITES)
        self._others_order()
        if self.weather.first:
            self.server.application.queue_faults(list(self.weather.first))
        self._start()
        try:
            identifier = await self._check_out()
            await self._until_it_rests(identifier)
            answer = await host.client.get(f"{CHECKOUTS}/{identifier}")
            assert answer.status_code == 200, answer.text
            return self._ended(answer.json())
        finally:
            await self._stop()

    def _others_order(self) -> None:
        """Let there be orders of others and of earlier checkouts, and let more come."""
        state = self.server.application.hostility.state
        earlier = [f"gw1-{'earlierorderofus'[number:] + 'x' * number}-0" for number in range(3)]
        names = ["CRM-1", "CRM-2", *(earlier if self.weather.established else ())]
        for number, name in enumerate(names):
            order = state.make_stranger(name)
            age = 7200.0 - 600.0 * number
            order.created_monotonic -= age
            order.created -= timedelta(seconds=age)
        for number, seconds in enumerate((45.0, 300.0, 1000.0, 2000.0, 4000.0)):
            name = (
                f"gw1-{'laterorderofours'[number:] + 'y' * number}-0"
                if self.weather.established and number % 2
                else f"CRM-{number + 10}"
            )
            self.loop.call_later(seconds, state.make_stranger, name)

    async def _check_out(self) -> str:
        from gateway.tmf.json import encode_json

        headers = {"Content-Type": "application/json"}
        cart = await self.host.client.post(CARTS, content=encode_json(CART), headers=headers)
        assert cart.status_code == 201, cart.text
        body = {"shoppingCart": {"id": cart.json()["id"]}, "relatedParty": [{"id": "CD1", "role": "customer"}]}
        answer = await self.host.client.post(CHECKOUTS, content=encode_json(body), headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def _until_it_rests(self, identifier: str) -> None:
        """Wake what runs whenever something is due, until nothing is for long."""
        database, services = self.host.database, self.host.services
        rested_at: float | None = None
        while self.age < END_SECONDS:
            services.work_due.notify()
            services.events_due.notify()
            if self.cleanups and self.restarts[-1].alive:
                self.cleanups[-1].loop.wake()
            row = database.run(lambda connection: connection.execute(select(tables.checkout)).one())
            self._look(row)
            if not self.calm and self.age > CALM_SECONDS:
                self.calm = True
                self.server.application.replace_faults(self.weather.lasting)
            is_open = row.state in OPEN_STATES
            rested_at = None if is_open else rested_at if rested_at is not None else self.loop.seconds
            if rested_at is not None and self.loop.seconds - rested_at > AFTER_SECONDS:
                return
            await self._until_due(POLL_SECONDS if rested_at is not None else 1800.0)

    async def _until_due(self, most: float) -> None:
        """Wait until something is due, at least a moment, at most `most` seconds."""
        database, least = self.host.database, self.loop.seconds + 0.2
        while True:
            database.changed.clear()
            due = self._next_due()
            wait = most if due is None else (due - self.loop.now()).total_seconds() + 0.01
            wait = min(max(wait, least - self.loop.seconds), most)
            if wait <= 0:
                return
            try:
                async with asyncio.timeout(wait):
                    await database.changed.wait()
            except TimeoutError:
                return

    def _next_due(self) -> datetime | None:
        """Return when the next thing is to be done by the clock; what nobody does although it is due is passed over."""
        least = (self.loop.now() - EPOCH) // timedelta(microseconds=1) - OVERDUE_MICROSECONDS
        cursor = self.host.database.cursor
        found = [row[0] for query in _due_queries() for row in cursor.execute(query, (least,)) if row[0] is not None]
        return EPOCH + timedelta(microseconds=min(found)) if found else None

    def _look(self, row: Any) -> None:
        """Note the state, and whether a checkout that waits says why."""
        if not self.states or self.states[-1] != row.state:
            self.states.append(row.state)
        waits = row.state in OPEN_STATES and row.state != "submitted" and row.due_at is not None
        if waits and (row.due_at - self.loop.now()).total_seconds() > 61.0 and not row.status_reason:
            self.unexplained.append(f"{row.state} at {self.age:.0f} s")
        if row.state in OPEN_STATES and row.due_at is None and row.track_due_at is None and row.state != "draft":
            self.unexplained.append(f"{row.state} without a next attempt at {self.age:.0f} s")

    async def _stop(self) -> None:
        for process in self.restarts:
            process.alive, process.over = False, True
        host = self.host
        host.services.work_due.listeners.clear()
        host.services.events_due.listeners.clear()
        await self.server.application.close()
        me = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not me]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    # -- what became of it ---------------------------------------------------------------------------------------------------

    def _ended(self, document: dict[str, Any]) -> Ended:
        state = self.server.application.hostility.state
        live = [
            order
            for order in self.server.application.intake.book.orders.values()
            if state.memory(order.number).ours and is_live(order)
        ]
        calls = {state.memory(order.number).call for order in live}
        added = self.host.mappings[self.host.mapping].lines.added_children
        return Ended(document, live, len(calls), added, self.unexplained, self.states)


def is_live(order: Order) -> bool:
    return not order.is_draft and order.state.lower() not in {"cancelled", "rejected"}


def contents(order: Order, *, added_children: bool = False) -> list[tuple[Any, ...]]:
    """Return the lines of an order in a form that can be compared, with `added_children` without those the order system added."""
    return sorted(
        (
            str(line.offering),
            str(line.parent.offering) if line.parent else "",
            line.quantity,
            tuple(sorted((name, str(value)) for name, value in line.characteristics.items())),
            len(line.alterations),
        )
        for line in order.lines.values()
        if not (added_children and line.parent is not None and line.offering == HAND_OFFERING)
    )


@contextlib.contextmanager
def hosting(mapping: str) -> Iterator[Host]:
    """Give a host in virtual time; worlds are run in it one after the other."""
    structlog.configure(processors=[_drop], cache_logger_on_first_use=False)
    with virtual_time() as loop:
        asyncio.set_event_loop(loop)
        hosts: list[Host] = []

        def world() -> World:
            found = hosts[0].world
            assert found is not None
            return found

        with (
            memory_network(lambda: world().server, lambda: world().gate()),
            patch.object(runtime, "Cleanup", lambda **named: world().make_cleanup(**named)),
        ):
            hosts.append(Host(loop, mapping))
            try:
                yield hosts[0]
            finally:
                asyncio.set_event_loop(None)


def _drop(_logger: object, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent
