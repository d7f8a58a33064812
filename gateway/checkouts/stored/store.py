"""Checkouts in the database: plain functions over a connection, every query with its tenant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import (
    Boolean,
    Connection,
    Row,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy import delete as delete_from
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningUpdate

from gateway.checkouts import events
from gateway.checkouts.model import CheckoutRecord, LineState, lines_decoder, marker_of
from gateway.checkouts.row_changes import CheckoutChanges
from gateway.checkouts.states import CART_RELEASED, OPEN, may_follow
from gateway.checkouts.stored import keys, step_store
from gateway.checkouts.stored.after_order import LIVE, cart_is_free, cart_is_ordered
from gateway.checkouts.stored.due import tenants_ordering
from gateway.checkouts.stored_documents import LINES, LINES_PART
from gateway.checkouts.stored_documents import documents as documents  # noqa: PLC0414 - the store is asked for them, too
from gateway.checkouts.stored_documents import documents_of as documents_of  # noqa: PLC0414
from gateway.checkouts.stored_documents import joined_documents as joined_documents  # noqa: PLC0414
from gateway.ordering import Plan
from gateway.storage.statements import moment_of
from gateway.storage.tables import (
    ORDERED_STATES,
    Moment,
    checkout,
    checkout_document,
    upstream_pause,
)
from gateway.tmf.json import encode_json

COLUMNS = [checkout.c[name] for name in CheckoutRecord.__struct_fields__]
_MOMENTS: Final = [index for index, column in enumerate(COLUMNS) if isinstance(column.type, Moment)]
_FLAGS: Final = [index for index, column in enumerate(COLUMNS) if isinstance(column.type, Boolean)]
_TENANTS: Final = tenants_ordering()
_by_id = select(*COLUMNS).where(checkout.c.tenant == bindparam("tenant"), checkout.c.id == bindparam("id"))
_locked_by_id = _by_id.with_for_update()
_by_order = (
    select(*COLUMNS)
    .where(
        checkout.c.tenant == bindparam("tenant"),
        checkout.c.upstream == bindparam("upstream"),
        checkout.c.order_id == bindparam("order_id"),
    )
    .order_by(checkout.c.created_at.desc())
    .limit(1)
)


def record_of(row: Row[Any]) -> CheckoutRecord:
    """Return the record of a row selected with every column."""
    return CheckoutRecord(**dict(zip(row._fields, row, strict=True)))


def record_of_values(values: Sequence[object]) -> CheckoutRecord:
    """Return the record of a row whose columns are those of the record, in its order, as a driver gives them or JSON has them."""
    row: list[Any] = list(values)
    for index in _MOMENTS:
        row[index] = moment_of(row[index])
    for index in _FLAGS:
        row[index] = bool(row[index])
    return CheckoutRecord(**dict(zip(CheckoutRecord.__struct_fields__, row, strict=True)))


def get(connection: Connection, tenant: str, checkout_id: str, *, owner: str | None = None) -> CheckoutRecord | None:
    """Return a checkout as it is stored, or None when there is none that the caller may see.

    Args:
        connection: inside of a transaction of the caller's.
        tenant: whose checkouts are looked at; those of others are not there.
        checkout_id: the id of the checkout, as sent by a client: any text.
        owner: the client whose checkouts alone are looked at (a partner's own); None for all of the tenant.

    Raises:
        Nothing of its own; errors of the database are SQLAlchemy's.

    Source: decision 1; `checkouts/model.py` has the shape.
    """
    row = connection.execute(_by_id, {"tenant": tenant, "id": checkout_id}).one_or_none()
    return record_of(row) if row is not None and owner in {None, row.owner} else None


def get_for_update(
    connection: Connection, tenant: str, checkout_id: str, *, owner: str | None = None
) -> CheckoutRecord | None:
    """Return the checkout as `get` does, and keep others from changing it until the transaction ends."""
    row = connection.execute(_locked_by_id, {"tenant": tenant, "id": checkout_id}).one_or_none()
    return record_of(row) if row is not None and owner in {None, row.owner} else None


def get_by_key(connection: Connection, tenant: str, idempotency_key: str) -> CheckoutRecord | None:
    """Return the checkout that was asked for with this Idempotency-Key."""
    query = select(*COLUMNS).where(checkout.c.tenant == tenant, checkout.c.idempotency_key == idempotency_key)
    row = connection.execute(query).one_or_none()
    return record_of(row) if row is not None else None


def get_by_external_id(connection: Connection, tenant: str, owner: str, external_id: str) -> CheckoutRecord | None:
    """Return the checkout of the ready order to which this client gave the external id."""
    query = select(*COLUMNS).where(
        checkout.c.tenant == tenant,
        checkout.c.owner == owner,
        checkout.c.external_id == external_id,
        checkout.c.source == "productOrder",
    )
    row = connection.execute(query).one_or_none()
    return record_of(row) if row is not None else None


def live_of_cart(connection: Connection, tenant: str, cart_id: str, cart_scope: str = "") -> CheckoutRecord | None:
    """Return the checkout that holds this cart, if one does; `cart_scope` as in its column.

    One that is held without the cart, because its order was found live after another had taken the cart, counts once that other
    one has let it go.
    """
    query = select(*COLUMNS).where(
        checkout.c.tenant == tenant,
        checkout.c.cart_scope == cart_scope,
        checkout.c.cart_id == cart_id,
        checkout.c.cart_live.is_(True)
        | (
            (checkout.c.state == "held")
            & (checkout.c.remainder_cart_id.is_(None) | (checkout.c.remainder_cart_id != checkout.c.cart_id))
        ),
    )
    row = connection.execute(query.order_by(checkout.c.cart_live.desc()).limit(1)).one_or_none()
    return record_of(row) if row is not None else None


def get_by_order(connection: Connection, tenant: str, upstream: str, order_id: str) -> CheckoutRecord | None:
    """Return the checkout whose order this is, the latest should an order system have used an id again."""
    row = connection.execute(_by_order, {"tenant": tenant, "upstream": upstream, "order_id": order_id}).one_or_none()
    return record_of(row) if row is not None else None


def others_of_order(connection: Connection, record: CheckoutRecord, order_id: str) -> list[CheckoutRecord]:
    """Return the other checkouts of any tenant whose order this is, its own tenant's first: an order is one checkout's.

    Name them with `named_to`: a tenant is told nothing of another one's checkout but that there is one.
    """
    tenants = list(connection.execute(_TENANTS).scalars())
    query = select(*COLUMNS).where(
        checkout.c.tenant.in_(tenants),
        checkout.c.upstream == record.upstream,
        checkout.c.order_id == order_id,
        checkout.c.id != record.id,
    )
    found = [record_of(row) for row in connection.execute(query.order_by(checkout.c.created_at.desc()).limit(10))]
    return sorted(found, key=lambda other: other.tenant != record.tenant)


def named_to(record: CheckoutRecord, other: CheckoutRecord) -> str:
    """Return what the reason of `record` calls another checkout: by its id only to its own tenant."""
    return f"checkout {other.id}" if other.tenant == record.tenant else "another checkout"


def accepted_orders(connection: Connection, upstream: str, limit: int) -> list[tuple[str, str]]:
    """Return (order id, marker) of the newest live orders of one order system, of every tenant: for who measures it."""
    query = (
        select(checkout.c.order_id, checkout.c.marker_root, checkout.c.generation)
        .where(
            checkout.c.upstream == upstream,
            checkout.c.order_id.is_not(None),
            checkout.c.state.in_(["submitted", *sorted(ORDERED_STATES)]),
        )
        .order_by(checkout.c.created_at.desc())
        .limit(limit)
    )
    return [(row.order_id, marker_of(row.marker_root, row.generation)) for row in connection.execute(query)]


def insert_checkout(
    connection: Connection,
    record: CheckoutRecord,
    plan: Plan,
    documents: Mapping[str, bytes],
    item_counts: Iterable[int],
) -> None:
    """Store a new checkout with its documents and planned steps.

    Raises sqlalchemy's IntegrityError when its Idempotency-Key or its cart is taken.
    """
    connection.execute(insert(checkout), {name: getattr(record, name) for name in record.__struct_fields__})
    put_documents(connection, record.tenant, record.id, documents)
    step_store.plan_steps(connection, record, plan, item_counts)
    keys.add_keys_of_new(connection, record, documents)
    events.created(connection, record)


def put_documents(connection: Connection, tenant: str, checkout_id: str, documents: Mapping[str, bytes]) -> None:
    """Store documents, replacing those of the same kind with all that was added to them."""
    if not documents:
        return
    if LINES in documents:
        connection.execute(
            delete_from(checkout_document).where(
                checkout_document.c.tenant == tenant,
                checkout_document.c.checkout_id == checkout_id,
                checkout_document.c.kind.like(f"{LINES_PART}%"),
            )
        )
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(checkout_document)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant", "checkout_id", "kind"], set_={"document": statement.excluded.document}
        ),
        [
            {"tenant": tenant, "checkout_id": checkout_id, "kind": kind, "document": document.decode()}
            for kind, document in documents.items()
        ],
    )


def add_lines(connection: Connection, tenant: str, checkout_id: str, lines: Mapping[str, LineState], step: int) -> None:
    """Add what became known of order lines at a step (counted from 0) to the document LINES.

    Kept beside it, so that each of many calls writes its own lines and not all that are known.
    """
    kind = f"{LINES_PART}{step:08d}"
    found = connection.execute(
        select(checkout_document.c.document).where(
            checkout_document.c.tenant == tenant,
            checkout_document.c.checkout_id == checkout_id,
            checkout_document.c.kind == kind,
        )
    ).scalar_one_or_none()
    before = {} if found is None else lines_decoder.decode(found)
    put_documents(connection, tenant, checkout_id, {kind: encode_json({**before, **lines})})
    keys.add_line_keys(connection, tenant, checkout_id, [line.line_id for line in lines.values()])


def open_count(connection: Connection, tenant: str, limit: int) -> int:
    """Count the tenant's checkouts that are waiting or under way, up to `limit`."""
    some = (
        select(checkout.c.id)
        .where(checkout.c.tenant == tenant, checkout.c.state.in_(["accepted", "drafting", "submitting"]))
        .limit(limit)
        .subquery()
    )
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def change(
    connection: Connection,
    record: CheckoutRecord,
    changes: CheckoutChanges,
    now: datetime,
    *,
    fence: int | None = None,
    version: int | None = None,
    unless_paused: bool = False,
) -> CheckoutRecord | None:
    """Apply changes to the row of a checkout and return the checkout as it is then; None, and nothing is written, where a condition fails.

    The one place where a state changes: it keeps to the table of followers, lets go of the cart, and never overwrites the
    order that may be submitted. A state that leaves nothing to be done also ends the worker's interest.

    Args:
        connection: inside of a transaction of the caller's, who commits.
        record: the checkout as the caller knows it.
        changes: new values by column; a column that is not named stays.
        now: the database's time, aware, in UTC; becomes `updated_at`.
        fence: a condition: the count of claims that the row must still have.
        version: a condition: the version that the row must still have, counted from 1.
        unless_paused: a condition: an operator has not paused the order system of the checkout.

    Raises:
        AssertionError: the state may not follow the one before, or another order would be submitted: a fault of the caller.

    Source: decision 1 (the fence), `checkouts/states.py` (what may follow what).
    """
    values: CheckoutChanges = {**changes}
    state = values.get("state", record.state)
    if not may_follow(record.state, state):
        raise AssertionError(f"checkout {record.id}: {record.state} cannot become {state}")
    if record.submit_intent_order is not None and values.get("submit_intent_order", record.submit_intent_order) != (
        record.submit_intent_order
    ):
        raise AssertionError(f"checkout {record.id}: the order to be submitted is write-once")
    if state in CART_RELEASED:
        values["cart_live"] = False
    if state not in OPEN and state != "submitted":
        values["due_at"] = values["track_due_at"] = None
    values["updated_at"] = now
    conditions = {"fence": fence, "version": version}
    key = {f"of_{name}": value for name, value in conditions.items() if value is not None}
    statement = _change_of(frozenset(values), frozenset(key), unless_paused=unless_paused)
    found = {"of_tenant": record.tenant, "of_id": record.id, **key, **_new(values)}
    row = connection.execute(statement, found).one_or_none()
    if row is None:
        return None
    changed = record_of(row)
    if state in LIVE and record.state not in LIVE and record.cart_id is not None:
        changed = _with_ordered_cart(connection, changed, now)
    keys.add_keys_of_change(connection, record, changes, changed)
    events.changed(connection, record, changed, now)
    if state in CART_RELEASED and record.cart_id is not None:
        cart_is_free(connection, record, now)
    return changed


def _with_ordered_cart(connection: Connection, record: CheckoutRecord, now: datetime) -> CheckoutRecord:
    """Note that the cart has been ordered; return the record with the cart in which what was saved for later goes on."""
    made = cart_is_ordered(connection, record, now)
    if made is None:
        return record
    row = update(checkout).where(checkout.c.tenant == record.tenant, checkout.c.id == record.id)
    live = record.cart_live and made != record.cart_id
    connection.execute(row.values(remainder_cart_id=made, cart_live=live))
    return replace(record, remainder_cart_id=made, cart_live=live)


def _new(values: Mapping[str, object]) -> dict[str, object]:
    return {f"new_{name}": value for name, value in values.items()}


@lru_cache(maxsize=256)
def _change_of(names: frozenset[str], conditions: frozenset[str], *, unless_paused: bool) -> ReturningUpdate[Any]:
    """Return the statement that changes columns: put together once, because every call to an order system runs it twice.

    `conditions` are the parameters (`of_` and the column's name) that the row is to be found by, besides its key.
    """
    key = [checkout.c[name.removeprefix("of_")] == bindparam(name) for name in ("of_tenant", "of_id", *conditions)]
    if unless_paused:
        key.append(checkout.c.upstream.not_in(select(upstream_pause.c.upstream)))
    values: dict[Any, Any] = {checkout.c[name]: bindparam(f"new_{name}") for name in sorted(names)}
    return (
        update(checkout).where(*key).values({**values, checkout.c.version: checkout.c.version + 1}).returning(*COLUMNS)
    )
