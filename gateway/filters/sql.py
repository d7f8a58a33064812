"""Filters and orders of lists as SQL over JSON text, for SQLite and PostgreSQL: the database reads the documents, not we.

The meaning is that of `gateway.filters.match.Matcher`, to the letter. Every value and every attribute's name is a bound
parameter; what is put together as text is ours alone. PostgreSQL has exact numbers of its own; in SQLite, whose numbers in
JSON are binary, two functions of ours compare the digits as they are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, TextClause, text

from gateway.filters.parse import Filter, Path, Test
from gateway.filters.sorting import Sort
from gateway.filters.values import MOMENT_GRAMMAR, Pattern, moment_of, number_of

_SIGNS: Final = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def prepare(connection: Connection) -> None:
    """Give an SQLite connection the functions that the clauses below call; PostgreSQL needs none."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.create_function("gateway_compare", 2, _compare, deterministic=True)
        driver.create_function("gateway_moment", 1, _moment, deterministic=True)


def _compare(found: Any, wanted: Any) -> int | None:
    """Return -1, 0 or 1 as the JSON number `found` is to `wanted`; None when one is not a number."""
    if type(found) is not str or type(wanted) is not str:
        return None
    left, right = number_of(found), Decimal(wanted)
    return None if left is None else (left > right) - (left < right)


def _moment(found: Any) -> int | None:
    return moment_of(found) if type(found) is str else None


class _Clause:
    """The text of one clause and its parameters, whose names no other clause of the statement has."""

    def __init__(self, label: str, column: str, dialect: str) -> None:
        self.label = label
        self.column = column
        self.is_sqlite = dialect == "sqlite"
        self.parameters: dict[str, Any] = {}
        self.tables = 0

    def bound(self, value: Any) -> str:
        name = f"{self.label}_{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"

    def done(self, sql: str) -> TextClause:
        return text(sql).bindparams(**self.parameters)


def filter_clauses(
    wanted: Filter, column: str, dialect: str, *, moments: Mapping[Path, str] | None = None, label: str = "filter"
) -> list[TextClause]:
    """Return one WHERE clause for each group of `wanted`, over the JSON text in `column` (`table.column`).

    `column` may be any expression that gives JSON. `moments` are attributes that are not part of the document: columns with
    microseconds since 1970, by path. `label` keeps the parameters of several filters of one statement apart.
    """
    clauses = []
    for number, group in enumerate(wanted):
        clause = _Clause(f"{label}_{number}", column, dialect)
        by_path: dict[Path, list[Test]] = {}
        for test in group:
            by_path.setdefault(test.path, []).append(test)
        found = [
            _moments(clause, moments[path], tests) if moments and path in moments else _exists(clause, path, tests)
            for path, tests in by_path.items()
        ]
        clauses.append(clause.done(f"({' OR '.join(found)})"))
    return clauses


def _moments(clause: _Clause, column: str, tests: Sequence[Test]) -> str:
    told = [
        f"{column} {_SIGNS[test.operator]} {clause.bound(test.moment)}" for test in tests if test.moment is not None
    ]
    return f"({' OR '.join(told)})" if told else "1 = 0"


def _exists(clause: _Clause, path: Path, tests: Sequence[Test]) -> str:
    """Return an EXISTS over every value at `path`: one lateral table for each step, a list opened into its entries."""
    tables = []
    holder = clause.column if clause.is_sqlite else f"CAST({clause.column} AS jsonb)"
    for name in path:
        clause.tables += 1
        alias = f"{clause.label}_e{clause.tables}"
        if clause.is_sqlite:
            place = clause.bound(f'$."{name}"')
            tables.append(
                f"json_each(CASE json_type({holder}, {place}) WHEN 'array' THEN {holder} -> {place} "
                f"ELSE '[' || ({holder} -> {place}) || ']' END) AS {alias}"
            )
            holder = f"(CASE WHEN {alias}.type = 'object' THEN {alias}.value END)"
        else:
            place = f"({holder} -> CAST({clause.bound(name)} AS text))"
            tables.append(
                f"jsonb_array_elements(CASE jsonb_typeof{place} WHEN 'array' THEN {place} "
                f"ELSE jsonb_build_array{place} END) AS {alias}(value)"
            )
            holder = f"{alias}.value"
    leaf = _sqlite_leaf if clause.is_sqlite else _postgresql_leaf
    told = " OR ".join(
        [*_one_of(clause, alias, tests), *(word for test in tests for word in leaf(clause, alias, test))]
    )
    return f"EXISTS (SELECT 1 FROM {', '.join(tables)} WHERE {told})"  # noqa: S608 - every name and value in it is a bound parameter


