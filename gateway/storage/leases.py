"""A lease in a row: one process at a time works for the row, and its fence makes the writes of one that was too slow fail.

Checkouts and subscriptions carry the same columns: `tenant` and `id`, `lease_owner`, `lease_until` and `fence`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, Table, update


class Lease(NamedTuple):
    """Who takes rows (`owner`, the name of a process), when, and for how many seconds."""

    owner: str
    now: datetime
    seconds: float


def take_leases(
    connection: Connection,
    table: Table,
    tenant: str,
    wanted: Select[tuple[str]],
    lease: Lease,
    columns: Sequence[Column[Any]],
    also: Mapping[str, ColumnElement[Any]] | None = None,
) -> list[Row[Any]]:
    """Take those rows of a tenant whose ids `wanted` selects and whose lease is free at `lease.now`.

    Returns `columns` of the rows as they are now, in no order. `also` are columns to set with the lease. A row that another
    transaction is taking at this moment is passed over, on PostgreSQL; SQLite has one writer at a time.
    """
    free = wanted.where(table.c.tenant == tenant, table.c.lease_until <= lease.now).with_for_update(skip_locked=True)
    ids = list(connection.execute(free).scalars())
    if not ids:
        return []
    statement = (
        update(table)
        .where(table.c.tenant == tenant, table.c.id.in_(ids))
        .values(
            fence=table.c.fence + 1,
            lease_owner=lease.owner,
            lease_until=lease.now + timedelta(seconds=lease.seconds),
            **(also or {}),
        )
        .returning(*columns)
    )
    return list(connection.execute(statement))
