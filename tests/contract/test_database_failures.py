"""What callers are told when a database fails: 503 with a time to come back, within a bounded time; and then it goes on.

The faults are the server's own (a code that it raises, a lock that somebody holds) or those of the way to it (`database_proxy`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from database_proxy import DatabaseProxy, door_to
from sqlalchemy import Connection, text
from sqlalchemy.exc import InternalError, ProgrammingError

from gateway.commands.schema import ready_schema
from gateway.errors import OperatorError, UnavailableError
from gateway.settings import StorageSettings
from gateway.storage import Database, open_database
from gateway.storage.failures import AWAY, CONTENDED, DAMAGED, FULL, LOCKED, NOT_ANSWERED, READ_ONLY
from gateway.storage.postgresql import CONFLICT_ATTEMPTS_MAX

BUSY_SECONDS = 0.5
postgres = pytest.mark.postgres


def insert(connection: Connection, cart_id: str) -> None:
    connection.execute(
        text(
            "INSERT INTO cart (tenant, id, version, document, created_at, updated_at) VALUES ('t', :i, 1, '{}', 0, 0)"
        ),
        {"i": cart_id},
    )


def count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM cart")).scalar_one())


def raising(code: str, *, writes: bool = True) -> Any:
    """Return a function whose transaction the server ends with this SQLSTATE."""

    def function(connection: Connection) -> None:
        if writes:
            insert(connection, "another")
        connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"))

    return function


@pytest.fixture
def door(postgresql_url: str) -> Iterator[DatabaseProxy]:
    with door_to(postgresql_url) as opened:
        yield opened


@pytest.fixture
async def behind(door: DatabaseProxy) -> AsyncIterator[Database]:
    """A database behind the door, with three threads."""
    opened = open_database(
        StorageSettings(url=door.url, busy_timeout_seconds=BUSY_SECONDS, connections_max=3, read_seconds_max=1.0)
    )
    yield opened
    door.open()
    await opened.close()


async def told(work: Any) -> UnavailableError:
    """Return the 503 that this ends in."""
    with pytest.raises(UnavailableError) as caught:
        await work
    assert int(caught.value.headers["Retry-After"]) > 0
    return caught.value


# ------------------------------------------------------------------------------------------------ D7: a server that stops


@postgres
async def test_d7_a_server_that_stops_is_a_503_at_once_and_is_used_again_when_it_is_back(
    door: DatabaseProxy, behind: Database
) -> None:
    await behind.write(lambda c: insert(c, "before"))
    for round_number in range(3):
        door.shut()
        started = time.monotonic()
        answers = await asyncio.gather(
            *(told(behind.write(lambda c: insert(c, "lost"))) for _ in range(5)),
            *(told(behind.read(count)) for _ in range(5)),
        )
        assert {answer.message for answer in answers} == {AWAY}
        assert time.monotonic() - started < 10
        door.open()
        await behind.write(lambda c, name=f"after {round_number}": insert(c, name))  # type: ignore[misc]
        assert await behind.read(count) == round_number + 2


@postgres
async def test_d7_a_server_that_stops_in_the_middle_of_a_transaction_undoes_it(
    door: DatabaseProxy, behind: Database
) -> None:
    in_the_middle, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        insert(connection, "one")
        in_the_middle.set()
        go_on.wait(10)
        insert(connection, "two")

    writing = asyncio.create_task(behind.write(slow))
    await asyncio.to_thread(in_the_middle.wait, 10)
    door.shut()
    go_on.set()
    assert (await told(writing)).message == AWAY
    door.open()
    assert await behind.read(count) == 0


@postgres
async def test_d7_a_server_that_hangs_keeps_nobody_waiting_for_ever(
    door: DatabaseProxy, behind: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those whose question is under way are told that its effect is not known, the others that nothing was sent."""
    await behind.read(count)
    monkeypatch.setattr(behind, "_answer_seconds_max", 0.5)
    door.hang()
    answers = await asyncio.gather(*(told(behind.write(lambda c: insert(c, "x"))) for _ in range(6)))
    assert sorted(answer.message for answer in answers) == sorted([NOT_ANSWERED] * 3 + [AWAY] * 3)
    door.open()
    async with asyncio.timeout(20):
        while True:
            try:
                await behind.read(count)
                break
            except UnavailableError:
                await asyncio.sleep(0.05)


