"""Opening the database that the settings name."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from gateway.settings import StorageSettings
from gateway.storage.database import Database


def open_database(settings: StorageSettings) -> Database:
    """Return the database of `settings.url`. The schema is not checked here (`gateway.storage.schema` does)."""
    if settings.url.startswith("sqlite:"):
        from gateway.storage.sqlite import SQLiteDatabase  # noqa: PLC0415 - only one of the two drivers is needed

        return SQLiteDatabase(settings)
    from gateway.storage.postgresql import PostgreSQLDatabase  # noqa: PLC0415 - only one of the two drivers is needed

    return PostgreSQLDatabase(settings)


def write_ahead_log_bytes(engine: Engine) -> int | None:
    """Return the size of the write-ahead log of an embedded database; None for a server, which keeps its own figures."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return None
    log = Path(f"{engine.url.database}-wal")
    return log.stat().st_size if log.exists() else 0
