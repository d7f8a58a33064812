"""Every id that leads to a checkout, written in the transaction of what it points to: the table `checkout_key`.

A key stays when what it named is given up: the number of an abandoned draft, a line of it and an order that was followed before
lead to the checkout for as long as it is kept. Only the parties follow the request, because a checkout is no longer of a customer
who was replaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import unquote

import msgspec
from sqlalchemy import Connection, delete

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import CheckoutChanges
from gateway.logs import correlation, trace_parent
from gateway.storage.statements import run_many
from gateway.storage.tables import checkout_key
from gateway.tmf.json import decode_stored

KeyKind: TypeAlias = Literal[
    "shoppingCart", "productOrder", "marker", "externalId", "orderLine", "party", "correlationId", "traceId"
]
VALUE_CHARACTERS_MAX: Final = 255
_INSERT: Final = (
    "INSERT INTO checkout_key (tenant, value, checkout_id, kind) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
)


class _Parties(msgspec.Struct):
    """What is read of a cart or of a request; the rest is passed over without being decoded."""

    relatedParty: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815 - the standard's name


class _ExternalIds(msgspec.Struct):
    externalId: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815 - the standard's name


_parties: Final = msgspec.json.Decoder(_Parties)
_external_ids: Final = msgspec.json.Decoder(_ExternalIds)


def key_value(text: str) -> str:
    """Return an id as it is kept and looked up: itself, or its SHA-256 where it is too long for an index."""
    return text if len(text) <= VALUE_CHARACTERS_MAX else f"sha256-{hashlib.sha256(text.encode()).hexdigest()}"


def trace_id_of(parent: str | None) -> str | None:
    """Return the 32 digits of a traceparent that are the same in every service (W3C Trace Context, 3.2.2.3)."""
    return parent.split("-")[1] if parent is not None else None


def add_keys(
    connection: Connection, tenant: str, checkout_id: str, found: Iterable[tuple[KeyKind, str | None]]
) -> None:
    """Let ids lead to a checkout; None and an empty id lead nowhere, and one that is a key already stays one."""
    rows = {(tenant, key_value(value), checkout_id, kind) for kind, value in found if value}
    run_many(connection, _INSERT, sorted(rows))


def add_keys_of_new(connection: Connection, record: CheckoutRecord, documents: Mapping[str, bytes]) -> None:
    """Let the ids of a checkout that is being stored lead to it."""
    found: list[tuple[KeyKind, str | None]] = [
        ("shoppingCart", record.cart_id),
        ("externalId", record.external_id),
        ("marker", record.marker),
        ("correlationId", record.correlation_id),
        ("traceId", trace_id_of(record.trace_parent)),
    ]
    found += [("party", party) for party in _party_ids(documents)]
    if record.external_id is not None:
        found += [("externalId", external_id) for external_id in _all_external_ids(documents)]
    add_keys(connection, record.tenant, record.id, found)


def add_keys_of_request(connection: Connection, record: CheckoutRecord) -> None:
    """Let the request under way, which asks for something of the checkout, lead to it."""
    asked = correlation.get()
    found: list[tuple[KeyKind, str | None]] = [
        ("correlationId", asked.decode("latin-1") if asked is not None else None),
        ("traceId", trace_id_of(trace_parent.get())),
    ]
    add_keys(connection, record.tenant, record.id, found)


def follow_parties(connection: Connection, record: CheckoutRecord, documents: Mapping[str, bytes]) -> None:
    """Let the parties of the request as it is now lead to the checkout, and those of the one before no longer."""
    connection.execute(
        delete(checkout_key).where(
            checkout_key.c.tenant == record.tenant,
            checkout_key.c.checkout_id == record.id,
            checkout_key.c.kind == "party",
        )
    )
    add_keys(connection, record.tenant, record.id, [("party", party) for party in _party_ids(documents)])


def add_keys_of_change(
    connection: Connection, before: CheckoutRecord, changes: CheckoutChanges, after: CheckoutRecord
) -> None:
    """Let the orders that a change names, and the marker of a new draft, lead to the checkout."""
    known = {before.order_id, before.answered_order, before.adopted_order}
    named = {changes.get("order_id"), changes.get("answered_order"), changes.get("adopted_order")}
    found: list[tuple[KeyKind, str | None]] = [("productOrder", order) for order in named - known]
    href = changes.get("order_href")
    if href is not None and href != before.order_href:
        found.append(("productOrder", _record_id(href)))
    if after.generation != before.generation:
        found.append(("marker", after.marker))
    if found:
        add_keys(connection, before.tenant, before.id, found)


def add_line_keys(connection: Connection, tenant: str, checkout_id: str, line_ids: Iterable[str | None]) -> None:
    """Let the order system's ids of order lines lead to the checkout."""
    add_keys(connection, tenant, checkout_id, [("orderLine", line_id) for line_id in line_ids])


def _party_ids(documents: Mapping[str, bytes]) -> set[str]:
    """Return the ids of the related parties of the request and of the cart, in v4's form or in v5's."""
    found: set[str] = set()
    for kind in ("request", "cart"):
        given: Any = decode_stored(bytes(_parties.decode(documents[kind]).relatedParty)) if kind in documents else None
        for party in given if type(given) is list else [given]:
            if type(party) is dict:
                inner = party.get("partyOrPartyRole")
                ids = (party.get("id"), inner.get("id") if type(inner) is dict else None)
                found.update(each for each in ids if type(each) is str)
    return found


def _record_id(href: str) -> str:
    """Return the id at the end of an order's address: where orders have numbers, that of the record (801... in Salesforce).

    Empty where there is none; an order system may say anything.
    """
    path = href.partition("?")[0].partition("#")[0]
    found = unquote(path.rstrip("/").rpartition("/")[2])
    return "" if "\0" in found else found


def _all_external_ids(documents: Mapping[str, bytes]) -> set[str]:
    """Return every external id of v5's list: those of the systems that the order came through stand behind its own."""
    found: set[str] = set()
    for kind in ("request", "productOrder"):
        given: Any = (
            decode_stored(bytes(_external_ids.decode(documents[kind]).externalId)) if kind in documents else None
        )
        ids = (each.get("id") for each in (given if type(given) is list else ()) if type(each) is dict)
        found.update(each for each in ids if type(each) is str)
    return found