@postgres
async def test_d7_a_row_that_somebody_holds_for_long_is_a_503_and_pool_and_reads_go_on(
    postgresql_url: str, behind: Database
) -> None:
    """Three threads wait for the row, the fourth caller for a thread: nobody for longer than twice the busy time."""
    await behind.write(lambda c: insert(c, "one"))

    def change(connection: Connection) -> None:
        connection.execute(text("UPDATE cart SET version = version + 1 WHERE id = 'one'"))

    with psycopg.connect(postgresql_url) as other:
        other.execute("SELECT * FROM cart WHERE id = 'one' FOR UPDATE")
        started = time.monotonic()
        answers = await asyncio.gather(*(told(behind.write(change)) for _ in range(8)))
        assert time.monotonic() - started < 10
        assert {answer.message for answer in answers} <= {LOCKED, AWAY}
        assert LOCKED in {answer.message for answer in answers}
        assert await behind.read(count) == 1
    await behind.write(change)
    assert await behind.read(lambda c: c.execute(text("SELECT version FROM cart")).scalar_one()) == 2


@postgres
@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_d7_a_conflict_without_effect_is_run_again_and_told_when_it_goes_on(behind: Database, code: str) -> None:
    runs = 0

    def at_the_third_time(connection: Connection) -> str:
        nonlocal runs
        runs += 1
        insert(connection, f"{runs}")
        if runs < 3:
            raising(code)(connection)
        return "done"

    assert await behind.write(at_the_third_time) == "done"
    assert (runs, await behind.read(count)) == (3, 1)

    runs = -100  # never more than twice
    assert (await told(behind.write(at_the_third_time))).message == CONTENDED
    assert runs == -100 + CONFLICT_ATTEMPTS_MAX
    assert await behind.read(count) == 1


async def test_d7_two_writes_that_lock_each_other_out_both_have_their_effect(database: Database) -> None:
    """(On SQLite they take turns.)"""
    for name in ("one", "two"):
        await database.write(lambda c, name=name: insert(c, name))  # type: ignore[misc]
    meeting = threading.Barrier(2)

    def change(first: str, second: str) -> Any:
        runs = 0

        def function(connection: Connection) -> None:
            nonlocal runs
            runs += 1
            statement = text("UPDATE cart SET version = version + 1 WHERE id = :i")
            connection.execute(statement, {"i": first})
            if runs == 1:
                with contextlib.suppress(threading.BrokenBarrierError):
                    meeting.wait(0.5)
            connection.execute(statement, {"i": second})

        return function

    await asyncio.gather(database.write(change("one", "two")), database.write(change("two", "one")))
    versions = await database.read(lambda c: c.execute(text("SELECT version FROM cart")).scalars().all())
    assert versions == [3, 3]


CANNOT_NOW = [
    ("25P03", AWAY),  # the process stood still in the transaction
    ("57P01", AWAY),  # an administrator ended the connection
    ("53300", AWAY),  # too many connections
    ("55P03", LOCKED),
    ("53100", FULL),
    ("XX001", DAMAGED),
]


@postgres
@pytest.mark.parametrize(("code", "message"), [(READ_ONLY, AWAY), *CANNOT_NOW])
async def test_what_a_server_cannot_do_now_is_a_503_and_leaves_nothing(
    behind: Database, code: str, message: str
) -> None:
    """A server that only reads has become a standby."""
    assert (await told(behind.write(raising(code)))).message == message
    assert await behind.read(count) == 0


@postgres
@pytest.mark.parametrize(("code", "message"), CANNOT_NOW)
async def test_what_a_server_cannot_read_now_is_a_503(behind: Database, code: str, message: str) -> None:
    assert (await told(behind.read(raising(code, writes=False)))).message == message
    assert await behind.read(count) == 0


@postgres
async def test_a_read_that_would_write_is_no_503(behind: Database) -> None:
    """It is a defect of ours: a standby, which says the same to a write, answers reads."""
    with pytest.raises(InternalError):
        await behind.read(lambda c: insert(c, "another"))
    assert await behind.read(count) == 0


@postgres
def test_a_process_that_is_started_while_the_server_is_away_says_so_in_a_sentence(door: DatabaseProxy) -> None:
    door.shut()
    with pytest.raises(OperatorError, match=r"^storage\.url: .* cannot be used: ") as caught:
        ready_schema(StorageSettings(url=door.url, busy_timeout_seconds=BUSY_SECONDS))
    assert len(str(caught.value).splitlines()) == 1


@postgres
async def test_a_statement_that_is_wrong_is_no_503(behind: Database) -> None:
    """It is a defect of ours, and is told as one."""
    with pytest.raises(ProgrammingError):
        await behind.read(lambda c: c.execute(text("SELECT * FROM no_such_table")))


# ------------------------------------------------------------------------------- D8: a COMMIT whose answer is lost


