"""Every id that leads to a checkout in one table, filled for those that are there; and the request that made a checkout."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_BATCH = 1_000
_LONGEST = 255
_checkout = sa.table(
    "checkout",
    *(
        sa.column(name)
        for name in (
            "tenant",
            "id",
            "cart_id",
            "external_id",
            "order_id",
            "answered_order",
            "adopted_order",
            "marker_root",
        )
    ),
    sa.column("generation", sa.Integer()),
)
_document = sa.table("checkout_document", *(sa.column(name) for name in ("tenant", "checkout_id", "kind", "document")))
_abandoned = sa.table("abandoned_draft", *(sa.column(name) for name in ("tenant", "checkout_id", "marker", "order_id")))
_audit = sa.table(
    "audit", *(sa.column(name) for name in ("tenant", "resource", "resource_id", "correlation_id", "action"))
)
_key = sa.table("checkout_key", *(sa.column(name) for name in ("tenant", "value", "checkout_id", "kind")))


def upgrade() -> None:
    """Add columns and table; every checkout that is there is found by what is known of it."""
    op.add_column("checkout", sa.Column("correlation_id", sa.String(128)))
    op.add_column("checkout", sa.Column("trace_parent", sa.String(64)))
    op.create_table(
        "checkout_key",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("value", sa.String(255), nullable=False),
        sa.Column("checkout_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "value", "checkout_id", "kind", name=op.f("pk_checkout_key")),
        sa.ForeignKeyConstraint(
            ["tenant", "checkout_id"],
            ["checkout.tenant", "checkout.id"],
            name=op.f("fk_checkout_key_checkout"),
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_checkout_key_checkout", "checkout_key", ["tenant", "checkout_id", "kind"])
    _fill(op.get_bind())
    op.execute(
        "UPDATE checkout SET correlation_id = (SELECT min(audit.correlation_id) FROM audit WHERE audit.tenant = checkout.tenant"
        " AND audit.resource = 'checkout' AND audit.resource_id = checkout.id AND audit.action = 'create'"
        " AND length(audit.correlation_id) <= 128)"
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_checkout_key_checkout", "checkout_key")
    op.drop_table("checkout_key")
    op.drop_column("checkout", "trace_parent")
    op.drop_column("checkout", "correlation_id")


def _fill(connection: sa.Connection) -> None:
    after: tuple[str, str] = ("", "")
    while rows := connection.execute(_next(after)).all():
        after = (rows[-1].tenant, rows[-1].id)
        found: set[tuple[str, str, str, str]] = set()
        for tenant in {row.tenant for row in rows}:
            mine = [row for row in rows if row.tenant == tenant]
            for checkout_id, kind, value in (
                *_of_rows(mine),
                *_of_others(connection, tenant, [row.id for row in mine]),
            ):
                if isinstance(value, str) and value:
                    found.add((tenant, _kept(value), checkout_id, kind))
        names = ("tenant", "value", "checkout_id", "kind")
        connection.execute(_key.insert(), [dict(zip(names, each, strict=True)) for each in sorted(found)])


def _next(after: tuple[str, str]) -> sa.Select[Any]:
    tenant, checkout_id = after
    return (
        sa.select(_checkout)
        .where(sa.tuple_(_checkout.c.tenant, _checkout.c.id) > sa.tuple_(sa.literal(tenant), sa.literal(checkout_id)))
        .order_by(_checkout.c.tenant, _checkout.c.id)
        .limit(_BATCH)
    )


def _of_rows(rows: list[Any]) -> Iterator[tuple[str, str, Any]]:
    for row in rows:
        yield row.id, "shoppingCart", row.cart_id
        yield row.id, "externalId", row.external_id
        for name in ("order_id", "answered_order", "adopted_order"):
            yield row.id, "productOrder", getattr(row, name)
        for generation in range(row.generation + 1):
            yield row.id, "marker", f"gw1-{row.marker_root}-{generation}"


def _of_others(connection: sa.Connection, tenant: str, ids: list[str]) -> Iterator[tuple[str, str, Any]]:
    kinds = sa.or_(_document.c.kind.in_(["request", "cart"]), _document.c.kind.like("lines%"))
    documents = sa.select(_document).where(_document.c.tenant == tenant, _document.c.checkout_id.in_(ids), kinds)
    for row in connection.execute(documents):
        document = json.loads(row.document)
        if row.kind.startswith("lines"):
            for line in document.values():
                yield row.checkout_id, "orderLine", line.get("line_id")
        else:
            for party in _parties(document):
                yield row.checkout_id, "party", party
    drafts = sa.select(_abandoned).where(_abandoned.c.tenant == tenant, _abandoned.c.checkout_id.in_(ids))
    for row in connection.execute(drafts):
        yield row.checkout_id, "marker", row.marker
        yield row.checkout_id, "productOrder", row.order_id
    asked = sa.select(_audit).where(
        _audit.c.tenant == tenant, _audit.c.resource == "checkout", _audit.c.resource_id.in_(ids)
    )
    for row in connection.execute(asked):
        yield row.resource_id, "correlationId", row.correlation_id


def _parties(document: Any) -> Iterator[Any]:
    given = document.get("relatedParty")
    for party in given if isinstance(given, list) else [given]:
        if isinstance(party, dict):
            inner = party.get("partyOrPartyRole")
            yield party.get("id")
            yield inner.get("id") if isinstance(inner, dict) else None


def _kept(value: str) -> str:
    return value if len(value) <= _LONGEST else f"sha256-{hashlib.sha256(value.encode()).hexdigest()}"
