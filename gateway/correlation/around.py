"""Everything that is stored around checkouts and carts: a few statements for a whole page. Plain functions over a connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from gateway.checkouts import store
from gateway.checkouts.abandoned import GivenUp
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.step_store import StepRow, brief_steps
from gateway.correlation.lookup import Named
from gateway.storage.statements import marks, moment_of, rows_of

# Of the notifications around a page, the latest so many.
EVENTS_MAX: Final = 100


class CartHead(NamedTuple):
    """A stored cart without its document; `checkout_id` names the checkout that holds it.

    `item_ids`: those of its items at any depth, where no checkout has taken them down.
    """

    id: str
    version: int
    checkout_id: str | None
    ordered: bool
    created_at: datetime
    updated_at: datetime
    item_ids: frozenset[str] = frozenset()


class SeenEvent(NamedTuple):
    """A notification of an order system: what it is about, when it came and what became of it."""

    upstream: str
    id: str
    event_type: str | None
    order_id: str | None
    state: str
    attempts: int
    received_at: datetime
    detail: str | None


class Around(NamedTuple):
    """What there is around a page: checkouts, by the id of each its steps, documents and orders given up; carts; notifications."""

    records: tuple[CheckoutRecord, ...] = ()
    steps: Mapping[str, list[StepRow]] = MappingProxyType({})
    documents: Mapping[str, dict[str, str]] = MappingProxyType({})
    given_up: Mapping[str, list[GivenUp]] = MappingProxyType({})
    carts: tuple[CartHead, ...] = ()
    events: tuple[SeenEvent, ...] = ()


class _Envelope(msgspec.Struct):
    """What is read of a notification; the rest is passed over without being decoded."""

    eventType: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815 - the standard's name


class _Item(msgspec.Struct):
    """The ids of a cart's items."""

    id: str = ""
    cartItem: list[_Item] = []  # noqa: N815 - the standard's name


class _Items(msgspec.Struct):
    cartItem: list[_Item] = []  # noqa: N815 - the standard's name


_cart: Final = msgspec.json.Decoder(_Items)
_envelope: Final = msgspec.json.Decoder(_Envelope)
_word: Final = msgspec.json.Decoder(str)


def load(connection: Connection, tenant: str, page: Sequence[Named], upstreams: Collection[str]) -> Around:
    """Return what is stored around the page; `upstreams` are the order systems whose notifications are looked through."""
    ids = [named.id for named in page if named.resource == "checkout"]
    if not ids:
        return Around(carts=tuple(_carts(connection, tenant, [named.id for named in page], with_items=len(page) == 1)))
    position = {checkout_id: index for index, checkout_id in enumerate(ids)}
    records = sorted(store.brief_records(connection, tenant, ids), key=lambda record: position[record.id])
    given_up = _given_up(connection, tenant, ids)
    orders = {record.order_id for record in records if record.order_id}
    orders |= {each.order_id for found in given_up.values() for each in found if each.order_id}
    carts = [named.id for named in page if named.resource == "cart"]
    carts += [record.cart_id for record in records if record.cart_id is not None and record.cart_version is not None]
    return Around(
        records=tuple(records),
        steps=brief_steps(connection, tenant, ids),
        documents=_documents(connection, tenant, ids),
        given_up=given_up,
        carts=tuple(_carts(connection, tenant, list(dict.fromkeys(carts)))),
        events=tuple(events_of(connection, tenant, {*upstreams, *(r.upstream for r in records)}, sorted(orders))),
    )


def events_of(
    connection: Connection, tenant: str, upstreams: Iterable[str], order_ids: Sequence[str]
) -> list[SeenEvent]:
    """Return the latest notifications about orders, the latest first."""
    names = sorted(upstreams)
    if not order_ids or not names:
        return []
    statement = (
        "SELECT upstream, dedup_key, raw, order_id, state, attempts, received_at, detail FROM inbox WHERE tenant = ? AND upstream"  # noqa: S608 - marks for values
        f" IN ({marks(names)}) AND order_id IN ({marks(order_ids)}) ORDER BY received_at DESC, dedup_key LIMIT ?"
    )
    return [_seen(row) for row in rows_of(connection, statement, (tenant, *names, *order_ids, EVENTS_MAX))]


def _seen(row: tuple[Any, ...]) -> SeenEvent:
    upstream, key, raw, order_id, state, attempts, received, detail = row
    received_at = moment_of(received)
    assert received_at is not None, "the column is not null"
    return SeenEvent(upstream, key, _event_type(raw), order_id, state, attempts, received_at, detail)


def _event_type(raw: str) -> str | None:
    try:
        return _word.decode(_envelope.decode(raw).eventType)
    except msgspec.MsgspecError:
        return None


def _documents(connection: Connection, tenant: str, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    statement = (
        "SELECT checkout_id, kind, document FROM checkout_document WHERE tenant = ?"  # noqa: S608 - marks for values
        f" AND checkout_id IN ({marks(ids)}) AND (kind IN ('request', 'items', 'findings') OR kind LIKE 'lines%')"
        " ORDER BY checkout_id, kind"
    )
    return store.joined_documents(rows_of(connection, statement, (tenant, *ids)))


def _given_up(connection: Connection, tenant: str, ids: Sequence[str]) -> dict[str, list[GivenUp]]:
    statement = (
        "SELECT checkout_id, marker, order_id, state FROM abandoned_draft WHERE tenant = ?"  # noqa: S608 - marks for values
        f" AND checkout_id IN ({marks(ids)}) ORDER BY checkout_id, since, length(marker), marker"
    )
    found: dict[str, list[GivenUp]] = {}
    for checkout_id, marker, order_id, state in rows_of(connection, statement, (tenant, *ids)):
        given_up = GivenUp(order_id=order_id or None, marker=marker, state=state or "abandoned")
        found.setdefault(checkout_id, []).append(given_up)
    return found


def _carts(connection: Connection, tenant: str, ids: Sequence[str], *, with_items: bool = False) -> list[CartHead]:
    if not ids:
        return []
    document = "document" if with_items else "NULL"
    statement = (
        f"SELECT id, version, checkout_id, ordered, created_at, updated_at, {document} FROM cart WHERE tenant = ?"  # noqa: S608 - marks for values
        f" AND id IN ({marks(ids)})"
    )
    found = []
    for cart_id, version, checkout_id, ordered, created, updated, text in rows_of(
        connection, statement, (tenant, *ids)
    ):
        created_at, updated_at = moment_of(created), moment_of(updated)
        assert created_at is not None, "the column is not null"
        assert updated_at is not None, "the column is not null"
        items = frozenset(_ids(_cart.decode(text).cartItem)) if text is not None else frozenset[str]()
        found.append(CartHead(cart_id, version, checkout_id, bool(ordered), created_at, updated_at, items))
    return found


def _ids(items: Sequence[_Item]) -> Iterator[str]:
    for item in items:
        yield item.id
        yield from _ids(item.cartItem)
