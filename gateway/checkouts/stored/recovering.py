"""What is known of order systems that know more than this database: after a restore, or from the time an operator named.

A checkout with `recover_since` looks before it sends: at the orders that carry its marker, and at those that belong to no checkout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, literal, or_, select, update

from gateway.checkouts.model import MARKER_BEGINNING
from gateway.storage.tables import UNFINISHED_STATES, cart, checkout, found_order, reconciliation, recovery
from gateway.tmf.json import decode_stored

_OPEN = ("accepted", "drafting", "draft", "submitting", "held")
CLOCK_SECONDS = 900.0
"""How far the clock of who made a backup may be from the order system's."""


class Recovery(Struct, frozen=True, kw_only=True):
    """One order system of which less may be known here than it knows, from `since` on.

    `listed_at` is when its orders were listed completely; None: not yet, and `detail` says what stands in the way.
    """

    upstream: str
    since: datetime
    begun_at: datetime
    listed_at: datetime | None = None
    detail: str | None = None


class FoundOrder(Struct, frozen=True, kw_only=True):
    """An order that carries a marker of a gateway: `is_live` tells whether it is neither a draft nor ended without effect."""

    order_id: str
    marker: str
    state: str
    is_live: bool

    @property
    def root(self) -> str:
        """The part of the marker that all drafts of a checkout share; empty where the marker is not whole."""
        return root_of(self.marker)


class Recovered(Struct, frozen=True, kw_only=True):
    """What is known for one checkout before it sends: whether the list is complete, its own orders, and those that are nobody's.

    `cart_is_older`: its cart was there before the recovery began, so that it may have been ordered without being known here.
    """

    listed: bool
    detail: str | None
    begun_at: datetime
    own: tuple[FoundOrder, ...]
    unclaimed: tuple[FoundOrder, ...]
    cart_is_older: bool

    @property
    def aside(self) -> str:
        """Return what keeps the list from being complete, in brackets behind a sentence; empty where nothing is known."""
        return "".join(f" ({known})" for known in (self.detail,) if known)


def root_of(marker: str) -> str:
    """Return the root of a marker, wherever it stands in a text; empty where there is none."""
    _, found, rest = marker.casefold().partition(MARKER_BEGINNING)
    return rest.partition("-")[0] if found else ""


def generation_of(marker: str) -> int:
    """Return the generation that a marker names, 0 where it names none."""
    number = marker.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else 0


def begin(connection: Connection, keeps_drafts: Mapping[str, bool], since: datetime, now: datetime) -> int:
    """Begin to recover the order systems of `keeps_drafts` from `since` on; return how many checkouts look before they send.

    To begin again with the same time changes nothing. A call that makes a live order may have been sent for any checkout that
    is under way: it counts as lost now, and is looked for as lost calls are.
    """
    marked = 0
    for upstream, drafts in keeps_drafts.items():
        if recovery_of(connection, upstream, since) is not None:
            continue
        connection.execute(recovery.delete().where(recovery.c.upstream == upstream))
        connection.execute(insert(recovery), {"upstream": upstream, "since": since, "begun_at": now})
        rows = (checkout.c.upstream == upstream, checkout.c.state.in_(_OPEN), checkout.c.submit_intent_order.is_(None))
        fenced = {"fence": checkout.c.fence + 1, "lease_until": now, "version": checkout.c.version + 1}
        due = case((checkout.c.state == "held", None), else_=literal(now, checkout.c.due_at.type))
        changed = connection.execute(
            update(checkout).where(*rows).values(recover_since=since, due_at=due, updated_at=now, **fenced)
        )
        marked += changed.rowcount
        if not drafts:
            unsent = (*rows, checkout.c.order_id.is_(None), checkout.c.step_state == "PLANNED")
            lost = {
                "step_state": "UNKNOWN",
                "sent_at": now,
                "first_sent_at": func.coalesce(checkout.c.first_sent_at, checkout.c.created_at),
                "unknowns": 1,
                "probe": 0,
                "absent_at": None,
                "awaiting": None,
            }
            # What waits for its client sends nothing; it looks when it is submitted.
            connection.execute(update(checkout).where(*unsent, or_(checkout.c.submit, _begun())).values(**lost))
        followed = (checkout.c.upstream == upstream, checkout.c.state == "submitted")
        connection.execute(update(checkout).where(*followed).values(track_due_at=now))
    return marked


def _begun() -> ColumnElement[bool]:
    return checkout.c.first_sent_at.is_not(None)


def recovery_of(connection: Connection, upstream: str, since: datetime | None = None) -> Recovery | None:
    """Return the recovery of an order system, with `since` only that one; None when there is none."""
    query = select(recovery).where(recovery.c.upstream == upstream)
    if since is not None:
        query = query.where(recovery.c.since == since)
    row = connection.execute(query).one_or_none()
    return None if row is None else Recovery(**row._asdict())


def unlisted(connection: Connection) -> list[Recovery]:
    """Return the recoveries whose orders are not listed yet."""
    query = select(recovery).where(recovery.c.listed_at.is_(None)).order_by(recovery.c.upstream)
    return [Recovery(**row._asdict()) for row in connection.execute(query)]


def is_open(connection: Connection, upstream: str) -> datetime | None:
    """Return since when an order system is being recovered, as long as new checkouts must look before they send."""
    found = recovery_of(connection, upstream)
    if found is None:
        return None
    if found.listed_at is None or unclaimed(connection, upstream):
        return found.since
    return None


def put_off(connection: Connection, upstream: str, detail: str) -> None:
    """Say what stands in the way of a complete list."""
    connection.execute(update(recovery).where(recovery.c.upstream == upstream).values(detail=detail))


