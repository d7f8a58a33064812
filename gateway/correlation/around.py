"""Everything that is stored around checkouts and carts: one statement for a whole page. Plain functions over a connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.stored import store
from gateway.checkouts.stored.abandoned import GivenUp
from gateway.checkouts.stored.step_store import StepRow
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
_row: Final = msgspec.json.Decoder(list[Any])
_DRAFT: Final = ("marker", "order_id", "state", "since")
_CART: Final = tuple(f"cart.{name}" for name in ("id", "version", "checkout_id", "ordered", "created_at", "updated_at"))
_EVENT: Final = tuple(
    f"inbox.{name}"
    for name in ("upstream", "dedup_key", "event_type", "order_id", "state", "attempts", "received_at", "detail")
)
_STEP: Final = StepRow._fields[1:]
_RECORD: Final = tuple(f"c.{name}" for name in CheckoutRecord.__struct_fields__)
# One statement for everything, a row for each row that is found: what it is, whose, and its columns as a JSON array (of a document
# its kind and its text; a checkout's are followed by those of its cart). The way to the database costs more than what is read there.
_EVERYTHING: Final = """
SELECT 'record' AS part, c.id AS whose, ROW(RECORD) AS body FROM checkout AS c
 LEFT JOIN cart ON cart.tenant = c.tenant AND cart.id = c.cart_id AND c.cart_version IS NOT NULL
 WHERE c.tenant = ? AND c.id IN (IDS)
UNION ALL SELECT kind, checkout_id, document FROM checkout_document WHERE tenant = ? AND checkout_id IN (IDS)
 AND (kind IN ('request', 'items', 'findings', 'lines') OR kind LIKE 'lines.%')
UNION ALL SELECT 'step', checkout_id, ROW(STEP) FROM checkout_step WHERE tenant = ? AND checkout_id IN (IDS)
UNION ALL SELECT 'draft', checkout_id, ROW(DRAFT) FROM abandoned_draft WHERE tenant = ? AND checkout_id IN (IDS) AND why = 'given_up'
UNION ALL SELECT 'event', c.id, ROW(EVENT) FROM checkout AS c
 JOIN inbox ON inbox.tenant = c.tenant AND inbox.upstream = c.upstream AND inbox.order_id = c.order_id
 WHERE c.tenant = ? AND c.id IN (IDS)
UNION ALL SELECT 'event', d.checkout_id, ROW(EVENT) FROM abandoned_draft AS d
 JOIN inbox ON inbox.tenant = d.tenant AND inbox.upstream = d.upstream AND inbox.order_id = d.order_id
 WHERE d.tenant = ? AND d.checkout_id IN (IDS)
