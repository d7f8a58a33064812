"""Who did what: one row for each thing that a person or a client asked for, written in the transaction that does it.

Rows are only added, and removed when they are old (`retention.audit_days`). What they say is for people; nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Final, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, delete, func, select

from gateway.logs import correlation
from gateway.storage.statements import run
from gateway.storage.tables import EPOCH, audit

REASON_CHARACTERS_MAX = 1000
_MICROSECOND: Final = timedelta(microseconds=1)
# Every write that a client asks for runs it.
_INSERT: Final = (
    "INSERT INTO audit (tenant, id, at, client, roles, action, resource, resource_id, reason, version_before,"
    " version_after, outcome, detail, correlation_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Deed(Struct, frozen=True, kw_only=True):
    """What was asked for: by which client of which tenant, on which resource, with which reason, and what came of it.

    `version_before` and `version_after` are those of the resource, where it has versions. `outcome` is one word, `detail` a
    sentence without personal data.
    """

    tenant: str
    client: str
    roles: tuple[str, ...]
    action: str
    resource: str
    resource_id: str
    reason: str | None = None
    version_before: int | None = None
    version_after: int | None = None
    outcome: str = "done"
    detail: str | None = None


class AuditRow(Struct, frozen=True, kw_only=True):
    """A deed as it was recorded: when, and in which request."""

    id: str
    at: datetime
    correlation_id: str | None
    deed: Deed


def record(connection: Connection, deed: Deed, now: datetime) -> None:
    """Record who did what, in the transaction of what was done; the correlation id is that of the request under way.

    Ids are in the order of time, so that rows that are written together lie together in every index; they differ, and are no
    secret.

    Args:
        connection: inside of a transaction of the caller's, who commits.
        deed: who, what, to which resource, its versions before and after. No personal data, and no body.
        now: the database's time, aware, in UTC.

    Raises:
        Nothing of its own; errors of the database are SQLAlchemy's, and undo what was done.

    Source: `storage/tables/operations.py`.
    """
    caused_by = correlation.get()
    microseconds = (now - EPOCH) // _MICROSECOND
    values = (
        deed.tenant,
        f"{microseconds:016x}{token_hex(8)}",
        microseconds,
        deed.client,
        " ".join(deed.roles),
        deed.action,
        deed.resource,
        deed.resource_id,
        deed.reason,
        deed.version_before,
        deed.version_after,
        deed.outcome,
        deed.detail,
        caused_by.decode("latin-1") if caused_by is not None else None,
    )
    run(connection, _INSERT, values)


class Wanted(NamedTuple):
    """Which deeds of a tenant are asked for; None: any. `since` is the first moment, `until` the first that is too late."""

    client: str | None = None
    resource: str | None = None
    resource_id: str | None = None
    action: str | None = None
    correlation_id: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def find(connection: Connection, tenant: str, wanted: Wanted, *, offset: int, limit: int) -> tuple[list[AuditRow], int]:
    """Return a page of what was done in a tenant, the latest first, and how much there is."""
    conditions = [audit.c.tenant == tenant]
    conditions += [
        audit.c[name] == value
        for name in ("client", "resource", "resource_id", "action", "correlation_id", "outcome")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.since is not None:
        conditions.append(audit.c.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(audit.c.at < wanted.until)
    total = connection.execute(select(func.count()).select_from(audit).where(*conditions)).scalar_one()
    query = select(audit).where(*conditions).order_by(audit.c.at.desc(), audit.c.id.desc()).offset(offset).limit(limit)
    return [_row(row._asdict()) for row in connection.execute(query)], int(total)


def tenants(connection: Connection) -> list[str]:
    """Return the tenants of which anything is recorded, read from the key by stepping from one to the next."""
    first = select(func.min(audit.c.tenant).label("tenant")).cte("audited", recursive=True)
    following = (
        select(func.min(audit.c.tenant)).where(audit.c.tenant > first.c.tenant).correlate(first).scalar_subquery()
    )
    walked = first.union_all(select(following).where(first.c.tenant.is_not(None)))
    return list(connection.execute(select(walked.c.tenant).where(walked.c.tenant.is_not(None))).scalars())


def forget(connection: Connection, tenant: str, before: datetime, limit: int) -> int:
    """Remove up to `limit` rows of a tenant that were recorded before that moment, the oldest first; return how many."""
    old = (
        select(audit.c.id)
        .where(audit.c.tenant == tenant, audit.c.at < before)
        .order_by(audit.c.at)
        .limit(limit)
        .scalar_subquery()
    )
    return connection.execute(delete(audit).where(audit.c.tenant == tenant, audit.c.id.in_(old))).rowcount


def of_resource(connection: Connection, tenant: str, resource: str, resource_ids: Iterable[str]) -> list[AuditRow]:
    """Return what was done to resources of one kind of a tenant, the earliest first."""
    query = (
        select(audit)
        .where(audit.c.tenant == tenant, audit.c.resource == resource, audit.c.resource_id.in_(list(resource_ids)))
        .order_by(audit.c.at, audit.c.id)
    )
    return [_row(row._asdict()) for row in connection.execute(query)]


def _row(values: dict[str, Any]) -> AuditRow:
    deed = {name: values[name] for name in Deed.__struct_fields__} | {"roles": tuple(values["roles"].split())}
    return AuditRow(id=values["id"], at=values["at"], correlation_id=values["correlation_id"], deed=Deed(**deed))
