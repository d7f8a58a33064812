"""The two ways to touch durable state: `read(function)` and `write(function)`.

A function gets a `Connection`, does its queries and returns; it never commits, never awaits. One `write` is one
transaction: it is durable when the call returns, and had no effect when it raises. Until then it may be run several times, each
time on a state without its own effects: it keeps nothing outside the database but what it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")
READ_TOO_LONG = (
    "The read took longer than storage.read_seconds_max; ask for less: fewer filters, or one on an id or a party."
)


class Database(Protocol):
    """What the stages know of a database. Both implementations pass the same contract tests."""

    engine: Engine

    async def read(self, function: Callable[[Connection], T]) -> T:
        """Run `function` in a read-only transaction, in a thread."""

    async def read_list(self, tenant: str, function: Callable[[Connection], T]) -> T:
        """Run what may look through many rows of a tenant, as `read`, but on the tenant's share of the readers.

        Raises UnavailableError (503) when the share is not free in time.
        """

    async def read_brief(self, function: Callable[[Connection], T]) -> T:
        """Run a look-up by key. Where a look-up costs less than changing threads, it runs at once."""

    async def write(self, function: Callable[[Connection], T]) -> T:
        """Run `function` in a transaction of its own; when this returns its effect is durable.

        Raises UnavailableError (503) when too many writes wait, or the database cannot be written now.
        """

    def now(self, connection: Connection) -> datetime:
        """Return the time that leases are measured with: one clock for all replicas."""

    async def close(self) -> None:
        """Finish what is queued and let go of every connection."""
