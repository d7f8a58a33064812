"""The inbox and the orders to be looked at: plain functions over a connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, func, select, text, update

from gateway.checkouts.due import tenants_due, tenants_waiting
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.pauses import Pause, why_paused
from gateway.checkouts.reasons import OF_THE_UPSTREAM
from gateway.checkouts.row_changes import CheckoutChanges, because, without_reason
from gateway.checkouts.store import change, get_for_update, others_of_order, record_of
from gateway.storage.statements import marks, moment_of, rows_of, stored_moment
from gateway.storage.tables import IN_DOUBT, Moment, checkout, inbox
from gateway.tracking.events import DueEvent, Event, marker_parts
from gateway.tracking.inbox import DONE, RECEIVED, WAITING, forget_of_others

_FOLLOWED: Final = checkout.c.state == "submitted"
_DUE_TENANTS: Final = tenants_due(checkout.c.track_due_at, _FOLLOWED)
_FOLLOWING: Final = tenants_waiting(checkout.c.track_due_at)
_FOLLOWING_TENANTS: Final = select(_FOLLOWING.c.tenant).where(_FOLLOWING.c.tenant.is_not(None))
_OPEN: Final = inbox.c.state.in_([RECEIVED, WAITING])
# What a checkout is held for when nothing named its order, or showed whether there is one.
_NOT_NAMED: Final = ("waiting_order_id", "not_verifiable", "outcome_unknown")
_EVENT_TENANTS: Final = tenants_due(inbox.c.due_at, _OPEN)
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

OrderKey: TypeAlias = tuple[str, str, str]
"""Tenant, upstream, order id."""


def tenants_of_order(connection: Connection, tenants: Sequence[str], upstream: str, event: Event) -> Sequence[str]:
    """Return those of the tenants of an order system whose order this is, by its id or else by the marker that the event carries.

    All of them while nobody knows it.
    """
    if len(tenants) == 1 or event.order_id is None:
        return tenants
    of_upstream = select(checkout.c.tenant).where(checkout.c.tenant.in_(tenants), checkout.c.upstream == upstream)
    known = of_upstream.where(checkout.c.order_id == event.order_id).distinct()
    found = list(connection.execute(known).scalars())
    parts = marker_parts(event.marker) if event.marker is not None and not found else None
    if parts is not None:
        marked = of_upstream.where(text(IN_DOUBT), checkout.c.marker_root == parts[0]).distinct()
        found = list(connection.execute(marked).scalars())
    return found or tenants


def wake_marked(connection: Connection, tenant: str, upstream: str, marker: str, now: datetime) -> int:
    """Make the checkout due whose order a notification named by its marker, where a call that may have made it is in doubt.

    Return how many there are. The marker is that of the last attempt; earlier ones, and those of others, wake nothing.
    """
    parts = marker_parts(marker)
    if parts is None:
        return 0
    waiting = update(checkout).where(
        checkout.c.tenant == tenant,
        text(IN_DOUBT),
        checkout.c.marker_root == parts[0],
        checkout.c.generation == parts[1],
        checkout.c.upstream == upstream,
        checkout.c.due_at > now,
    )
    return connection.execute(waiting.values(due_at=now)).rowcount


def take_up_held(
    connection: Connection, tenant: str, upstream: str, marker: str, drafts: Mapping[str, bool], now: datetime
) -> int:
    """Let a held checkout go on whose order a notification named by its marker after all; return how many there are.

    It is one that is held because nothing named or showed its order: it looks again, and nothing is sent a second time. `drafts` tells of
    each mapping whether it has drafts.
    """
    parts = marker_parts(marker)
    if parts is None:
        return 0
    held = select(*(checkout.c[name] for name in CheckoutRecord.__struct_fields__)).where(
        checkout.c.tenant == tenant,
        text(IN_DOUBT),
        checkout.c.marker_root == parts[0],
        checkout.c.generation == parts[1],
        checkout.c.upstream == upstream,
        checkout.c.state == "held",
        checkout.c.reason_code.in_(_NOT_NAMED),
    )
    records = [record_of(row) for row in connection.execute(held.with_for_update())]
    for record in records:
        look: CheckoutChanges = {
            "state": "drafting" if drafts.get(record.mapping, False) else "submitting",
            "attempt": 0,
            "probe": 0,
            "claims_without_progress": 0,
            "due_at": now,
            **without_reason(),
        }
        change(connection, record, look, now)
    return len(records)


def due_events(connection: Connection, now: datetime, limit: int) -> list[DueEvent]:
    """Return up to `limit` notifications that are due at `now`, the longest due first; every tenant gets its share."""
    tenants = list(connection.execute(_EVENT_TENANTS, {"now": now}).scalars())
    found: list[DueEvent] = []
    for index, tenant in enumerate(tenants):
        query = (
            _DUE_EVENT.where(inbox.c.tenant == tenant, inbox.c.due_at <= now, _OPEN)
            .order_by(inbox.c.due_at)
            .limit(-(-(limit - len(found)) // (len(tenants) - index)))
        )
        found += [DueEvent(*row) for row in connection.execute(query)]
    return found


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


def known_orders(connection: Connection, orders: Iterable[OrderKey]) -> set[OrderKey]:
    """Return those of the orders that a checkout of their tenant has."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for tenant, upstream, order_id in orders:
        wanted.setdefault((tenant, upstream), []).append(order_id)
    known: set[OrderKey] = set()
    for (tenant, upstream), order_ids in wanted.items():
        of_tenant = (checkout.c.tenant == tenant, checkout.c.upstream == upstream)
        query = select(checkout.c.order_id).where(*of_tenant, checkout.c.order_id.in_(order_ids)).distinct()
        known |= {(tenant, upstream, order_id) for order_id in connection.execute(query).scalars()}
    return known