def until_nobody_writes(url: str) -> None:
    """Wait until the server has ended the other session, with or without its transaction."""
    with psycopg.connect(url, autocommit=True) as other:
        while other.execute("SELECT count(*) FROM pg_locks WHERE mode = 'RowExclusiveLock'").fetchone() != (0,):
            time.sleep(0.02)


@postgres
@pytest.mark.parametrize(("when", "written"), [("before", 0), ("after", 1)])
async def test_d8_a_commit_without_an_answer_is_a_503_whatever_became_of_it(
    door: DatabaseProxy, behind: Database, postgresql_url: str, when: Any, written: int
) -> None:

    def write(connection: Connection) -> None:
        insert(connection, "one")
        door.cut_commit(when)

    assert (await told(behind.write(write))).message == AWAY
    assert door.cuts == 1
    await asyncio.to_thread(until_nobody_writes, postgresql_url)
    assert await behind.read(count) == written


# ------------------------------------------------------------------------------------------------ SQLite


@pytest.fixture
async def embedded(sqlite_url: str) -> AsyncIterator[Database]:
    opened = open_database(StorageSettings(url=sqlite_url, busy_timeout_seconds=BUSY_SECONDS, readers_max=2))
    yield opened
    await opened.close()


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


FILL = """
import asyncio, resource, signal, sys
from sqlalchemy import text
from gateway.commands.schema import ready_schema
from gateway.errors import OperatorError, UnavailableError
from gateway.settings import StorageSettings
from gateway.storage import open_database

async def main(path):
    database = open_database(StorageSettings(url=f"sqlite:///{path}"))
    def insert(name):
        statement = "INSERT INTO cart (tenant, id, version, document, created_at, updated_at) VALUES ('t', :i, 1, '{}', 0, 0)"
        return database.write(lambda c: c.execute(text(statement), {"i": name}) and None)
    await insert("before")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    for _ in range(3):
        try:
            await insert("full")
        except UnavailableError as error:
            print(error.headers["Retry-After"], error.message)
    print(await database.read(lambda c: c.execute(text("SELECT count(*) FROM cart")).scalar_one()))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await insert("after")
    print(await database.read(lambda c: c.execute(text("SELECT group_concat(id) FROM cart")).scalar_one()))
    await database.close()

asyncio.run(main(sys.argv[1]))
"""


def test_d3_a_disk_that_takes_nothing_more_is_a_503_reads_go_on_and_it_recovers_without_a_restart(
    sqlite_url: str,
) -> None:
    """The kernel refuses the writes (RLIMIT_FSIZE), as a full disk does."""
    run = subprocess.run(
        [sys.executable, "-c", FILL, str(path_of(sqlite_url))], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    *refused, seen, after = run.stdout.splitlines()
    assert len(refused) == 3
    assert all("The d" in line for line in refused), refused
    assert (seen, set(after.split(","))) == ("1", {"before", "after"})


@pytest.mark.parametrize("first_byte", [0, 4096])
async def test_d9_a_damaged_file_is_a_503_that_says_so(embedded: Database, sqlite_url: str, first_byte: int) -> None:
    """What the file is stands on its first page; of the other pages none is as it was."""
    with path_of(sqlite_url).open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(first_byte)
        file.write(b"\xff" * (size - first_byte))
    for work in (embedded.read(count), embedded.write(lambda c: insert(c, "one"))):
        assert (await told(work)).message == DAMAGED


async def test_a_folder_that_is_gone_is_a_503(tmp_path: Path) -> None:
    path = tmp_path / "there" / "gateway.db"
    database = open_database(StorageSettings(url=f"sqlite:///{path}", readers_max=2))
    try:
        for each in path.parent.iterdir():
            each.unlink()
        path.parent.rmdir()
        await told(database.read(count))
        await told(database.write(lambda c: insert(c, "one")))
    finally:
        await database.close()


async def test_d5_what_a_long_read_of_another_process_let_grow_is_given_back(
    embedded: Database, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = path_of(sqlite_url).with_name("gateway.db-wal")
    limit = 1 << 20

    letters = itertools.cycle("xy")

    def grow(connection: Connection) -> None:
        connection.execute(text("UPDATE cart SET document = :d"), {"d": next(letters) * 200_000})

    await embedded.write(lambda c: insert(c, "one"))
    await embedded.write(lambda c: c.exec_driver_sql(f"PRAGMA journal_size_limit = {limit}"))
    other = sqlite3.connect(path_of(sqlite_url), isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM cart").fetchone()
    for _ in range(30):
        await embedded.write(grow)
    assert log.stat().st_size > 4 * limit
    other.close()
    for _ in range(30):
        await embedded.write(grow)
    assert log.stat().st_size <= 2 * limit
