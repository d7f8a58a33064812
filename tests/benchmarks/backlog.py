"""What looking for due work and for an order's checkout costs, whatever is stored, in SQLite and in PostgreSQL.

    python tests/benchmarks/backlog.py [--ended 200000] [--queued 50000] [--databases sqlite,postgresql] [--rounds 40]

Three databases of each kind: one with 100 checkouts that are due, one with very many that have ended beside them, one with very many
that are due. The looks of the worker and the tracker take turns in short rounds, a claim is rolled back. Prints a JSON object for
each look: the time in each database (of SQLite the thread's processor time, of PostgreSQL what is waited for; the least of the rounds'
means) and its ratio to the first. Exit code 1 when the looks together take more than 1.2 times as long as in the first.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from bench.databases import KINDS, Kind, databases, opened
from bench.runs import end, parser, tell
from sqlalchemy import Connection, Engine, text

from gateway.checkouts.reading import listing
from gateway.checkouts.stored import figures, store
from gateway.storage.leases import Lease
from gateway.storage.tables import EPOCH
from gateway.submission import claims
from gateway.submission.shares import Lane
from gateway.tracking import store as tracking

RATIO_MAX: Final = 1.2
DUE: Final = 100
PER_ROUND: Final = 20
BEGAN: Final = 1_760_000_000_000_000
NOW: Final = EPOCH + timedelta(microseconds=BEGAN) + timedelta(days=30)
SOURCE: Final = {
    "sqlite": "(WITH RECURSIVE made(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM made WHERE n < :count) SELECT n FROM made) AS numbers",
    "postgresql": "(SELECT n FROM generate_series(1, :count) AS made(n)) AS numbers",
}
ZEROS: Final = ("generation", "attempt", "probe", "unknowns", "mismatches", "fence", "lease_until", "track_attempt")
LOOKS: Final[dict[str, Callable[[Connection], object]]] = {
    "whose work is due": lambda connection: claims.lanes_with_due_work(connection, NOW),
    "a claim": lambda connection: claims.claim(connection, Lane("default", "crm"), Lease("me", NOW, 60), 10),
    "orders to be read": lambda connection: tracking.due_orders(connection, NOW, 10),
    "a checkout by its order": lambda connection: store.get_by_order(connection, "default", "crm", "queued-7"),
    "checkouts of an order": lambda connection: listing.list_page(
        connection, "default", listing.Asked({"order_id": ["queued-7"]}), offset=0, limit=20
    ),
    "the longest due": figures.longest_due,
}


def fill(connection: Connection, count: int, *, ended: bool) -> None:
    """Store checkouts that have ended, or that are due."""
    if not count:
        return
    dialect = connection.dialect.name
    true, false = ("1", "0") if dialect == "sqlite" else ("TRUE", "FALSE")
    word, moment = "ended" if ended else "queued", f"{BEGAN} + n * 1000"
    columns = {
        "tenant": "'default'",
        "id": f"'{word}-' || n",
        "state": "'completed'" if ended else "'drafting'",
        "upstream": "'crm'",
        "mapping": "'salesforce-v4'",
        "external_id": f"'WEB-{word}-' || n",
        "cart_version": "1",
        "cart_live": false,
        "owner": "'shop'",
        "correlation_id": "'request-' || n",
        "request_hash": "'h'",
        "submit": true,
        "cancel_requested": false,
        "marker_root": f"'{word}' || n",
        "plan_hash": "'h'",
        "steps_total": "3",
        "step": "3" if ended else "0",
        "step_state": "'PLANNED'",
        "claims_without_progress": "0",
        "order_id": f"'{word}-' || n",
        "version": "7",
        "due_at": "NULL" if ended else moment,
        "created_at": moment,
        "updated_at": moment,
        **dict.fromkeys(ZEROS, "0"),
    }
    names, values = ", ".join(columns), ", ".join(columns.values())
    statement = f"INSERT INTO checkout ({names}) SELECT {values} FROM {SOURCE[dialect]}"  # noqa: S608 - expressions of this program
    connection.execute(text(statement), {"count": count})


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Give a connection in a transaction, which is rolled back unless it was committed."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.rollback()


def filled(url: str, ended: int, queued: int) -> Engine:
    """Return the engine of a new database with so many checkouts."""
    engine = opened(url).engine
    with transaction(engine) as connection:
        fill(connection, ended, ended=True)
        fill(connection, queued, ended=False)
        connection.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "PRAGMA wal_checkpoint")
    return engine


def seconds(engine: Engine, look: Callable[[Connection], object]) -> float:
    """Return how long a look takes, the mean of some, after one that does not count."""
    clock = time.thread_time if engine.dialect.name == "sqlite" else time.perf_counter
    spent = 0.0
    for number in range(PER_ROUND + 1):
        with transaction(engine) as connection:
            began = clock()
            look(connection)
            spent += clock() - began if number else 0.0
    return spent / PER_ROUND


def compare(kind: str, engines: dict[str, Engine], rounds: int) -> bool:
    """Measure every look in every database; return whether all of them together stay within the bound."""
    together = dict.fromkeys(engines, 0.0)
    for name, look in LOOKS.items():
        least = dict.fromkeys(engines, float("inf"))
        for _ in range(rounds):
            for stored, engine in engines.items():
                least[stored] = min(least[stored], seconds(engine, look))
        told(kind, name, least)
        together = {stored: together[stored] + least[stored] for stored in engines}
    return told(kind, "all together", together, ratio_max=RATIO_MAX)


def told(kind: str, look: str, least: dict[str, float], **bound: float) -> bool:
    """Print what was measured of a look; return whether it is within the bound, if there is one."""
    first = least["few"]
    ratios = {stored: round(value / first, 2) for stored, value in least.items()}
    result = {"benchmark": "backlog", "database": kind, "look": look, "ratio": ratios, **bound}
    result["microseconds"] = {stored: round(value * 1e6, 1) for stored, value in least.items()}
    if bound:
        result["met"] = max(ratios.values()) <= bound["ratio_max"]
    return tell(result)


def measure(kind: Kind, create: Callable[[], str], options: argparse.Namespace) -> bool:
    """Fill the databases, then measure."""
    stored = {"few": (0, DUE), "ended": (options.ended, DUE), "queued": (0, options.queued + DUE)}
    began = time.monotonic()
    engines = {name: filled(create(), *counts) for name, counts in stored.items()}
    print(f"databases made in {time.monotonic() - began:.0f} s", file=sys.stderr)
    try:
        return compare(kind, engines, options.rounds)
    finally:
        for engine in engines.values():
            engine.dispose()


def main() -> None:
    """Read the options and measure."""
    wanted = parser(__doc__)
    wanted.add_argument("--ended", type=int, default=200_000)
    wanted.add_argument("--queued", type=int, default=50_000)
    wanted.add_argument("--databases", default=KINDS)
    wanted.add_argument("--rounds", type=int, default=40)
    options = wanted.parse_args()
    results = []
    for kind in options.databases.split(","):
        with databases(kind) as created:
            results.append(measure(kind, created, options))
    end(results)


if __name__ == "__main__":
    main()