def wake_waiting(connection: Connection, tenant: str, upstream: str, order_id: str, now: datetime) -> None:
    """Make the early notifications of an order due, and forget what of them was kept for other tenants: whose it is is known now.

    Part of the transaction that makes the order live here, so that none can slip in between unseen.
    """
    connection.execute(
        update(inbox)
        .where(
            inbox.c.tenant == tenant,
            inbox.c.upstream == upstream,
            inbox.c.order_id == order_id,
            inbox.c.state == WAITING,
        )
        .values(due_at=now)
    )
    forget_of_others(connection, tenant, upstream, order_id)


def due_orders(connection: Connection, now: datetime, limit: int) -> list[CheckoutRecord]:
    """Return up to `limit` checkouts whose live order is to be read, of every tenant; the records name their tenant.

    Every tenant gets its share, so that one with very many orders does not keep those of the others from being read.
    """
    tenants = list(connection.execute(_DUE_TENANTS, {"now": now}).scalars())
    found: list[CheckoutRecord] = []
    for index, tenant in enumerate(tenants):
        query = (
            select(*(checkout.c[name] for name in CheckoutRecord.__struct_fields__))
            .where(checkout.c.tenant == tenant, checkout.c.track_due_at <= now, _FOLLOWED)
            .order_by(checkout.c.track_due_at)
            .limit(-(-(limit - len(found)) // (len(tenants) - index)))
        )
        found += [record_of(row) for row in connection.execute(query)]
    return found


def followers_of(connection: Connection, record: CheckoutRecord, order_id: str) -> list[CheckoutRecord]:
    """Return the other checkouts, of any tenant, that follow this order now."""
    return [other for other in others_of_order(connection, record, order_id) if other.state == "submitted"]


def look_soon(connection: Connection, record: CheckoutRecord, now: datetime) -> None:
    """Let the order of a checkout be read now, unless it is doubted already and looked at soon anyhow."""
    connection.execute(
        update(checkout)
        .where(
            checkout.c.tenant == record.tenant,
            checkout.c.id == record.id,
            checkout.c.state == "submitted",
            checkout.c.awaiting.is_(None),
            checkout.c.track_due_at > now,
        )
        .values(track_due_at=now)
    )


def look_again(connection: Connection, upstream: str, now: datetime, *, limit: int | None = None) -> int:
    """Let orders be read now that wait because the order system did not answer; return how many. Of every tenant."""
    woken = 0
    for tenant in list(connection.execute(_FOLLOWING_TENANTS).scalars()):
        waiting = (
            select(checkout.c.id)
            .where(
                checkout.c.tenant == tenant,
                checkout.c.track_due_at > now,
                checkout.c.upstream == upstream,
                checkout.c.reason_code.in_(sorted(OF_THE_UPSTREAM)),
                _FOLLOWED,
            )
            .order_by(checkout.c.track_due_at)
            .limit(None if limit is None else limit - woken)
        )
        for checkout_id in list(connection.execute(waiting).scalars()):
            row = update(checkout).where(checkout.c.tenant == tenant, checkout.c.id == checkout_id, _FOLLOWED)
            woken += connection.execute(row.values(track_due_at=now)).rowcount
        if limit is not None and woken >= limit:
            break
    return woken


def set_poll(connection: Connection, record: CheckoutRecord, poll: CheckoutChanges) -> None:
    """Set when the order is read next; nothing that a client sees changes."""
    connection.execute(
        update(checkout)
        .where(checkout.c.tenant == record.tenant, checkout.c.id == record.id, checkout.c.state == "submitted")
        .values(dict(poll))
    )


def put_off_order(connection: Connection, record: CheckoutRecord, due_at: datetime) -> bool:
    """Take an order to be read by setting its next time; False when another replica took it."""
    return (
        connection.execute(
            update(checkout)
            .where(
                checkout.c.tenant == record.tenant,
                checkout.c.id == record.id,
                checkout.c.track_due_at == record.track_due_at,
            )
            .values(track_due_at=due_at)
        ).rowcount
        == 1
    )


def park_order(connection: Connection, record: CheckoutRecord, held: Pause, now: datetime) -> None:
    """Read the order of a checkout no more until its order system is resumed."""
    current = get_for_update(connection, record.tenant, record.id)
    if current is not None and current.state == "submitted" and current.track_due_at == record.track_due_at:
        change(connection, current, {"track_due_at": None, **because("upstream_paused", why_paused(held))}, now)
