"""Taking notifications in: a lane of their own, so that ten thousand at once slow nobody else, and one transaction for many.

A notification waits for a turn of the lane, is looked into, and is recorded together with the others that are there; only then
it is answered. One group is recorded at a time, so of the database's writes notifications never have more than one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from gateway.errors import UnavailableError
from gateway.fair_shares import Account, account_of_request, on_account
from gateway.logs import get_logger
from gateway.services import Services
from gateway.tracking import store
from gateway.tracking.inbox import Arrived, Outcome, Recorder

log = get_logger(__name__)
# Notifications that are looked into and recorded at once: few, so that whatever else comes meanwhile waits for few.
TURNS_MAX: Final = 16
# While more wait, so many times as long as a group took (this at most) is left to everybody else before the next one.
REST_TIMES: Final = 3
REST_SECONDS_MAX: Final = 0.2
# Bodies that wait for a turn, together.
WAITING_BYTES_MAX: Final = 67_108_864
# A tenant whose inbox is full is told of this often.
TELL_FULL: Final = timedelta(minutes=1)
_BUSY_SECONDS: Final = 5
_FULL_SECONDS: Final = 300


class _Waiting(Struct):
    """A notification that waits to be recorded, and the request that waits for that."""

    tenants: Sequence[str]
    arrived: Arrived
    recorded: asyncio.Future[dict[str, Outcome]]
    account: Account | None


class Intake:
    """The way into the inbox, of one process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._turns = asyncio.Semaphore(TURNS_MAX)
        self._here = self._bytes_here = 0
        self._waiting: list[_Waiting] = []
        self._recording: asyncio.Task[None] | None = None
        self._told_full: dict[str, float] = {}

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Have a place among the notifications that are on their way in. Raises UnavailableError (503, Retry-After) when all are taken."""
        if self._here >= self._services.settings.tracking.waiting_max:
            raise self._busy()
        self._here += 1
        try:
            yield
        finally:
            self._here -= 1

    @asynccontextmanager
    async def turn(self, size: int) -> AsyncIterator[None]:
        """Have a turn of the lane for a body of so many bytes. Raises UnavailableError (503, Retry-After) when too much waits for one."""
        if self._bytes_here + size > WAITING_BYTES_MAX:
            raise self._busy()
        self._bytes_here += size
        try:
            async with self._turns:
                yield
        finally:
            self._bytes_here -= size

    def _busy(self) -> UnavailableError:
        self._services.metrics.notification("", "", "turned_away")
        message = "Too many notifications are coming in at this moment; send it again."
        return UnavailableError(message, headers={"Retry-After": str(_BUSY_SECONDS)})

    async def record(self, tenants: Sequence[str], arrived: Arrived) -> dict[str, Outcome]:
        """Record a notification for the one of `tenants` whose order it is about, for all of them while nobody knows it.

        Return what came of it by tenant. Raises UnavailableError (503, Retry-After) when none of them has room for it, and while the
        database cannot take it.
        """
        waiting = _Waiting(tenants, arrived, asyncio.get_running_loop().create_future(), account_of_request())
        self._waiting.append(waiting)
        if self._recording is None:
            self._recording = asyncio.create_task(self._record_all(), name="inbox")
        outcomes = await waiting.recorded
        for tenant, outcome in outcomes.items():
            self._services.metrics.notification(tenant, arrived.upstream, outcome)
        full = [tenant for tenant, outcome in outcomes.items() if outcome == "full"]
        for tenant in full:
            self._tell_full(tenant, arrived.upstream)
        if len(full) == len(outcomes):
            raise UnavailableError(
                "The inbox has no room for it; send it again later.", headers={"Retry-After": str(_FULL_SECONDS)}
            )
        return outcomes

    async def _record_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                began = loop.time()
                try:
                    # On the account of who has waited longest, each in its turn: the task belongs to none of them.
                    with on_account(group[0].account):
                        outcomes = await self._services.database.write(partial(self._record, group))
                except Exception as error:  # noqa: BLE001 - the request that waits is told
                    for each in group:
                        if not each.recorded.done():
                            each.recorded.set_exception(error)
                    continue
                for each, outcome in zip(group, outcomes, strict=True):
                    if not each.recorded.done():
                        each.recorded.set_result(outcome)
                if self._here > TURNS_MAX:
                    await asyncio.sleep(min(REST_TIMES * (loop.time() - began), REST_SECONDS_MAX))
        finally:
            self._recording = None

    def _record(self, group: Sequence[_Waiting], connection: Connection) -> list[dict[str, Outcome]]:
        now = self._services.database.now(connection)
        recorder = Recorder(connection, self._services.settings.limits, now)
        outcomes = []
        for each in group:
            arrived = each.arrived
            concerned = store.tenants_of_order(connection, each.tenants, arrived.upstream, arrived.event)
            outcomes.append({tenant: recorder.record(tenant, arrived) for tenant in concerned})
        recorder.close()
        return outcomes

    def _tell_full(self, tenant: str, upstream: str) -> None:
        """Tell in the log that a tenant's inbox is full, not every time."""
        now = asyncio.get_running_loop().time()
        if now >= self._told_full.get(tenant, float("-inf")):
            self._told_full[tenant] = now + TELL_FULL.total_seconds()
            limits = self._services.settings.limits
            log.error(
                "inbox.full",
                tenant=tenant,
                upstream=upstream,
                rows_max=limits.inbox_rows_max,
                bytes_max=limits.inbox_bytes_max,
            )
