"""Statements that requests and calls wait for, straight through the driver.

Building an expression again, and SQLAlchemy's way around a ready text, cost several times what running a small statement does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection

from gateway.storage.tables import EPOCH

_MICROSECOND: Final = timedelta(microseconds=1)
# The columns of a row as the driver gives them: what asked for them by name knows what each of them is.
Columns: TypeAlias = tuple[Any, ...]


def moment_of(value: int | None) -> datetime | None:
    """Return the moment that a column of the type `Moment` holds, as the driver gives it."""
    return None if value is None else EPOCH + value * _MICROSECOND


def stored_moment(value: datetime | None) -> int | None:
    """Return what a column of the type `Moment` holds of a moment, as the driver takes it."""
    return None if value is None else (value - EPOCH) // _MICROSECOND


def marks(values: Collection[object]) -> str:
    """Return the question marks for a list of values, as in `IN (?, ?)`."""
    return ", ".join("?" * len(values))


def _for_psycopg(statement: str) -> str:
    return statement.replace("%", "%%").replace("?", "%s")


def run(connection: Connection, statement: str, values: tuple[object, ...]) -> Columns | None:
    """Run a statement written with `?` for its values; return the first row of a SELECT, None when there is none.

    Errors are SQLAlchemy's on both engines.
    """
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        try:
            # The driver's own way takes a tenth of the time. One row at most: the cursor ends with it.
            first: Columns | None = driver.execute(statement, values).fetchone()
        except sqlite3.Error:
            # It had no effect. Run again the ordinary way, it raises what the callers of a database know.
            result = connection.exec_driver_sql(statement, values)
        else:
            return first
    else:
        result = connection.exec_driver_sql(_for_psycopg(statement), values)
    return result.fetchone() if result.returns_rows else None


def rows_of(connection: Connection, statement: str, values: tuple[object, ...]) -> list[Columns]:
    """Return every row of a SELECT written with `?` for its values, as the driver gives them. Errors as `run`."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        try:
            found: list[Columns] = driver.execute(statement, values).fetchall()
        except sqlite3.Error:
            found = [tuple(row) for row in connection.exec_driver_sql(statement, values)]
        return found
    return [tuple(row) for row in connection.exec_driver_sql(_for_psycopg(statement), values)]


def run_many(connection: Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Run a statement without an answer once for each row. It must not matter that one runs twice. Errors as `run`."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        try:
            driver.executemany(statement, rows)
        except sqlite3.Error:
            # Run again the ordinary way, it raises what the callers of a database know.
            connection.exec_driver_sql(statement, list(rows))
    else:
        connection.exec_driver_sql(_for_psycopg(statement), list(rows))
