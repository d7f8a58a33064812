"""Carts in the database: plain functions over a connection, one row per cart, the document kept as the JSON it is.

A cart that a checkout holds (`checkout_id` is set) does not change: `update` and `delete` leave it alone and say so.
The two statements that every request runs (`get`, `insert`) are driver SQL, because building them again costs more than
running them; the others are ordinary expressions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, TextClause, func, select
from sqlalchemy import delete as delete_from
from sqlalchemy import update as update_table

from gateway.carts import events, parties
from gateway.clock import utc_now
from gateway.storage.statements import run
from gateway.storage.tables import EPOCH, cart

# A page ends before its documents together are larger, so that a list of large carts does not fill the memory.
PAGE_CHARACTERS_MAX: Final = 32 * 1024 * 1024
_MICROSECOND: Final = timedelta(microseconds=1)
_GET: Final = (
    "SELECT id, version, document, checkout_id, created_at, updated_at, expires_at, expiry_given, v4_complete, owner, ordered"
    " FROM cart WHERE tenant = ? AND id = ?"
)
_GET_DOCUMENT: Final = (
    "SELECT version, document, expires_at, v4_complete, checkout_id, ordered FROM cart WHERE tenant = ? AND id = ?"
)
_OF_OWNER: Final = " AND owner = ?"
_INSERT: Final = (
    "INSERT INTO cart"
    " (tenant, id, version, document, checkout_id, created_at, updated_at, expires_at, expiry_given, v4_complete, owner)"
    " VALUES (?, ?, 1, ?, NULL, ?, ?, ?, ?, ?, ?)"
)

_ROW: Final = (
    cart.c.id,
    cart.c.version,
    cart.c.document,
    cart.c.checkout_id,
    cart.c.created_at,
    cart.c.updated_at,
    cart.c.expires_at,
    cart.c.expiry_given,
    cart.c.v4_complete,
    cart.c.owner,
    cart.c.ordered,
)


class CartRow(NamedTuple):
    """One stored cart. `document` is its JSON text; `checkout_id` names the checkout that holds it, if any.

    `ordered` tells that the order of that checkout is live or has come to its end.

    `expires_at` is None for a cart that does not expire; `expiry_given` tells that a client said when it does.
    `v4_complete` tells that v4 shows the document as it is; otherwise (None: nobody has looked) it is to be looked at.
    `owner` is the client that made it, None where that was not recorded.
    """

    id: str
    version: int
    document: str
    checkout_id: str | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    expiry_given: bool = False
    v4_complete: bool | None = None
    owner: str | None = None
    ordered: bool = False


class CartContent(NamedTuple):
    """What is stored of a new or changed cart: its JSON text, and what is known of it.

    `expires_at`: None leaves the end of validity as it is. `expiry_given`: a client said when it expires. `party_ids`: those of
    its related parties; None: they are read from the text. `v4_complete` as in `CartRow`.
    """

    text: str
    expires_at: datetime | None = None
    expiry_given: bool = False
    party_ids: set[str] | None = None
    v4_complete: bool | None = None


class ShownCart(NamedTuple):
    """What a GET shows of a cart; see `CartRow`."""

    version: int
    document: str
    expires_at: datetime | None
    v4_complete: bool | None
    checkout_id: str | None
    ordered: bool


class CartPage(NamedTuple):
    """One page of a list: its rows, and how many carts there are in all."""

    rows: list[CartRow]
    total: int


def insert(
    connection: Connection, tenant: str, cart_id: str, content: CartContent, now: datetime, *, owner: str | None = None
) -> None:
    """Store a new cart as version 1; `owner` is the client that makes it."""
    moment = (now - EPOCH) // _MICROSECOND
    expiry = None if content.expires_at is None else (content.expires_at - EPOCH) // _MICROSECOND
    known = (expiry, content.expiry_given, content.v4_complete, owner)
    run(connection, _INSERT, (tenant, cart_id, content.text, moment, moment, *known))
    after = parties.stored_party_ids(content.text) if content.party_ids is None else content.party_ids
    parties.index_changed(connection, tenant, cart_id, set(), after)
    events.created(connection, events.CartVersion(tenant, cart_id, 1, content.text, content.v4_complete, owner), now)


def free_count(connection: Connection, tenant: str, carts_max: int) -> int:
    """Return how many carts of the tenant no checkout holds, or `carts_max` when there are more."""
    some = select(cart.c.tenant).where(cart.c.tenant == tenant, cart.c.checkout_id.is_(None)).limit(carts_max)
    return int(connection.execute(select(func.count()).select_from(some.subquery())).scalar_one())


def get(
    connection: Connection, tenant: str, cart_id: str, *, for_change: bool = False, owner: str | None = None
) -> CartRow | None:
    """Return the cart, or None when this tenant (with `owner`: this client of it) has none of that id.

    `for_change` lets no other transaction change it before this one ends; in SQLite there is no other writer anyway.
    """
    locked = for_change and connection.dialect.name == "postgresql"
    statement, values = (_GET, (tenant, cart_id)) if owner is None else (_GET + _OF_OWNER, (tenant, cart_id, owner))
    row = run(connection, f"{statement} FOR UPDATE" if locked else statement, values)
    if row is None:
        return None
    found_id, version, document, checkout_id, created, updated, expires, expiry_given, v4_complete, made_by, ordered = (
        row
    )
    return CartRow(
        found_id,
        version,
        document,
        checkout_id,
        _moment(created),
        _moment(updated),
        None if expires is None else _moment(expires),
        bool(expiry_given),
        None if v4_complete is None else bool(v4_complete),
        made_by,
        bool(ordered),
    )


def get_document(connection: Connection, tenant: str, cart_id: str, *, owner: str | None = None) -> ShownCart | None:
    """Return what a GET needs of the cart alone, or None as `get`."""
    if owner is None:
        row = run(connection, _GET_DOCUMENT, (tenant, cart_id))
    else:
        row = run(connection, _GET_DOCUMENT + _OF_OWNER, (tenant, cart_id, owner))
    if row is None:
        return None
    version, document, expires, v4_complete, checkout_id, ordered = row
    return ShownCart(
        version, document, None if expires is None else _moment(expires), v4_complete, checkout_id, bool(ordered)
    )


def list_page(
    connection: Connection,
    tenant: str,
    *,
    limit: int,
    offset: int,
    conditions: Sequence[ColumnElement[bool] | TextClause] = (),
    order: Sequence[TextClause] = (),
    owner: str | None = None,
) -> CartPage:
    """Return `limit` carts (of this `owner` alone) from `offset` on, and the number of all that fulfil the `conditions`.

    There are fewer, but one at least, where more are larger than PAGE_CHARACTERS_MAX together. Carts that `order` does not tell
    apart are in the order of their creation, oldest first.
    """
    wanted = (cart.c.tenant == tenant, *(() if owner is None else (cart.c.owner == owner,)), *conditions)
    total = connection.execute(select(func.count()).select_from(cart).where(*wanted)).scalar_one()
    rows = connection.execute(
        select(*_ROW).where(*wanted).order_by(*order, cart.c.created_at, cart.c.id).limit(limit).offset(offset)
    )
    found: list[CartRow] = []
    characters = 0
    for row in rows:
        characters += len(row.document)
        if found and characters > PAGE_CHARACTERS_MAX:
            rows.close()
            break
        found.append(CartRow._make(row))
    return CartPage(found, total)


def update(
    connection: Connection,
    tenant: str,
    cart_id: str,
    expected_version: int,
    content: CartContent,
    now: datetime,
    *,
    before: str | None = None,
) -> bool:
    """Replace the document, and the end of its validity when one is given, and count the version up.

    `before` is the document as it was at that version; it is read when the caller does not have it.
    Returns False, and changes nothing, when the cart is gone, is not at `expected_version` or is held by a checkout.
    """
    document, complete = content.text, content.v4_complete
    expiry = (
        {} if content.expires_at is None else {"expires_at": content.expires_at, "expiry_given": content.expiry_given}
    )
    if before is None:
        found = run(connection, _GET_DOCUMENT, (tenant, cart_id))
        if found is None:
            return False
        before = found[1]
    result = connection.execute(
        update_table(cart)
        .where(cart.c.tenant == tenant, cart.c.id == cart_id)
        .where(cart.c.version == expected_version, cart.c.checkout_id.is_(None))
        .values(version=cart.c.version + 1, document=document, updated_at=now, v4_complete=complete, **expiry)
        .returning(cart.c.owner)
    )
    changed = result.one_or_none()
    if changed is None:
        return False
    parties.index_changed(
        connection, tenant, cart_id, parties.stored_party_ids(before), parties.stored_party_ids(document)
    )
    paths = partial(events.changed_attributes, before, document, expiry_given=content.expiry_given)
    after = events.CartVersion(tenant, cart_id, expected_version + 1, document, complete, changed.owner)
    events.changed(connection, after, now, field_path=paths)
    return True


def delete(
    connection: Connection, tenant: str, cart_id: str, expected_version: int, now: datetime | None = None
) -> bool:
    """Remove the cart; False, and nothing changed, under the conditions of `update`. `now` is the machine's unless given."""
    removed = connection.execute(
        delete_from(cart)
        .where(cart.c.tenant == tenant, cart.c.id == cart_id)
        .where(cart.c.version == expected_version, cart.c.checkout_id.is_(None))
        .returning(cart.c.document, cart.c.owner)
    ).one_or_none()
    if removed is None:
        return False
    document = removed.document
    parties.index_changed(connection, tenant, cart_id, parties.stored_party_ids(document), set())
    last = events.CartVersion(tenant, cart_id, expected_version + 1, document, owner=removed.owner)
    events.deleted(connection, last, now or utc_now())
    return True


def expired(connection: Connection, before: datetime, limit: int) -> list[tuple[str, str, int]]:
    """Return (tenant, id, version) of carts that expired, and were last changed, before that moment, the first ones first.

    Carts that a checkout holds are not among them. Where replicas sweep at once, each gets others (PostgreSQL).
    """
    rows = connection.execute(
        select(cart.c.tenant, cart.c.id, cart.c.version)
        .where(cart.c.expires_at < before, cart.c.updated_at < before, cart.c.checkout_id.is_(None))
        .order_by(cart.c.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [(row.tenant, row.id, row.version) for row in rows]


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
