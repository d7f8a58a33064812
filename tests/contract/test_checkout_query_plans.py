"""Whatever is stored: what looks for due work and for an order's checkout reads an index, and only what it needs of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from checkout_work import NOW, store_checkout
from sqlalchemy import Connection, event, insert, select, text

from gateway.checkouts.reading import listing
from gateway.checkouts.stored import figures, store
from gateway.lanes import Lane
from gateway.settings import Settings
from gateway.storage.leases import Lease
from gateway.storage.tables import checkout
from gateway.submission import claims
from gateway.submission.wrong_clock import is_anything_put_off_too_far, longest_waits
from gateway.tracking import store as tracking

WAITS = longest_waits(Settings(), [])
COMPLETED, QUEUED, TENANTS = 3_000, 2_000, 4


def rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return very many checkouts that have ended, some that are due, some that wait, and some whose order is followed."""
    made = []
    for number in range(COMPLETED + QUEUED):
        row = {
            **record,
            "id": f"k{number}",
            "tenant": f"tenant-{number % TENANTS}",
            "cart_id": None,
            "cart_live": False,
        }
        row |= {"idempotency_key": None, "order_id": f"order-{number}", "due_at": None, "track_due_at": None}
        if number < COMPLETED:
            row["state"] = "completed"
        elif number % 3 == 0:
            row |= {"state": "submitted", "track_due_at": soon(number % 50 - 25)}
        else:
            row |= {"state": "drafting", "due_at": soon(number % 50 - 25)}
        made.append(row)
    return made


def soon(seconds: float) -> Any:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
async def full(database):
    await store_checkout(database, cart_id=None, cart_live=False)

    def fill(connection: Connection) -> None:
        record = dict(connection.execute(select(checkout)).one()._mapping)
        connection.execute(insert(checkout), rows(record))

    await database.write(fill)
    return database


def plans(connection: Connection, function: Callable[[Connection], object]) -> list[str]:
    """Return the plan of every statement that a function runs."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    try:
        function(connection)
    finally:
        event.remove(connection, "before_cursor_execute", note)
    is_sqlite = connection.dialect.name == "sqlite"
    found = []
    for statement, parameters in seen:
        shown = statement.replace("FOR UPDATE SKIP LOCKED", "")
        prefix = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
        explained = connection.exec_driver_sql(prefix + shown, parameters)
        found.append("\n".join(str(row[-1]) for row in explained))
    return found


def page_of(column: str) -> Callable[[Connection], object]:
    return lambda connection: listing.list_page(
        connection, "tenant-1", listing.Asked({column: [f"{column}-9"]}), offset=0, limit=20
    )


LOOKS: dict[str, tuple[Callable[[Connection], object], str]] = {
    "whose work is due": (lambda c: claims.lanes_with_due_work(c, NOW), "ix_checkout_due"),
    "a claim": (
        lambda c: claims.claim(c, Lane("tenant-1", "shop"), Lease("me", NOW, 60), 10),
        "ix_checkout_due",
    ),
    "orders to be read": (lambda c: tracking.due_orders(c, NOW, 10), "ix_checkout_track_due"),
    "what a clock put off": (lambda c: is_anything_put_off_too_far(c, NOW, WAITS), "ix_checkout_due"),
    "the longest due": (figures.longest_due, "ix_checkout_due"),
    "checkouts of an order": (page_of("order_id"), "ix_checkout_order"),
    "checkouts by external id": (page_of("external_id"), "ix_checkout_external"),
    "checkouts of a cart": (page_of("cart_id"), "ix_checkout_cart"),
    "a checkout by order": (lambda c: store.get_by_order(c, "tenant-1", "shop", "order_id-9"), "ix_checkout_order"),
}


@pytest.mark.parametrize("look", LOOKS)
async def test_an_index_leads_to_what_is_looked_for(full, look: str) -> None:
    function, index = LOOKS[look]

    def explained(connection: Connection) -> list[str]:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ANALYZE checkout"))
        return plans(connection, function)

    found = await full.write(explained)
    # Whose order a number was that was given up is looked up first.
    first = [plan for plan in found if "abandoned_draft" not in plan]
    assert index in first[0], found
    if look == "checkouts of an order":
        assert "ix_abandoned_draft_order" in found[0], found
    # Rows that are known by their key may be read by it; and PostgreSQL, which counts, may take the index of what has not ended.
    others = {"sqlite_autoindex_checkout_1", "checkout_pkey", "pk_checkout", "ix_checkout_unfinished"}
    # What a clock put off is looked for among next steps and next reads.
    others |= {"ix_checkout_track_due"}
    used = re.findall(
        r"checkout USING (?:COVERING )?INDEX (\w+)|using (\w+) on checkout|Index Scan on (ix_checkout\w+)",
        "\n".join(found),
    )
    assert {name for names in used for name in names if name} <= {index, *others}
    assert not [
        plan for plan in found if re.search(r"SCAN checkout$|Seq Scan on checkout|FOR DISTINCT", plan, re.MULTILINE)
    ]


def instructions(connection: Connection, function: Callable[[Connection], object]) -> int:
    """Return how many instructions of SQLite's machine the statements of a function take, in steps of ten."""
    driver: Any = connection.connection.driver_connection
    steps: list[None] = []
    driver.set_progress_handler(lambda: steps.append(None), 10)
    try:
        function(connection)
    finally:
        driver.set_progress_handler(None, 0)
    return 10 * len(steps)


@pytest.mark.parametrize(
    ("look", "most"), [("whose work is due", 3_000), ("orders to be read", 12_000), ("the longest due", 3_000)]
)
async def test_a_look_costs_no_more_where_very_many_wait(full, look: str, most: int) -> None:
    if full.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL tells by its plan alone what it would read")
    function, _ = LOOKS[look]
    taken = await full.write(lambda connection: instructions(connection, function))
    assert 0 < taken < most, taken
