"""The checkout as clients see it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row

from gateway.callers import Caller
from gateway.checkouts.model import CheckoutRecord, LineState, lines_decoder
from gateway.checkouts.reading.history_view import entries
from gateway.checkouts.shown.document import OF_THE_RECORD, head
from gateway.checkouts.stored import history, step_store, store
from gateway.checkouts.stored.abandoned import GivenUp, abandoned_of
from gateway.checkouts.stored.step_store import StepRow
from gateway.clock import timestamp_text
from gateway.documents import JsonObject
from gateway.storage import audit
from gateway.storage.capabilities import Measurement, measurement_of
from gateway.tmf.json import decode_stored

# A checkout shows so many entries of its history, the latest; .../history shows all.
HISTORY_MAX: Final = 200
DOCUMENTS = ("findings", "items", "lines", "request")
_ATTRIBUTE_OF = {"findings": "finding", "items": "item", "lines": "item"}


def load(connection: Connection, record: CheckoutRecord, caller: Caller) -> JsonObject:
    """Return the resource of a record for a caller, with its steps, items, findings and the latest entries of its history."""
    documents = store.documents(connection, record.tenant, record.id, DOCUMENTS)
    given_up = abandoned_of(connection, record.tenant, [record.id]).get(record.id, ())
    steps = step_store.steps(connection, record.tenant, record.id)
    document = resource(record, documents, steps, caller.base_url, given_up)
    done = audit.of_resource(connection, record.tenant, "checkout", [record.id])
    happened = history.latest(connection, record.tenant, record.id, HISTORY_MAX)
    shown = entries(happened, [row for row in done if row.deed.action != "create"], caller)
    return {
        **document,
        "history": shown[-HISTORY_MAX:],
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
) -> list[JsonObject]:
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
        return not OF_THE_RECORD.issuperset(selection)
    return _ATTRIBUTE_OF[kind] in selection


def resource(
    record: CheckoutRecord,
    documents: Mapping[str, str],
    steps: Iterable[Row[Any] | StepRow],
    base_url: str,
    given_up: Iterable[GivenUp] = (),
) -> JsonObject:
    """Return the Checkout resource of interfaces: state, order, what was asked for, items with their lines, steps, findings."""
    asked = decode_stored(documents.get("request", "{}"))
    return {
        **head(record, asked, base_url),
        "abandonedOrder": [
            {"id": order.order_id, "externalId": order.marker, "state": order.state} for order in given_up
        ],
        "item": _items(record, documents),
        "step": [_step(row) for row in steps],
        "finding": decode_stored(documents.get("findings", "[]")),
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


def _step(row: Row[Any] | StepRow) -> dict[str, Any]:
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
