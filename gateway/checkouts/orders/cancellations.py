"""What clients asked to be cancelled (cancelProductOrder of TMF622): plain functions over a connection, and how it is shown.

Nothing is decided here: a request asks for the cancellation of its checkout, and what becomes of that settles it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, select, update

from gateway.carts.dialects.dialect import at_path
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.orders.shown import V4, OrderDialect
from gateway.checkouts.orders.v5 import cancellation_from_canonical
from gateway.checkouts.states import FINAL
from gateway.clock import timestamp_text
from gateway.documents import JsonObject
from gateway.storage.tables import checkout, order_cancellation
from gateway.tmf.json import decode_stored

RESOURCE: Final = "cancelProductOrder"
ACKNOWLEDGED: Final = "acknowledged"
DONE: Final = "done"
FAILED: Final = "terminatedWithError"
STATES: Final = (ACKNOWLEDGED, DONE, FAILED)


class Cancellation(Struct, frozen=True, kw_only=True):
    """One row of the table `order_cancellation`; see `gateway.storage.tables` for what the columns mean."""

    tenant: str
    id: str
    checkout_id: str
    document: str
    state: str
    created_at: datetime
    settled_at: datetime | None = None


_COLUMNS = [order_cancellation.c[name] for name in Cancellation.__struct_fields__]


def _of(row: Row[Any]) -> Cancellation:
    return Cancellation(**dict(zip(row._fields, row, strict=True)))


def put(connection: Connection, cancellation: Cancellation) -> None:
    """Store a new request."""
    values = {name: getattr(cancellation, name) for name in Cancellation.__struct_fields__}
    connection.execute(insert(order_cancellation), values)


def get(connection: Connection, tenant: str, cancellation_id: str, *, owner: str | None) -> Cancellation | None:
    """Return a request about an order of this tenant (with `owner`: of this client of it), or None."""
    query = _joined().where(_visible(tenant, owner), order_cancellation.c.id == cancellation_id)
    row = connection.execute(query).one_or_none()
    return _of(row) if row is not None else None


def latest_of(connection: Connection, tenant: str, checkout_id: str) -> Cancellation | None:
    """Return the last request about an order that was not refused, if there is one."""
    query = (
        select(*_COLUMNS)
        .where(
            order_cancellation.c.tenant == tenant,
            order_cancellation.c.checkout_id == checkout_id,
            order_cancellation.c.state != FAILED,
        )
        .order_by(order_cancellation.c.created_at.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return _of(row) if row is not None else None


def list_page(
    connection: Connection,
    tenant: str,
    conditions: Sequence[ColumnElement[bool]],
    *,
    offset: int,
    limit: int,
    owner: str | None,
) -> tuple[list[Cancellation], int]:
    """Return one page of the requests, newest first, and how many match."""
    condition = and_(_visible(tenant, owner), *conditions)
    counted = select(func.count()).select_from(order_cancellation.join(checkout, _ON)).where(condition)
    query = (
        _joined()
        .where(condition)
        .order_by(order_cancellation.c.created_at.desc(), order_cancellation.c.id.desc())
        .offset(offset)
        .limit(limit)
    )
    return [_of(row) for row in connection.execute(query)], int(connection.execute(counted).scalar_one())


_ON: Final = (order_cancellation.c.tenant == checkout.c.tenant) & (order_cancellation.c.checkout_id == checkout.c.id)


def _joined() -> Any:
    return select(*_COLUMNS).select_from(order_cancellation.join(checkout, _ON))


def _visible(tenant: str, owner: str | None) -> ColumnElement[bool]:
    of_tenant = (order_cancellation.c.tenant == tenant) & checkout.c.order_removed.is_(False)
    return of_tenant if owner is None else of_tenant & (checkout.c.owner == owner)


def outcome_of(before: CheckoutRecord, after: CheckoutRecord) -> str | None:
    """Return what became of the requests about an order by a change of its checkout; None where they stay open. Pure."""
    if after.state == "cancelled":
        return DONE if before.state != "cancelled" else None
    if after.state in FINAL or (before.cancel_requested and not after.cancel_requested):
        return FAILED
    return None


def open_of(connection: Connection, tenant: str, checkout_id: str) -> list[Cancellation]:
    """Return the requests about an order that are not settled, the oldest first."""
    query = (
        select(*_COLUMNS)
        .where(
            order_cancellation.c.tenant == tenant,
            order_cancellation.c.checkout_id == checkout_id,
            order_cancellation.c.settled_at.is_(None),
        )
        .order_by(order_cancellation.c.created_at, order_cancellation.c.id)
    )
    return [_of(row) for row in connection.execute(query)]


def starts_to_wait(before: CheckoutRecord, after: CheckoutRecord) -> bool:
    """Tell whether the order system's task, by which the order is to be cancelled, waits for somebody since this change. Pure."""
    return after.cancel_requested and after.cancel_progress == "waiting" != before.cancel_progress


def settle(connection: Connection, before: CheckoutRecord, after: CheckoutRecord, now: datetime) -> list[Cancellation]:
    """Note what became of the open requests about an order, and return those that are settled by it."""
    outcome = outcome_of(before, after) if before.cancel_requested else None
    if outcome is None:
        return []
    row = update(order_cancellation).where(
        order_cancellation.c.tenant == after.tenant,
        order_cancellation.c.checkout_id == after.id,
        order_cancellation.c.settled_at.is_(None),
    )
    return [_of(row) for row in connection.execute(row.values(state=outcome, settled_at=now).returning(*_COLUMNS))]


def canonical(cancellation: Cancellation, base_url: str) -> JsonObject:
    """Return a request in the canonical form, v4's, with what v5 shows besides; `base_url` is before the paths."""
    given: Mapping[str, Any] = decode_stored(cancellation.document)
    order = {**given["productOrder"], "href": f"{base_url}{V4.orders_path}/{cancellation.checkout_id}"}
    settled = cancellation.settled_at if cancellation.state == DONE else None
    return {
        "id": cancellation.id,
        "href": f"{base_url}{V4.cancellations_path}/{cancellation.id}",
        "@type": "CancelProductOrder",
        **given,
        **({"effectiveCancellationDate": timestamp_text(settled)} if settled is not None else {}),
        "productOrder": order,
        "creationDate": timestamp_text(cancellation.created_at),
        "state": cancellation.state,
    }


def in_version(document: JsonObject, dialect: OrderDialect) -> JsonObject:
    """Return a canonical request as a version shows it."""
    if dialect.version == "v4":
        return {name: value for name, value in document.items() if name != "creationDate"}
    order = at_path(document["productOrder"], V4.orders_path, dialect.orders_path)
    moved = at_path({**document, "productOrder": order}, V4.cancellations_path, dialect.cancellations_path)
    return cancellation_from_canonical(moved)
