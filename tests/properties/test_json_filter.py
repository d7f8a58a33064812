"""Filters in the database mean what they mean in memory, on both databases, for documents and conditions of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, select, text

from gateway.errors import Problem
from gateway.filters.match import Matcher
from gateway.filters.parse import parse_filter
from gateway.filters.sorting import parse_sort
from gateway.filters.sql import filter_clauses, order_clauses, prepare
from gateway.storage.tables import cart
from gateway.tmf.json import decode_stored, encode_json

NAMES = ["a", "b", "@type", "c-d"]
WORDS = [
    "",
    "x",
    "X",
    "ß",
    "🛒",
    "a*b?[c]",
    "50%_!",
    'it\'s "so" \\ :x',
    "true",
    "10",
    "9",
    "2026-03-01",
    "2026-03-01T12:00:00Z",
    "2026-03-01T13:00:00.000+01:00",
    "2026-02-30T00:00",
    "1900-02-29",
    "0001-01-01T00:00+10:00",
    "9999-12-31T23:59:59.999999999-01:00",
]
NUMBERS: list[Any] = [
    0,
    1,
    -1,
    10,
    2**63,
    -(2**70),
    10**63,
    Decimal("0.1"),
    Decimal("0.10"),
    Decimal("0.1000000000000000000001"),
    Decimal("12345678901234567890.123"),
    Decimal("1E+60"),
    Decimal("-0.0"),
    Decimal("1E-60"),
]
scalars = st.one_of(
    st.none(), st.booleans(), st.sampled_from(WORDS), st.sampled_from(NUMBERS), st.text("xß\n%*", max_size=3)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=12,
)
documents = st.dictionaries(st.sampled_from(NAMES), values, max_size=4)
operands = st.one_of(
    st.sampled_from(WORDS), st.sampled_from([str(number) for number in NUMBERS]), st.text("xß\n%*", max_size=3)
).filter(lambda word: ";" not in word)
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map(".".join)
comparisons = st.tuples(paths, st.sampled_from(["", ".eq", ".gt", ".gte", ".lt", ".lte"]), operands).map(
    lambda found: (found[0] + (found[1] or ".eq"), found[2])
)
literals = st.sampled_from(["", "x", "ß", "%", r"\*", "_", r"\[c", "!", "2026", "\n"])
patterns = st.tuples(
    paths.map(lambda path: f"{path}.regex"),
    st.builds(
        lambda start, parts, end: start + ".*".join(parts) + end,
        st.sampled_from(["", "^"]),
        st.lists(literals, min_size=1, max_size=3),
        st.sampled_from(["", "$"]),
    ),
)
queries = st.lists(comparisons | patterns, min_size=1, max_size=4)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "sqlite":
        made = create_engine("sqlite://")
    else:
        url: str = request.getfixturevalue("postgresql_server")
        made = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    yield made
    made.dispose()


def fill(connection: Connection, found: list[Any]) -> None:
    prepare(connection)
    connection.execute(text("DROP TABLE IF EXISTS cart"))
    connection.execute(text("CREATE TEMPORARY TABLE cart (id INTEGER, document TEXT)"))
    connection.execute(
        text("INSERT INTO cart (id, document) VALUES (:id, :document)"),
        [{"id": index, "document": encode_json(document).decode()} for index, document in enumerate(found)],
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(documents, min_size=1, max_size=6), asked=st.lists(queries, min_size=1, max_size=4))
def test_the_database_finds_what_the_matcher_finds(engine: Engine, found: list[Any], asked: list[Any]) -> None:
    stored = [decode_stored(encode_json(document)) for document in found]
    with engine.connect() as connection:
        fill(connection, found)
        for query in asked:
            problems: list[Problem] = []
            wanted = parse_filter(query, problems)
            assert problems == []
            clauses = filter_clauses(wanted, "cart.document", engine.dialect.name)
            rows = connection.execute(select(cart.c.id).where(*clauses)).scalars()
            assert sorted(rows) == [index for index, document in enumerate(stored) if Matcher(wanted).fits(document)], (
                query
            )
        connection.rollback()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    found=st.lists(st.dictionaries(st.sampled_from(["a", "b"]), scalars, max_size=2), min_size=1, max_size=6),
    descending=st.booleans(),
)
def test_an_order_has_numbers_then_texts_and_what_is_missing_last(
    engine: Engine, found: list[Any], descending: bool
) -> None:
    def rank(document: Any) -> int:
        value = document.get("a")
        if value is None:
            return 2
        numeric = type(value) in {int, Decimal}
        # Each kind is an order of its own: numbers stand before texts either way.
        return 0 if numeric else 1

    problems: list[Problem] = []
    sorts = parse_sort(["-a" if descending else " a"], problems)
    assert problems == []
    with engine.connect() as connection:
        fill(connection, found)
        clauses = order_clauses(sorts, "cart.document", engine.dialect.name)
        order = list(connection.execute(select(cart.c.id).order_by(*clauses, cart.c.id)).scalars())
        connection.rollback()

    assert [rank(found[index]) for index in order] == sorted(rank(document) for document in found)
    texts = [found[index]["a"] for index in order if isinstance(found[index].get("a"), str)]
    assert texts == sorted(texts, reverse=descending) or any(isinstance(d.get("a"), bool) for d in found)


def test_values_and_names_are_never_part_of_the_statement() -> None:
    problems: list[Problem] = []
    wanted = parse_filter([("a.b", "x' OR 1=1 --"), ("zebra.gt", "5"), ("a.regex", "^yak")], problems)
    for dialect in ("sqlite", "postgresql"):
        statement = " ".join(str(clause) for clause in filter_clauses(wanted, "cart.document", dialect))
        assert not {"OR 1=1", "zebra", "yak"} & {word for word in ("OR 1=1", "zebra", "yak") if word in statement}
