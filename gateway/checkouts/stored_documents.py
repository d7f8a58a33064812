"""The documents of checkouts in the database: plain functions over a connection, every query with its tenant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import ColumnElement, Connection, select

from gateway.storage.statements import Columns
from gateway.storage.tables import checkout_document

# The document of what is known of order lines by item (LineState), and the beginning of the kinds of what was added to it.
LINES: Final = "lines"
LINES_PART: Final = "lines."


def documents(connection: Connection, tenant: str, checkout_id: str, kinds: Iterable[str]) -> dict[str, str]:
    """Return documents of a checkout, as JSON text by their kind; a kind that was not stored is absent.

    Args:
        connection: inside of a transaction of the caller's.
        tenant: whose checkout it is.
        checkout_id: the id of the checkout.
        kinds: what is wanted: `cart`, `request`, `order`, `plan`, `lines`, `findings`, `totals` ...

    Raises:
        Nothing of its own; errors of the database are SQLAlchemy's.

    Source: `storage/tables/checkouts.py`; the text is what `encode_json` wrote, for `decode_stored`.
    """
    return documents_of(connection, tenant, [checkout_id], kinds).get(checkout_id, {})


def documents_of(
    connection: Connection, tenant: str, checkout_ids: Iterable[str], kinds: Iterable[str]
) -> dict[str, dict[str, str]]:
    """Return the documents of these kinds of several checkouts, as JSON text by kind by checkout id."""
    wanted = set(kinds)
    of_kind: ColumnElement[bool] = checkout_document.c.kind.in_(wanted)
    if LINES in wanted:
        of_kind |= checkout_document.c.kind.like(f"{LINES_PART}%")
    query = (
        select(checkout_document.c.checkout_id, checkout_document.c.kind, checkout_document.c.document)
        .where(checkout_document.c.tenant == tenant, checkout_document.c.checkout_id.in_(list(checkout_ids)), of_kind)
        .order_by(checkout_document.c.checkout_id, checkout_document.c.kind)
    )
    return joined_documents(tuple(row) for row in connection.execute(query))


def joined_documents(rows: Iterable[Columns]) -> dict[str, dict[str, str]]:
    """Return documents by kind by checkout id, given their rows (checkout id, kind, document) sorted by both: lines in one."""
    found: dict[str, dict[str, str]] = {}
    parts: dict[str, list[str]] = {}
    for checkout_id, kind, document in rows:
        if kind.startswith(LINES):
            parts.setdefault(checkout_id, []).append(document[1:-1])
        else:
            found.setdefault(checkout_id, {})[kind] = document
    for checkout_id, members in parts.items():
        # Of a line that is there several times the last is meant, which is what a decoder takes.
        found.setdefault(checkout_id, {})[LINES] = "{" + ",".join(filter(None, members)) + "}"
    return found
