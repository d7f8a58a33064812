"""How far each subscription is, and sending it events again: plain functions over a connection."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from gateway.hub.events import last_position, number_events
from gateway.hub.model import ACTIVE, DISABLED, Subscription
from gateway.hub.subscriptions import store
from gateway.hub.subscriptions.store import subscription_of
from gateway.storage.tables import EPOCH, hub_blocked, hub_event, hub_subscription

_COLUMNS = [hub_subscription.c[name] for name in Subscription.__struct_fields__]
# Resources that wait, as they are shown of one subscription: the longest first.
BLOCKED_SHOWN_MAX = 100


class WaitingResource(Struct, frozen=True, kw_only=True):
    """A cart or checkout of which the subscriber did not take an event: how often it was tried, and when it is tried again."""

    resource_id: str
    attempts: int
    since: datetime
    next_attempt_at: datetime


class Progress(Struct, frozen=True, kw_only=True):
    """A subscription and how far it is: how many events wait for it, since when the oldest does, which resources are held up."""

    subscription: Subscription
    waiting: int
    oldest_at: datetime | None
    resources: tuple[WaitingResource, ...] = ()


class Resent(Struct, frozen=True, kw_only=True):
    """What is sent again: how many events, before attribute filters; when the first of them was, and the oldest that is kept."""

    events: int
    first_at: datetime | None
    kept_since: datetime | None


def page(
    connection: Connection, tenant: str, *, owner: str | None, limit: int, offset: int
) -> tuple[list[Progress], int]:
    """Return a page of the tenant's subscriptions of every API (those of this `owner`), oldest first, and how many there are."""
    wanted = hub_subscription.c.tenant == tenant
    if owner is not None:
        wanted &= hub_subscription.c.owner == owner
    total = connection.execute(select(func.count()).select_from(hub_subscription).where(wanted)).scalar_one()
    query = select(*_COLUMNS).where(wanted).order_by(hub_subscription.c.created_at, hub_subscription.c.id)
    rows = connection.execute(query.limit(limit).offset(offset))
    return [progress_of(connection, subscription_of(row)) for row in rows], int(total)


def find(connection: Connection, tenant: str, subscription_id: str, *, owner: str | None) -> Subscription | None:
    """Return a subscription of any API, or None when the tenant (with `owner`: this client of it) has no such one."""
    query = select(*_COLUMNS).where(hub_subscription.c.tenant == tenant, hub_subscription.c.id == subscription_id)
    row = connection.execute(query).one_or_none()
    return subscription_of(row) if row is not None and owner in {None, row.owner} else None


def progress_of(connection: Connection, subscription: Subscription, *, with_resources: bool = False) -> Progress:
    """Return how far a subscription is; `with_resources`: and which resources are held up, BLOCKED_SHOWN_MAX at most."""
    waiting = store.waiting(connection, subscription)
    return Progress(
        subscription=subscription,
        waiting=waiting,
        oldest_at=_oldest(connection, subscription) if waiting else None,
        resources=_resources(connection, subscription) if with_resources else (),
    )


def resend(connection: Connection, subscription: Subscription, since: datetime, now: datetime) -> Resent:
    """Let a subscription begin again with the first event at or after `since` that is kept; one that was switched off goes on.

    The process that serves it now loses its lease. What waited from before `since` still waits, and is sent as it would have been.
    """
    tenant, resource = subscription.tenant, subscription.resource
    number_events(connection, tenant, resource, limit=None)
    last = last_position(connection, tenant, resource)
    first = connection.execute(
        select(hub_event.c.position, hub_event.c.created_at)
        .where(_is_of(subscription), hub_event.c.position.is_not(None), hub_event.c.created_at >= since)
        .order_by(hub_event.c.position)
        .limit(1)
    ).one_or_none()
    position = last if first is None else first.position - 1
    if subscription.state == ACTIVE:
        position = min(position, subscription.position)
    blocked = (hub_blocked.c.tenant == tenant) & (hub_blocked.c.subscription_id == subscription.id)
    connection.execute(delete(hub_blocked).where(blocked, hub_blocked.c.position > position))
    connection.execute(update(hub_blocked).where(blocked).values(due_at=now))
    still = connection.execute(select(func.min(hub_blocked.c.due_at)).where(blocked)).scalar_one()
    connection.execute(
        update(hub_subscription)
        .where(hub_subscription.c.tenant == tenant, hub_subscription.c.id == subscription.id)
        .values(
            state=ACTIVE,
            state_reason=None,
            position=position,
            failures=0,
            failing_since=None,
            due_at=EPOCH,
            blocked_due_at=still,
            fence=hub_subscription.c.fence + 1,
            lease_until=now,
        )
    )
    kept = connection.execute(
        select(func.min(hub_event.c.created_at)).where(_is_of(subscription), hub_event.c.position <= position + 1)
    ).scalar_one()
    return Resent(events=last - position, first_at=None if first is None else first.created_at, kept_since=kept)


def _oldest(connection: Connection, subscription: Subscription) -> datetime | None:
    """Return when the oldest event was that waits: the next one, or one of a resource that is held up."""
    if subscription.state == DISABLED:
        return None
    ahead = (
        select(hub_event.c.created_at)
        .where(_is_of(subscription), hub_event.c.position > subscription.position)
        .order_by(hub_event.c.position)
        .limit(1)
    )
    held = select(func.min(hub_blocked.c.since)).where(
        hub_blocked.c.tenant == subscription.tenant, hub_blocked.c.subscription_id == subscription.id
    )
    moments = [connection.execute(query).scalar_one_or_none() for query in (ahead, held)]
    return min((moment for moment in moments if moment is not None), default=None)


def _resources(connection: Connection, subscription: Subscription) -> tuple[WaitingResource, ...]:
    query = (
        select(hub_blocked)
        .where(hub_blocked.c.tenant == subscription.tenant, hub_blocked.c.subscription_id == subscription.id)
        .order_by(hub_blocked.c.since, hub_blocked.c.resource_id)
        .limit(BLOCKED_SHOWN_MAX)
    )
    return tuple(
        WaitingResource(resource_id=row.resource_id, attempts=row.attempts, since=row.since, next_attempt_at=row.due_at)
        for row in connection.execute(query)
    )


def _is_of(subscription: Subscription) -> ColumnElement[bool]:
    """Return the condition for the events that a subscription may be told of."""
    kind = (hub_event.c.tenant == subscription.tenant) & (hub_event.c.resource == subscription.resource)
    return kind if subscription.owner_scope is None else kind & (hub_event.c.owner == subscription.owner_scope)
