"""Lists of a tenant's checkouts: plain functions over a connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    TextClause,
    and_,
    func,
    select,
)

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.stored.store import COLUMNS, record_of
from gateway.storage.tables import (
    abandoned_draft,
    checkout,
)


class Asked(NamedTuple):
    """What a list is asked for: by column the values it may have, further conditions, and its order."""

    filters: Mapping[str, list[str]] = {}
    conditions: Sequence[ColumnElement[bool] | TextClause] = ()
    order: Sequence[TextClause] = ()


def _is_one_of(connection: Connection, tenant: str, column: str, values: list[str]) -> ColumnElement[bool]:
    """Return the condition for a column; an order is found by the number of a draft that was given up, too.

    Those are looked up first, so that an index leads to the others.
    """
    is_one: ColumnElement[bool] = checkout.c[column].in_(values)
    if column != "order_id":
        return is_one
    of_abandoned = select(abandoned_draft.c.checkout_id).where(
        abandoned_draft.c.tenant == tenant, abandoned_draft.c.order_id.in_(values)
    )
    checkout_ids = sorted(set(connection.execute(of_abandoned).scalars()))
    return is_one | checkout.c.id.in_(checkout_ids) if checkout_ids else is_one


def list_page(
    connection: Connection,
    tenant: str,
    asked: Asked,
    *,
    offset: int,
    limit: int,
    owner: str | None = None,
) -> tuple[list[CheckoutRecord], int]:
    """Return one page of the tenant's checkouts (those of this `owner` alone), newest first, and how many match.

    Checkouts that the order asked for does not tell apart are newest first.
    """
    condition: ColumnElement[bool] = and_(
        checkout.c.tenant == tenant,
        *(() if owner is None else (checkout.c.owner == owner,)),
        *(_is_one_of(connection, tenant, column, values) for column, values in asked.filters.items()),
        *asked.conditions,
    )
    total = connection.execute(select(func.count()).select_from(checkout).where(condition)).scalar_one()
    query = (
        select(*COLUMNS)
        .where(condition)
        .order_by(*asked.order, checkout.c.created_at.desc(), checkout.c.id.desc())
        .offset(offset)
        .limit(limit)
    )
    return [record_of(row) for row in connection.execute(query)], int(total)
