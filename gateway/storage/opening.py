"""Opening the database that the settings name."""

from __future__ import annotations

from gateway.settings import StorageSettings
from gateway.storage.database import Database


def open_database(settings: StorageSettings) -> Database:
    """Return the database of `settings.url`. The schema is not checked here (`gateway.storage.schema` does)."""
    if settings.url.startswith("sqlite:"):
        from gateway.storage.sqlite import SQLiteDatabase  # noqa: PLC0415 - only one of the two drivers is needed

        return SQLiteDatabase(settings)
    from gateway.storage.postgresql import PostgreSQLDatabase  # noqa: PLC0415 - only one of the two drivers is needed

    return PostgreSQLDatabase(settings)
