"""What a list of carts with a filter on id, href or a party's id costs does not grow with the carts: SQLite's plan names the index.

PostgreSQL chooses by the size of the table; `tests/benchmarks/cart_filter.py` measures both over a million carts.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from gateway.carts.dialects import V4
from gateway.carts.search import find_page
from gateway.filters.paging import Page
from gateway.filters.parse import parse_filter
from gateway.settings import StorageSettings
from gateway.storage import open_database

HREF = "http://gateway.test/tmf-api/shoppingCart/v4/shoppingCart/c1"


async def plans_of(url: str, name: str, value: str) -> list[list[str]]:
    """Return SQLite's plan of each statement that a list with this filter runs over carts."""
    problems: list[Any] = []
    wanted = parse_filter([(name, value)], problems)
    assert not problems
    database = open_database(StorageSettings(url=url, readers_max=2))
    statements: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "cart" in statement:
            statements.append((statement, parameters))

    def plans(connection: Any) -> list[list[str]]:
        event.listen(connection, "before_cursor_execute", keep)
        find_page(connection, "acme", V4, wanted, (), Page(100, 0, asked=True))
        event.remove(connection, "before_cursor_execute", keep)
        return [
            [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for statement, parameters in statements
        ]

    try:
        return await database.read(plans)
    finally:
        await database.close()


@pytest.mark.parametrize(("name", "value"), [("id", "c1"), ("href", HREF), ("relatedParty.id", "42")])
async def test_a_filter_on_an_index_looks_carts_up(sqlite_url: str, name: str, value: str) -> None:
    plans = await plans_of(sqlite_url, name, value)

    assert plans
    for plan in plans:
        assert any("SEARCH cart USING" in line and "id=?" in line for line in plan), plan
        assert not [line for line in plan if line.startswith("SCAN cart")], plan
        if name == "relatedParty.id":
            assert any("SEARCH cart_party USING PRIMARY KEY (tenant=? AND party_id=?)" in line for line in plan), plan


async def test_any_other_filter_reads_the_tenants_carts(sqlite_url: str) -> None:
    """So that the plans above are known to tell the difference."""
    plans = await plans_of(sqlite_url, "name", "x")

    assert plans
    for plan in plans:
        assert not any("AND id=?" in line for line in plan), plan