def _one_of(clause: _Clause, alias: str, tests: Sequence[Test]) -> list[str]:
    """Return one condition for all texts to be equal to: a value is looked up among them, not compared with each."""
    texts = [clause.bound(test.text) for test in tests if test.operator == "eq" and test.pattern is None]
    if not texts:
        return []
    if clause.is_sqlite:
        return [f"({alias}.type = 'text' AND {alias}.value IN ({', '.join(texts)}))"]
    value, wanted = f"({alias}.value #>> '{{}}')", ", ".join(f'CAST({name} AS text) COLLATE "C"' for name in texts)
    return [f"(jsonb_typeof({alias}.value) = 'string' AND {value} COLLATE \"C\" IN ({wanted}))"]


def _sqlite_leaf(clause: _Clause, alias: str, test: Test) -> list[str]:
    if test.pattern is not None:
        return [f"({alias}.type = 'text' AND {alias}.value GLOB {clause.bound(_glob(test.pattern))})"]
    sign = _SIGNS[test.operator]
    told = []
    if test.moment is None and test.operator != "eq":
        told.append(f"({alias}.type = 'text' AND {alias}.value {sign} {clause.bound(test.text)})")
    if test.moment is not None:
        told.append(f"({alias}.type = 'text' AND gateway_moment({alias}.value) {sign} {clause.bound(test.moment)})")
    if test.boolean is not None:
        told.append(f"{alias}.type = {clause.bound('true' if test.boolean else 'false')}")
    if test.number is not None:
        # `->` gives the number as it is written.
        written = f"({alias}.json -> {alias}.key)"
        told.append(
            f"({alias}.type IN ('integer', 'real') "
            f"AND gateway_compare({written}, {clause.bound(str(test.number))}) {sign} 0)"
        )
    return told


def _postgresql_leaf(clause: _Clause, alias: str, test: Test) -> list[str]:
    value, kind = f"({alias}.value #>> '{{}}')", f"jsonb_typeof({alias}.value)"
    if test.pattern is not None:
        # The pattern's own escape character, because a backslash means more to some servers.
        return [f"({kind} = 'string' AND {value} LIKE {clause.bound(_like(test.pattern))} ESCAPE '!')"]
    sign = _SIGNS[test.operator]
    told = []
    if test.moment is None and test.operator != "eq":
        told.append(
            f'({kind} = \'string\' AND {value} COLLATE "C" {sign} CAST({clause.bound(test.text)} AS text) COLLATE "C")'
        )
    if test.moment is not None:
        moment = _POSTGRESQL_MOMENT.format(value=value, grammar=clause.bound(MOMENT_GRAMMAR))
        told.append(f"({kind} = 'string' AND {moment} {sign} {clause.bound(test.moment)})")
    if test.boolean is not None:
        told.append(f"{alias}.value = to_jsonb(CAST({clause.bound(test.boolean)} AS boolean))")
    if test.number is not None:
        # CASE, because a cast must not be tried on what is not a number.
        told.append(
            f"(CASE WHEN {kind} = 'number' THEN CAST({value} AS numeric) {sign} "
            f"CAST({clause.bound(str(test.number))} AS numeric) ELSE false END)"
        )
    return told


