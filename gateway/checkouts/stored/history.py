"""What happened to a checkout: every call and its answer, every read and notification, written in the transaction that acts on it.

What people asked for is in the audit; both are read together. Rows are only added, but for reads that find what the last one found:
they are counted on its row. Plain functions over a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias
from uuid import uuid4

from msgspec import Struct
from sqlalchemy import Connection, delete, select

from gateway.storage.statements import marks, moment_of, rows_of, run, run_many
from gateway.storage.tables import EPOCH, checkout_payload

EntryKind: TypeAlias = Literal["call", "answer", "event", "poll", "action"]
GATEWAY: Final = "gateway"
_MICROSECOND: Final = timedelta(microseconds=1)
_COLUMNS: Final = "id, at, kind, by, action, outcome, milliseconds, byte_count, detail, times, last_at"
_QUOTED: Final = _COLUMNS.replace(" by,", ' "by",')
_INSERT: Final = (
    "INSERT INTO checkout_history"
    ' (tenant, checkout_id, id, at, kind, "by", action, outcome, milliseconds, byte_count, detail, times)'
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING"
)
_PAYLOAD: Final = (
    "INSERT INTO checkout_payload (tenant, checkout_id, history_id, document, created_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_LAST: Final = (
    "SELECT id, kind, action, outcome, detail FROM checkout_history WHERE tenant = ? AND checkout_id = ?"
    " ORDER BY id DESC LIMIT 1"
)
_AGAIN: Final = (
    "UPDATE checkout_history SET times = times + 1, last_at = ?, milliseconds = ?, byte_count = ?"
    " WHERE tenant = ? AND checkout_id = ? AND id = ?"
)


class Happening(Struct, frozen=True, kw_only=True):
    """One thing that happened: when, what kind of thing, by whom, what was done, and what came of it.

    `byte_count` is of the body that was sent (call) or answered. `times` and `last_at`: how often the same was found, and when last.
    """

    id: str
    at: datetime
    kind: EntryKind
    by: str
    action: str
    outcome: str
    milliseconds: int | None = None
    byte_count: int | None = None
    detail: str | None = None
    times: int = 1
    last_at: datetime | None = None


class Payload(Struct, frozen=True, kw_only=True):
    """The body of a call or of an answer, as JSON without personal data, with the id of its entry."""

    history_id: str
    document: str


def new_entry_id(at: datetime) -> str:
    """Return an id for something that happens at that moment; they are in the order of time."""
    return f"{(at - EPOCH) // _MICROSECOND:016x}{uuid4().hex[:16]}"


def record(connection: Connection, tenant: str, checkout_id: str, happened: Iterable[Happening]) -> None:
    """Record what happened."""
    run_many(connection, _INSERT, [_values(tenant, checkout_id, each) for each in happened])


def record_read(connection: Connection, tenant: str, checkout_id: str, read: Happening) -> None:
    """Record a read of an order; one that found what the last entry says already is counted there."""
    last = run(connection, _LAST, (tenant, checkout_id))
    entry = (read.kind, read.action, read.outcome, read.detail)
    if last is not None and tuple(last[1:]) == entry:
        at = (read.at - EPOCH) // _MICROSECOND
        run(connection, _AGAIN, (at, read.milliseconds, read.byte_count, tenant, checkout_id, last[0]))
        return
    record(connection, tenant, checkout_id, [read])


def record_payloads(
    connection: Connection, tenant: str, checkout_id: str, payloads: Iterable[Payload], now: datetime
) -> None:
    """Record what was sent and what was answered."""
    at = (now - EPOCH) // _MICROSECOND
    rows = [(tenant, checkout_id, payload.history_id, payload.document, at) for payload in payloads]
    run_many(connection, _PAYLOAD, rows)


def latest(connection: Connection, tenant: str, checkout_id: str, limit: int) -> list[Happening]:
    """Return the latest entries of a checkout, the earliest of them first."""
    statement = f"SELECT {_QUOTED} FROM checkout_history WHERE tenant = ? AND checkout_id = ? ORDER BY id DESC LIMIT ?"  # noqa: S608 - our own names
    rows = rows_of(connection, statement, (tenant, checkout_id, limit))
    return [_happening(row) for row in reversed(rows)]


def of_checkouts(connection: Connection, tenant: str, checkout_ids: Sequence[str]) -> dict[str, list[Happening]]:
    """Return every entry of several checkouts by checkout id, the earliest first."""
    if not checkout_ids:
        return {}
    statement = (
        f"SELECT checkout_id, {_QUOTED} FROM checkout_history WHERE tenant = ?"  # noqa: S608 - our own names
        f" AND checkout_id IN ({marks(checkout_ids)}) ORDER BY checkout_id, id"
    )
    found: dict[str, list[Happening]] = {}
    for row in rows_of(connection, statement, (tenant, *checkout_ids)):
        found.setdefault(row[0], []).append(_happening(row[1:]))
    return found


def payload_of(connection: Connection, tenant: str, checkout_id: str, history_id: str) -> str | None:
    """Return the body that an entry of the history had, as JSON text; None when none is kept."""
    query = select(checkout_payload.c.document).where(
        checkout_payload.c.tenant == tenant,
        checkout_payload.c.checkout_id == checkout_id,
        checkout_payload.c.history_id == history_id,
    )
    document: str | None = connection.execute(query).scalar_one_or_none()
    return document


def with_payload(connection: Connection, tenant: str, checkout_id: str) -> frozenset[str]:
    """Return the ids of the entries whose bodies are kept."""
    query = select(checkout_payload.c.history_id).where(
        checkout_payload.c.tenant == tenant, checkout_payload.c.checkout_id == checkout_id
    )
    return frozenset(connection.execute(query).scalars())


def forget_payloads(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` bodies of every tenant that were kept before that moment; return how many."""
    table = checkout_payload
    old = select(table.c.tenant, table.c.checkout_id, table.c.history_id).where(table.c.created_at < before)
    rows = connection.execute(old.order_by(table.c.created_at).limit(limit)).all()
    for row in rows:
        connection.execute(
            delete(table).where(
                table.c.tenant == row.tenant,
                table.c.checkout_id == row.checkout_id,
                table.c.history_id == row.history_id,
            )
        )
    return len(rows)


def _values(tenant: str, checkout_id: str, each: Happening) -> tuple[Any, ...]:
    at = (each.at - EPOCH) // _MICROSECOND
    told = (each.kind, each.by, each.action[:255], each.outcome[:255], each.milliseconds, each.byte_count, each.detail)
    return (tenant, checkout_id, each.id, at, *told)


def _happening(row: tuple[Any, ...]) -> Happening:
    entry_id, at, kind, by, action, outcome, milliseconds, byte_count, detail, times, last_at = row
    moment = moment_of(at)
    assert moment is not None, "the column is not null"
    return Happening(
        id=entry_id,
        at=moment,
        kind=kind,
        by=by,
        action=action,
        outcome=outcome,
        milliseconds=milliseconds,
        byte_count=byte_count,
        detail=detail,
        times=times,
        last_at=moment_of(last_at),
    )