"""


def load(connection: Connection, tenant: str, page: Sequence[Named]) -> Around:
    """Return what is stored around the page."""
    ids = [named.id for named in page if named.resource == "checkout"]
    open_carts = [named.id for named in page if named.resource == "cart"]
    carts = _carts(connection, tenant, open_carts, with_items=not ids and len(page) == 1)
    if not ids:
        return Around(carts=tuple(carts))
    found: dict[str, list[tuple[str, str]]] = {}
    statement, times = _statement(connection.dialect.name, len(ids))
    values = (tenant, *ids) * times
    for part, whose, body in rows_of(connection, statement, values):
        found.setdefault(part, []).append((whose, body))
    position = {checkout_id: index for index, checkout_id in enumerate(ids)}
    records = []
    for _, body in found.pop("record", ()):
        row = _row.decode(body)
        records.append(store.record_of_values(row[: len(_RECORD)]))
        if row[len(_RECORD)] is not None:
            carts.append(_head(row[len(_RECORD) :]))
    steps: dict[str, list[StepRow]] = {}
    for whose, body in found.pop("step", ()):
        steps.setdefault(whose, []).append(_step(whose, _row.decode(body)))
    for of_one in steps.values():
        of_one.sort(key=_in_order)
    drafts, events = found.pop("draft", []), found.pop("event", [])
    texts = [(whose, kind, body) for kind in sorted(found) for whose, body in found[kind]]
    return Around(
        records=tuple(sorted(records, key=lambda record: position[record.id])),
        steps=steps,
        documents=store.joined_documents(texts),
        given_up=_given_up(drafts) if drafts else MappingProxyType({}),
        carts=tuple({head.id: head for head in carts}.values()),
        events=_events(events) if events else (),
    )


@lru_cache(maxsize=256)
def _statement(dialect: str, ids: int) -> tuple[str, int]:
    """Return the statement for so many checkouts, and how often the tenant and their ids are its values."""
    columns = {
        "RECORD": (*_RECORD, *_CART),
        "STEP": _STEP,
        "DRAFT": _DRAFT,
        "EVENT": _EVENT,
    }
    text = _EVERYTHING.replace("IDS", marks("?" * ids))
    for name, listed in columns.items():
        array = f"({', '.join(listed)})"
        text = text.replace(
            f"ROW({name})", f"json_array{array}" if dialect == "sqlite" else f"json_build_array{array}::text"
        )
    return text, _EVERYTHING.count("IDS")


def events_of_order(
    connection: Connection, tenant: str, upstreams: Sequence[str], order_id: str
) -> tuple[SeenEvent, ...]:
    """Return the latest notifications of an order that no checkout has, the latest first."""
    statement = (
        f"SELECT {', '.join(_EVENT)} FROM inbox WHERE tenant = ? AND upstream IN ({marks(upstreams)}) AND order_id = ?"  # noqa: S608
        " ORDER BY received_at DESC, dedup_key DESC LIMIT ?"
    )
    rows = rows_of(connection, statement, (tenant, *upstreams, order_id, EVENTS_MAX)) if upstreams else []
    return tuple(_event(row) for row in rows)


def _step(checkout_id: str, row: list[Any]) -> StepRow:
    return StepRow._make((checkout_id, *row[:7], moment_of(row[7]), moment_of(row[8]), *row[9:]))


def _in_order(step: StepRow) -> tuple[int, int]:
    return step.generation, step.sequence


def _given_up(found: Iterable[tuple[str, str]]) -> dict[str, list[GivenUp]]:
    """Return the orders that checkouts do not go on with, the first ones first, by checkout id."""
    rows = [(whose, *_row.decode(body)) for whose, body in found]
    given_up: dict[str, list[GivenUp]] = {}
    for whose, marker, order_id, state, _ in sorted(rows, key=lambda row: (row[4], len(row[1]), row[1])):
        order = GivenUp(order_id=order_id or None, marker=marker, state=state or "abandoned")
        given_up.setdefault(whose, []).append(order)
    return given_up


def _events(found: Iterable[tuple[str, str]]) -> tuple[SeenEvent, ...]:
    """Return the latest notifications, the latest first."""
    # An order may be live and given up at once: its notifications are told once.
    seen = [_event(_row.decode(body)) for body in {body for _, body in found}]
    return tuple(sorted(seen, key=lambda event: (event.received_at, event.id), reverse=True)[:EVENTS_MAX])


def _event(row: Sequence[Any]) -> SeenEvent:
    return SeenEvent._make((*row[:6], _moment(row[6]), row[7]))


def _moment(value: int) -> datetime:
    moment = moment_of(value)
    assert moment is not None, "the column is not null"
    return moment


def _head(row: Sequence[Any], item_ids: frozenset[str] = frozenset()) -> CartHead:
    cart_id, version, checkout_id, ordered, created, updated = row
    return CartHead(cart_id, version, checkout_id, bool(ordered), _moment(created), _moment(updated), item_ids)


def _carts(connection: Connection, tenant: str, ids: Sequence[str], *, with_items: bool = False) -> list[CartHead]:
    if not ids:
        return []
    document = "document" if with_items else "NULL"
    statement = f"SELECT {', '.join(_CART)}, {document} FROM cart WHERE tenant = ? AND id IN ({marks(ids)})"  # noqa: S608 - our own names
    found = []
    for *row, text in rows_of(connection, statement, (tenant, *ids)):
        items = frozenset(_ids(_cart.decode(text).cartItem)) if text is not None else frozenset[str]()
        found.append(_head(row, items))
    return found


def _ids(items: Sequence[_Item]) -> Iterator[str]:
    for item in items:
        yield item.id
        yield from _ids(item.cartItem)
