"""The whole gateway against one order system that misbehaves, in virtual time.

What runs is the service itself: requests come in over HTTP, the worker, the clean-up and the tracker run in their loops, the client
of the order system writes and reads bytes. The order system is the sandbox, which shares nothing with the gateway. Processes are
killed: what they had begun goes no further, and another one starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from unittest.mock import patch

import httpx
import structlog
from hostile_carts import CART, is_live
from hostile_host import POLL_SECONDS, Host
from memory_database import Process, current_process
from memory_network import memory_network
from sqlalchemy import select
from virtual_time import virtual_time

from gateway import runtime
from gateway.checkouts.changing import draft_lifetime
from gateway.checkouts.reasons import OF_THE_UPSTREAM
from gateway.checkouts.stored.recovering import root_of
from gateway.ordering import Mapping
from gateway.sandbox import SandboxOptions, SandboxServer
from gateway.sandbox.clock import Clock
from gateway.sandbox.faults import Fault
from gateway.sandbox.hostile.later import FOREVER
from gateway.sandbox.hostile.state import Memory
from gateway.sandbox.orders import Order
from gateway.storage import tables
from gateway.storage.tables import EPOCH
from gateway.submission import clock_watch, recovery, resuming
from gateway.submission.cleanup import Cleanup
from gateway.tracking import polling, registering

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
OPEN_STATES = {"accepted", "drafting", "draft", "submitting", "submitted"}
STATE_SECONDS = 400.0
CRASHES_AT_WRITES = 0.003
CRASHES_AT_CALLS = 0.01
RESTART_SECONDS = 3.0
OVERDUE_MICROSECONDS = 60_000_000
CALM_SECONDS = 6 * 3600.0
END_SECONDS = 4 * 86400.0
AFTER_SECONDS = 26 * 3600.0
# Longer than any wait for an order system that gives no answer: what has not changed by then will not.
WAITS_SECONDS = 1.25 * 3600.0
# An order system that does not answer is asked for one order every few seconds. In days of this every tenth time is enough.
ASKED_AGAIN_SECONDS = 120.0
LATE_SECONDS = 500.0
# Once nothing is open, what is due in the same half an hour is looked at together.
RESTING_SECONDS = 1800.0


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


_DUE_QUERIES = (
    "SELECT min(max(due_at, lease_until)) FROM checkout WHERE max(due_at, lease_until) > ?",
    "SELECT min(track_due_at) FROM checkout WHERE track_due_at > ?",
    "SELECT min(due_at) FROM inbox WHERE due_at > ?",
    "SELECT min(due_at) FROM abandoned_draft WHERE due_at > ?",
)
"""When the worker, the tracker and the clean-up have something to do: the loops that a world lets run."""


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
    later: tuple[float, ...] = ()
    """After how many seconds further carts of the same contents are checked out."""
    first: tuple[str, ...] = ()
    """What the first calls that change something suffer, one name each, before anything is drawn."""

    @property
    def lasting(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.faults if fault.name not in self.passing)


class World:
    """One order system, one gateway, one cart that is checked out, or several of the same contents."""

    def __init__(self, host: Host, seed: int, weather: Weather) -> None:
        self.host = host
        self.loop = host.loop
        self.seed = seed
        self.weather = weather
        self.random = Random(seed)
        self.began = self.loop.seconds
        self.crashes = 0
        self.restarts: list[Process] = []
        self.cleanups: list[Cleanup] = []
        self.unexplained: dict[str, list[str]] = defaultdict(list)
        self.states: dict[str, list[str]] = defaultdict(list)
        """What was seen of each checkout, by its id."""
        self.roots: dict[str, str] = {}
        """What all markers of each checkout hold, by its id."""
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
        process = Process()
        self.restarts.append(process)

        async def live() -> None:
            current_process.set(process)
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
        process = current_process.get()
        if process is not None:
            await process.passes(lambda: self._draw(CRASHES_AT_CALLS))

    # -- a run ---------------------------------------------------------------------------------------------------------------

    async def run(self) -> list[Ended]:
        """Check carts out and go on until nothing more happens to them; return what became of each."""
        host = self.host
        host.world = self
        await host.empty()
        host.database.between = lambda: self._draw(CRASHES_AT_WRITES)
        self._others_order()
        if self.weather.first:
            self.server.application.queue_faults(list(self.weather.first))
        self._start()
        try:
            identifiers = [await self._check_out()]
            further = self.loop.create_task(self._check_out_more(identifiers))
            await self._until_they_rest(further)
            further.result()
            return [self._ended(document) for document in await self._documents(identifiers)]
        finally:
            await self._stop()

    async def _documents(self, identifiers: list[str]) -> list[Any]:
        """Return what the gateway tells of each checkout at the end."""
        answers = [await self.host.client.get(f"{CHECKOUTS}/{identifier}") for identifier in identifiers]
        assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
        return [answer.json() for answer in answers]

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

    async def _check_out_more(self, identifiers: list[str]) -> None:
        """Check further carts out, each in its time."""
        for at in sorted(self.weather.later):
            await asyncio.sleep(self.began + at - self.loop.seconds)
            identifiers.append(await self._check_out())

    async def _until_they_rest(self, further: asyncio.Task[None]) -> None:
        """Wake what runs whenever something is due, until nothing is for long."""
        database, services = self.host.database, self.host.services
        rested_at = same_since = self.loop.seconds
        said: list[tuple[str, str | None]] = []
        while self.age < END_SECONDS:
            services.work_due.notify()
            services.events_due.notify()
            if self.cleanups and self.restarts[-1].alive:
                self.cleanups[-1].loop.wake()
            rows = database.run(lambda connection: connection.execute(select(tables.checkout)).all())
            for row in rows:
                self._look(row)
            still_open = [row for row in rows if row.state in OPEN_STATES]
            if said != (said := [(row.state, row.reason_code) for row in rows]):
                same_since = self.loop.seconds
            is_away = bool(still_open) and all(row.reason_code in OF_THE_UPSTREAM for row in still_open)
            is_stuck = is_away and self.loop.seconds - same_since > WAITS_SECONDS
            if is_stuck and self.calm:
                return
            if not self.calm and (is_stuck or self.age > CALM_SECONDS):
                self.calm, same_since = True, self.loop.seconds
                self.server.application.replace_faults(self.weather.lasting)
            goes_on = bool(still_open) or not further.done()
            rested_at = self.loop.seconds if goes_on else rested_at
            if self.loop.seconds - rested_at > AFTER_SECONDS:
                return
            await (self._until_due(0.2, 1800.0) if goes_on else self._until_due(RESTING_SECONDS, POLL_SECONDS))

    async def _until_due(self, least: float, most: float) -> None:
        """Wait until something is due, at least and at most so many seconds."""
        loop, changed = self.loop, self.host.database.changed
        # Nobody does what is due before a process that was killed is followed by another.
        earliest = loop.seconds + max(least, 0.0 if self.restarts[-1].alive else RESTART_SECONDS)
        latest = loop.seconds + most
        while True:
            changed.clear()
            due = self._next_due()
            at = latest if due is None else min(latest, loop.seconds + (due - loop.now()).total_seconds() + 0.01)
            if (wait := max(at, earliest) - loop.seconds) <= 0:
                return
            try:
                async with asyncio.timeout(wait):
                    await changed.wait()
            except TimeoutError:
                return

    def _next_due(self) -> datetime | None:
        """Return when the next thing is to be done by the clock; what nobody does although it is due is passed over."""
        least = (self.loop.now() - EPOCH) // timedelta(microseconds=1) - OVERDUE_MICROSECONDS
        cursor = self.host.database.cursor
        found = [row[0] for query in _DUE_QUERIES for row in cursor.execute(query, (least,)) if row[0] is not None]
        return EPOCH + timedelta(microseconds=min(found)) if found else None

    def _look(self, row: Any) -> None:
        """Note the state, and whether a checkout that waits says why."""
        states, unexplained = self.states[row.id], self.unexplained[row.id]
        self.roots[row.id] = row.marker_root
        if not states or states[-1] != row.state:
            states.append(row.state)
        waits = row.state in OPEN_STATES and row.state != "submitted" and row.due_at is not None
        if waits and (row.due_at - self.loop.now()).total_seconds() > 61.0 and not row.status_reason:
            unexplained.append(f"{row.state} at {self.age:.0f} s")
        if row.state in OPEN_STATES and row.due_at is None and row.track_due_at is None and row.state != "draft":
            unexplained.append(f"{row.state} without a next attempt at {self.age:.0f} s")

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
        """Return what became of a checkout. A live order is that of the checkout whose call made it, whatever marker it shows.

        One that the order system deleted before it was read, or a search for its marker showed it, is not live: nobody can know of
        it, and nobody gets it.
        """
        state, identifier = self.server.application.hostility.state, str(document["id"])
        named = (document.get("productOrder") or {}).get("id")
        live = [
            order
            for order in self.server.application.intake.book.orders.values()
            if is_live(order)
            and self._is_of(state.memory(order.number), identifier)
            and (order.number == named or not is_deleted_unseen(state.memory(order.number)))
        ]
        calls = {state.memory(order.number).call for order in live}
        added = self.host.mappings[self.host.mapping].lines.added_children
        unexplained, states = self.unexplained[identifier], self.states[identifier]
        return Ended(document, live, len(calls), added, unexplained, states)

    def _is_of(self, memory: Memory, identifier: str) -> bool:
        if not memory.ours:
            return False
        assert memory.sent_marker is not None, "every call of the gateway has a marker"
        return root_of(memory.sent_marker) == self.roots[identifier]


def is_deleted_unseen(memory: Memory) -> bool:
    """Tell whether an order was deleted before any read of it or search for it showed it."""
    return not memory.shown and any(until >= FOREVER for _, until in memory.hidden)


@contextlib.contextmanager
def hosting(mapping: Mapping) -> Iterator[Host]:
    """Give a host in virtual time; worlds are run in it one after the other."""
    structlog.configure(processors=[drop_event], cache_logger_on_first_use=False)
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
            # Nothing is restored in these worlds, no draft is left alone, no hub is registered at, and the clock is right: rounds that
            # look for it would cost more than all else.
            patch.object(recovery, "ROUND_SECONDS", END_SECONDS),
            patch.object(registering, "ROUND_SECONDS", END_SECONDS),
            patch.object(polling, "PROBE_SECONDS", ASKED_AGAIN_SECONDS),
            patch.object(resuming, "SCOUT_SECONDS", ASKED_AGAIN_SECONDS),
            patch.object(clock_watch, "LOOK_SECONDS", END_SECONDS),
            patch.object(draft_lifetime, "SWEEP_SECONDS", END_SECONDS),
        ):
            hosts.append(Host(loop, mapping))
            gc.collect()
            gc.freeze()  # what is here now stays: to look through it again and again costs a tenth of a world
            try:
                yield hosts[0]
            finally:
                gc.unfreeze()
                asyncio.set_event_loop(None)


def drop_event(_logger: object, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent
