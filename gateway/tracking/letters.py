"""The inbox as operators see it: notifications are found, looked at again, set aside. Functions over a connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, func, select, update

from gateway.ordering import Mapping as OrderMapping
from gateway.storage.tables import inbox
from gateway.tmf.json import decode_json
from gateway.tracking.events import Event, read_event
from gateway.tracking.inbox import DEAD, DONE, RECEIVED, WAITING, State, read_again

OPEN_STATES: Final[tuple[State, ...]] = (RECEIVED, WAITING, DEAD)
_DEPTH_MAX: Final = 200
_LISTED: Final = [column for column in inbox.c if column.name != "raw"]
Move: TypeAlias = Literal["replayed", "names_no_order", "dismissed"]


class Wanted(NamedTuple):
    """Which notifications of a tenant are asked for; None: any. `since` is the first moment they came, `until` the first too late."""

    states: Sequence[State] = OPEN_STATES
    upstream: str | None = None
    event_type: str | None = None
    event_id: str | None = None
    order_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def find(connection: Connection, tenant: str, wanted: Wanted, *, offset: int, limit: int) -> tuple[list[Row[Any]], int]:
    """Return a page of the notifications of a tenant, the latest first and without their bodies, and how many there are."""
    conditions = _conditions(tenant, wanted)
    total = connection.execute(select(func.count()).select_from(inbox).where(*conditions)).scalar_one()
    query = select(*_LISTED).where(*conditions).order_by(inbox.c.received_at.desc(), inbox.c.id)
    return list(connection.execute(query.offset(offset).limit(limit))), int(total)


def get(connection: Connection, tenant: str, notification_id: str) -> Row[Any] | None:
    """Return a notification with its body; None when the tenant has none with this id."""
    query = select(inbox).where(inbox.c.tenant == tenant, inbox.c.id == notification_id).limit(1)
    return connection.execute(query).one_or_none()


def next_ids(connection: Connection, tenant: str, wanted: Wanted, after: str, limit: int) -> list[str]:
    """Return ids of notifications in their own order, those after `after`: what is worked through bit by bit."""
    query = select(inbox.c.id).where(*_conditions(tenant, wanted), inbox.c.id > after).order_by(inbox.c.id).limit(limit)
    return list(connection.execute(query).scalars())


def replay(
    connection: Connection, tenant: str, row: Row[Any], mappings: Mapping[str, OrderMapping], now: datetime
) -> Move:
    """Let a notification be looked at as if it had come just now; its body is read again, by the mapping as it is now.

    `mappings` are those of the order systems, by the names of these.
    """
    event = _event(row, mappings.get(row.upstream))
    if event is None or event.order_id is None:
        return "names_no_order"
    read_again(connection, tenant, row, event, now)
    return "replayed"


def dismiss(connection: Connection, tenant: str, row: Row[Any], why: str) -> Move:
    """Set a notification aside as dealt with: it makes room for others."""
    connection.execute(
        update(inbox)
        .where(inbox.c.tenant == tenant, inbox.c.upstream == row.upstream, inbox.c.dedup_key == row.dedup_key)
        .values(state=DONE, due_at=None, detail=why)
    )
    return "dismissed"


def _event(row: Row[Any], mapping: OrderMapping | None) -> Event | None:
    """Return what a stored notification says; by what was read when it came where its order system has no mapping (any more)."""
    if mapping is None:
        return Event(row.dedup_key, row.order_id, row.event_type or "unknown", marker=row.marker)
    raw: bytes = row.raw.encode()
    document = decode_json(raw, depth_max=_DEPTH_MAX)
    return read_event(document, raw, mapping, name=row.event_type or "") if isinstance(document, dict) else None


def _conditions(tenant: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [inbox.c.tenant == tenant, inbox.c.state.in_(wanted.states)]
    equal = {
        inbox.c.upstream: wanted.upstream,
        inbox.c.event_type: wanted.event_type,
        inbox.c.dedup_key: wanted.event_id,
        inbox.c.order_id: wanted.order_id,
    }
    conditions += [column == value for column, value in equal.items() if value is not None]
    if wanted.since is not None:
        conditions.append(inbox.c.received_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(inbox.c.received_at < wanted.until)
    return conditions
