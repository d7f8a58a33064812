"""Who did what: one row for each thing that a person or a client asked for, written in the transaction that does it.

Rows are only added. What they say is for people; nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import uuid4

from msgspec import Struct
from sqlalchemy import Connection, insert, select

from gateway.logs import correlation
from gateway.storage.tables import audit

REASON_CHARACTERS_MAX = 1000


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
    """Record a deed; the correlation id is that of the request under way."""
    caused_by = correlation.get()
    connection.execute(
        insert(audit),
        {
            "id": uuid4().hex,
            "at": now,
            "correlation_id": caused_by.decode("latin-1") if caused_by is not None else None,
            **{name: getattr(deed, name) for name in Deed.__struct_fields__},
            "roles": " ".join(deed.roles),
        },
    )


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
