"""A database that is away while a test says so: a server behind a door, a file whose statements fail as they do on a broken disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from database_proxy import door_to
from sqlalchemy import event

from gateway.settings import StorageSettings
from gateway.storage import Database
from gateway.storage.sqlite import SQLiteDatabase


class Away:
    """`storage` names the database to use; after `attach` it is away between `go` and `come_back`."""

    def __init__(self, storage: StorageSettings, go: Callable[[], None], come_back: Callable[[], None]) -> None:
        self.storage = storage
        self.go = go
        self.come_back = come_back
        self._is_away = False

    def attach(self, database: Database) -> None:
        """Let the disk under an SQLite file fail as well (a server is behind a door)."""
        if not isinstance(database, SQLiteDatabase):
            return

        def fail(*_: Any) -> None:
            if self._is_away:
                raise sqlite3.OperationalError("disk I/O error")

        for engine in (database.engine, database._writer_engine, database._brief.engine):
            event.listen(engine, "before_cursor_execute", fail)

        def go() -> None:
            self._is_away = True

        def come_back() -> None:
            self._is_away = False

        self.go, self.come_back = go, come_back


@contextmanager
def away_of(storage: StorageSettings) -> Iterator[Away]:
    """Return what takes the database of these settings away and brings it back."""
    if storage.url.startswith("sqlite:"):
        yield Away(storage, lambda: None, lambda: None)
        return
    with door_to(storage.url) as door:
        yield Away(StorageSettings(url=door.url, connections_max=storage.connections_max), door.shut, door.open)
        door.open()
