"""A process that forks one child for each scenario; the child does one submission and can be killed at any of its await points.

Everything is imported once, here. A line of JSON on stdin is a scenario, a line of JSON on stdout what became of it:

    {"database": PATH, "base_url": URL, "mapping": NAME, "mappings_folder": PATH, "kill_at": 17, "mutant": null}
    {"killed": true, "checkout": null}
    {"killed": false, "points": 121, "checkout": {...}}

Each resumption of any task has two points: just before the task goes on (what it waited for is done), and just after it has
stopped again (what it waits for now has been begun and may be anywhere). At point `kill_at` the child sends itself SIGKILL.

Waiting is left out: the database's clock is moved on to when the checkout is due, and to when the lease of a killed process
has ended. Everything else is real: process, database file, sockets, signal.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Generator
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, select

from gateway.callers import Caller
from gateway.checkouts.reading import resource
from gateway.checkouts.stored import store
from gateway.clock import utc_now
from gateway.logs import configure_logging
from gateway.ordering.mapping.model import Mapping
from gateway.resources import load_mappings
from gateway.services import Services
from gateway.settings import (
    LogSettings,
    MappingSettings,
    Settings,
    StorageSettings,
    SubmissionSettings,
    UpstreamLimits,
    UpstreamSettings,
)
from gateway.storage import Database, open_database
from gateway.storage.tables import checkout
from gateway.submission.worker import Worker
from gateway.upstream import UpstreamClient, UpstreamOptions, tls_context

UPSTREAM = "shop"
CLAIMS_MAX = 200
MUTANTS: dict[str, Callable[[], None]] = {}


class Points:
    """Counts the points that were passed; at the chosen one the process ends as if its power were cut."""

    def __init__(self, kill_at: int | None) -> None:
        self.passed = 0
        self._kill_at = kill_at

    def passing(self) -> None:
        self.passed += 1
        if self.passed == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


class Counted(Coroutine[Any, Any, Any]):
    """A coroutine whose every resumption is two points."""

    def __init__(self, inner: Coroutine[Any, Any, Any], points: Points) -> None:
        self._inner = inner
        self._points = points
        self.__name__ = getattr(inner, "__name__", "counted")

    def send(self, value: Any) -> Any:
        self._points.passing()
        waited_for = self._inner.send(value)
        self._points.passing()
        return waited_for

    def throw(
        self,
        typ: Any,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> Any:
        self._points.passing()
        error = typ if isinstance(typ, BaseException) else typ(*(() if val is None else (val,)))
        waited_for = self._inner.throw(error.with_traceback(tb) if tb is not None else error)
        self._points.passing()
        return waited_for

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()


class WarpedClock:
    """The database's time: the real time, and what was skipped."""

    def __init__(self) -> None:
        self._skipped = timedelta()

    def now(self, _connection: Connection | None = None) -> datetime:
        return utc_now() + self._skipped

    def reach(self, moment: datetime) -> None:
        """Skip to a moment, unless it has passed."""
        self._skipped += max(timedelta(), moment - self.now())

    def monotonic(self) -> float:
        """Return the monotonic time, what was skipped in it: a time that passes is no clock that is set."""
        return time.monotonic() + self._skipped.total_seconds()


def settings_for(scenario: dict[str, Any]) -> Settings:
    return Settings(
        storage=StorageSettings(url=f"sqlite:///{scenario['database']}", readers_max=1),
        submission=SubmissionSettings(lease_seconds=60.0, claims_without_progress_max=CLAIMS_MAX),
        upstreams={
            UPSTREAM: UpstreamSettings(
                base_url=scenario["base_url"],
                mapping=scenario["mapping"],
                limits=UpstreamLimits(scan_interval_seconds=0.0),
            )
        },
    )


def next_moment(connection: Connection) -> tuple[datetime | None, datetime]:
    """Return when the one checkout can be claimed next (None: never again), and when it was last changed."""
    row = connection.execute(select(checkout.c.due_at, checkout.c.lease_until, checkout.c.updated_at)).one()
    return (None if row.due_at is None else max(row.due_at, row.lease_until)), row.updated_at


