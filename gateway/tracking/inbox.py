"""What is in the inbox: recording notifications within each tenant's bounds, forgetting them. Plain functions over a connection."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.settings import LimitSettings
from gateway.storage.statements import marks, run, stored_moment
from gateway.storage.tables import checkout, inbox, inbox_usage
from gateway.tmf.json import encode_json
from gateway.tracking.events import Event
from gateway.tracking.notices import Note

State: TypeAlias = Literal["received", "waiting", "done", "dead"]
RECEIVED: Final[State] = "received"
WAITING: Final[State] = "waiting"
DONE: Final[State] = "done"
DEAD: Final[State] = "dead"
STATES: Final[tuple[State, ...]] = (RECEIVED, WAITING, DONE, DEAD)
NAMES_NO_ORDER: Final = "names no order"
Outcome: TypeAlias = Literal["recorded", "repeated", "full"]
# Notifications that were dealt with, forgotten at once to make room for new ones.
MADE_ROOM_ROWS: Final = 500


class Arrived(Struct, frozen=True, kw_only=True):
    """A notification on its way into the inbox: of which order system, what it says, and its body word for word."""

    upstream: str
    event: Event
    raw: str
    raw_bytes: int


class _Usage:
    """How much of the inbox one tenant has while a group of notifications is recorded."""

    def __init__(self, rows: int, size: int) -> None:
        self.rows, self.size = rows, size
        self.added_rows = self.added_size = 0

    def add(self, rows: int, size: int) -> None:
        self.rows += rows
        self.size += size
        self.added_rows += rows
        self.added_size += size


class Recorder:
    """Records a group of notifications in one transaction; `close` writes what has changed about the tenants' usage."""

    def __init__(self, connection: Connection, limits: LimitSettings, now: datetime) -> None:
        self._connection, self._limits, self._now = connection, limits, now
        self._usage: dict[str, _Usage] = {}

    def record(self, tenant: str, arrived: Arrived) -> Outcome:
        """Keep a notification before anybody looks at it.

        `repeated`: it is there already. `full`: it is not, and the tenant has as many as it may have, none of which was dealt with. A
        notification without an eventId that was dealt with and comes again, word for word, is looked at again: it may be another
        event that says the same.
        """
        usage = self._usage.get(tenant)
        if usage is None:
            usage = self._usage[tenant] = _usage_of(self._connection, tenant)
        if not self._has_room(tenant, usage, arrived.raw_bytes):
            return "repeated" if self._is_known(tenant, arrived) else "full"
        if _insert(self._connection, tenant, arrived, self._now):
            usage.add(1, arrived.raw_bytes)
            return "recorded"
        return "recorded" if self._came_again(tenant, arrived) else "repeated"

    def close(self) -> None:
        """Write how much of the inbox the tenants have now."""
        for tenant in sorted(self._usage):
            usage = self._usage[tenant]
            count(self._connection, tenant, usage.added_rows, usage.added_size)

    def _has_room(self, tenant: str, usage: _Usage, size: int) -> bool:
        rows_max, bytes_max = self._limits.inbox_rows_max, self._limits.inbox_bytes_max
        while usage.rows + 1 > rows_max or usage.size + size > bytes_max:
            forgotten = _forget(self._connection, _oldest(self._connection, tenant, DONE, MADE_ROOM_ROWS))
            if not forgotten:
                return False
            usage.add(-len(forgotten), -sum(row.raw_bytes for row in forgotten))
        return True

    def _is_known(self, tenant: str, arrived: Arrived) -> bool:
        query = select(inbox.c.id).where(*_is(tenant, arrived.upstream, arrived.event.key))
        return self._connection.execute(query).first() is not None

    def _came_again(self, tenant: str, arrived: Arrived) -> bool:
        if arrived.event.identified or arrived.event.order_id is None:
            return False
        again = (
            update(inbox)
            .where(*_is(tenant, arrived.upstream, arrived.event.key), inbox.c.state == DONE)
            .values(state=RECEIVED, attempts=0, due_at=self._now, received_at=self._now)
        )
        return self._connection.execute(again).rowcount == 1


def inbox_id(upstream: str, key: str) -> str:
    """Return the id by which a notification is addressed: 32 hexadecimal digits, the same in every tenant that it may concern."""
    return hashlib.sha256(f"{upstream}\0{key}".encode()).hexdigest()[:32]


def count(connection: Connection, tenant: str, rows: int, size: int) -> None:
    """Add to what a tenant has of the inbox; below zero it never is."""
    if not rows and not size:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(inbox_usage).values(tenant=tenant, row_count=max(rows, 0), byte_count=max(size, 0))
    added = {"row_count": inbox_usage.c.row_count + rows, "byte_count": inbox_usage.c.byte_count + size}
    connection.execute(statement.on_conflict_do_update(index_elements=["tenant"], set_=added))