def listed(connection: Connection, upstream: str, now: datetime) -> None:
    """Say that the orders of an order system are listed completely, and make due what waited for it."""
    connection.execute(update(recovery).where(recovery.c.upstream == upstream).values(listed_at=now, detail=None))
    waiting = (checkout.c.upstream == upstream, checkout.c.recover_since.is_not(None), checkout.c.due_at.is_not(None))
    connection.execute(update(checkout).where(*waiting, checkout.c.state.in_(UNFINISHED_STATES)).values(due_at=now))


def end(connection: Connection, upstream: str, now: datetime) -> int | None:
    """End the recovery of an order system whose list never became whole, with what was found; return how many checkouts go on.

    None, and nothing changes, when none is waited for. What was found stays: orders that belong to no checkout hold the carts that may
    have made them, and a POST that is live at once still needs its proof of absence.
    """
    found = recovery_of(connection, upstream)
    if found is None or found.listed_at is not None:
        return None
    waiting = (checkout.c.upstream == upstream, checkout.c.recover_since.is_not(None), checkout.c.due_at.is_not(None))
    count = connection.execute(select(func.count()).where(*waiting)).scalar_one()
    listed(connection, upstream, now)
    return count


def put_found(connection: Connection, upstream: str, orders: Iterable[FoundOrder], now: datetime) -> None:
    """Keep orders that carry a marker; what was settled stays settled."""
    there = {
        row.order_id
        for row in connection.execute(select(found_order.c.order_id).where(found_order.c.upstream == upstream))
    }
    for each in orders:
        seen = {"marker": each.marker, "state": each.state, "is_live": each.is_live}
        if each.order_id in there:
            row = and_(found_order.c.upstream == upstream, found_order.c.order_id == each.order_id)
            connection.execute(update(found_order).where(row).values(**seen))
        else:
            values = {"upstream": upstream, "order_id": each.order_id, **seen, "found_at": now}
            connection.execute(insert(found_order), values)


def unclaimed(connection: Connection, upstream: str) -> tuple[FoundOrder, ...]:
    """Return the live orders with a marker that belong to no checkout, and that nobody settled."""
    query = select(found_order).where(
        found_order.c.upstream == upstream, found_order.c.is_live.is_(True), found_order.c.settled_at.is_(None)
    )
    orders = [_order(row) for row in connection.execute(query.order_by(found_order.c.order_id))]
    known = known_roots(connection, upstream, {each.root for each in orders})
    return tuple(each for each in orders if each.root not in known)


def known_roots(connection: Connection, upstream: str, roots: Iterable[str]) -> set[str]:
    """Return those of the roots of markers that belong to a checkout of any tenant."""
    names = sorted(roots)
    found: set[str] = set()
    for start in range(0, len(names), 500):
        query = select(checkout.c.marker_root).where(
            checkout.c.upstream == upstream, checkout.c.marker_root.in_(names[start : start + 500])
        )
        found |= set(connection.execute(query).scalars())
    return found


def settle(connection: Connection, upstream: str, order_id: str, how: str, now: datetime) -> bool:
    """Say what an order is; return whether it was open."""
    row = and_(
        found_order.c.upstream == upstream, found_order.c.order_id == order_id, found_order.c.settled_at.is_(None)
    )
    return connection.execute(update(found_order).where(row).values(settled_at=now, settled_as=how)).rowcount > 0


def recovered(
    connection: Connection, tenant: str, upstream: str, marker_root: str, cart_id: str | None
) -> Recovered | None:
    """Return what is known for one checkout before it sends; None when its order system is not being recovered."""
    found = recovery_of(connection, upstream)
    if found is None:
        return None
    query = select(found_order).where(found_order.c.upstream == upstream, found_order.c.marker.like(f"%{marker_root}%"))
    own = tuple(_order(row) for row in connection.execute(query.order_by(found_order.c.order_id)))
    made_at = None
    if cart_id is not None:
        at = select(cart.c.created_at).where(cart.c.tenant == tenant, cart.c.id == cart_id)
        made_at = connection.execute(at).scalar_one_or_none()
    return Recovered(
        listed=found.listed_at is not None,
        detail=found.detail,
        begun_at=found.begun_at,
        own=own,
        unclaimed=unclaimed(connection, upstream) if found.listed_at is not None else (),
        cart_is_older=made_at is not None and made_at <= found.begun_at,
    )


class Reconciled(Struct, frozen=True, kw_only=True):
    """The last comparison of an order system's orders with the checkouts: `kinds` names each difference by its kind."""

    upstream: str
    at: datetime
    complete: bool
    kinds: tuple[str, ...]
    unclaimed: int


def last_reconciled(connection: Connection) -> list[Reconciled]:
    """Return the last comparison of each order system that was ever compared."""
    query = select(reconciliation).where(reconciliation.c.ran_at.is_not(None)).order_by(reconciliation.c.upstream)
    return [
        Reconciled(
            upstream=row.upstream,
            at=row.ran_at,
            complete=row.is_complete,
            kinds=tuple(each["kind"] for each in decode_stored(row.found)),
            unclaimed=len(unclaimed(connection, row.upstream)),
        )
        for row in connection.execute(query)
    ]


def newest_change(connection: Connection) -> datetime | None:
    """Return when anything of carts and checkouts was changed last; None for an empty database."""
    moments = [
        connection.execute(select(func.max(column))).scalar_one_or_none()
        for column in (checkout.c.updated_at, cart.c.updated_at)
    ]
    return max((moment for moment in moments if moment is not None), default=None)


def listed_from(since: datetime) -> datetime:
    """Return from when on orders are listed for a recovery."""
    return since - timedelta(seconds=CLOCK_SECONDS)


def _order(row: object) -> FoundOrder:
    names = FoundOrder.__struct_fields__
    return FoundOrder(**{name: getattr(row, name) for name in names})
