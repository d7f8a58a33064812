"""PostgreSQL, for many replicas: the same functions in a thread pool over psycopg 3 connections.

A server that stops, hangs, is out of connections or hands over to another one is told as UnavailableError within a bounded time: a
connection that is dead is noticed (TCP keep-alive), a lock is waited for `storage.busy_timeout_seconds`, and so is a free thread. What
was not answered at all for ANSWER_SECONDS_MAX may have been written.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.fair_limiter import FairLimiter
from gateway.fair_shares import charged
from gateway.settings import StorageSettings
from gateway.storage.failures import (
    AWAY,
    NOT_ANSWERED,
    QUERY_CANCELLED,
    READ_ONLY,
    conflict_code,
    of_postgresql,
    sqlstate,
    unavailable,
)

T = TypeVar("T")
CONFLICT_ATTEMPTS_MAX: Final = 4
ANSWER_SECONDS_MAX: Final = 30.0
"""How long a caller waits for what a server was asked, beyond `storage.read_seconds_max`: it may hang with its connections open."""
# A process that stands still in the middle of a transaction keeps rows locked for so long.
IDLE_SECONDS_MAX: Final = 60.0
# How a server that went away without a word is noticed: within about 25 seconds.
_KEEP_ALIVE: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}


class PostgreSQLDatabase:
    """A server, or a distributed engine that speaks its protocol. Row locks and leases make replicas take turns."""

    def __init__(self, settings: StorageSettings) -> None:
        self._shares = FairLimiter(settings.connections_max // 2, wait_seconds_max=settings.read_seconds_max)
        url = make_url(settings.url.replace("postgresql://", "postgresql+psycopg://", 1))
        given = {"connect_timeout": max(1, round(settings.busy_timeout_seconds)), **_KEEP_ALIVE}
        self.engine: Engine = create_engine(
            url,
            pool_size=settings.connections_max,
            max_overflow=0,
            pool_timeout=settings.busy_timeout_seconds,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            # What the URL says itself stands.
            connect_args={name: value for name, value in given.items() if name not in url.query},
        )
        self._busy_seconds = settings.busy_timeout_seconds
        self._answer_seconds_max = settings.read_seconds_max + ANSWER_SECONDS_MAX
        event.listen(self.engine, "connect", self._prepare)
        self._threads = ThreadPoolExecutor(settings.connections_max, thread_name_prefix="database")
        self._reading = (
            f"SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = {round(settings.read_seconds_max * 1000)}"
        )
        self._waiting_max = settings.write_queue_max
        self._waiting = 0

    def _prepare(self, connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {round(self._busy_seconds * 1000)}")
            cursor.execute(f"SET idle_in_transaction_session_timeout = {round(IDLE_SECONDS_MAX * 1000)}")
        connection.commit()

    def now(self, connection: Connection) -> datetime:
        """Return the server's time: replicas' clocks may differ, leases must not."""
        return cast("datetime", connection.execute(text("SELECT clock_timestamp()")).scalar_one())

    async def read(self, function: Callable[[Connection], T]) -> T:
        """Run `function` in a transaction that can write nothing."""
        return await self._run(self._read, function)

    async def read_list(self, tenant: str, function: Callable[[Connection], T]) -> T:
        """Run `function` as `read` does, when it is the tenant's turn."""
        async with self._shares.slot(tenant):
            return await self.read(function)

    async def read_brief(self, function: Callable[[Connection], T]) -> T:
        """Run a look-up by key; over a network there is no short way."""
        return await self.read(function)

    async def write(self, function: Callable[[Connection], T]) -> T:
        """Run `function` and commit; conflicts that had no effect are run again a few times."""
        return await self._run(self._write, function)

    async def _run(self, perform: Callable[[Callable[[Connection], T]], T], function: Callable[[Connection], T]) -> T:
        if self._waiting >= self._waiting_max:
            raise unavailable("Too many database calls are waiting; try again.")
        self._waiting += 1
        call = self._threads.submit(copy_context().run, charged(perform), function)
        answer = asyncio.wrap_future(call)
        try:
            await asyncio.wait({answer}, timeout=self._busy_seconds)
            # Still in the queue: every thread has waited for the server all the time. Nothing was sent.
            if not answer.done() and call.cancel():
                raise unavailable(AWAY)
            await asyncio.wait({answer}, timeout=self._answer_seconds_max)
            if not answer.done():
                raise unavailable(NOT_ANSWERED)
            return answer.result()
        finally:
            self._waiting -= 1
            # Nobody waits any more: what has not begun does not begin, and what comes of the rest is nobody's.
            answer.cancel()

    def _read(self, function: Callable[[Connection], T]) -> T:
        try:
            with self.engine.connect() as connection:
                connection.exec_driver_sql(self._reading)
                answer = function(connection)
                # With a rollback psycopg throws every prepared statement away: each read would be planned anew.
                connection.commit()
                return answer
        except SQLAlchemyError as error:
            # A read that writes is a mistake of ours; in a write the same code means that the server is a standby now.
            told = of_postgresql(error) if sqlstate(error) != READ_ONLY else None
            if told is None:
                raise
            raise told from (None if sqlstate(error) == QUERY_CANCELLED else error)

    def _write(self, function: Callable[[Connection], T]) -> T:
        attempt = 1
        while True:
            try:
                with self.engine.begin() as connection:
                    return function(connection)
            except SQLAlchemyError as error:
                if conflict_code(error) is not None and attempt < CONFLICT_ATTEMPTS_MAX:
                    time.sleep(random.uniform(0.005, 0.02) * attempt)  # noqa: S311 - jitter, no secret
                    attempt += 1
                    continue
                told = of_postgresql(error)
                if told is None:
                    raise
                raise told from error

    async def close(self) -> None:
        """Let go of every connection."""
        await asyncio.to_thread(self._threads.shutdown)
        self.engine.dispose()
