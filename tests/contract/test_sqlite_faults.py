"""SQLite as it is used here: durable pragmas, patience with a lock, clean refusal when it lasts or the disk is full."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import NoneType

import pytest
from sqlalchemy import Connection, text

from gateway.errors import ConflictError, UnavailableError
from gateway.settings import StorageSettings
from gateway.storage import Database, open_database
from gateway.storage.group_commit import GROUP_SECONDS_MAX
from gateway.storage.schema import migrate

HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("COMMIT")
"""


@contextmanager
def lock_held(path: Path, seconds: float) -> Iterator[None]:
    """Let another process hold the write lock for `seconds`."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path), str(seconds)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            process.kill()


def insert(connection: Connection, cart_id: str, document: str = "{}") -> None:
    connection.execute(
        text("INSERT INTO cart (tenant, id, version, document, created_at, updated_at) VALUES ('t', :i, 1, :d, 0, 0)"),
        {"i": cart_id, "d": document},
    )


def count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM cart")).scalar_one())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    opened = open_database(StorageSettings(url=f"sqlite:///{path}", busy_timeout_seconds=2, readers_max=2))
    migrate(opened.engine)
    yield opened
    await opened.close()


async def test_every_connection_is_durable_and_patient(database: Database) -> None:
    def pragmas(connection: Connection) -> tuple[int, str, int, int]:
        return (
            connection.exec_driver_sql("PRAGMA synchronous").scalar_one(),
            connection.exec_driver_sql("PRAGMA journal_mode").scalar_one(),
            connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one(),
            connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one(),
        )

    for found in (await database.write(pragmas), await database.read(pragmas), await database.read_brief(pragmas)):
        assert found[0] >= 2
        assert found[1:] == ("wal", 1, 2000)


async def test_the_file_is_readable_by_its_owner_only(database: Database, path: Path) -> None:
    await database.write(lambda c: insert(c, "one"))

    assert os.stat(path).st_mode & 0o077 == 0  # noqa: PTH116 - one look at a local file


async def test_a_short_lock_of_another_process_is_waited_for(database: Database, path: Path) -> None:
    with lock_held(path, 1.0):
        started = time.monotonic()
        await database.write(lambda c: insert(c, "one"))
        waited = time.monotonic() - started

    assert 0.5 < waited < 2
    assert await database.read(count) == 1


async def test_a_long_lock_is_a_503_and_reads_go_on(database: Database, path: Path) -> None:
    with lock_held(path, 30):
        with pytest.raises(UnavailableError) as caught:
            await database.write(lambda c: insert(c, "one"))
        assert await database.read(count) == 0

    assert caught.value.headers["Retry-After"]

    await database.write(lambda c: insert(c, "two"))
    assert await database.read(count) == 1


async def test_a_full_disk_is_a_503_reads_go_on_and_it_recovers(database: Database, path: Path) -> None:
    await database.write(lambda c: insert(c, "before"))

    # The limit belongs to a connection, so it is set where the writes are.
    pages = await database.write(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar_one())
    await database.write(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {pages}"))

    with pytest.raises(UnavailableError):
        await database.write(lambda c: insert(c, "large", "x" * 200_000))
    assert await database.read(count) == 1

    await database.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 1000000"))
    await database.write(lambda c: insert(c, "large", "x" * 200_000))

    assert await database.read(count) == 2
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_what_raises_has_little_of_the_others_run_again(database: Database) -> None:
    """A group is committed when its time is over: what comes later in the queue undoes nothing of it."""
    runs: list[str] = []

    def slow(connection: Connection) -> None:
        runs.append("slow")
        insert(connection, "slow")
        time.sleep(GROUP_SECONDS_MAX * 1.2)

    def failing(connection: Connection) -> None:
        runs.append("failing")
        insert(connection, "failing")
        raise ConflictError("no")

    def quick(connection: Connection) -> None:
        runs.append("quick")
        insert(connection, "quick")

    results = await asyncio.gather(*map(database.write, (slow, failing, quick)), return_exceptions=True)

    assert [type(result) for result in results] == [NoneType, ConflictError, NoneType]
    assert runs == ["slow", "failing", "quick"]
    assert await database.read(count) == 2


async def test_a_group_that_takes_long_does_not_keep_what_is_done_from_its_caller(database: Database) -> None:
    first_is_answered = threading.Event()
    waited: list[bool] = []

    def slow(_: Connection) -> None:
        time.sleep(GROUP_SECONDS_MAX * 1.2)

    def waiting(_: Connection) -> None:
        waited.append(first_is_answered.wait(10))

    async def first() -> None:
        await database.write(slow)
        first_is_answered.set()

    await asyncio.gather(first(), database.write(waiting))

    assert waited == [True]


async def test_d2_every_write_begins_with_the_lock(database: Database) -> None:
    """A transaction that begins without it fails at its first write when another process wrote meanwhile, however patient it is."""
    statements: list[str] = []

    def failing(_: Connection) -> None:
        raise ConflictError("no")

    await database.write(lambda c: c.connection.driver_connection.set_trace_callback(statements.append))  # type: ignore[union-attr]
    await database.write(lambda c: insert(c, "one"))
    # One of a group fails, so each is run again by itself.
    await asyncio.gather(
        *(database.write(each) for each in (lambda c: insert(c, "two"), failing, lambda c: insert(c, "three"))),
        return_exceptions=True,
    )
    begun = [each for each in statements if each.upper().startswith("BEGIN")]
    assert len(begun) >= 2
    assert set(begun) == {"BEGIN IMMEDIATE"}
