"""The checkout as clients see it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from gateway.carts.api import CARTS_PATH
from gateway.checkouts import step_store, store
from gateway.checkouts.abandoned import GivenUp, abandoned_of
from gateway.checkouts.accepting.accept import CHECKOUT_PATH
from gateway.checkouts.model import CheckoutRecord, LineState, lines_decoder
from gateway.checkouts.reason_document import reason_of
from gateway.clock import timestamp_text
from gateway.storage import audit
from gateway.storage.audit import AuditRow
from gateway.storage.capabilities import Measurement, measurement_of
from gateway.tmf.json import decode_stored

DOCUMENTS = ("findings", "items", "lines", "request")
_ATTRIBUTE_OF = {"findings": "finding", "items": "item", "lines": "item"}

# Attributes that stand in the record, with what the selection of a list may name besides.
_OF_THE_RECORD = frozenset(
    {
        *("@type", "id", "href", "state", "statusReason", "reason", "creationDate", "lastUpdate", "externalId"),
        *(
            "submit",
            "cancelRequested",
            "upstream",
            "mapping",
            "mappingHash",
            "shoppingCart",
            "productOrder",
            "abandonedOrder",
            "item",
        ),
        *("progress", "step", "finding", "history", "upstreamCapability", "actions"),
    }
)


def load(connection: Connection, record: CheckoutRecord, base_url: str) -> dict[str, Any]:
    """Return the resource of a record, with its steps, items and findings."""
    documents = store.documents(connection, record.tenant, record.id, DOCUMENTS)
    given_up = abandoned_of(connection, record.tenant, [record.id]).get(record.id, ())
    steps = step_store.steps(connection, record.tenant, record.id)
    document = resource(record, documents, steps, base_url, given_up)
    done = audit.of_resource(connection, record.tenant, "checkout", [record.id])
    return {
        **document,
        "history": [_deed(row) for row in done if row.deed.action != "create"],
        "upstreamCapability": _measured(measurement_of(connection, record.upstream)),
    }


def _measured(measured: Measurement | None) -> dict[str, Any] | None:
    """Return what `gateway doctor` saw of the order system last: when, by which mapping, and what is not as that relies on."""
    if measured is None:
        return None
    return {
        "measuredAt": timestamp_text(measured.measured_at),
        "mappingHash": measured.mapping_hash,
        "release": measured.release,
        "contradiction": [
            {"name": each.name, "verdict": each.verdict, "detail": each.detail} for each in measured.contradictions
        ],
    }


def load_all(
    connection: Connection,
    tenant: str,
    records: Sequence[CheckoutRecord],
    base_url: str,
    selection: Collection[str] | None,
) -> list[dict[str, Any]]:
    """Return the resources of records of one tenant with two queries, or fewer where `selection` leaves parts out."""
    ids = [record.id for record in records]
    kinds = [kind for kind in DOCUMENTS if selection is None or _is_asked_for(kind, selection)]
    documents = store.documents_of(connection, tenant, ids, kinds) if kinds else {}
    steps = step_store.steps_of(connection, tenant, ids) if selection is None or "step" in selection else {}
    given_up = abandoned_of(connection, tenant, ids) if selection is None or "abandonedOrder" in selection else {}
    return [
        resource(record, documents.get(record.id, {}), steps.get(record.id, ()), base_url, given_up.get(record.id, ()))
        for record in records
    ]


def _is_asked_for(kind: str, selection: Collection[str]) -> bool:
    if kind == "request":
        return not _OF_THE_RECORD.issuperset(selection)
    return _ATTRIBUTE_OF[kind] in selection


def resource(
    record: CheckoutRecord,
    documents: Mapping[str, str],
    steps: Iterable[Row[Any]],
    base_url: str,
    given_up: Iterable[GivenUp] = (),
) -> dict[str, Any]:
    """Return the Checkout resource of interfaces: state, order, what was asked for, items with their lines, steps, findings."""
    asked = decode_stored(documents.get("request", "{}"))
    return {
        **{name: value for name, value in asked.items() if name not in _OF_THE_RECORD},
        "@type": "Checkout",
        "id": record.id,
        "href": f"{base_url}{CHECKOUT_PATH}/{record.id}",
        "state": record.state,
        "statusReason": record.status_reason,
        "reason": reason_of(record),
        "creationDate": timestamp_text(record.created_at),
        "lastUpdate": timestamp_text(record.updated_at),
        "externalId": record.external_id,
        "submit": record.submit,
        "cancelRequested": record.cancel_requested,
        "upstream": record.upstream,
        "mapping": record.mapping,
        "mappingHash": record.mapping_hash,
        "shoppingCart": _cart(record, base_url),
        "productOrder": _order(record),
        "abandonedOrder": [
            {"id": order.order_id, "externalId": order.marker, "state": order.state} for order in given_up
        ],
        "item": _items(record, documents),
        "progress": {"stepsTotal": record.steps_total, "stepsDone": record.step},
        "step": [_step(row) for row in steps],
        "finding": decode_stored(documents.get("findings", "[]")),
    }


def _deed(row: AuditRow) -> dict[str, Any]:
    deed = row.deed
    told = [part for part in (deed.reason, deed.detail) if part]
    return {
        "at": timestamp_text(row.at),
        "kind": "action",
        "by": deed.client,
        "action": deed.action,
        "outcome": deed.outcome,
        "detail": "; ".join(told) or None,
    }


def _cart(record: CheckoutRecord, base_url: str) -> dict[str, Any]:
    """Return the reference to the cart; `remainder` is the one in which the items go on that were saved for later."""
    cart: dict[str, Any] = {"id": record.cart_id}
    if record.cart_version is not None:
        cart |= {"href": f"{base_url}{CARTS_PATH}/{record.cart_id}", "version": record.cart_version}
    if record.remainder_cart_id is not None:
        href = f"{base_url}{CARTS_PATH}/{record.remainder_cart_id}"
        cart["remainder"] = {"id": record.remainder_cart_id, "href": href}
    return cart


def _order(record: CheckoutRecord) -> dict[str, Any] | None:
    """Return what is known of the order; None before the first call was sent."""
    if record.first_sent_at is None:
        return None
    return {
        "id": record.order_id,
        "href": record.order_href,
        "state": record.order_state,
        "upstreamState": record.upstream_state,
        "externalId": record.marker,
    }


def _items(record: CheckoutRecord, documents: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return which cart item became which line.

    A line that was seen and shows no state of its own has the live order's; one that was never seen has none.
    """
    live = record.order_state if record.submit_intent_order or record.step >= record.steps_total else None
    lines = lines_decoder.decode(documents.get("lines", "{}"))
    items = []
    for pair in decode_stored(documents.get("items", "[]")):
        line = lines.get(pair["productOrderItemId"], LineState())
        seen = live if line.line_id is not None else None
        items.append({**pair, "orderLineItemId": line.line_id, "state": line.state or seen})
    return items


def _step(row: Row[Any]) -> dict[str, Any]:
    return {
        "sequence": row.sequence,
        "generation": row.generation + 1,
        "kind": row.kind,
        "state": row.state,
        "attempts": row.attempts,
        "itemCount": row.item_count,
        "byteCount": row.byte_count,
        "startedAt": _text(row.started_at),
        "endedAt": _text(row.ended_at),
        "detail": row.detail,
        "mappingHash": row.mapping_hash,
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp_text(moment)
