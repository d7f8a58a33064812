"""An order system's orders compared with the checkouts, both ways: what is there and not here, here and not there, or other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, insert, or_, select, update

from gateway.checkouts.model import lines_decoder, order_decoder
from gateway.checkouts.stored import recovering
from gateway.checkouts.stored import store as checkouts
from gateway.checkouts.stored.recovering import root_of
from gateway.ordering import Mapping as OrderMapping
from gateway.ordering import ObservedOrder, Order, compare_live, is_alive, is_draft, tmf_state
from gateway.storage import Database
from gateway.storage.tables import ORDERED_STATES, checkout, reconciliation
from gateway.submission.recovery import found_orders
from gateway.upstream.port import AnotherOrder, ReadFailed, Upstream

Kind: TypeAlias = Literal[
    "unknown_here", "second_live_order", "missing_there", "contents_differ", "states_differ", "unreadable"
]
KINDS: Final[tuple[Kind, ...]] = (
    "unknown_here", "second_live_order", "missing_there", "contents_differ", "states_differ", "unreadable",
)  # fmt: skip
READS_AT_ONCE: Final = 8
_FOLLOWED: Final = ("submitted", *sorted(ORDERED_STATES))


class Discrepancy(Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that is not the same there and here. Without personal data."""

    kind: Kind
    order_id: str
    checkout_id: str | None
    detail: str


class Placed(Struct, frozen=True, kw_only=True):
    """A checkout whose order is live or was: what was sent, what is known of its lines, and the state that it was seen in."""

    tenant: str
    checkout_id: str
    order_id: str
    marker_root: str
    order_state: str | None
    order: Order | None
    lines: dict[str, str]


class Report(Struct, frozen=True, kw_only=True):
    """A comparison: `complete` tells whether every order with a marker was seen, else `detail` says what was not."""

    upstream: str
    since: datetime
    at: datetime
    complete: bool
    detail: str
    orders: int
    checkouts: int
    found: tuple[Discrepancy, ...]


def compared(
    placed: Sequence[Placed],
    marked: Sequence[ObservedOrder],
    known_roots: set[str],
    read: Mapping[str, ObservedOrder | str | None],
    mapping: OrderMapping,
) -> tuple[Discrepancy, ...]:
    """Compare orders with checkouts. `read` are the checkouts' orders as they are: None is not there, a text why it is not known."""
    found: list[Discrepancy] = []
    order_of = {each.marker_root: each for each in placed}
    for order in marked:
        root = next((root_of(text) for text in order.marker.texts if root_of(text)), "")
        if is_draft(mapping, order.state) or not is_alive(mapping, order):
            continue
        ours = order_of.get(root)
        if root not in known_roots:
            said = f"it is live ({order.state}) with marker {order.marker.texts[0][:60]}, and no checkout has that"
            found.append(Discrepancy(kind="unknown_here", order_id=order.id, checkout_id=None, detail=said))
        elif ours is not None and ours.order_id != order.id:
            said = f"it is live ({order.state}), and the checkout follows order {ours.order_id}"
            found.append(
                Discrepancy(kind="second_live_order", order_id=order.id, checkout_id=ours.checkout_id, detail=said)
            )
    for each in placed:
        found += _of_checkout(each, read.get(each.order_id), mapping)
    return tuple(sorted(found, key=lambda each: (KINDS.index(each.kind), each.order_id)))


def _of_checkout(each: Placed, seen: ObservedOrder | str | None, mapping: OrderMapping) -> list[Discrepancy]:
    def told(kind: Kind, detail: str) -> Discrepancy:
        return Discrepancy(kind=kind, order_id=each.order_id, checkout_id=each.checkout_id, detail=detail)

    if seen is None:
        return [told("missing_there", "the order system has no such order")]
    if isinstance(seen, str):
        return [told("unreadable", seen)]
    found = []
    difference = compare_live(each.order, each.lines, seen, mapping) if each.order is not None else None
    if difference is not None:
        found.append(told("contents_differ", difference.describe()))
    state = tmf_state(mapping, seen.state) if seen.state else None
    if state != each.order_state and state is not None:
        found.append(told("states_differ", f"there {state}, here {each.order_state or 'none'}"))
    return found


