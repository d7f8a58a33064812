"""SQLite, the embedded default: one writer thread with group commit, a few readers.

All writes go through one thread that takes what is queued, runs each function in a savepoint of its own and commits once:
many small writes share one `fdatasync`. `synchronous=FULL` makes an acknowledged write survive a power cut, and
`BEGIN IMMEDIATE` takes the write lock at the start, so that a transaction never fails half-way because another process wrote.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool, QueuePool

from gateway.clock import utc_now
from gateway.errors import GatewayError, UnavailableError
from gateway.settings import StorageSettings

T = TypeVar("T")
GROUP_MAX: Final = 256  # functions that share one commit: bounds the wait of the first in the group
_RETRY_HEADERS: Final = {"Retry-After": "2"}


class SQLiteDatabase:
    """One file on one host. Several processes may use it; they take turns by SQLite's own lock."""

    def __init__(self, settings: StorageSettings) -> None:
        self._path = settings.url.removeprefix("sqlite:///")
        Path(self._path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._busy_timeout_ms = round(settings.busy_timeout_seconds * 1000)
        self.engine: Engine = self._make_engine(QueuePool, pool_size=settings.readers_max + 1, max_overflow=0)
        self._brief = self._make_engine(NullPool).connect()
        self._readers = ThreadPoolExecutor(settings.readers_max, thread_name_prefix="read")
        self._queue: queue.Queue[_Write[Any] | None] = queue.Queue(settings.write_queue_max)
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
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, function)

    def _read(self, function: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                return function(connection)
            finally:
                connection.exec_driver_sql("ROLLBACK")

    async def read_brief(self, function: Callable[[Connection], T]) -> T:
        """Run a look-up by key at once, in the caller's thread: it costs less than the way to another thread.

        Each statement is its own snapshot.
        """
        try:
            return function(self._brief)
        finally:
            self._brief.rollback()

    async def write(self, function: Callable[[Connection], T]) -> T:
        """Queue `function` for the writer thread and wait until its commit is on the disk."""
        if self._closed:
            raise UnavailableError("The service is stopping; try again.", headers=_RETRY_HEADERS)
        write = _Write(function)
        try:
            self._queue.put_nowait(write)
        except queue.Full:
            raise UnavailableError("Too many writes are waiting; try again.", headers=_RETRY_HEADERS) from None
        return await asyncio.wrap_future(write.done)

    def _write_loop(self) -> None:
        connection: Connection | None = None
        stopping = False
        while not stopping:
            group = self._take_group()
            if group[-1] is None:
                stopping = True
            writes = [write for write in group if write is not None and write.done.set_running_or_notify_cancel()]
            if not writes:
                continue
            try:
                connection = connection or self._writer_engine.connect()
                self._perform(connection, writes)
            except Exception as error:  # noqa: BLE001 - whatever went wrong belongs to the callers, not to this thread
                for write in writes:
                    if not write.done.done():
                        write.done.set_exception(_translate(error))
                if connection is not None:
                    with contextlib.suppress(Exception):
                        connection.invalidate()
                    connection.close()
                    connection = None
        if connection is not None:
            connection.close()

    def _take_group(self) -> list[_Write[Any] | None]:
        group = [self._queue.get()]
        while group[-1] is not None and len(group) < GROUP_MAX:
            try:
                group.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return group

    def _perform(self, connection: Connection, writes: list[_Write[Any]]) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        results: list[tuple[_Write[Any], Any, BaseException | None]] = []
        for write in writes:
            connection.exec_driver_sql("SAVEPOINT one")
            try:
                value = write.context.run(write.function, connection)
            except Exception as error:  # noqa: BLE001 - it is handed to the caller that queued the function
                connection.exec_driver_sql("ROLLBACK TO one")
                results.append((write, None, error))
            else:
                results.append((write, value, None))
            connection.exec_driver_sql("RELEASE one")
        connection.exec_driver_sql("COMMIT")
        # SQLAlchemy has its own idea of a transaction on this connection; end it without touching the database.
        connection.rollback()
        for write, value, failure in results:
            if failure is None:
                write.done.set_result(value)
            else:
                write.done.set_exception(_translate(failure))

    async def close(self) -> None:
        """Finish the queued writes, then let go of the file."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        self._queue.put(None)
        self._writer.join()
        self._readers.shutdown()
        self._brief.close()
        self._brief.engine.dispose()
        self._writer_engine.dispose()
        self.engine.dispose()


class _Write(Generic[T]):
    """A queued function and the future of its result."""

    __slots__ = ("context", "done", "function")

    def __init__(self, function: Callable[[Connection], T]) -> None:
        self.function = function
        # What the caller's task knows (the correlation id of its request) is known in the writer thread too.
        self.context = copy_context()
        self.done: Future[T] = Future()


def _translate(error: BaseException) -> BaseException:
    """Turn what the disk or a lock did into 503; leave our own errors and our mistakes as they are."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, OperationalError) or (isinstance(error, DBAPIError) and "full" in str(error.orig)):
        reason = "locked by another process" if "locked" in str(error.orig) else "not writable now"
        return UnavailableError(f"The database is {reason}; try again.", headers=_RETRY_HEADERS)
    return error
