"""The inbox and the orders to be looked at: plain functions over a connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select, text, update

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reasons import OF_THE_UPSTREAM
from gateway.checkouts.row_changes import CheckoutChanges, because, without_reason
from gateway.checkouts.stored.due import lanes_due, tenants_waiting
from gateway.checkouts.stored.pauses import Pause, why_paused
from gateway.checkouts.stored.store import change, get_for_update, others_of_order, record_of
from gateway.lanes import Lane, from_each
from gateway.storage.tables import IN_DOUBT, checkout, inbox
from gateway.tracking.due_events import OrderKey
from gateway.tracking.events import Event, marker_parts
from gateway.tracking.inbox import WAITING, forget_of_others

_FOLLOWED: Final = checkout.c.state == "submitted"
_DUE_LANES: Final = lanes_due(checkout.c.track_due_at, _FOLLOWED)
_FOLLOWING: Final = tenants_waiting(checkout.c.track_due_at)
_FOLLOWING_TENANTS: Final = select(_FOLLOWING.c.tenant).where(_FOLLOWING.c.tenant.is_not(None))
# What a checkout is held for when nothing named its order, or showed whether there is one.
_NOT_NAMED: Final = ("waiting_order_id", "not_verifiable", "outcome_unknown")


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

    Every tenant gets its share for each order system, in turns, so that very many orders of one keep those of no other from being read.
    """
    lanes = [Lane(*row) for row in connection.execute(_DUE_LANES, {"now": now})]

    def read(lane: Lane, most: int) -> list[CheckoutRecord]:
        query = (
            select(*(checkout.c[name] for name in CheckoutRecord.__struct_fields__))
            .where(checkout.c.tenant == lane.tenant, checkout.c.upstream == lane.upstream)
            .where(checkout.c.track_due_at <= now, _FOLLOWED)
            .order_by(checkout.c.track_due_at)
            .limit(most)
        )
        return [record_of(row) for row in connection.execute(query)]

    return from_each(lanes, limit, read)


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
