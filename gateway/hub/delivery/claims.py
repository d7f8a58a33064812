"""Which process serves which subscription: claims, records of progress, switching off. Plain functions over a connection.

As with checkouts, the lease keeps two processes from serving one subscription at once, and the fence makes the writes of
one that was too slow fail.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.hub.delivery.health import Health
from gateway.hub.events import last_position
from gateway.hub.model import ACTIVE, DISABLED, Blocked, Subscription
from gateway.hub.subscriptions.store import blocked_events, subscription_of
from gateway.storage.leases import Lease, take_leases
from gateway.storage.tables import hub_blocked, hub_sequence, hub_subscription

_COLUMNS = [hub_subscription.c[name] for name in Subscription.__struct_fields__]
_with_sequence = hub_subscription.join(
    hub_sequence,
    and_(hub_sequence.c.tenant == hub_subscription.c.tenant, hub_sequence.c.resource == hub_subscription.c.resource),
)


class Waiting(NamedTuple):
    """An active subscription that has something to be sent: where its kind has come to, and whether it is failing."""

    tenant: str
    id: str
    last_position: int
    failing: bool
    claimable: bool


def waiting_subscriptions(connection: Connection, now: datetime, failures_before_pause: int) -> list[Waiting]:
    """Return the subscriptions, of every tenant, that have something to be sent now; the longest due first."""
    query = (
        select(
            hub_subscription.c.tenant,
            hub_subscription.c.id,
            hub_sequence.c.position,
            hub_subscription.c.failures,
            hub_subscription.c.lease_until,
        )
        .select_from(_with_sequence)
        .where(
            hub_subscription.c.state == ACTIVE,
            hub_subscription.c.due_at <= now,
            or_(
                hub_subscription.c.position < hub_sequence.c.position,
                hub_subscription.c.blocked_due_at <= now,
            ),
        )
        .order_by(hub_subscription.c.due_at)
    )
    return [
        Waiting(row.tenant, row.id, row.position, row.failures >= failures_before_pause, row.lease_until <= now)
        for row in connection.execute(query)
    ]


def any_active(connection: Connection) -> bool:
    """Return whether any tenant has an active subscription."""
    query = select(hub_subscription.c.id).where(hub_subscription.c.state == ACTIVE).limit(1)
    return connection.execute(query).first() is not None


def far_behind(connection: Connection, events_max: int) -> list[Subscription]:
    """Return the active subscriptions, of every tenant, that more than `events_max` events wait for."""
    query = (
        select(*_COLUMNS)
        .select_from(_with_sequence)
        .where(
            hub_subscription.c.state == ACTIVE,
            hub_sequence.c.position - hub_subscription.c.position > events_max,
        )
    )
    return [subscription_of(row) for row in connection.execute(query)]


def claim(
    connection: Connection, tenant: str, ids: Collection[str], now: datetime, *, owner: str, lease_seconds: float
) -> list[Subscription]:
    """Take those of a tenant's subscriptions whose lease is free."""
    wanted = select(hub_subscription.c.id).where(hub_subscription.c.id.in_(ids), hub_subscription.c.state == ACTIVE)
    lease = Lease(owner, now, lease_seconds)
    rows = take_leases(connection, hub_subscription, tenant, wanted, lease, _COLUMNS)
    return [subscription_of(row) for row in rows]


def blocked_resources(connection: Connection, subscription: Subscription) -> dict[str, Blocked]:
    """Return the resources that wait, by id."""
    query = select(hub_blocked).where(
        hub_blocked.c.tenant == subscription.tenant, hub_blocked.c.subscription_id == subscription.id
    )
    return {
        row.resource_id: Blocked(position=row.position, attempts=row.attempts, since=row.since, due_at=row.due_at)
        for row in connection.execute(query)
    }


class Progress(NamedTuple):
    """What a process did for a subscription since it last said so. `blocked`: None where a resource is free again."""

    position: int
    health: Health
    blocked: Mapping[str, Blocked | None]
    dropped: int


def record(connection: Connection, subscription: Subscription, progress: Progress, lease_until: datetime) -> bool:
    """Record progress, and hold the subscription until `lease_until`.

    Returns False, and changes nothing, when the subscription is another process's now, was switched off or removed.
    """
    held = and_(
        hub_subscription.c.tenant == subscription.tenant,
        hub_subscription.c.id == subscription.id,
        hub_subscription.c.fence == subscription.fence,
        hub_subscription.c.state == ACTIVE,
    )
    health = progress.health
    done = connection.execute(
        update(hub_subscription)
        .where(held)
        .values(
            position=progress.position,
            events_dropped=hub_subscription.c.events_dropped + progress.dropped,
            lease_until=lease_until,
            **{name: getattr(health, name) for name in Health.__struct_fields__},
        )
    )
    if done.rowcount != 1:
        return False
    if progress.blocked:
        _write_blocked(connection, subscription, progress.blocked)
        of_this = and_(hub_blocked.c.tenant == subscription.tenant, hub_blocked.c.subscription_id == subscription.id)
        earliest = connection.execute(select(func.min(hub_blocked.c.due_at)).where(of_this)).scalar_one()
        connection.execute(update(hub_subscription).where(held).values(blocked_due_at=earliest))
    return True


def _write_blocked(connection: Connection, subscription: Subscription, changes: Mapping[str, Blocked | None]) -> None:
    freed = [resource for resource, blocked in changes.items() if blocked is None]
    if freed:
        connection.execute(
            delete(hub_blocked).where(
                hub_blocked.c.tenant == subscription.tenant,
                hub_blocked.c.subscription_id == subscription.id,
                hub_blocked.c.resource_id.in_(freed),
            )
        )
    rows = [
        {
            "tenant": subscription.tenant,
            "subscription_id": subscription.id,
            "resource_id": resource,
            "position": blocked.position,
            "attempts": blocked.attempts,
            "since": blocked.since,
            "due_at": blocked.due_at,
        }
        for resource, blocked in changes.items()
        if blocked is not None
    ]
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(hub_blocked)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant", "subscription_id", "resource_id"],
                set_={name: statement.excluded[name] for name in ("position", "attempts", "since", "due_at")},
            ),
            rows,
        )


def switch_off(connection: Connection, subscription: Subscription, reason: str, now: datetime) -> int | None:
    """Switch a subscription off, and drop what waits for it.

    Returns how many events are not delivered for it (before attribute filters); None when it was another process's.
    """
    held = and_(
        hub_subscription.c.tenant == subscription.tenant,
        hub_subscription.c.id == subscription.id,
        hub_subscription.c.fence == subscription.fence,
        hub_subscription.c.state == ACTIVE,
    )
    position = connection.execute(
        select(hub_subscription.c.position).where(held).with_for_update()
    ).scalar_one_or_none()
    if position is None:
        return None
    last = last_position(connection, subscription.tenant, subscription.resource)
    dropped: int = max(last - position, 0) + blocked_events(connection, subscription.tenant, subscription.id, position)
    connection.execute(
        update(hub_subscription)
        .where(held)
        .values(
            state=DISABLED,
            state_reason=reason,
            position=last,
            events_dropped=hub_subscription.c.events_dropped + dropped,
            blocked_due_at=None,
            lease_until=now,
        )
    )
    connection.execute(
        delete(hub_blocked).where(
            hub_blocked.c.tenant == subscription.tenant, hub_blocked.c.subscription_id == subscription.id
        )
    )
    return dropped
