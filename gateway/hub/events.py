"""Events in the database: numbered once they are committed, read page by page, removed when nobody waits for them.

Rows become visible in the order of commits, which is not that of any counter that was asked before the commit. So events
are written without a position, and numbered afterwards by one process at a time (a row lock on `hub_sequence`): a reader that has
read up to a position will never find a later event below it. Events of one resource are numbered in the order of the
resource's versions.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.hub.model import ACTIVE, Event
from gateway.storage.tables import hub_blocked, hub_event, hub_sequence, hub_subscription


class Keep(NamedTuple):
    """Which delivered events are kept, to be sent again: those since a moment, so many at most of a tenant and kind."""

    since: datetime
    events_max: int


_COLUMNS = [hub_event.c[name] for name in Event.__struct_fields__]
_number = (
    update(hub_event)
    .where(hub_event.c.tenant == bindparam("event_tenant"), hub_event.c.id == bindparam("event_id"))
    .values(position=bindparam("given"))
)
_headers = (
    select(hub_event.c.position, hub_event.c.document_bytes)
    .where(
        hub_event.c.tenant == bindparam("tenant"),
        hub_event.c.resource == bindparam("resource"),
        hub_event.c.position > bindparam("after"),
    )
    .order_by(hub_event.c.position)
    .limit(bindparam("count"))
)
_whole = (
    select(*_COLUMNS)
    .where(
        hub_event.c.tenant == bindparam("tenant"),
        hub_event.c.resource == bindparam("resource"),
        hub_event.c.position > bindparam("after"),
        hub_event.c.position <= bindparam("last"),
    )
    .order_by(hub_event.c.position)
)
_of_resource = (
    select(*_COLUMNS)
    .where(
        hub_event.c.tenant == bindparam("tenant"),
        hub_event.c.resource == bindparam("resource"),
        hub_event.c.resource_id == bindparam("resource_id"),
        hub_event.c.position >= bindparam("first"),
        hub_event.c.position <= bindparam("last"),
    )
    .order_by(hub_event.c.position)
    .limit(1)
)


def kinds_with_new_events(connection: Connection) -> list[tuple[str, str]]:
    """Return (tenant, kind of resource) where events are not numbered yet, of every tenant."""
    query = select(hub_event.c.tenant, hub_event.c.resource).where(hub_event.c.position.is_(None)).distinct()
    return [(row.tenant, row.resource) for row in connection.execute(query)]


def number_events(connection: Connection, tenant: str, resource: str, *, limit: int | None) -> int:
    """Give a position to up to `limit` committed events that have none yet (None: all); return to how many."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        dialect.insert(hub_sequence).values(tenant=tenant, resource=resource, position=0).on_conflict_do_nothing()
    )
    of_kind = (hub_sequence.c.tenant == tenant) & (hub_sequence.c.resource == resource)
    position = connection.execute(select(hub_sequence.c.position).where(of_kind).with_for_update()).scalar_one()
    new = (
        select(hub_event.c.id, hub_event.c.resource_id, hub_event.c.created_at)
        .where(hub_event.c.tenant == tenant, hub_event.c.resource == resource, hub_event.c.position.is_(None))
        .order_by(hub_event.c.resource_id, hub_event.c.sequence, hub_event.c.created_at, hub_event.c.event_type)
        .limit(limit)
    )
    rows = list(connection.execute(new))
    if not rows:
        return 0
    # Between resources the earlier event goes first; within one the version decides, whatever the clocks said.
    latest: dict[str, datetime] = {}
    keys: list[tuple[datetime, int, str]] = []
    for order, row in enumerate(rows):
        moment = max(row.created_at, latest.get(row.resource_id, row.created_at))
        latest[row.resource_id] = moment
        keys.append((moment, order, row.id))
    connection.execute(
        _number,
        [
            {"event_tenant": tenant, "event_id": event_id, "given": position + number}
            for number, (_, _, event_id) in enumerate(sorted(keys), start=1)
        ],
    )
    connection.execute(update(hub_sequence).where(of_kind).values(position=position + len(rows)))
    return len(rows)


