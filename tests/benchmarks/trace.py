"""How much it costs to find everything around an id, beside a GET of a cart, with many checkouts stored, in SQLite and in PostgreSQL.

    python tests/benchmarks/trace.py [--checkouts 1000000] [--databases sqlite,postgresql] [--seconds 0.5] [--rounds 9]

Rows are made by the databases themselves: for each checkout its cart, the documents, three calls, two order lines and every id that
leads to it; five checkouts share a customer, twenty a client, every tenth has a draft that was given up and a notification. Each
server is a process of its own on a loopback port; GET of a cart and a trace take turns in short rounds over one connection, each
time for another cart or checkout, drawn from a few hundred that were asked for once before: what is measured is the gateway and a
database with so much in it, not a disk (of which a trace reads some twelve pages where a cart is two). A trace of a customer or a
client is a page of one checkout (limit=1). Prints a JSON object for each kind of id: the ratio of the processor time that the
server's process spends on a request (the median of the rounds' ratios), and beside it that of the times that a client waits; exit
code 1 when both are 3 or more. On a machine that does other work the second is chance; with PostgreSQL, whose own processes are not
in the first, it is what counts.

Without --checkouts a million: some 8 GB on the disk for each database, and minutes to make them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote, urlsplit

import uvloop
from bench.databases import KINDS, databases
from bench.runs import end, parser, tell
from bench.servers import Rate, load, request, serve_here, serving
from carts import CARTS, example_cart
from sqlalchemy import Connection, Engine, text

from gateway.app import create_app
from gateway.logs import configure_logging
from gateway.settings import LogSettings, Settings, StorageSettings, UpstreamSettings
from gateway.storage import open_database

TRACE = "/tmf-api/checkoutManagement/v1/trace"
RATIO_MAX = 3.0
# Checkouts that are asked for.
SAMPLE = 300
# Checkouts that are made in one transaction.
CHUNK = 50_000
PER_CUSTOMER, PER_CLIENT, PER_DRAFT = 5, 20, 10
# Ids of carts and checkouts are in the order of time, as those of the gateway are.
CART, CHECKOUT = "01a000000000", "01b000000000"
SOURCE = {
    "sqlite": "(WITH RECURSIVE made(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM made WHERE n < :last) SELECT n FROM made) AS numbers",
    "postgresql": "(SELECT n FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS made(n)) AS numbers",
}
PADDED = {"sqlite": "printf('%0{width}d', {value})", "postgresql": "lpad(({value})::text, {width}, '0')"}
REQUEST = json.dumps({"upstream": "crm", "relatedParty": [{"id": "CUSTOMER", "role": "customer"}]})
ITEMS = json.dumps([{"cartItemId": f"{n:02d}", "productOrderItemId": f"{n}"} for n in (1, 2)])
LINES = json.dumps({"1": {"line_id": "802-LINE-1", "state": "inProgress"}, "2": {"line_id": "802-LINE-2"}})


def seed(connection: Connection, first: int, last: int) -> None:
    """Store the checkouts with the numbers from `first` to `last`, and everything around them."""
    dialect = connection.dialect.name

    def padded(value: str, width: int) -> str:
        return PADDED[dialect].format(value=value, width=width)

    cart, checkout = f"'{CART}' || {padded('n', 20)}", f"'{CHECKOUT}' || {padded('n', 20)}"
    number, true = padded("n", 8), "1" if dialect == "sqlite" else "TRUE"
    customer, client, false = (
        f"'CD' || (n / {PER_CUSTOMER})",
        f"'shop-' || (n / {PER_CLIENT})",
        "0" if dialect == "sqlite" else "FALSE",
    )
    moment = "1760000000000000 + n * 1000"
    document = (
        "'" + json.dumps({"id": "CARTID", "href": f"http://127.0.0.1:8663{CARTS}/CARTID", **example_cart()}) + "'"
    )
    parts = document.replace("CARTID", f"' || {cart} || '")

    def insert(table: str, *rows: dict[str, str], where: str = "true") -> None:
        """Add rows for every checkout, those of one checkout together, as the gateway writes them."""
        names, made = ", ".join(rows[0]), []
        for place, row in enumerate(rows):
            values = ", ".join(f"{value} AS {name}" for name, value in row.items()).replace(":", r"\:")
            made.append(f"SELECT n, {place} AS place, {values} FROM {SOURCE[dialect]} WHERE {where}")  # noqa: S608
        everything = " UNION ALL ".join(made)
        statement = f"INSERT INTO {table} (tenant, {names}) SELECT 'default', {names} FROM ({everything}) AS made ORDER BY n, place"  # noqa: S608 - expressions of this program
        connection.execute(text(statement), {"first": first, "last": last})

    insert(
        "cart",
        dict(  # noqa: C408 - the names are columns
            id=cart,
            version="1",
            document=parts,
            checkout_id=checkout,
            ordered=true,
            created_at=moment,
            updated_at=moment,
            v4_complete=true,
            owner=client,
        ),
    )
    zeros = (
        "generation",
        "attempt",
        "probe",
        "unknowns",
        "mismatches",
        "fence",
        "lease_until",
        "claims_without_progress",
        "track_attempt",
    )
    insert(
        "checkout",
        dict(
            id=checkout,
            state="'submitted'",
            upstream="'crm'",
            mapping="'salesforce-v4'",
            external_id=f"'WEB-' || {number}",
            cart_id=cart,
            cart_version="1",
            cart_live=true,
            owner=client,
            correlation_id=f"'request-' || {number}",
            request_hash="'h'",
            submit=true,
            cancel_requested=false,
            marker_root=padded("n", 16),
            plan_hash="'h'",
            steps_total="3",
            step="3",
            step_state="'PLANNED'",
            first_sent_at=moment,
            sent_at=moment,
            order_id=number,
            order_state="'inProgress'",
            upstream_state="'In Progress'",
            version="7",
            created_at=moment,
            updated_at=moment,
            **dict.fromkeys(zeros, "0"),
        ),
    )
    keys = {
        "shoppingCart": cart,
        "externalId": f"'WEB-' || {number}",
        "marker": f"'gw1-' || {padded('n', 16)} || '-0'",
        "productOrder": number,
        "party": customer,
        "correlationId": f"'request-' || {number}",
        "traceId": padded("n", 32),
        "orderLine": f"'802-' || {number} || '-1'",
    }
    leading = [*keys.items(), ("orderLine", f"'802-' || {number} || '-2'")]
    insert("checkout_key", *({"value": value, "checkout_id": checkout, "kind": f"'{kind}'"} for kind, value in leading))
    documents = {
        "request": "'" + REQUEST.replace("CUSTOMER", f"' || {customer} || '") + "'",
        "items": f"'{ITEMS}'",
        "lines": "'" + LINES.replace("LINE", f"' || {number} || '") + "'",
        "findings": "'[]'",
    }
    insert(
        "checkout_document",
        *({"checkout_id": checkout, "kind": f"'{kind}'", "document": value} for kind, value in documents.items()),
    )
    of_call = {"state": "'done'", "attempts": "1", "item_count": "1", "byte_count": "500"}
    of_call |= {"checkout_id": checkout, "generation": "0", "started_at": moment, "ended_at": moment}
    calls = enumerate(("create", "add", "submit"), 1)
    insert("checkout_step", *({**of_call, "sequence": str(sequence), "kind": f"'{kind}'"} for sequence, kind in calls))
    given_up = f"n % {PER_DRAFT} = 0"
    draft = {"marker": f"'gw1-' || {padded('n', 16)} || '-0'", "order_id": f"'D' || {number}", "upstream": "'crm'"}
    draft |= {"checkout_id": checkout, "since": moment, "attempt": "3", "state": "'voided'"}
    insert("abandoned_draft", draft, where=given_up)
    insert(
        "checkout_key",
        {"value": f"'D' || {number}", "checkout_id": checkout, "kind": "'productOrder'"},
        where=given_up,
    )
    seen = {"upstream": "'crm'", "dedup_key": f"'event-' || {number}", "order_id": number, "state": "'done'"}
    seen |= {"attempts": "0", "received_at": moment, "raw": '\'{"eventType": "x"}\''}
    insert("inbox", seen, where=given_up)
    insert("cart_party", {"party_id": customer, "cart_id": cart})


def ids(numbers: Sequence[int], chance: random.Random) -> dict[str, Callable[[], str]]:
    """Return, by kind of id, what is asked for, drawn anew each time from these checkouts: the rest of the query after `id=`."""

    def any_number(step: int = 1) -> int:
        return chance.choice(numbers) // step * step

    return {
        "checkout": lambda: f"{CHECKOUT}{any_number():020d}",
        "shoppingCart": lambda: f"{CART}{any_number():020d}",
        "cartItem": lambda: f"{CART}{any_number():020d}&cartItem.id=02",
        "productOrder": lambda: f"{any_number():08d}",
        "abandonedOrder": lambda: f"D{any_number(PER_DRAFT):08d}",
        "marker": lambda: f"gw1-{any_number():016d}-0",
        "externalId": lambda: f"WEB-{any_number():08d}",
        "orderLine": lambda: f"802-{any_number():08d}-2",
        "correlationId": lambda: f"request-{any_number():08d}",
        "traceId": lambda: f"{any_number():032d}",
        "party": lambda: f"CD{any_number() // PER_CUSTOMER}&limit=1",
        "client": lambda: f"shop-{any_number() // PER_CLIENT}&limit=1",
    }


def settings_of(url: str) -> Settings:
    """Return the settings of the servers."""
    crm = UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4")
    return Settings(storage=StorageSettings(url=url), upstreams={"crm": crm})


def serve(url: str) -> None:
    """Serve the API alone in this process and print its port."""
    configure_logging(LogSettings(level="warning"))
    serve_here(create_app(settings_of(url)))


async def compare(url: str, options: argparse.Namespace) -> bool:
    """Measure every kind of id beside a cart; return whether every ratio is within its bound."""
    chance = random.Random(663)
    numbers = chance.sample(range(options.checkouts), SAMPLE)
    kinds = ids(numbers, chance)
    met = True
    with serving(__file__, "--serve", url) as target:

        async def once(make: Callable[[], str]) -> None:
            """Ask for everything that is asked for in the rounds: the pages of the database are in memory then."""
            asked = iter(make() for _ in range(4 * SAMPLE))
            reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
            for path in asked:
                writer.write(request("GET", path))
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            writer.close()

        async def rate(make: Callable[[], str]) -> Rate:
            def requests() -> Iterator[bytes]:
                while True:
                    yield request("GET", make())

            return await load(target, requests(), b"20", 1, options.seconds)

        def a_cart() -> str:
            return f"{CARTS}/{CART}{chance.choice(numbers):020d}"

        await once(a_cart)
        for kind, make in kinds.items():
            if options.kinds and kind not in options.kinds.split(","):
                continue

            def a_trace(make: Callable[[], str] = make) -> str:
                return f"{TRACE}?id={quote(make(), safe='&=')}"

            await once(a_trace)
            pairs = [(await rate(a_cart), await rate(a_trace)) for _ in range(options.rounds)]
            processor = [(cart.processor_microseconds, trace.processor_microseconds) for cart, trace in pairs]
            waited = [(1e6 / cart.per_second, 1e6 / trace.per_second) for cart, trace in pairs]
            result = {
                "benchmark": "trace",
                "kind": kind,
                "database": urlsplit(url).scheme,
                "checkouts": options.checkouts,
                "processor_ratio": round(statistics.median(trace / cart for cart, trace in processor), 2),
                "ratio": round(statistics.median(trace / cart for cart, trace in waited), 2),
                "ratio_max": RATIO_MAX,
                "processor_microseconds": [round(statistics.median(side)) for side in zip(*processor, strict=True)],
                "median_microseconds": [round(statistics.median(side)) for side in zip(*waited, strict=True)],
                "rounds": len(pairs),
            }
            result["met"] = min(result["processor_ratio"], result["ratio"]) < RATIO_MAX
            met &= tell(result)
    return met


def fill(engine: Engine, count: int) -> None:
    """Store so many checkouts: as fast as the database can, for what is lost when the machine stops is made again."""
    sqlite = engine.dialect.name == "sqlite"
    haste = (
        ("PRAGMA synchronous = OFF", "PRAGMA foreign_keys = OFF", "PRAGMA cache_size = -1000000")
        if sqlite
        else ("SET synchronous_commit = off", "SET session_replication_role = replica")
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for setting in haste:
            connection.exec_driver_sql(setting)
        for first in range(0, count, CHUNK):
            connection.exec_driver_sql("BEGIN")
            seed(connection, first, min(first + CHUNK, count) - 1)
            connection.exec_driver_sql("COMMIT")
        if not sqlite:
            connection.exec_driver_sql("VACUUM ANALYZE")
        # The settings are those of this connection.
        connection.invalidate()


def measure(url: str, options: argparse.Namespace) -> bool:
    """Fill a database, then measure."""
    database = open_database(StorageSettings(url=url))
    started = time.monotonic()
    fill(database.engine, options.checkouts)
    asyncio.run(database.close())
    print(f"{options.checkouts} checkouts made in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return bool(uvloop.run(compare(url, options)))


def main() -> None:
    """Read the options and measure, or serve when started as a server."""
    if len(sys.argv) == 3 and sys.argv[1] == "--serve":
        serve(sys.argv[2])
        return
    wanted = parser(__doc__)
    wanted.add_argument("--checkouts", type=int, default=1_000_000)
    wanted.add_argument("--databases", default=KINDS)
    wanted.add_argument("--kinds", default="", help="some kinds of ids, separated by commas; empty: all")
    wanted.add_argument("--seconds", type=float, default=0.5)
    wanted.add_argument("--rounds", type=int, default=9)
    options = wanted.parse_args()
    results = []
    for kind in options.databases.split(","):
        with databases(kind) as created:
            results.append(measure(created(), options))
    end(results)


if __name__ == "__main__":
    main()
