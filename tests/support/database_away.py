"""A database that is away while a test says so: a server behind a door, a file whose statements fail as they do on a broken disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from database_proxy import DatabaseProxy, door_to
from sqlalchemy import Connection, event

from gateway.settings import StorageSettings
from gateway.storage import Database, group_commit
from gateway.storage.sqlite import SQLiteDatabase


class Away:
    """`storage` names the database to use; it is away between `go` and `come_back`, an SQLite one after `attach`."""

    def __init__(self, storage: StorageSettings, door: DatabaseProxy | None) -> None:
        self.storage = storage
        self.is_away = False
        self._door = door

    def attach(self, database: Database) -> None:
        """Let the statements of an SQLite database fail as well (a server is behind a door)."""
        if isinstance(database, SQLiteDatabase):
            for engine in (database.engine, database._brief.engine):
                event.listen(engine, "before_cursor_execute", self.fail)

    def fail(self, *_: Any) -> None:
        """Fail as a statement does on a broken disk."""
        if self.is_away:
            raise sqlite3.OperationalError("disk I/O error")

    def go(self) -> None:
        """Take it away."""
        self.is_away = True
        if self._door is not None:
            self._door.shut()

    def come_back(self) -> None:
        """Bring it back."""
        self.is_away = False
        if self._door is not None:
            self._door.open()


@contextmanager
def away_of(storage: StorageSettings) -> Iterator[Away]:
    """Return what takes the database of these settings away and brings it back."""
    if not storage.url.startswith("sqlite:"):
        with door_to(storage.url) as door:
            yield Away(StorageSettings(url=door.url, connections_max=storage.connections_max), door)
            door.open()
        return
    away = Away(storage, None)
    perform = group_commit.perform

    def failing(connection: Connection, writes: list[group_commit.Write[Any]]) -> list[group_commit.Outcome]:
        away.fail()
        return perform(connection, writes)

    # The one writer keeps its connection, and its statements around a group go straight to the driver.
    with patch.object(group_commit, "perform", failing):
        yield away
