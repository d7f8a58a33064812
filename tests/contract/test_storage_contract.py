"""What every stage relies on, on both databases: a write is durable or had no effect, and nobody hurts a neighbour."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InternalError

from gateway.clock import utc_now
from gateway.commands.schema import ready_schema
from gateway.errors import ConflictError, SchemaError, UnavailableError
from gateway.settings import StorageSettings
from gateway.storage import Database, audit, open_database
from gateway.storage.audit import Deed, Wanted
from gateway.storage.schema import migrate, require_current_schema, schema_versions

INSERT = text(
    "INSERT INTO cart (tenant, id, version, document, created_at, updated_at) VALUES ('t', :id, 1, :document, 0, 0)"
)


def insert(connection: Connection, cart_id: str, document: str = "{}") -> str:
    connection.execute(INSERT, {"id": cart_id, "document": document})
    return cart_id


def count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM cart")).scalar_one())


async def test_a_write_returns_the_value_of_its_function_and_is_seen_by_the_next_read(database: Database) -> None:
    assert await database.write(lambda c: insert(c, "one")) == "one"
    assert await database.read(count) == 1
    assert await database.read_brief(count) == 1


async def test_a_function_that_raises_leaves_nothing_behind(database: Database) -> None:
    def failing(connection: Connection) -> None:
        insert(connection, "one")
        raise ConflictError("no")

    with pytest.raises(ConflictError):
        await database.write(failing)

    assert await database.read(count) == 0


async def test_functions_that_fail_do_not_hurt_their_neighbours(database: Database) -> None:
    """Many writes at once, every third one failing half-way: exactly the others are there."""

    def write(index: int) -> Any:
        def function(connection: Connection) -> int:
            insert(connection, f"cart {index}")
            if index % 3 == 0:
                raise ValueError(index)
            if index % 3 == 1:
                return index
            # The database itself refuses this one, as a duplicate.
            insert(connection, f"cart {index}")
            return index

        return database.write(function)

    results = await asyncio.gather(*(write(index) for index in range(60)), return_exceptions=True)

    kinds = [type(result) for result in results]
    assert kinds == [ValueError, int, IntegrityError] * 20
    assert await database.read(count) == 20


async def test_what_a_read_changes_is_not_kept(database: Database) -> None:
    # PostgreSQL refuses it as a mistake of ours, not as something that passes; SQLite's is rolled back.
    with contextlib.suppress(InternalError):
        await database.read(lambda c: insert(c, "one"))

    assert await database.read(count) == 0


@pytest.mark.postgres
async def test_a_read_that_comes_often_is_planned_once(postgresql_url: str) -> None:
    """psycopg prepares what it has executed five times, and throws everything prepared away with a rollback."""
    database = open_database(StorageSettings(url=postgresql_url, connections_max=1))
    for _ in range(12):
        assert await database.read(count) == 0

    planned = await database.read(
        lambda c: c.execute(
            text("SELECT generic_plans FROM pg_prepared_statements WHERE statement = 'SELECT count(*) FROM cart'")
        ).scalar_one()
    )
    assert planned > 0
    await database.close()


async def test_a_caller_that_gives_up_does_not_disturb_the_others(database: Database) -> None:
    tasks = [asyncio.create_task(database.write(lambda c, i=index: insert(c, f"{i}"))) for index in range(20)]
    await asyncio.sleep(0)
    tasks[10].cancel()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert sum(isinstance(result, str) for result in results) == 19
    assert await database.read(count) in {19, 20}
    assert await database.write(lambda c: insert(c, "after")) == "after"


async def test_what_was_written_is_there_after_closing_and_opening_again(storage: StorageSettings) -> None:
    first = open_database(storage)
    await first.write(lambda c: insert(c, "one", "Grüße 🛒"))
    await first.close()

    second = open_database(storage)
    document = await second.read(lambda c: c.execute(text("SELECT document FROM cart")).scalar_one())
    await second.close()

    assert document == "Grüße 🛒"


async def test_more_writes_than_the_queue_holds_are_turned_away(storage: StorageSettings) -> None:
    narrow = StorageSettings(url=storage.url, connections_max=2, write_queue_max=2)
    database = open_database(narrow)

    results = await asyncio.gather(
        *(database.write(lambda c, i=index: insert(c, f"{i}")) for index in range(50)), return_exceptions=True
    )
    stored = await database.read(count)
    await database.close()

    refused = [result for result in results if isinstance(result, UnavailableError)]
    assert refused
    assert refused[0].headers["Retry-After"]
    assert stored == 50 - len(refused)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def bare_storage(request: pytest.FixtureRequest, tmp_path: Path) -> StorageSettings:
    """Storage settings of a database of each kind without a schema."""
    if request.param == "sqlite":
        return StorageSettings(url=f"sqlite:///{tmp_path / 'bare.db'}")
    url: str = request.getfixturevalue("postgresql_url")
    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return StorageSettings(url=url)


async def test_two_migrations_at_once_both_succeed(bare_storage: StorageSettings) -> None:
    databases = [open_database(bare_storage), open_database(bare_storage)]

    await asyncio.gather(*(asyncio.to_thread(migrate, database.engine) for database in databases))

    for database in databases:
        require_current_schema(database.engine)
        with database.engine.connect() as connection:
            current, needed = schema_versions(connection)
        assert current == needed
        await database.close()


async def test_times_of_the_database_are_aware_and_do_not_go_back(database: Database) -> None:
    first = await database.read(database.now)
    second = await database.read(database.now)

    assert first.tzinfo is not None
    assert first <= second


async def test_d9_a_schema_newer_than_this_version_is_refused_in_a_sentence_and_left_alone(
    bare_storage: StorageSettings,
) -> None:
    database = open_database(bare_storage)
    migrate(database.engine)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'zzz_newer'"))

    for function in (migrate, require_current_schema):
        with pytest.raises(SchemaError, match=r"at zzz_newer, which this version does not know: it is newer\. Upgrade"):
            function(database.engine)
    with database.engine.connect() as connection:
        assert schema_versions(connection)[0] == "zzz_newer"
    await database.close()
    with pytest.raises(SchemaError, match="Upgrade the gateway"):
        await asyncio.to_thread(ready_schema, bare_storage)


async def test_what_the_audit_says_is_not_changed_and_removed_only_when_it_is_old(database: Database) -> None:
    now = utc_now()
    deed = Deed(tenant="t", client="anna", roles=("operator",), action="close", resource="checkout", resource_id="1")
    await database.write(lambda c: audit.record(c, deed, now))

    def clients(connection: Connection) -> list[str]:
        return [row.deed.client for row in audit.find(connection, "t", Wanted(), offset=0, limit=10)[0]]

    with pytest.raises(DBAPIError, match="append-only"):
        await database.write(lambda c: c.execute(text("UPDATE audit SET client = 'bob'")))
    assert await database.read(clients) == ["anna"]
    assert await database.write(lambda c: audit.forget(c, "t", now, 10)) == 0
    assert await database.write(lambda c: audit.forget(c, "t", now + timedelta(seconds=1), 10)) == 1
