"""What a clock that was ahead put off for too long is due once that clock is right again.

Times are the database's: of an SQLite file, those of the machine. A machine that starts with a wrong clock, and is then told the right
time, has put off and leased everything it touched by the difference. Nothing may be put off for longer than the longest wait there is, and
a row that was written later than now was written by such a clock.

A clock that is set forward ends every wait at once, those too by which it is proven that a lost call had no effect. A process that sees the
clock do that, because its monotonic time says otherwise, adds the difference to the calls that it worked on last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, and_, case, literal, or_, select, update

from gateway.checkouts.row_changes import SENDING, UNKNOWN
from gateway.ordering import Mapping as OrderMapping
from gateway.settings import Settings
from gateway.storage.tables import abandoned_draft, checkout, inbox
from gateway.submission.decisions.after_search import UNSEARCHABLE_SECONDS_MAX

# The longest that an order system may ask to wait, and what its calls are spread by.
_ASKED_SECONDS_MAX: Final = 900.0
_SPREAD: Final = 1.25
# A lease is surely over after its own time and that of the longest call.
_LEASE_MARGIN_SECONDS: Final = 900.0
# By so much the clocks of one machine may step back when they are set a little.
_TOLERANCE: Final = timedelta(seconds=5)

FORWARD_TOLERANCE: Final = timedelta(seconds=5)
"""By so much a clock may be set forward without anything being waited for again: what proves an absence has a larger margin."""


@dataclass(frozen=True, slots=True)
class LongestWaits:
    """The longest there are: of a checkout's next step, a lease, the next read of an order, a draft's clean-up, a notification."""

    due: timedelta
    lease: timedelta
    track: timedelta
    cleanup: timedelta
    notification: timedelta


def longest_waits(settings: Settings, mappings: Iterable[OrderMapping]) -> LongestWaits:
    """Return the longest waits that the settings and mappings allow, with what calls are spread by."""
    submission, limits = settings.submission, [upstream.limits for upstream in settings.upstreams.values()]
    quiet = [*(each.quiet_seconds for each in limits), *(mapping.recovery.quiet_seconds for mapping in mappings)]
    deadlines = [2 * each.deadline_seconds for each in limits]
    asked = [_ASKED_SECONDS_MAX, *deadlines]
    due = [*asked, *quiet, *submission.retry_seconds, *submission.probe_seconds, submission.settle_seconds]
    return LongestWaits(
        due=_longest(*due, UNSEARCHABLE_SECONDS_MAX),
        lease=timedelta(seconds=submission.lease_seconds + _LEASE_MARGIN_SECONDS),
        track=_longest(*asked, *settings.tracking.poll_seconds, *submission.probe_seconds),
        cleanup=_longest(*asked, *submission.cleanup_seconds),
        notification=_longest(*asked),
    )


def _longest(*seconds: float) -> timedelta:
    return timedelta(seconds=max(seconds) * _SPREAD)


def is_anything_put_off_too_far(connection: Connection, now: datetime, waits: LongestWaits) -> bool:
    """Return whether a clock that was ahead left anything behind: read first, because there is seldom anything to change."""
    queries = (
        select(checkout.c.id).where(_next_step_too_far(now, waits)),
        select(checkout.c.id).where(_next_read_too_far(now, waits)),
        select(abandoned_draft.c.marker).where(_drafts_too_far(now, waits)),
        select(inbox.c.dedup_key).where(_notifications_too_far(now, waits)),
    )
    return any(connection.execute(query.limit(1)).first() is not None for query in queries)


def pull_in(connection: Connection, now: datetime, waits: LongestWaits) -> int:
    """Make due what was put off too far, and free what was leased too far; return how many checkouts that were.

    Calls that were dated later than now count as sent now: what is proven by waiting is waited for from here on, which is
    longer, never shorter. A lease that is taken from a worker that still holds it is fenced, like any other.
    """
    table = checkout.c
    lengths = {table.due_at: waits.due, table.lease_until: waits.lease, table.track_due_at: waits.track}
    values: dict[Any, Any] = {
        column: case((_too_far(column, now, longest), _moment(column, now)), else_=column)
        for column, longest in lengths.items()
    }
    for column in (table.sent_at, table.first_sent_at, table.absent_at, table.updated_at):
        values[column] = _not_after(column, now)
    changed = connection.execute(
        update(checkout)
        .where(or_(_next_step_too_far(now, waits), _next_read_too_far(now, waits)))
        .values({**values, table.version: table.version + 1})
    ).rowcount
    connection.execute(
        update(abandoned_draft)
        .where(_drafts_too_far(now, waits))
        .values(due_at=now, since=_not_after(abandoned_draft.c.since, now))
    )
    connection.execute(update(inbox).where(_notifications_too_far(now, waits)).values(due_at=now))
    return changed


def wait_anew(connection: Connection, owner: str, jump: timedelta) -> int:
    """Date the calls in doubt that the process `owner` worked on last later by `jump`; return how many checkouts that were.

    Each row has one such process, so that no two of them do it. (When it is no longer there, the wait is what the clock says.)
    """
    table = checkout.c
    in_doubt = and_(table.lease_owner == owner, table.step_state.in_((SENDING, UNKNOWN)), table.sent_at.is_not(None))
    rows = connection.execute(select(table.tenant, table.id, table.sent_at, table.absent_at).where(in_doubt)).all()
    for row in rows:
        connection.execute(
            update(checkout)
            .where(table.tenant == row.tenant, table.id == row.id)
            .values(
                sent_at=row.sent_at + jump,
                absent_at=None if row.absent_at is None else row.absent_at + jump,
                version=table.version + 1,
            )
        )
    return len(rows)


def _not_after(column: Column[Any], now: datetime) -> ColumnElement[Any]:
    return case((column > now, _moment(column, now)), else_=column)


def _moment(column: Column[Any], now: datetime) -> ColumnElement[Any]:
    return literal(now, column.type)


def _too_far(column: Column[Any], now: datetime, longest: timedelta) -> ColumnElement[bool]:
    """Tell of a time that is further ahead than the longest wait; or ahead at all, in a row that was written later than now."""
    return or_(column > now + longest, and_(column > now, checkout.c.updated_at > now + _TOLERANCE))


def _next_step_too_far(now: datetime, waits: LongestWaits) -> ColumnElement[bool]:
    table = checkout.c
    too_far = or_(_too_far(table.due_at, now, waits.due), _too_far(table.lease_until, now, waits.lease))
    return and_(table.due_at.is_not(None), too_far)


def _next_read_too_far(now: datetime, waits: LongestWaits) -> ColumnElement[bool]:
    return and_(checkout.c.track_due_at.is_not(None), _too_far(checkout.c.track_due_at, now, waits.track))


def _drafts_too_far(now: datetime, waits: LongestWaits) -> ColumnElement[bool]:
    table = abandoned_draft.c
    ahead = and_(table.due_at > now, table.since > now + _TOLERANCE)
    return and_(table.due_at.is_not(None), or_(table.due_at > now + waits.cleanup, ahead))


def _notifications_too_far(now: datetime, waits: LongestWaits) -> ColumnElement[bool]:
    return and_(inbox.c.due_at.is_not(None), inbox.c.due_at > now + waits.notification)
