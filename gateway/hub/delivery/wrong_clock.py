"""What a clock that was ahead put off for too long, or leased, is delivered once that clock is right again.

As with checkouts: times are the database's, and nothing may be put off for longer than the longest wait there is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, ColumnElement, Connection, case, literal, or_, select, update

from gateway.hub.model import ACTIVE
from gateway.settings import HubSettings
from gateway.storage.tables import hub_blocked, hub_subscription
from gateway.upstream.answers import RETRY_AFTER_SECONDS_MAX

# Processes whose settings differ for a while may wait a little longer than one of them knows.
_MARGIN: Final = timedelta(minutes=15)


def longest_wait(settings: HubSettings) -> timedelta:
    """Return the longest time that an event, a subscriber or a lease can wait by these settings."""
    waits = (*settings.retry_seconds, *settings.pause_seconds, settings.lease_seconds, RETRY_AFTER_SECONDS_MAX)
    return timedelta(seconds=max(waits)) + _MARGIN


def is_anything_put_off_too_far(connection: Connection, now: datetime, settings: HubSettings) -> bool:
    """Return whether a clock that was ahead left anything behind: read first, because there is seldom anything to change."""
    latest = now + longest_wait(settings)
    queries = (
        select(hub_subscription.c.id).where(hub_subscription.c.state == ACTIVE, _too_far(latest)),
        select(hub_blocked.c.resource_id).where(hub_blocked.c.due_at > latest),
    )
    return any(connection.execute(query.limit(1)).first() is not None for query in queries)


def pull_in(connection: Connection, now: datetime, settings: HubSettings) -> int:
    """Make due what was put off too far, and free what was leased too far; return how many subscriptions that were.

    A lease that is taken from a process that still holds it is fenced, like any other.
    """
    latest, table = now + longest_wait(settings), hub_subscription.c
    changed = connection.execute(
        update(hub_subscription)
        .where(table.state == ACTIVE, _too_far(latest))
        .values({column: _at_most(column, latest, now) for column in _put_off()})
    ).rowcount
    connection.execute(update(hub_blocked).where(hub_blocked.c.due_at > latest).values(due_at=now))
    return changed


def _put_off() -> tuple[Column[datetime], ...]:
    table = hub_subscription.c
    return (table.due_at, table.blocked_due_at, table.lease_until)


def _too_far(latest: datetime) -> ColumnElement[bool]:
    return or_(*(column > latest for column in _put_off()))


def _at_most(column: Column[datetime], latest: datetime, now: datetime) -> ColumnElement[datetime]:
    return case((column > latest, literal(now, column.type)), else_=column)