def last_position(connection: Connection, tenant: str, resource: str) -> int:
    """Return the position of the last numbered event of that kind; 0 before the first."""
    query = select(hub_sequence.c.position).where(hub_sequence.c.tenant == tenant, hub_sequence.c.resource == resource)
    return int(connection.execute(query).scalar_one_or_none() or 0)


def page(
    connection: Connection, tenant: str, resource: str, after: int, *, events_max: int, bytes_max: int
) -> list[Event]:
    """Return the next events after a position: at most `events_max`, of `bytes_max` together, but at least one."""
    kind = {"tenant": tenant, "resource": resource, "after": after}
    total, last = 0, after
    for row in connection.execute(_headers, {**kind, "count": events_max}):
        total += row.document_bytes
        if total > bytes_max and last > after:
            break
        last = row.position
    if last == after:
        return []
    return [Event(*row) for row in connection.execute(_whole, {**kind, "last": last})]


def next_of_resource(
    connection: Connection, tenant: str, resource: str, resource_id: str, *, first: int, last: int
) -> Event | None:
    """Return the earliest event of one resource from `first` to `last`, if there is one."""
    values = {"tenant": tenant, "resource": resource, "resource_id": resource_id, "first": first, "last": last}
    row = connection.execute(_of_resource, values).one_or_none()
    return Event(*row) if row is not None else None


def removable(connection: Connection, tenant: str, resource: str, keep: Keep | None = None) -> tuple[int, int] | None:
    """Return the first and last position of the numbered events that no active subscription waits for, if there are any.

    Those that `keep` says to keep for being sent again are not among them.
    """
    of_kind = (hub_subscription.c.tenant == tenant) & (hub_subscription.c.resource == resource)
    active = of_kind & (hub_subscription.c.state == ACTIVE)
    first = connection.execute(
        select(func.min(hub_event.c.position)).where(hub_event.c.tenant == tenant, hub_event.c.resource == resource)
    ).scalar_one()
    if first is None:
        return None
    reached = connection.execute(select(func.min(hub_subscription.c.position)).where(active)).scalar_one()
    blocked = connection.execute(
        select(func.min(hub_blocked.c.position)).where(
            hub_blocked.c.tenant == tenant,
            hub_blocked.c.subscription_id.in_(select(hub_subscription.c.id).where(active)),
        )
    ).scalar_one()
    last: int = last_position(connection, tenant, resource) if reached is None else reached
    if blocked is not None:
        last = min(last, blocked - 1)
    if keep is not None and last >= first:
        last = min(last, _last_not_kept(connection, tenant, resource, last, keep))
    return (first, last) if last >= first else None


def _last_not_kept(connection: Connection, tenant: str, resource: str, last: int, keep: Keep) -> int:
    """Return the last position up to `last` that need not be kept: positions follow the times of events closely enough."""
    young = (
        select(hub_event.c.position)
        .where(
            hub_event.c.tenant == tenant,
            hub_event.c.resource == resource,
            hub_event.c.position <= last,
            hub_event.c.created_at >= keep.since,
        )
        .order_by(hub_event.c.position)
        .limit(1)
    )
    first_young = connection.execute(young).scalar_one_or_none()
    aged = last if first_young is None else first_young - 1
    return max(aged, last_position(connection, tenant, resource) - keep.events_max)


def remove(connection: Connection, tenant: str, resource: str, last: int) -> None:
    """Remove the numbered events up to a position."""
    connection.execute(
        delete(hub_event).where(
            hub_event.c.tenant == tenant, hub_event.c.resource == resource, hub_event.c.position <= last
        )
    )


def kinds_with_events(connection: Connection) -> list[tuple[str, str]]:
    """Return every (tenant, kind of resource) that ever had an event."""
    return [
        (row.tenant, row.resource) for row in connection.execute(select(hub_sequence.c.tenant, hub_sequence.c.resource))
    ]
