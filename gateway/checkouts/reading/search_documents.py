"""What checkouts are found by that is not a single column: their row, steps, items, findings and so on as JSON that the database reads.

Each is told the database as text of JSON in the form in which GET shows it, so that every operator of the query language means
the same everywhere. Pure: text of SQL, of which every name is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from gateway.filters.parse import Path

# Expressions of SQL by the attribute's name, nested as the document is.
Expressions: TypeAlias = "Mapping[str, str | Expressions]"

_CODE: Final = (
    "CASE WHEN checkout.reason_code IS NOT NULL THEN checkout.reason_code"
    " WHEN checkout.state IN ('accepted', 'draft', 'submitted') AND (checkout.cancel_requested"
    " OR (checkout.submit AND checkout.state = 'draft')) THEN 'queued'"
    " WHEN checkout.state = 'accepted' THEN 'queued' WHEN checkout.state = 'draft' THEN 'waiting_client'"
    " WHEN checkout.state = 'submitted' THEN 'following_order' END"
)
_ENDED: Final = "checkout.state IN ('completed', 'partial', 'failed', 'rejected', 'cancelled', 'held')"
_NEXT: Final = (
    f"CASE WHEN {_ENDED} THEN NULL WHEN checkout.due_at IS NULL OR checkout.track_due_at < checkout.due_at"
    " THEN checkout.track_due_at ELSE checkout.due_at END"
)
_SENT: Final = "CASE WHEN checkout.first_sent_at IS NOT NULL THEN {} END"
_MARKER: Final = "'gw1-' || checkout.marker_root || '-' || CAST(checkout.generation AS text)"


class Source(NamedTuple):
    """Where attributes of one kind stand: rows (`FROM`) of a checkout (`link`), each a document; moments are columns beside it.

    `rows` is empty for the row of the checkout itself.
    """

    rows: str
    link: str
    document: Expressions
    moments: Mapping[Path, str] = {}


def _of_checkout(table: str) -> str:
    return f"{table}.tenant = checkout.tenant AND {table}.checkout_id = checkout.id"


def _millis(column: str) -> str:
    """Return a moment to the millisecond, as it is told."""
    return f"({column} / 1000 * 1000)"


def sources(dialect: str) -> dict[str, tuple[Source, ...]]:
    """Return where the attributes of each first name stand; `dialect` is sqlite or postgresql."""
    is_sqlite = dialect == "sqlite"
    parsed = "json({})" if is_sqlite else "CAST({} AS jsonb)"

    def flag(column: str) -> str:
        return f"json(CASE WHEN {column} THEN 'true' ELSE 'false' END)" if is_sqlite else column

    document = "checkout_document.document"
    entries = f"json_each({document}) AS line" if is_sqlite else f"jsonb_each(CAST({document} AS jsonb)) AS line"
    row = Source(
        "",
        "",
        {
            "id": "checkout.id",
            "state": "checkout.state",
            "statusReason": "checkout.status_reason",
            "externalId": "checkout.external_id",
            "submit": flag("checkout.submit"),
            "cancelRequested": flag("checkout.cancel_requested"),
            "upstream": "checkout.upstream",
            "mapping": "checkout.mapping",
            "mappingHash": "checkout.mapping_hash",
            "shoppingCart": {
                "id": "checkout.cart_id",
                "version": "checkout.cart_version",
                "remainder": {"id": "checkout.remainder_cart_id"},
            },
            "productOrder": {
                "id": _SENT.format("checkout.order_id"),
                "href": _SENT.format("checkout.order_href"),
                "state": _SENT.format("checkout.order_state"),
                "upstreamState": _SENT.format("checkout.upstream_state"),
                "externalId": _SENT.format(_MARKER),
            },
            "progress": {"stepsTotal": "checkout.steps_total", "stepsDone": "checkout.step"},
            "reason": {
                "code": _CODE,
                "message": "checkout.status_reason",
                "problem": parsed.format("checkout.reason_problem"),
            },
        },
        {
            ("creationDate",): _millis("checkout.created_at"),
            ("lastUpdate",): _millis("checkout.updated_at"),
            ("reason", "nextAttemptAt"): _millis(f"({_NEXT})"),
        },
    )
    steps = Source(
        "checkout_step",
        _of_checkout("checkout_step"),
        {
            "step": {
                "sequence": "checkout_step.sequence",
                "generation": "checkout_step.generation + 1",
                "kind": "checkout_step.kind",
                "state": "checkout_step.state",
                "attempts": "checkout_step.attempts",
                "itemCount": "checkout_step.item_count",
                "byteCount": "checkout_step.byte_count",
                "detail": "checkout_step.detail",
                "mappingHash": "checkout_step.mapping_hash",
            }
        },
        {
            ("step", "startedAt"): _millis("checkout_step.started_at"),
            ("step", "endedAt"): _millis("checkout_step.ended_at"),
        },
    )
    abandoned = Source(
        "abandoned_draft",
        f"{_of_checkout('abandoned_draft')} AND abandoned_draft.why = 'given_up'",
        {
            "abandonedOrder": {
                "id": "CASE WHEN abandoned_draft.order_id <> '' THEN abandoned_draft.order_id END",
                "externalId": "abandoned_draft.marker",
                "state": "coalesce(abandoned_draft.state, 'abandoned')",
            }
        },
    )
    happened = Source(
        "checkout_history",
        _of_checkout("checkout_history"),
        {
            "history": {
                "kind": "checkout_history.kind",
                "by": 'checkout_history."by"',
                "action": "checkout_history.action",
                "outcome": "checkout_history.outcome",
                "milliseconds": "checkout_history.milliseconds",
                "byteCount": "checkout_history.byte_count",
                "detail": "checkout_history.detail",
            }
        },
        {("history", "at"): _millis("checkout_history.at")},
    )
    # Who it was is not told to everybody: people are found in the audit.
    deeds = Source(
        "audit",
        "audit.tenant = checkout.tenant AND audit.resource = 'checkout' AND audit.resource_id = checkout.id"
        " AND audit.action <> 'create'",
        {
            "history": {
                "kind": "'action'",
                "action": "audit.action",
                "outcome": "audit.outcome",
                "detail": "CASE WHEN audit.reason IS NOT NULL AND audit.detail IS NOT NULL"
                " THEN audit.reason || '; ' || audit.detail ELSE coalesce(audit.reason, audit.detail) END",
            }
        },
        {("history", "at"): _millis("audit.at")},
    )
    findings = Source(
        "checkout_document",
        f"{_of_checkout('checkout_document')} AND checkout_document.kind = 'findings'",
        {"finding": parsed.format(document)},
    )
    items = Source(
        "checkout_document",
        f"{_of_checkout('checkout_document')} AND checkout_document.kind = 'items'",
        {"item": parsed.format(document)},
    )
    lines = Source(
        f"checkout_document, {entries}",
        f"{_of_checkout('checkout_document')} AND (checkout_document.kind = 'lines' OR checkout_document.kind LIKE 'lines.%')",
        {"item": {"orderLineItemId": "line.value ->> 'line_id'", "state": "line.value ->> 'state'"}},
    )
    return {
        **dict.fromkeys((*row.document, "creationDate", "lastUpdate"), (row,)),
        "step": (steps,),
        "abandonedOrder": (abandoned,),
        "history": (happened, deeds),
        "finding": (findings,),
        "item": (items, lines),
    }


def json_of(expressions: Expressions, dialect: str) -> str:
    """Return the expression of the JSON object of these attributes."""
    function = "json_object" if dialect == "sqlite" else "jsonb_build_object"
    parts = [
        f"'{name}', {value if isinstance(value, str) else json_of(value, dialect)}"
        for name, value in expressions.items()
    ]
    return f"{function}({', '.join(parts)})"
