"""Conditions and orders of the list of checkouts beyond plain equality (TMF630), answered by the database.

What stands in a column is compared there, so that an index is of use; what the client asked for (parties, places, payments, dates) is
read out of the request as it is stored, and everything else out of what `search_documents` makes of the tables.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, TextClause, literal, or_, select, text

from gateway.checkouts.reading.filters import FILTERS
from gateway.checkouts.reading.search_documents import Source, json_of, sources
from gateway.checkouts.request import ATTRIBUTES
from gateway.documents import Json
from gateway.errors import Problem
from gateway.filters.parse import Filter, Path, Test
from gateway.filters.sorting import Sort
from gateway.filters.sql import filter_clauses, prepare
from gateway.storage.tables import checkout, checkout_document

_MOMENTS: Final[frozenset[Path]] = frozenset(
    {
        ("creationDate",),
        ("lastUpdate",),
        ("reason", "nextAttemptAt"),
        ("step", "startedAt"),
        ("step", "endedAt"),
        ("history", "at"),
    }
)
_COLUMNS: Final[dict[Path, str]] = {
    **{tuple(name.split(".")): column for name, column in FILTERS.items()},
    ("mapping",): "mapping",
    ("statusReason",): "status_reason",
    ("productOrder", "upstreamState"): "upstream_state",
}
_OF_REQUEST: Final = frozenset(ATTRIBUTES) - {"shoppingCart", "upstream", "submit", "externalId"}
_SOURCES: Final = {dialect: sources(dialect) for dialect in ("sqlite", "postgresql")}
# First names whose attributes are an order system's or the standard's: what is below them is not known here.
_OPEN: Final = _OF_REQUEST | {"finding", "item"}
_COMPARE: Final[dict[str, Callable[[Any, Any], ColumnElement[bool]]]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_ORDERS: Final[dict[Path, str]] = {
    ("creationDate",): "created_at",
    ("lastUpdate",): "updated_at",
    ("reason", "code"): "reason_code",
    ("submit",): "submit",
    ("cancelRequested",): "cancel_requested",
    ("shoppingCart", "version"): "cart_version",
    ("progress", "stepsTotal"): "steps_total",
    ("progress", "stepsDone"): "step",
    **_COLUMNS,
}


def _known_paths() -> frozenset[Path]:
    """Return every path that checkouts are found by, but for those below _OPEN."""
    found: set[Path] = {*_COLUMNS, *_MOMENTS}

    def add(expressions: Json, above: Path) -> None:
        for name, value in expressions.items():
            if isinstance(value, str):
                found.add((*above, name))
            else:
                add(value, (*above, name))

    for group in _SOURCES["sqlite"].values():
        for source in group:
            add(source.document, ())
    return frozenset(found)


_PATHS: Final = _known_paths()


def require_answerable(wanted: Filter, sorts: Sequence[Sort], problems: list[Problem]) -> None:
    """Report conditions and orders by what checkouts cannot be found or sorted by."""
    for group in wanted:
        for test in group:
            name = ".".join(test.path)
            if test.path in _MOMENTS:
                if test.moment is None:
                    problems.append(Problem(name, "is compared with a date or a date-time"))
            elif not _is_known(test.path):
                known = ", ".join(sorted({".".join(path) for path in _PATHS} | _OF_REQUEST))
                problems.append(Problem(name, f"is not an attribute that checkouts are found by; there are: {known}"))
    for sort in sorts:
        if sort.path not in _ORDERS:
            known = ", ".join(sorted(".".join(path) for path in _ORDERS))
            problems.append(Problem("sort", f"checkouts are sorted by {known}"))


def _is_known(path: Path) -> bool:
    return path in _PATHS or path[0] in _OPEN or path[:2] == ("reason", "problem")


def conditions(connection: Connection, wanted: Filter) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter that `require_answerable` had nothing against: all of them must hold."""
    prepare(connection)
    dialect = connection.dialect.name
    found: list[ColumnElement[bool]] = []
    for number, group in enumerate(wanted):
        by_path: dict[Path, list[Test]] = {}
        for test in group:
            by_path.setdefault(test.path, []).append(test)
        alternatives = [
            condition
            for count, (path, tests) in enumerate(by_path.items())
            for condition in _at(path, tests, dialect, f"filter_{number}_{count}")
        ]
        found.append(or_(*alternatives))
    return found


def _at(path: Path, tests: list[Test], dialect: str, label: str) -> list[ColumnElement[bool] | TextClause]:
    """Return the conditions of which one must hold: a value at `path` passes one of `tests`."""
    if path in _COLUMNS and all(test.operator in _COMPARE for test in tests):
        return [_in_column(tests)]
    if path[0] in _OF_REQUEST:
        (clause,) = filter_clauses((tuple(tests),), "checkout_document.document", dialect, label=label)
        asked = select(checkout_document.c.kind).where(
            checkout_document.c.tenant == checkout.c.tenant,
            checkout_document.c.checkout_id == checkout.c.id,
            checkout_document.c.kind == "request",
            clause,
        )
        return [asked.correlate(checkout).exists()]
    return [
        _in_source(source, tests, dialect, f"{label}_{count}")
        for count, source in enumerate(_SOURCES[dialect][path[0]])
    ]


def _in_source(source: Source, tests: list[Test], dialect: str, label: str) -> ColumnElement[bool] | TextClause:
    document = json_of(source.document, dialect)
    (clause,) = filter_clauses((tuple(tests),), document, dialect, moments=source.moments, label=label)
    if not source.rows:
        return clause
    rows = select(literal(1)).select_from(text(source.rows)).where(text(source.link), clause)
    return rows.exists()


def order(sorts: Sequence[Sort]) -> list[TextClause]:
    """Return what the list is sorted by; what has no value comes last."""
    return [text(f"checkout.{_ORDERS[sort.path]} {'DESC' if sort.descending else 'ASC'} NULLS LAST") for sort in sorts]


def _in_column(group: Sequence[Test]) -> ColumnElement[bool]:
    column = checkout.c[_COLUMNS[group[0].path]]
    return or_(*(_COMPARE[test.operator](column, test.text) for test in group))
