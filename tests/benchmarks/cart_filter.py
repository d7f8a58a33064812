"""How much a list of carts with a filter on an index costs, among few carts and among many, in SQLite and in PostgreSQL.

    python tests/benchmarks/cart_filter.py [--sizes 10000,1000000] [--databases sqlite,postgresql] [--requests 300]

Rows are made by the databases themselves, five carts for each party; then the query of the API runs in a thread, as it does
for a request, small and large database in turns. Prints one JSON object a line; exit code 1 when a list among the many costs
more than 3 times the same among the few (medians). PostgreSQL is started from a wheel, or is GATEWAY_TEST_POSTGRES_URL.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.databases import KINDS, Kind, databases
from bench.runs import end, parser, tell
from sqlalchemy import Connection, text

from gateway.carts.dialects import V4
from gateway.carts.search import find_page
from gateway.filters.paging import Page
from gateway.filters.parse import parse_filter
from gateway.settings import StorageSettings
from gateway.storage import Database, open_database

RATIO_MAX = 3.0
CARTS_PER_PARTY = 5
HREF = "http://127.0.0.1:8663/tmf-api/shoppingCart/v4/shoppingCart/"
# One SQL expression: CART and PARTY are expressions themselves.
DOCUMENT = (
    """'{"id":"' || CART || '","href":"HREF' || CART || '","validFor":{"startDateTime":"2026-11-01T00:00:00Z"},"""
    """"relatedParty":[{"id":"' || PARTY || '","role":"customer","@referredType":"Customer"}],"cartItem":[{"id":"01","""
    """"action":"add","quantity":1,"productOffering":{"id":"PLAN"}}]}'"""
).replace("HREF", HREF)
NUMBERS = {
    "sqlite": "(WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count - 1) SELECT n FROM numbers)",
    "postgresql": "(SELECT n FROM generate_series(0, :count - 1) AS numbers(n))",
}
IDENTITY = {
    "sqlite": ("printf('%032x', n)", f"('P' || (n / {CARTS_PER_PARTY}))"),
    "postgresql": ("lpad(to_hex(n), 32, '0')", f"('P' || (n / {CARTS_PER_PARTY}))"),
}


def seed(connection: Connection, count: int) -> None:
    """Store `count` carts and their parties."""
    name = connection.dialect.name
    cart_id, party = IDENTITY[name]
    document = DOCUMENT.replace("CART", cart_id).replace("PARTY", party).replace(":", r"\:")
    source = NUMBERS[name]
    connection.execute(
        text(
            "INSERT INTO cart (tenant, id, version, document, created_at, updated_at, expires_at) "  # noqa: S608 - our own
            f"SELECT 'default', {cart_id}, 1, {document}, 1760000000000000 + n, 1760000000000000 + n, "
            f"4000000000000000 + n FROM {source} AS numbers"
        ),
        {"count": count},
    )
    connection.execute(
        text(
            "INSERT INTO cart_party (tenant, cart_id, party_id) "  # noqa: S608 - expressions of this program
            f"SELECT 'default', {cart_id}, {party} FROM {source} AS numbers"
        ),
        {"count": count},
    )


@contextmanager
def stored(url: str, count: int) -> Iterator[Database]:
    """Yield a database with `count` carts."""
    opened = open_database(StorageSettings(url=url))
    try:
        asyncio.run(opened.write(lambda connection: seed(connection, count)))
        if opened.engine.dialect.name == "postgresql":
            with opened.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))
        yield opened
    finally:
        asyncio.run(opened.close())


def queries(count: int, chance: random.Random) -> dict[str, Callable[[], tuple[str, int]]]:
    """Return what is measured: the query string's value made anew each time, and how many carts it finds."""

    def cart_id() -> str:
        return f"{chance.randrange(count):032x}"

    return {
        "relatedParty.id": lambda: (f"P{chance.randrange(count // CARTS_PER_PARTY)}", CARTS_PER_PARTY),
        "id": lambda: (cart_id(), 1),
        "href": lambda: (HREF + cart_id(), 1),
    }


async def seconds_of(database: Database, name: str, value: str, expected: int) -> float:
    """Return how long one list takes."""
    wanted = parse_filter([(name, value)], [])
    started = time.perf_counter()
    page = await database.read(
        lambda connection: find_page(connection, "default", V4, wanted, (), Page(100, 0, asked=True))
    )
    elapsed = time.perf_counter() - started
    assert (len(page.rows), page.total) == (expected, expected)
    return elapsed


async def compare(few: Database, many: Database, sizes: tuple[int, int], requests: int) -> bool:
    """Measure both in turns; return whether every ratio is within its bound."""
    chance = random.Random(663)
    met = True
    for name in ("relatedParty.id", "id", "href"):
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(requests):
            for database, count, kept in zip((few, many), sizes, times, strict=True):
                value, expected = queries(count, chance)[name]()
                kept.append(await seconds_of(database, name, value, expected))
        medians = [statistics.median(kept) for kept in times]
        result = {
            "benchmark": "list",
            "filter": name,
            "database": few.engine.dialect.name,
            "carts": list(sizes),
            "median_microseconds": [round(median * 1e6) for median in medians],
            "p99_microseconds": [round(statistics.quantiles(kept, n=100)[98] * 1e6) for kept in times],
            "ratio": round(medians[1] / medians[0], 2),
            "ratio_max": RATIO_MAX,
            "requests": requests,
        }
        result["met"] = result["ratio"] <= RATIO_MAX
        met &= tell(result)
    return met


def measure(kind: Kind, sizes: tuple[int, int], requests: int) -> bool:
    """Measure one kind of database."""
    with (
        databases(kind) as created,
        stored(created(), sizes[0]) as few,
        stored(created(), sizes[1]) as many,
    ):
        return asyncio.run(compare(few, many, sizes, requests))


def main() -> None:
    """Read the options and measure."""
    wanted = parser(__doc__)
    wanted.add_argument("--sizes", default="10000,1000000", help="few and many carts, multiples of 5")
    wanted.add_argument("--databases", default=KINDS)
    wanted.add_argument("--requests", type=int, default=300)
    options = wanted.parse_args()
    few, many = (int(size) for size in options.sizes.split(","))
    end([measure(kind, (few, many), options.requests) for kind in options.databases.split(",")])


if __name__ == "__main__":
    main()
