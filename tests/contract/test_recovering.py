"""Recoveries in both databases, and copies of the embedded one: nothing is lost, nothing is copied half."""

from __future__ import annotations

import sqlite3
import threading
from datetime import timedelta

import pytest
from checkout_work import NOW, PLAIN, load_checkout, store_checkout

from gateway.checkouts.stored import recovering
from gateway.checkouts.stored.recovering import FoundOrder
from gateway.errors import OperatorError
from gateway.storage.copying import back_up, checked_copy, put_in_place, require_unused

SINCE = NOW - timedelta(hours=1)


async def begin(database, drafts, since=SINCE):
    return await database.write(lambda c: recovering.begin(c, {"shop": drafts}, since, NOW))


async def test_what_is_under_way_is_marked_once_and_fenced(database):
    before = await store_checkout(database, id="open", cart_id="c1", state="drafting")
    await store_checkout(database, id="done", cart_id="c2", state="completed")
    assert await begin(database, drafts=True) == 1
    marked = await load_checkout(database, "open")
    assert (marked.recover_since, marked.due_at) == (SINCE, NOW)
    assert marked.fence == before.fence + 1
    assert (await load_checkout(database, "done")).recover_since is None
    assert await begin(database, drafts=True) == 0, "the same time again changes nothing"
    assert await begin(database, drafts=True, since=SINCE - timedelta(hours=1)) == 1


async def test_where_a_post_is_live_at_once_what_was_not_sent_counts_as_lost(database):
    await store_checkout(database, mapping=PLAIN, id="open", state="accepted", order_id=None)
    await begin(database, drafts=False)
    record = await load_checkout(database, "open")
    assert (record.step_state, record.sent_at, record.awaiting) == ("UNKNOWN", NOW, None)
    assert record.first_sent_at == record.created_at
    assert record.recover_since == SINCE


async def test_what_is_held_stays_held_and_looks_when_it_is_gone_on_with(database):
    await store_checkout(database, id="held", state="held")
    await begin(database, drafts=True)
    record = await load_checkout(database, "held")
    assert (record.state, record.due_at, record.recover_since) == ("held", None, SINCE)


async def test_orders_that_are_nobodys_are_those_whose_marker_no_checkout_has(database):
    await store_checkout(database, id="open", state="drafting")
    await begin(database, drafts=True)
    root = (await load_checkout(database, "open")).marker_root
    orders = [
        FoundOrder(order_id="1", marker=f"gw1-{root}-4", state="In Progress", is_live=True),
        FoundOrder(order_id="2", marker="gw1-zzzzzzzzzzzzzzzz-0", state="In Progress", is_live=True),
        FoundOrder(order_id="3", marker="void-gw1-yyyyyyyyyyyyyyyy-0", state="Draft", is_live=False),
    ]
    assert await database.read(lambda c: recovering.is_open(c, "shop")) == SINCE, "nothing is listed yet"
    for _ in range(2):
        await database.write(lambda c: recovering.put_found(c, "shop", orders, NOW))
    await database.write(lambda c: recovering.listed(c, "shop", NOW))
    found = await database.read(lambda c: recovering.recovered(c, "default", "shop", root, None))
    assert [each.order_id for each in found.own] == ["1"]
    assert [each.order_id for each in found.unclaimed] == ["2"]
    assert await database.read(lambda c: recovering.is_open(c, "shop")) == SINCE
    assert await database.write(lambda c: recovering.settle(c, "shop", "2", "by phone", NOW))
    assert not await database.write(lambda c: recovering.settle(c, "shop", "2", "again", NOW))
    assert await database.read(lambda c: recovering.is_open(c, "shop")) is None


def filled(path, rows=2_000):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE checkout (id INTEGER PRIMARY KEY, text TEXT)")
    connection.executemany("INSERT INTO checkout (text) VALUES (?)", [("x" * 500,)] * rows)
    connection.commit()
    return connection


def count(path):
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT count(*), count(DISTINCT id % 2) FROM checkout").fetchone()
    finally:
        connection.close()


def test_a_copy_that_is_made_while_pairs_are_written_holds_whole_pairs(tmp_path):
    source, target = tmp_path / "gateway.db", tmp_path / "backup.db"
    filled(source).close()
    stop, written = threading.Event(), threading.Event()

    def write():
        connection = sqlite3.connect(source, timeout=10, isolation_level=None)
        while not stop.is_set():
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO checkout (text) VALUES ('a')")
            connection.execute("INSERT INTO checkout (text) VALUES ('b')")
            connection.execute("COMMIT")
            written.set()
        connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    assert written.wait(10)
    back_up(source, target)
    stop.set()
    thread.join()
    rows, _ = count(target)
    assert rows >= 2_002
    assert rows % 2 == 0
    assert target.stat().st_mode & 0o077 == 0
    assert not list(tmp_path.glob("*.part"))


def test_a_backup_replaces_nothing_and_a_damaged_one_is_not_restored(tmp_path):
    source, target = tmp_path / "gateway.db", tmp_path / "backup.db"
    with pytest.raises(OperatorError, match="no database"):
        back_up(source, target)
    filled(source).close()
    back_up(source, target)
    with pytest.raises(OperatorError, match="exists already"):
        back_up(source, target)
    damaged = bytearray(target.read_bytes())
    damaged[8192:40960] = b"\x00" * 32768
    target.write_bytes(damaged)
    with pytest.raises(OperatorError, match=r"is damaged|cannot be restored"):
        checked_copy(target, source)
    (tmp_path / "text").write_text("no database")
    with pytest.raises(OperatorError, match="cannot be restored"):
        checked_copy(tmp_path / "text", source)


def test_a_database_that_is_open_is_not_replaced_and_the_one_before_is_kept(tmp_path):
    database, backup = tmp_path / "gateway.db", tmp_path / "backup.db"
    connection = filled(database)
    back_up(database, backup)
    connection.execute("INSERT INTO checkout (text) VALUES ('later')")
    connection.commit()
    with pytest.raises(OperatorError, match="in use"):
        require_unused(database)
    connection.close()
    require_unused(database)
    kept = put_in_place(checked_copy(backup, database), database, NOW)
    assert count(database)[0] == 2_000
    assert kept is not None
    assert count(kept)[0] == 2_001