async def reconciled(
    database: Database, upstream: Upstream, name: str, mapping: OrderMapping, since: datetime
) -> Report:
    """List and read the orders of one order system since `since`, and compare them with the checkouts; store the report."""
    placed = await database.read(lambda connection: placed_since(connection, name, since))
    marked = await upstream.list_marked(since=recovering.listed_from(since))
    roots = {root_of(text) for order in marked.orders for text in order.marker.texts} - {""}
    known = await database.read(lambda connection: recovering.known_roots(connection, name, roots))
    read: dict[str, ObservedOrder | str | None] = {}
    for start in range(0, len(placed), READS_AT_ONCE):
        part = placed[start : start + READS_AT_ONCE]
        answers = await asyncio.gather(*(_read(upstream, each.order_id) for each in part))
        read |= {each.order_id: answer for each, answer in zip(part, answers, strict=True)}
    found = compared(placed, marked.orders, known, read, mapping)
    unknown = {each.order_id for each in found if each.kind == "unknown_here"}
    kept = [each for each in found_orders(marked.orders, mapping) if each.order_id in unknown]

    def keep(connection: Connection) -> Report:
        report = Report(
            upstream=name,
            since=since,
            at=database.now(connection),
            complete=marked.complete,
            detail="" if marked.complete else marked.absence.sentence,
            orders=len(marked.orders),
            checkouts=len(placed),
            found=found,
        )
        recovering.put_found(connection, name, kept, report.at)
        _put_report(connection, report)
        return report

    return await database.write(keep)


async def _read(upstream: Upstream, order_id: str) -> ObservedOrder | str | None:
    try:
        return await upstream.get_order(order_id)
    except AnotherOrder as error:
        return f"asked for it, the order system shows order {error.order.id}"
    except ReadFailed as failure:
        return str(failure)


def placed_since(connection: Connection, upstream: str, since: datetime) -> list[Placed]:
    """Return the checkouts of every tenant whose order was placed since then, or is followed still."""
    query = select(checkout).where(
        checkout.c.upstream == upstream,
        checkout.c.order_id.is_not(None),
        checkout.c.state.in_(_FOLLOWED),
        or_(checkout.c.created_at >= since, checkout.c.state == "submitted"),
    )
    found = []
    for row in connection.execute(query.order_by(checkout.c.created_at)):
        documents = checkouts.documents(connection, row.tenant, row.id, ("order", "lines"))
        lines = lines_decoder.decode(documents.get("lines", "{}"))
        found.append(
            Placed(
                tenant=row.tenant,
                checkout_id=row.id,
                order_id=row.order_id,
                marker_root=row.marker_root,
                order_state=row.order_state,
                order=order_decoder.decode(documents["order"].encode()) if "order" in documents else None,
                lines={item: line.line_id for item, line in lines.items() if line.line_id is not None},
            )
        )
    return found


def claim(connection: Connection, upstream: str, due_before: datetime, now: datetime) -> bool:
    """Take the next comparison of an order system unless another process did since `due_before`.

    One that was taken later than now was taken by a clock that was ahead, and does not count.
    """
    row = connection.execute(
        select(reconciliation.c.claimed_at).where(reconciliation.c.upstream == upstream).with_for_update()
    ).one_or_none()
    if row is None:
        connection.execute(insert(reconciliation), {"upstream": upstream, "claimed_at": now})
        return True
    if due_before < row.claimed_at <= now:
        return False
    connection.execute(update(reconciliation).where(reconciliation.c.upstream == upstream).values(claimed_at=now))
    return True


def _put_report(connection: Connection, report: Report) -> None:
    values = {
        "ran_at": report.at,
        "since": report.since,
        "is_complete": report.complete,
        "detail": report.detail,
        "orders": report.orders,
        "checkouts": report.checkouts,
        "found": msgspec.json.encode(report.found).decode(),
    }
    row = reconciliation.c.upstream == report.upstream
    if not connection.execute(update(reconciliation).where(row).values(**values)).rowcount:
        connection.execute(insert(reconciliation), {"upstream": report.upstream, "claimed_at": report.at, **values})