def forget_old(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` notifications of every tenant that were dealt with, or are dead, and came before `before`; return how many."""
    forgotten = 0
    for tenant in _tenants(connection):
        for state in (DONE, DEAD):
            rows = _forget(connection, _oldest(connection, tenant, state, limit - forgotten, before))
            count(connection, tenant, -len(rows), -sum(row.raw_bytes for row in rows))
            forgotten += len(rows)
    return forgotten


def forget_of_others(connection: Connection, tenant: str, upstream: str, order_id: str) -> None:
    """Delete the notifications of an order of `tenant` that other tenants have as well, because they came before it was known whose it is.

    A tenant that follows an order with the same id keeps its own.
    """
    for other in _tenants(connection):
        if other == tenant:
            continue
        of_order = (inbox.c.tenant == other, inbox.c.upstream == upstream, inbox.c.order_id == order_id)
        has_it = exists().where(
            checkout.c.tenant == other, checkout.c.upstream == upstream, checkout.c.order_id == order_id
        )
        query = select(inbox.c.tenant, inbox.c.upstream, inbox.c.dedup_key, inbox.c.raw_bytes).where(*of_order, ~has_it)
        rows = _forget(connection, list(connection.execute(query)))
        count(connection, other, -len(rows), -sum(row.raw_bytes for row in rows))


def read_again(connection: Connection, tenant: str, row: Row[Any], event: Event, now: datetime) -> None:
    """Let a notification be looked at as if it had come just now, with what `event` says that its body says."""
    connection.execute(
        update(inbox)
        .where(*_is(tenant, row.upstream, row.dedup_key))
        .values(
            **_said(event),
            occurred_at=event.occurred_at,
            state=DEAD if event.order_id is None else RECEIVED,
            detail=NAMES_NO_ORDER if event.order_id is None else None,
            attempts=0,
            due_at=None if event.order_id is None else now,
            received_at=now,
        )
    )


def _insert(connection: Connection, tenant: str, arrived: Arrived, now: datetime) -> bool:
    """Add a notification; False when it is there already."""
    event, at = arrived.event, stored_moment(now)
    known = event.order_id is not None
    said = _said(event)
    values = (
        tenant,
        arrived.upstream,
        event.key,
        inbox_id(arrived.upstream, event.key),
        RECEIVED if known else DEAD,
        at if known else None,
        at,
        None if known else NAMES_NO_ORDER,
        arrived.raw,
        arrived.raw_bytes,
        stored_moment(event.occurred_at),
        *said.values(),
    )
    return run(connection, _insert_statement(tuple(said)), values) is not None


@cache
def _insert_statement(said: tuple[str, ...]) -> str:
    """Return the statement that adds a notification, given the names of the columns of `_said`."""
    columns = ("tenant", "upstream", "dedup_key", "id", "state", "due_at", "received_at", "detail", "raw", "raw_bytes")
    names = (*columns, "occurred_at", *said)
    return (
        f"INSERT INTO inbox ({', '.join(names)}, attempts) VALUES ({marks(names)}, 0)"  # noqa: S608 - our own names
        " ON CONFLICT DO NOTHING RETURNING dedup_key"
    )


def _said(event: Event) -> dict[str, str | None]:
    """Return the columns that hold what a notification says, but for when that happened."""
    return {
        "order_id": event.order_id,
        "marker": event.marker,
        "event_type": event.event_type,
        "order_state": event.state,
        "item_states": encode_json(event.items).decode() if event.items else None,
        "notes": encode_json([_note(note) for note in event.notes]).decode() if event.notes else None,
    }


def _note(note: Note) -> dict[str, str]:
    told = {"kind": note.kind, "text": note.text}
    return told if note.path is None else {**told, "path": note.path}


def _is(tenant: str, upstream: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return inbox.c.tenant == tenant, inbox.c.upstream == upstream, inbox.c.dedup_key == key


def _usage_of(connection: Connection, tenant: str) -> _Usage:
    query = select(inbox_usage.c.row_count, inbox_usage.c.byte_count).where(inbox_usage.c.tenant == tenant)
    row = connection.execute(query).one_or_none()
    return _Usage(0, 0) if row is None else _Usage(row.row_count, row.byte_count)


def _oldest(
    connection: Connection, tenant: str, state: State, limit: int, before: datetime | None = None
) -> Sequence[Row[Any]]:
    query = select(inbox.c.tenant, inbox.c.upstream, inbox.c.dedup_key, inbox.c.raw_bytes)
    query = query.where(inbox.c.tenant == tenant, inbox.c.state == state)
    if before is not None:
        query = query.where(inbox.c.received_at < before)
    return list(connection.execute(query.order_by(inbox.c.received_at).limit(limit)))


def _tenants(connection: Connection) -> list[str]:
    """Return every tenant that has notifications, found by stepping from one to the next."""
    found: list[str] = []
    query = select(func.min(inbox.c.tenant))
    while (tenant := connection.execute(query).scalar_one()) is not None:
        found.append(tenant)
        query = select(func.min(inbox.c.tenant)).where(inbox.c.tenant > tenant)
    return found


def _forget(connection: Connection, rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Delete notifications; return those that were there still."""
    return [
        row
        for row in rows
        if connection.execute(delete(inbox).where(*_is(row.tenant, row.upstream, row.dedup_key))).rowcount
    ]
