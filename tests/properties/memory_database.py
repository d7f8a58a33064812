"""A database in memory for processes that are killed: what they had begun goes no further."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from typing import Any, TypeVar

from schema_template import template
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool
from virtual_time import VirtualLoop

T = TypeVar("T")


class Process:
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


current_process: ContextVar[Process | None] = ContextVar("_process", default=None)


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
        self._connection = self.engine.connect()
        driver: Any = self._connection.connection.driver_connection
        driver.deserialize(template())
        self.cursor = driver.cursor()

    def now(self, _connection: object = None) -> datetime:
        return self._loop.now()

    async def _passes(self) -> None:
        process = current_process.get()
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
