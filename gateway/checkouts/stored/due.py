"""Whose checkouts and notifications are due: found from tenant to tenant, whatever else is stored.

A column of due times is indexed behind the tenant, for the rows that have one. The tenants are read from that index by stepping from one to
the next (a loose index scan), and of each only its earliest rows: neither finished checkouts nor a long queue cost anything.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import CTE, Column, ColumnElement, Connection, ScalarSelect, Select, bindparam, func, select

from gateway.storage.tables import checkout


def first_and_last_tenant(connection: Connection) -> tuple[str, ...]:
    """Return the first and the last tenant, by name, that ever checked out; none where nobody did. Each is one step in an index."""
    ends = [select(end(checkout.c.tenant)).scalar_subquery() for end in (func.min, func.max)]
    return tuple(tenant for tenant in connection.execute(select(*ends)).one() if tenant is not None)


def tenants_waiting(column: Column[Any]) -> CTE:
    """Return the tenants that have a row with this due time (a column of checkout or inbox), due or not: one column, `tenant`.

    Its last row is null.
    """
    tenant = column.table.c.tenant
    earliest = select(func.min(tenant).label("tenant")).where(column.is_not(None)).cte("waiting", recursive=True)
    following = (
        select(func.min(tenant))
        .where(column.is_not(None), tenant > earliest.c.tenant)
        .correlate(earliest)
        .scalar_subquery()
    )
    return earliest.union_all(select(following).where(earliest.c.tenant.is_not(None)))


def lanes_waiting(column: Column[Any]) -> CTE:
    """Return the tenants and order systems that have a row with this due time, due or not: `tenant`, `upstream`, null behind each tenant's.

    They are read from an index by stepping from one tenant to the next, and in it from one order system to the next.
    """
    tenant, upstream = column.table.c.tenant, column.table.c.upstream

    def least_upstream(of: CTE, *after: ColumnElement[bool]) -> ScalarSelect[str]:
        # Two steps instead of one comparison of pairs: for that SQLite reads every row of the tenant.
        return (
            select(func.min(upstream))
            .where(column.is_not(None), tenant == of.c.tenant, *after)
            .correlate(of)
            .scalar_subquery()
        )

    tenants = tenants_waiting(column)
    first = (
        select(tenants.c.tenant, least_upstream(tenants).label("upstream"))
        .where(tenants.c.tenant.is_not(None))
        .cte("lanes", recursive=True)
    )
    following = select(first.c.tenant, least_upstream(first, upstream > first.c.upstream))
    return first.union_all(following.where(first.c.upstream.is_not(None)))


def lanes_due(column: Column[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the query for the tenants and order systems with a row whose time has come (parameter `now`) and that meets the conditions.

    `column` has the due times; its table, the tenants and the order systems. Columns: `tenant`, `upstream`; the one whose first is
    longest due first. They are read as `lanes_waiting` says, and of each only its earliest rows.
    """
    tenant, upstream = column.table.c.tenant, column.table.c.upstream
    lanes = lanes_waiting(column)
    first_due = (
        select(column)
        .where(tenant == lanes.c.tenant, upstream == lanes.c.upstream)
        .where(column <= bindparam("now"), *conditions)
        .order_by(column)
        .limit(1)
        .correlate(lanes)
        .scalar_subquery()
    )
    found = select(lanes.c.tenant, lanes.c.upstream, first_due.label("first_due")).where(lanes.c.upstream.is_not(None))
    due = found.subquery()
    return select(due.c.tenant, due.c.upstream).where(due.c.first_due.is_not(None)).order_by(due.c.first_due)


def tenants_ordering() -> Select[Any]:
    """Return the query for every tenant that has a checkout, read from an index by stepping from one to the next."""
    first = select(func.min(checkout.c.tenant).label("tenant")).cte("ordering", recursive=True)
    following = (
        select(func.min(checkout.c.tenant)).where(checkout.c.tenant > first.c.tenant).correlate(first).scalar_subquery()
    )
    walked = first.union_all(select(following).where(first.c.tenant.is_not(None)))
    return select(walked.c.tenant).where(walked.c.tenant.is_not(None))