def _glob(pattern: Pattern) -> str:
    """Return a pattern for SQLite's GLOB, which tells capitals from small letters."""
    escaped = ("".join(f"[{letter}]" if letter in "*?[" else letter for letter in part) for part in pattern.parts)
    return ("" if pattern.starts else "*") + "*".join(escaped) + ("" if pattern.ends else "*")


def _like(pattern: Pattern) -> str:
    escaped = ("".join(f"!{letter}" if letter in "!%_" else letter for letter in part) for part in pattern.parts)
    return ("" if pattern.starts else "%") + "%".join(escaped) + ("" if pattern.ends else "%")


# Microseconds since 1970 of a text, null when it names no moment. Nothing is cast before it is known to be right.
_POSTGRESQL_MOMENT: Final = """(SELECT CASE WHEN y >= 1 AND mo BETWEEN 1 AND 12 AND d BETWEEN 1 AND
 (CASE WHEN mo IN (4, 6, 9, 11) THEN 30 WHEN mo <> 2 THEN 31
  WHEN y % 4 = 0 AND (y % 100 <> 0 OR y % 400 = 0) THEN 29 ELSE 28 END)
 AND h <= 23 AND mi <= 59 AND s <= 59 AND zh <= 23 AND zm <= 59
 THEN CAST(extract(epoch FROM make_timestamp(y, mo, d, h, mi, s)) AS numeric) * 1000000 + f - z * (zh * 60 + zm) * 60000000
 END FROM (SELECT CAST(m[1] AS integer) AS y, CAST(m[2] AS integer) AS mo, CAST(m[3] AS integer) AS d,
 CAST(coalesce(m[5], '0') AS integer) AS h, CAST(coalesce(m[6], '0') AS integer) AS mi,
 CAST(coalesce(m[8], '0') AS integer) AS s, CAST(left(rpad(coalesce(m[10], '0'), 6, '0'), 6) AS bigint) AS f,
 (CASE WHEN m[12] = '-' THEN -1 ELSE 1 END) AS z, CAST(coalesce(m[13], '0') AS bigint) AS zh,
 CAST(coalesce(m[14], '0') AS bigint) AS zm
 FROM regexp_match({value}, {grammar}) AS matched(m)) AS parts)"""


def order_clauses(
    sorts: Sequence[Sort], column: str, dialect: str, *, columns: Mapping[Path, str] | None = None
) -> list[TextClause]:
    """Return ORDER BY clauses: numbers by value and before texts, texts by code points, what has no value last.

    `columns` are attributes that have a column of their own. A list has no place in an order, so it counts as no value.
    """
    found = []
    for number, sort in enumerate(sorts):
        clause = _Clause(f"sort_{number}", column, dialect)
        direction = "DESC" if sort.descending else "ASC"
        if columns and sort.path in columns:
            expressions = [columns[sort.path]]
        elif clause.is_sqlite:
            place = clause.bound("$" + "".join(f'."{name}"' for name in sort.path))
            kind = f"json_type({column}, {place})"
            value = f"json_extract({column}, {place})"
            expressions = [
                f"CASE WHEN {kind} IN ('integer', 'real') THEN {value} END",
                f"CASE WHEN {kind} IN ('text') THEN {value} WHEN {kind} IN ('true', 'false') THEN {kind} END",
            ]
        else:
            names = ", ".join(f"CAST({clause.bound(name)} AS text)" for name in sort.path)
            value = f"(CAST({column} AS jsonb) #> ARRAY[{names}])"
            expressions = [
                f"CASE WHEN jsonb_typeof{value} = 'number' THEN CAST({value} #>> '{{}}' AS numeric) END",
                f"CASE WHEN jsonb_typeof{value} IN ('string', 'boolean') THEN {value} #>> '{{}}' END COLLATE \"C\"",
            ]
        found.append(clause.done(", ".join(f"{expression} {direction} NULLS LAST" for expression in expressions)))
    return found
