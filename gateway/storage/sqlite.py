"""SQLite, the embedded default: one writer thread with group commit, a few readers.

All writes go through one thread that takes what is queued, runs the functions and commits once (see
`gateway.storage.group_commit`). `synchronous=FULL` makes an acknowledged write survive a power cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from gateway.clock import utc_now
from gateway.errors import OperatorError
from gateway.fair_limiter import FairLimiter
from gateway.fair_shares import charged
from gateway.settings import StorageSettings
from gateway.storage import group_commit
from gateway.storage.database import READ_TOO_LONG
from gateway.storage.failures import of_sqlite, unavailable
from gateway.storage.group_commit import Outcome, Write
from gateway.storage.local_disk import require_local

T = TypeVar("T")
GROUP_MAX: Final = 256  # functions that share one commit: bounds the wait of the first in the group
MAPPED_BYTES_MAX: Final = 1 << 30  # of the file; the rest is read page by page
JOURNAL_BYTES_MAX: Final = 64 << 20  # of the write-ahead log, between two times that it is begun again
PROGRESS_INSTRUCTIONS: Final = 20_000  # of SQLite's machine between two looks at the clock, about a millisecond
# Filters read documents with `->` (3.38.0), writes answer with RETURNING (3.35.0); JSON functions are always there from 3.38.0 on.
VERSION_MIN: Final = (3, 38, 0)


def require_version(found: tuple[int, ...]) -> None:
    """Raise OperatorError when the SQLite library of this Python is too old for the statements of the gateway.

    Found at the start, not at the first filter: Python uses the library of the system it was built on.
    """
    if found < VERSION_MIN:
        raise OperatorError(
            f"storage.url: SQLite {_dotted(VERSION_MIN)} or later is needed, this Python has {_dotted(found)}. Use a Python with "
            "a newer SQLite library (the container image has one), or a postgresql:// URL."
        )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


class SQLiteDatabase:
    """One file on one host. Several processes may use it; they take turns by SQLite's own lock."""

    def __init__(self, settings: StorageSettings) -> None:
        self._shares = FairLimiter(settings.readers_max - 1, wait_seconds_max=settings.read_seconds_max)
        require_version(sqlite3.sqlite_version_info)
        self._path = settings.url.removeprefix("sqlite:///")
        require_local(Path(self._path))
        Path(self._path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._read_seconds_max = settings.read_seconds_max
        self._busy_timeout_ms = round(settings.busy_timeout_seconds * 1000)
        self.engine: Engine = self._make_engine(QueuePool, pool_size=settings.readers_max + 1, max_overflow=0)
        self._brief = self._make_engine(NullPool).connect()
        # A look-up in a large file reads pages that no cache has: mapped, they are not copied. (Should the disk fail under a mapped
        # page the process ends, and loses nothing: what was acknowledged is on the disk, and no transaction is open here.)
        self._brief.exec_driver_sql(f"PRAGMA mmap_size = {MAPPED_BYTES_MAX}")
        self._brief.rollback()
        self._readers = ThreadPoolExecutor(settings.readers_max, thread_name_prefix="read")
        # Batches for the writer thread; None ends it. The writes of one turn of an event loop make one batch: waking a thread, and
        # being woken by it, costs more than a small write.
        self._queue: queue.SimpleQueue[list[Write[Any]] | None] = queue.SimpleQueue()
        self._collecting: dict[asyncio.AbstractEventLoop, list[Write[Any]]] = {}
        self._waiting = 0
        self._waiting_max = settings.write_queue_max
        self._closed = False
        self._writer_engine = self._make_engine(NullPool)
        self._writer = threading.Thread(target=self._write_loop, name="write", daemon=True)
        self._writer.start()

    def _make_engine(self, pool: type, **pool_options: Any) -> Engine:
        engine = create_engine(
            f"sqlite:///{self._path}",
            poolclass=pool,
            connect_args={"check_same_thread": False, "timeout": self._busy_timeout_ms / 1000},
            **pool_options,
        )
        event.listen(engine, "connect", self._prepare)
        return engine

    def _prepare(self, connection: sqlite3.Connection, _record: object) -> None:
        # Transactions are begun by hand: the driver's own deferred BEGIN can fail at the first write.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {self._busy_timeout_ms}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "cache_size = -16000",
            # What a long read of another process let grow is given back once that read has ended.
            f"journal_size_limit = {JOURNAL_BYTES_MAX}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        with contextlib.suppress(OSError):
            Path(self._path).chmod(0o600)

    def now(self, connection: Connection) -> datetime:  # noqa: ARG002 - PostgreSQL asks its connection
        """Return this host's time: every process on the file shares it."""
        return utc_now()

    async def read(self, function: Callable[[Connection], T]) -> T:
        """Run `function` in a reader thread, on a snapshot."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, charged(self._read), function)

    def _read(self, function: Callable[[Connection], T]) -> T:
        deadline = time.monotonic() + self._read_seconds_max
        try:
            with self.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                # One client's expensive filter must not keep the few readers from everybody else.
                driver.set_progress_handler(lambda: time.monotonic() > deadline, PROGRESS_INSTRUCTIONS)
                try:
                    connection.exec_driver_sql("BEGIN")
                    return function(connection)
                finally:
                    driver.set_progress_handler(None, 0)
                    if driver.in_transaction:
                        connection.exec_driver_sql("ROLLBACK")
        except (SQLAlchemyError, sqlite3.Error) as error:
            if time.monotonic() > deadline:
                raise unavailable(READ_TOO_LONG) from None
            raise of_sqlite(error) from error

    async def read_list(self, tenant: str, function: Callable[[Connection], T]) -> T:
        """Run `function` as `read` does, when it is the tenant's turn."""
        async with self._shares.slot(tenant):
            return await self.read(function)

    async def read_brief(self, function: Callable[[Connection], T]) -> T:
        """Run a look-up by key at once, in the caller's thread: it costs less than the way to another thread.

        Each statement is its own snapshot.
        """
        try:
            return function(self._brief)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise of_sqlite(error) from error
        finally:
            self._brief.rollback()

    async def write(self, function: Callable[[Connection], T]) -> T:
        """Queue `function` for the writer thread and wait until its commit is on the disk."""
        if self._closed:
            raise unavailable("The service is stopping; try again.")
        if self._waiting >= self._waiting_max:
            raise unavailable("Too many writes are waiting; try again.")
        loop = asyncio.get_running_loop()
        write = Write(function, loop.create_future())
        batch = self._collecting.get(loop)
        if batch is None:
            batch = self._collecting[loop] = []
            loop.call_soon(self._hand_over, loop)
        batch.append(write)
        self._waiting += 1
        try:
            value: T = await write.done
        finally:
            self._waiting -= 1
        return value

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._collecting.pop(loop, None)
        if batch:
            self._queue.put(batch)

    def _write_loop(self) -> None:
        connection: Connection | None = None
        stopping = False
        while not stopping:
            group, stopping = self._take_group()
            while writes := [write for write in group if not write.done.cancelled()]:
                outcomes: list[Outcome]
                began = time.thread_time()
                try:
                    connection = connection or self._writer_engine.connect()
                    outcomes = group_commit.perform(connection, writes)
                except Exception as error:  # noqa: BLE001 - whatever went wrong belongs to the callers, not to this thread
                    outcomes = [(None, error)] * len(writes)
                    if connection is not None:
                        with contextlib.suppress(Exception):
                            connection.invalidate()
                        connection.close()
                        connection = None
                group_commit.charge(writes[: len(outcomes)], time.thread_time() - began)
                group_commit.answer(writes[: len(outcomes)], outcomes, of_sqlite)
                group = writes[len(outcomes) :]
        if connection is not None:
            connection.close()

    def _take_group(self) -> tuple[list[Write[Any]], bool]:
        """Wait for a batch and take what else has come; return it, and whether to stop afterwards."""
        batch = self._queue.get()
        group: list[Write[Any]] = []
        while batch is not None:
            group += batch
            if len(group) >= GROUP_MAX or self._queue.empty():
                return group, False
            batch = self._queue.get()
        return group, True

    async def close(self) -> None:
        """Finish the queued writes, then let go of the file."""
        if self._closed:
            return
        self._closed = True
        for loop in list(self._collecting):
            self._hand_over(loop)
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        self._queue.put(None)
        self._writer.join()
        self._readers.shutdown()
        self._brief.close()
        self._brief.engine.dispose()
        self._writer_engine.dispose()
        self.engine.dispose()
