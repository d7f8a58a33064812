"""PostgreSQL, for many replicas: the same functions in a thread pool over psycopg 3 connections."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gateway.errors import UnavailableError
from gateway.fair_limiter import FairLimiter
from gateway.settings import StorageSettings
from gateway.storage.database import READ_TOO_LONG

T = TypeVar("T")
CONFLICT_ATTEMPTS_MAX: Final = 4
# serialization_failure and deadlock_detected: the transaction had no effect and may simply be run again.
CONFLICT_CODES: Final = frozenset({"40001", "40P01"})
QUERY_CANCELLED: Final = "57014"
_RETRY_HEADERS: Final = {"Retry-After": "2"}


class PostgreSQLDatabase:
    """A server, or a distributed engine that speaks its protocol. Row locks and leases make replicas take turns."""

    def __init__(self, settings: StorageSettings) -> None:
        self._shares = FairLimiter(settings.connections_max // 2, wait_seconds_max=settings.read_seconds_max)
        self.engine: Engine = create_engine(
            settings.url.replace("postgresql://", "postgresql+psycopg://", 1),
            pool_size=settings.connections_max,
            max_overflow=0,
            pool_timeout=settings.busy_timeout_seconds,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            connect_args={"connect_timeout": max(1, round(settings.busy_timeout_seconds))},
        )
        self._threads = ThreadPoolExecutor(settings.connections_max, thread_name_prefix="database")
        self._read_limit = f"SET LOCAL statement_timeout = {round(settings.read_seconds_max * 1000)}"
        self._waiting_max = settings.write_queue_max
        self._waiting = 0

    def now(self, connection: Connection) -> datetime:
        """Return the server's time: replicas' clocks may differ, leases must not."""
        return cast("datetime", connection.execute(text("SELECT clock_timestamp()")).scalar_one())

    async def read(self, function: Callable[[Connection], T]) -> T:
        """Run `function` in a transaction that is rolled back."""
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
            raise UnavailableError("Too many database calls are waiting; try again.", headers=_RETRY_HEADERS)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, copy_context().run, perform, function
            )
        finally:
            self._waiting -= 1

    def _read(self, function: Callable[[Connection], T]) -> T:
        try:
            with self.engine.connect() as connection:
                connection.exec_driver_sql(self._read_limit)
                return function(connection)
        except (OperationalError, PoolTimeoutError) as error:
            if isinstance(error, OperationalError) and _code(error) == QUERY_CANCELLED:
                raise UnavailableError(READ_TOO_LONG, headers=_RETRY_HEADERS) from None
            raise _unavailable() from error

    def _write(self, function: Callable[[Connection], T]) -> T:
        attempt = 1
        while True:
            try:
                with self.engine.begin() as connection:
                    return function(connection)
            except PoolTimeoutError as error:
                raise _unavailable() from error
            except DBAPIError as error:
                if _code(error) in CONFLICT_CODES and attempt < CONFLICT_ATTEMPTS_MAX:
                    time.sleep(random.uniform(0.005, 0.02) * attempt)  # noqa: S311 - jitter, no secret
                    attempt += 1
                    continue
                if isinstance(error, OperationalError):
                    raise _unavailable() from error
                raise

    async def close(self) -> None:
        """Let go of every connection."""
        await asyncio.to_thread(self._threads.shutdown)
        self.engine.dispose()


def _code(error: DBAPIError) -> str | None:
    original: Any = error.orig
    return getattr(original, "sqlstate", None)


def _unavailable() -> UnavailableError:
    return UnavailableError("The database cannot be reached now; try again.", headers=_RETRY_HEADERS)
