"""The inbox and the orders to be looked at: plain functions over a connection."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.store import record_of
from gateway.storage.tables import checkout, inbox
from gateway.tracking.events import Event

RECEIVED, WAITING, DONE, DEAD = "received", "waiting", "done", "dead"


def record_event(connection: Connection, tenant: str, upstream: str, event: Event, raw: str, now: datetime) -> bool:
    """Keep a notification before anybody looks at it; False when it is there already."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    done = connection.execute(
        dialect.insert(inbox)
        .values(
            tenant=tenant,
            upstream=upstream,
            dedup_key=event.key,
            order_id=event.order_id,
            state=RECEIVED if event.order_id is not None else DEAD,
            attempts=0,
            due_at=now if event.order_id is not None else None,
            received_at=now,
            detail=None if event.order_id is not None else "names no order",
            raw=raw,
        )
        .on_conflict_do_nothing()
    )
    return done.rowcount == 1


def due_events(connection: Connection, now: datetime, limit: int) -> list[Row[Any]]:
    """Return the notifications that are due, of every tenant; the rows name their tenant."""
    query = (
        select(
            inbox.c.tenant,
            inbox.c.upstream,
            inbox.c.dedup_key,
            inbox.c.order_id,
            inbox.c.state,
            inbox.c.attempts,
            inbox.c.received_at,
        )
        .where(inbox.c.state.in_([RECEIVED, WAITING]), inbox.c.due_at <= now)
        .order_by(inbox.c.due_at)
        .limit(limit)
    )
    return list(connection.execute(query))


def settle_event(
    connection: Connection, row: Row[Any], *, state: str, due_at: datetime | None, detail: str | None
) -> None:
    """Record what became of a notification and when to look at it again."""
    connection.execute(
        update(inbox)
        .where(inbox.c.tenant == row.tenant, inbox.c.upstream == row.upstream, inbox.c.dedup_key == row.dedup_key)
        .values(state=state, attempts=row.attempts + 1, due_at=due_at, detail=detail)
    )


def wake_waiting(connection: Connection, tenant: str, upstream: str, order_id: str, now: datetime) -> None:
    """Make the early notifications of an order due: it is known now."""
    connection.execute(
        update(inbox)
        .where(
            inbox.c.tenant == tenant,
            inbox.c.upstream == upstream,
            inbox.c.order_id == order_id,
            inbox.c.state == WAITING,
        )
        .values(due_at=now)
    )


def due_orders(connection: Connection, now: datetime, limit: int) -> list[CheckoutRecord]:
    """Return the checkouts whose live order is to be read, of every tenant; the records name their tenant."""
    query = (
        select(*(checkout.c[name] for name in CheckoutRecord.__struct_fields__))
        .where(checkout.c.track_due_at <= now)
        .order_by(checkout.c.track_due_at)
        .limit(limit)
    )
    return [record_of(row) for row in connection.execute(query)]


def put_off_order(connection: Connection, record: CheckoutRecord, due_at: datetime) -> bool:
    """Take an order to be read by setting its next time; False when another replica took it."""
    return (
        connection.execute(
            update(checkout)
            .where(
                checkout.c.tenant == record.tenant,
                checkout.c.id == record.id,
                checkout.c.track_due_at == record.track_due_at,
            )
            .values(track_due_at=due_at)
        ).rowcount
        == 1
    )
