"""Whose checkouts and notifications are due: found from tenant to tenant, whatever else is stored.

A column of due times is indexed behind the tenant, for the rows that have one. The tenants are read from that index by stepping from one to
the next (a loose index scan), and of each only its earliest rows: neither finished checkouts nor a long queue cost anything.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import CTE, Column, ColumnElement, ScalarSelect, Select, bindparam, func, select, tuple_

from gateway.storage.tables import checkout


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


def lanes_due(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the query for the tenants and order systems with a checkout to be worked on (parameter `now`) that meets the conditions.

    Columns: `tenant`, `upstream`; the one whose first is longest due first. Read as `tenants_due`, from one pair to the next.
    """
    due_at = checkout.c.due_at
    waiting = (
        select(checkout.c.tenant, checkout.c.upstream)
        .where(due_at.is_not(None))
        .order_by(checkout.c.tenant, checkout.c.upstream)
        .limit(1)
        .subquery()
    )
    first_lane = select(waiting.c.tenant, waiting.c.upstream).cte("lanes", recursive=True)

    def following(column: Column[str]) -> ScalarSelect[str]:
        after = tuple_(checkout.c.tenant, checkout.c.upstream) > tuple_(first_lane.c.tenant, first_lane.c.upstream)
        return (
            select(column)
            .where(due_at.is_not(None), after)
            .order_by(checkout.c.tenant, checkout.c.upstream)
            .limit(1)
            .correlate(first_lane)
            .scalar_subquery()
        )

    lanes = first_lane.union_all(
        select(following(checkout.c.tenant), following(checkout.c.upstream)).where(first_lane.c.tenant.is_not(None))
    )
    first_due = (
        select(due_at)
        .where(checkout.c.tenant == lanes.c.tenant, checkout.c.upstream == lanes.c.upstream)
        .where(due_at <= bindparam("now"), *conditions)
        .order_by(due_at)
        .limit(1)
        .correlate(lanes)
        .scalar_subquery()
    )
    found = select(lanes.c.tenant, lanes.c.upstream, first_due.label("first_due")).where(lanes.c.tenant.is_not(None))
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


def tenants_due(column: Column[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the query for the tenants that have a row whose time has come (parameter `now`) and that meets the conditions."""
    waiting = tenants_waiting(column)
    first = (
        select(column)
        .where(column.table.c.tenant == waiting.c.tenant, column <= bindparam("now"), *conditions)
        .order_by(column)
        .limit(1)
        .correlate(waiting)
        .scalar_subquery()
    )
    return select(waiting.c.tenant).where(waiting.c.tenant.is_not(None), first.is_not(None))
