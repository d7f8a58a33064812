"""Conditions and orders of the list of checkouts beyond plain equality (TMF630), answered by the database.

What stands in a column is compared there, moments to the millisecond as they are told; what the client asked for (parties, places,
payments, dates) is read out of the request as it is stored.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, TextClause, or_, select, text

from gateway.checkouts.filters import FILTERS
from gateway.checkouts.request import ATTRIBUTES
from gateway.errors import Problem
from gateway.filters.parse import Filter, Path, Test
from gateway.filters.sorting import Sort
from gateway.filters.sql import filter_clauses, prepare
from gateway.storage.tables import checkout, checkout_document

_MOMENTS: Final[dict[Path, str]] = {
    ("creationDate",): "(checkout.created_at / 1000 * 1000)",
    ("lastUpdate",): "(checkout.updated_at / 1000 * 1000)",
}
_COLUMNS: Final[dict[Path, str]] = {
    **{tuple(name.split(".")): column for name, column in FILTERS.items()},
    ("mapping",): "mapping",
    ("statusReason",): "status_reason",
    ("reason", "code"): "reason_code",
    ("productOrder", "upstreamState"): "upstream_state",
}
_OF_REQUEST: Final = frozenset(ATTRIBUTES) - {"shoppingCart", "upstream", "submit", "externalId"}
_COMPARE: Final[dict[str, Callable[[Any, Any], ColumnElement[bool]]]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_ORDERS: Final[dict[Path, str]] = {("creationDate",): "created_at", ("lastUpdate",): "updated_at", **_COLUMNS}


def require_answerable(wanted: Filter, sorts: Sequence[Sort], problems: list[Problem]) -> None:
    """Report conditions and orders by what checkouts cannot be found or sorted by."""
    for group in wanted:
        paths = {test.path for test in group}
        for test in group:
            name = ".".join(test.path)
            if test.path in _MOMENTS:
                if test.moment is None:
                    problems.append(Problem(name, "is compared with a date or a date-time"))
            elif test.path in _COLUMNS:
                if test.operator not in _COMPARE:
                    problems.append(Problem(name, "takes .eq .gt .gte .lt .lte, and no .regex"))
            elif test.path[0] not in _OF_REQUEST:
                known = ", ".join(sorted({".".join(path) for path in (*_COLUMNS, *_MOMENTS)} | _OF_REQUEST))
                problems.append(Problem(name, f"is not an attribute that checkouts are found by; there are: {known}"))
        if len(paths) > 1 and any(path in _COLUMNS for path in paths):
            problems.append(Problem(".".join(min(paths)), "has alternatives of one attribute only"))
    for sort in sorts:
        if sort.path not in _ORDERS:
            known = ", ".join(sorted(".".join(path) for path in _ORDERS))
            problems.append(Problem("sort", f"checkouts are sorted by {known}"))


def conditions(connection: Connection, wanted: Filter) -> list[ColumnElement[bool] | TextClause]:
    """Return the conditions of a filter that `require_answerable` had nothing against."""
    prepare(connection)
    found: list[ColumnElement[bool] | TextClause] = [_in_column(group) for group in wanted if group[0].path in _COLUMNS]
    others = tuple(group for group in wanted if group[0].path not in _COLUMNS)
    clauses = filter_clauses(others, "checkout_document.document", connection.dialect.name, moments=_MOMENTS)
    for group, clause in zip(others, clauses, strict=True):
        if all(test.path in _MOMENTS for test in group):
            found.append(clause)
            continue
        asked = select(checkout_document.c.kind).where(
            checkout_document.c.tenant == checkout.c.tenant,
            checkout_document.c.checkout_id == checkout.c.id,
            checkout_document.c.kind == "request",
            clause,
        )
        found.append(asked.correlate(checkout).exists())
    return found


def order(sorts: Sequence[Sort]) -> list[TextClause]:
    """Return what the list is sorted by; what has no value comes last."""
    return [text(f"checkout.{_ORDERS[sort.path]} {'DESC' if sort.descending else 'ASC'} NULLS LAST") for sort in sorts]


def _in_column(group: Sequence[Test]) -> ColumnElement[bool]:
    column = checkout.c[_COLUMNS[group[0].path]]
    return or_(*(_COMPARE[test.operator](column, test.text) for test in group))
