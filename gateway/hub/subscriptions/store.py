"""Subscriptions in the database, as clients make and remove them: plain functions over a connection."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select

from gateway.hub.events import last_position, number_events
from gateway.hub.model import ACTIVE, DISABLED, Api, Subscription
from gateway.storage.tables import hub_blocked, hub_event, hub_subscription

_COLUMNS = [hub_subscription.c[name] for name in Subscription.__struct_fields__]


def subscription_of(row: Row[Any]) -> Subscription:
    """Return the subscription of a row selected with every column."""
    return Subscription(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public, oddly named accessor


def fingerprint_of(api: Api, callback: str, query: str | None, owner_scope: str | None = None) -> str:
    """Return the hash that is the same for the same subscription; those of a partner are apart from those of others."""
    parts = [api.resource, api.version, callback, query or "", *([] if owner_scope is None else [owner_scope])]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class Bounds(NamedTuple):
    """How many subscriptions a tenant, and a client of it, may have."""

    tenant_max: int
    client_max: int


def create(connection: Connection, subscription: Subscription, bounds: Bounds) -> Subscription | Bounds | str:
    """Store a subscription, which begins with the next event; return it as it is stored.

    Returns the id of the same active subscription when there is one, and `bounds` when the tenant or the client has as many already as
    it may have. One that was switched off is replaced by its like. May raise sqlalchemy's IntegrityError
    when another replica stores the same at this moment.
    """
    tenant = subscription.tenant
    same = connection.execute(
        select(hub_subscription.c.id, hub_subscription.c.state).where(
            hub_subscription.c.tenant == tenant, hub_subscription.c.fingerprint == subscription.fingerprint
        )
    ).one_or_none()
    if same is not None and same.state == ACTIVE:
        return str(same.id)
    if same is not None:
        remove(connection, tenant, same.id)
    elif (
        count(connection, tenant) >= bounds.tenant_max
        or count(connection, tenant, subscription.owner) >= bounds.client_max
    ):
        return bounds
    # What was committed before is numbered now, so that it lies before the beginning.
    number_events(connection, tenant, subscription.resource, limit=None)
    values = {name: getattr(subscription, name) for name in Subscription.__struct_fields__}
    values["position"] = last_position(connection, tenant, subscription.resource)
    connection.execute(insert(hub_subscription), values)
    return Subscription(**values)


def count(connection: Connection, tenant: str, owner: str | None = None) -> int:
    """Return how many subscriptions the tenant (with `owner`: this client of it) has, those that were switched off included."""
    query = select(func.count()).select_from(hub_subscription).where(hub_subscription.c.tenant == tenant)
    if owner is not None:
        query = query.where(hub_subscription.c.owner == owner)
    return int(connection.execute(query).scalar_one())


def get(
    connection: Connection, tenant: str, api: Api, subscription_id: str, *, owner: str | None = None
) -> Subscription | None:
    """Return a subscription of this API, or None when the tenant (with `owner`: this client of it) has no such one."""
    query = select(*_COLUMNS).where(
        hub_subscription.c.tenant == tenant,
        hub_subscription.c.id == subscription_id,
        hub_subscription.c.resource == api.resource,
        hub_subscription.c.version == api.version,
    )
    row = connection.execute(query).one_or_none()
    return subscription_of(row) if row is not None and owner in {None, row.owner} else None


def list_page(
    connection: Connection, tenant: str, api: Api, *, limit: int, offset: int, owner: str | None = None
) -> tuple[list[Subscription], int]:
    """Return a page of the tenant's subscriptions of this API (those of this `owner`), oldest first, and how many there are."""
    wanted = (
        (hub_subscription.c.tenant == tenant)
        & (hub_subscription.c.resource == api.resource)
        & (hub_subscription.c.version == api.version)
    )
    if owner is not None:
        wanted &= hub_subscription.c.owner == owner
    total = connection.execute(select(func.count()).select_from(hub_subscription).where(wanted)).scalar_one()
    query = (
        select(*_COLUMNS)
        .where(wanted)
        .order_by(hub_subscription.c.created_at, hub_subscription.c.id)
        .limit(limit)
        .offset(offset)
    )
    return [subscription_of(row) for row in connection.execute(query)], int(total)


def remove(connection: Connection, tenant: str, subscription_id: str) -> None:
    """Remove a subscription, if there is one, and what waits for it."""
    connection.execute(
        delete(hub_subscription).where(hub_subscription.c.tenant == tenant, hub_subscription.c.id == subscription_id)
    )


def waiting(connection: Connection, subscription: Subscription) -> int:
    """Return how many events are not delivered yet; before attribute filters, which are applied at delivery."""
    if subscription.state == DISABLED:
        return 0
    if subscription.owner_scope is not None:
        return _waiting_of_owner(connection, subscription, subscription.owner_scope)
    ahead = last_position(connection, subscription.tenant, subscription.resource) - subscription.position
    return max(ahead, 0) + blocked_events(connection, subscription.tenant, subscription.id, subscription.position)


def _waiting_of_owner(connection: Connection, subscription: Subscription, owner: str) -> int:
    """Return the same for a subscriber that is told of one client's resources alone: nothing of how many others change."""
    blocked = select(hub_blocked.c.resource_id, hub_blocked.c.position.label("first")).where(
        hub_blocked.c.tenant == subscription.tenant, hub_blocked.c.subscription_id == subscription.id
    )
    held = blocked.subquery()
    query = (
        select(func.count())
        .select_from(hub_event.outerjoin(held, held.c.resource_id == hub_event.c.resource_id))
        .where(
            hub_event.c.tenant == subscription.tenant,
            hub_event.c.resource == subscription.resource,
            hub_event.c.owner == owner,
            (hub_event.c.position > subscription.position) | (hub_event.c.position >= held.c.first),
        )
    )
    return int(connection.execute(query).scalar_one())


def blocked_events(connection: Connection, tenant: str, subscription_id: str, position: int) -> int:
    """Return how many events up to `position` wait in blocked resources."""
    query = (
        select(func.count())
        .select_from(
            hub_blocked.join(
                hub_subscription,
                (hub_subscription.c.tenant == hub_blocked.c.tenant)
                & (hub_subscription.c.id == hub_blocked.c.subscription_id),
            ).join(
                hub_event,
                (hub_event.c.tenant == hub_blocked.c.tenant)
                & (hub_event.c.resource == hub_subscription.c.resource)
                & (hub_event.c.resource_id == hub_blocked.c.resource_id)
                & (hub_event.c.position >= hub_blocked.c.position),
            )
        )
        .where(
            hub_blocked.c.tenant == tenant,
            hub_blocked.c.subscription_id == subscription_id,
            hub_event.c.position <= position,
        )
    )
    return int(connection.execute(query).scalar_one())
