"""Notifications that are due or not dealt with: found, and settled. Plain functions over a connection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, func, select

from gateway.checkouts.stored.due import lanes_due
from gateway.lanes import Lane, from_each
from gateway.storage.statements import marks, moment_of, rows_of, stored_moment
from gateway.storage.tables import Moment, inbox
from gateway.tracking.events import DueEvent
from gateway.tracking.inbox import DONE, RECEIVED, WAITING

OrderKey: TypeAlias = tuple[str, str, str]
"""Tenant, upstream, order id."""

_OPEN: Final = inbox.c.state.in_([RECEIVED, WAITING])
_EVENT_LANES: Final = lanes_due(inbox.c.due_at, _OPEN)
_EVENT_NAMES: Final = DueEvent.__struct_fields__
_EVENT_MOMENTS: Final = [index for index, name in enumerate(_EVENT_NAMES) if isinstance(inbox.c[name].type, Moment)]
_DUE_EVENT: Final = select(*(inbox.c[name] for name in _EVENT_NAMES))
_EVENTS_OF_ORDER: Final = (
    f"SELECT {', '.join(_EVENT_NAMES)} FROM inbox WHERE tenant = ? AND upstream = ? AND order_id = ?"  # noqa: S608 - our own names
    " AND state IN (?, ?) ORDER BY received_at LIMIT ?"
)
# Notifications of one order that one look is for; the others come with the next.
EVENTS_OF_ORDER_MAX: Final = 1_000
# Notifications that one statement settles.
SETTLED_TOGETHER_MAX: Final = 200


def due_events(connection: Connection, now: datetime, limit: int) -> list[DueEvent]:
    """Return up to `limit` notifications that are due at `now`: of every tenant and order system in turn, its longest due first."""
    lanes = [Lane(*row) for row in connection.execute(_EVENT_LANES, {"now": now})]

    def read(lane: Lane, most: int) -> list[DueEvent]:
        query = (
            _DUE_EVENT.where(inbox.c.tenant == lane.tenant, inbox.c.upstream == lane.upstream)
            .where(inbox.c.due_at <= now, _OPEN)
            .order_by(inbox.c.due_at)
            .limit(most)
        )
        return [DueEvent(*row) for row in connection.execute(query)]

    return from_each(lanes, limit, read)


def events_of_order(connection: Connection, order: OrderKey) -> list[DueEvent]:
    """Return every notification of an order that is not dealt with, due or not: one look at the order is for all of them."""
    rows = rows_of(connection, _EVENTS_OF_ORDER, (*order, RECEIVED, WAITING, EVENTS_OF_ORDER_MAX))
    return [_due_event(row) for row in rows]


def _due_event(row: tuple[Any, ...]) -> DueEvent:
    """Return the notification of a row as the driver gives it."""
    values = list(row)
    for index in _EVENT_MOMENTS:
        values[index] = moment_of(values[index])
    return DueEvent(*values)


def settle_events(
    connection: Connection,
    events: Sequence[DueEvent],
    *,
    state: str,
    due_at: datetime | None,
    detail: str | None,
    failed: bool = False,
) -> list[DueEvent]:
    """Record what became of notifications and when to look at them again; return those for which that is so.

    `failed`: looking at them went wrong. A notification that came again since it was read is left to be looked at again.
    """
    alike: dict[tuple[str, str, int], list[DueEvent]] = {}
    for event in events:
        alike.setdefault((event.tenant, event.upstream, event.attempts), []).append(event)
    settled: list[DueEvent] = []
    for (tenant, upstream, attempts), group in alike.items():
        for start in range(0, len(group), SETTLED_TOGETHER_MAX):
            found = {event.dedup_key: event for event in group[start : start + SETTLED_TOGETHER_MAX]}
            as_read = ", ".join(["(?, ?)"] * len(found))
            statement = (
                "UPDATE inbox SET state = ?, attempts = ?, due_at = ?, detail = ? WHERE tenant = ? AND upstream = ?"  # noqa: S608
                f" AND dedup_key IN ({marks(found)}) AND (dedup_key, received_at) IN (VALUES {as_read}) RETURNING dedup_key"
            )
            # The keys alone lead to the index.
            values: list[Any] = [state, attempts + failed, stored_moment(due_at), detail, tenant, upstream, *found]
            for event in found.values():
                values += [event.dedup_key, stored_moment(event.received_at)]
            settled += [found[row[0]] for row in rows_of(connection, statement, tuple(values))]
    return settled


def last_happened(connection: Connection, order: OrderKey) -> datetime | None:
    """Return when the last thing happened to an order that its notifications told and that was dealt with; None when nothing did."""
    tenant, upstream, order_id = order
    happened = func.coalesce(inbox.c.occurred_at, inbox.c.received_at)
    query = select(func.max(happened)).where(
        inbox.c.tenant == tenant,
        inbox.c.upstream == upstream,
        inbox.c.order_id == order_id,
        inbox.c.state == DONE,
        inbox.c.order_state.is_not(None),
    )
    latest: datetime | None = connection.execute(query).scalar_one()
    return latest
