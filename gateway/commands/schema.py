"""The database's schema at the start of a process: made, checked, or brought up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import OperatorError
from gateway.settings import StorageSettings
from gateway.storage import open_database
from gateway.storage.schema import migrate, require_current_schema

T = TypeVar("T")


def ready_schema(settings: StorageSettings) -> None:
    """Make sure that the schema is the one this version needs.

    An embedded SQLite file is brought up to date by itself: nobody else uses it. On PostgreSQL, where an older replica
    may still run, `gateway migrate` is a person's decision: SchemaError says so. Raises OperatorError when the database
    cannot be opened.
    """
    if settings.url.startswith("sqlite:"):
        migrate_schema(settings)
    else:
        _with_engine(settings, require_current_schema)


def migrate_schema(settings: StorageSettings) -> tuple[str | None, str | None]:
    """Bring the schema up to date; return the versions before and after."""
    return _with_engine(settings, migrate)


def database_name(settings: StorageSettings) -> str:
    """Return the database as it may be shown: without user and password."""
    if settings.url.startswith("sqlite:"):
        return settings.url.removeprefix("sqlite:///")
    url = urlsplit(settings.url)
    return f"{url.hostname or 'local socket'}{f':{url.port}' if url.port else ''}{url.path}"


def _with_engine(settings: StorageSettings, function: Callable[[Engine], T]) -> T:
    try:
        database = open_database(settings)
        try:
            return function(database.engine)
        finally:
            asyncio.run(database.close())
    except (SQLAlchemyError, OSError) as error:
        reason = getattr(error, "orig", None) or error
        # The first line only: drivers add the statement and hints of several lines.
        text = str(reason).strip().splitlines()[0] if str(reason).strip() else type(reason).__name__
        raise OperatorError(f"storage.url: {database_name(settings)} cannot be used: {text}") from None