def current(connection: Connection) -> dict[str, Any]:
    tenant, checkout_id = connection.execute(select(checkout.c.tenant, checkout.c.id)).one()
    record = store.get(connection, tenant, checkout_id)
    assert record is not None
    return resource.load(connection, record, Caller(tenant=tenant, client="", roles=frozenset(), base_url=""))


async def submit(
    settings: Settings, database: Database, clock: WarpedClock, client: UpstreamClient, mapping: Mapping
) -> None:
    """Work on the checkout until there is nothing more to be done for it."""
    services = Services(
        settings=settings, database=database, upstreams={UPSTREAM: client}, mappings={mapping.name: mapping}
    )
    worker = Worker(services, owner=f"process {os.getpid()}", monotonic=clock.monotonic)
    for _ in range(CLAIMS_MAX):
        due_at, changed_at = await database.read(next_moment)
        if due_at is None:
            return
        clock.reach(max(due_at, changed_at))
        claimed_at = clock.monotonic()
        for record in await worker._claim():
            await worker._guarded(record, claimed_at)
    raise AssertionError("there is no end to it")


def play(scenario: dict[str, Any], mappings: dict[str, Mapping], tls: Any) -> dict[str, Any]:
    """Do what a scenario says, in this process."""
    if scenario.get("mutant"):
        MUTANTS[scenario["mutant"]]()
    settings = settings_for(scenario)
    mapping = mappings[scenario["mapping"]]
    points = Points(scenario.get("kill_at"))
    clock = WarpedClock()

    async def main() -> dict[str, Any]:
        database = open_database(settings.storage)
        database.now = clock.now  # type: ignore[method-assign]
        client = UpstreamClient(
            UpstreamOptions(
                name=UPSTREAM, base_url=scenario["base_url"], mapping=mapping, tls=tls, scan_interval_seconds=0.0
            )
        )
        loop = asyncio.get_running_loop()

        def counted(running: asyncio.AbstractEventLoop, inner: Any, **named: Any) -> asyncio.Task[Any]:
            return asyncio.Task(Counted(inner, points), loop=running, **named)

        loop.set_task_factory(counted)
        await loop.create_task(submit(settings, database, clock, client, mapping), name="submission")
        loop.set_task_factory(None)
        document = await database.read(current)
        await client.close()
        await database.close()
        return document

    document = asyncio.run(main())
    return {"points": points.passed, "checkout": document}


def fork(scenario: dict[str, Any], mappings: dict[str, Mapping], tls: Any) -> dict[str, Any]:
    """Play a scenario in a child process and return what came of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            report = json.dumps(play(scenario, mappings, tls)).encode()
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(report)
        except BaseException:  # noqa: BLE001 - a child must end here, whatever happens, and say why
            sys.excepthook(*sys.exc_info())
            os._exit(70)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        report = pipe.read()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status != 0:
        return {"failed": status}
    return {"killed": killed, **(json.loads(report) if report else {"checkout": None})}


def without_intent() -> None:
    """Mutant: a call is sent first, and only what came of it is recorded."""
    from gateway.submission.checkout_run import CheckoutRun
    from gateway.submission.decisions.actions import Save

    real_save = CheckoutRun.save

    async def save(self: CheckoutRun, decision: Save) -> None:
        if decision.changes.get("step_state") != "SENDING":
            await real_save(self, decision)

    CheckoutRun.save = save  # type: ignore[method-assign]


MUTANTS["without intent"] = without_intent


def main() -> None:
    configure_logging(LogSettings(level="error", format="json"))
    mappings: dict[str, dict[str, Mapping]] = {}
    tls = tls_context()
    print("ready", flush=True)
    for line in sys.stdin:
        scenario = json.loads(line)
        folder = scenario["mappings_folder"]
        if folder not in mappings:
            mappings[folder] = load_mappings(MappingSettings(folder=folder))
        if scenario.get("warm_up"):
            # Played in this process: what is imported and compiled at first use is then there for every child.
            report = {"killed": False, **play(scenario, mappings[folder], tls)}
            gc.collect()
            gc.freeze()
        else:
            report = fork(scenario, mappings[folder], tls)
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
