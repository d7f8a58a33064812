"""A replica that is stopped past its leases while another goes on, and then wakes up with calls half made: nothing is doubled.

SIGSTOP is what a paused virtual machine or a long swap looks like from inside: no time passes for the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from support import systems
from support.campaign import DISTURBED_MIN, FAULTS, FEWER_DISTURBED_MIN, FEWER_FAULTS, Campaign, drawn_seed, make_carts
from support.processes import RealProcess, World, world

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("processes")]

CONDITION_SECONDS = 120.0
# The lease of 3 seconds, and time for the other replica to look.
TAKE_OVER_SECONDS = 8.0
LEASES = text("SELECT id, fence FROM checkout WHERE lease_owner LIKE :owner AND step_state = 'SENDING'")
FENCES = text("SELECT id, fence FROM checkout")


class Replicas:
    """Two gateways on one database, of which one is stopped at a time."""

    def __init__(self, opened: World, storage_url: str, random: Random) -> None:
        self.ports = [opened.port(), opened.port()]
        self._opened = opened
        self._storage_url = storage_url
        self._random = random
        self.gateways: list[RealProcess] = []
        self._engine: Engine = create_engine(storage_url.replace("postgresql://", "postgresql+psycopg://", 1))

    async def start(self, faults: Mapping[str, float]) -> RealProcess:
        sandbox = systems.sandbox(
            self._opened,
            faults=faults,
            latency="150ms",
            seed=self._random.randrange(2**32),
            notify=systems.notification_address(self.ports[0]),
            options=["--state-delay", "0.2", "--late-seconds", "2.5"],
        )
        await sandbox.start()
        for number, port in enumerate(self.ports):
            gateway = systems.gateway(
                self._opened, sandbox.address, port=port, name=f"gateway-{number}", storage_url=self._storage_url
            )
            await gateway.start()
            self.gateways.append(gateway)
        return sandbox

    def _rows(self, statement: object, **values: str) -> dict[str, int]:
        try:
            with self._engine.connect() as connection:
                return {row.id: row.fence for row in connection.execute(statement, values)}  # type: ignore[call-overload]
        except OperationalError:
            return {}  # the file is locked at this moment: looked at again

    async def stop_past_a_lease(self) -> None:
        """Stop a replica in the middle of a call, until another has taken one of its checkouts over, and let it go on.

        A replica that is stopped in the middle of a transaction keeps the others from writing: then it goes on, and another
        moment is tried.
        """
        deadline = time.monotonic() + CONDITION_SECONDS
        while time.monotonic() < deadline:
            victim = self._random.choice(self.gateways)
            await asyncio.sleep(self._random.uniform(0.01, 0.1))
            if not self._sending(victim):
                continue
            victim.send(signal.SIGSTOP)
            held = self._sending(victim)
            taken_over = bool(held) and self._others_can_write() and await self._taken_over(held)
            victim.send(signal.SIGCONT)
            if taken_over:
                return
        raise AssertionError("no replica could be stopped in a call so that another took over")

    def _sending(self, victim: RealProcess) -> dict[str, int]:
        """Return the checkouts that a replica is making a call for, with their fences."""
        return self._rows(LEASES, owner=f"%-{victim.pid}-%")

    def _others_can_write(self) -> bool:
        """Tell whether the stopped replica has left the database file free; a server locks rows only."""
        if not self._storage_url.startswith("sqlite:"):
            return True
        path = self._storage_url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            except sqlite3.OperationalError:
                return False
        return True

    async def _taken_over(self, held: dict[str, int]) -> bool:
        """Wait until one of the checkouts was claimed anew."""
        deadline = time.monotonic() + TAKE_OVER_SECONDS
        while time.monotonic() < deadline:
            if any(fence > held.get(id_, fence) for id_, fence in self._rows(FENCES).items()):
                return True
            await asyncio.sleep(0.05)
        return False

    def close(self) -> None:
        self._engine.dispose()


async def stop_and_go(
    opened: World,
    storage_url: str,
    *,
    checkouts: int,
    stops: int,
    deadline_seconds: float,
    faults: Mapping[str, float] = FAULTS,
    disturbed_min: float = DISTURBED_MIN,
    kills: bool = False,
) -> None:
    """Run a campaign in which a replica is stopped past its leases so often; with `kills` one is killed between two stops."""
    seed = drawn_seed()
    random = Random(seed)
    replicas = Replicas(opened, storage_url, random)
    sandbox = await replicas.start(faults)
    stopped = 0

    async def disturb() -> None:
        nonlocal stopped
        await replicas.stop_past_a_lease()
        stopped += 1
        if kills:
            await asyncio.sleep(random.uniform(0.1, 1.2))
            victim = random.choice(replicas.gateways)
            victim.kill()
            await victim.start()

    try:
        async with systems.Client(*replicas.ports, answer_seconds=3.0) as client:
            campaign = Campaign(
                opened,
                random,
                client,
                sandbox,
                replicas.gateways,
                deadline_seconds=deadline_seconds,
                disturb=disturb,
                disturbed_min=disturbed_min,
            )
            verdict = await campaign.run(make_carts(random, checkouts), disturbances=stops)
    finally:
        replicas.close()
    lost = sum(path.read_text(encoding="utf-8").count('"lease.lost"') for path in opened.folder.glob("gateway-*.log"))
    verdict.figures |= {"stops": stopped, "leases lost": lost}
    verdict.require_faultless(seed)
    assert lost, "a replica that went on found its lease lost"


@pytest.mark.timeout(240)
async def test_two_processes_on_one_file_of_which_one_is_stopped_past_its_leases(tmp_path: Path) -> None:
    async with world(tmp_path) as opened:
        await stop_and_go(
            opened,
            f"sqlite:///{tmp_path / 'gateway.db'}",
            checkouts=16,
            stops=3,
            deadline_seconds=180.0,
            faults=FEWER_FAULTS,
            disturbed_min=FEWER_DISTURBED_MIN,
        )


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.postgres
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_long_one_of_two_replicas_is_stopped_again_and_again(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(f"{kind}_url")
    async with world(tmp_path) as opened:
        await stop_and_go(opened, url, checkouts=100, stops=20, deadline_seconds=1200.0)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.postgres
async def test_long_two_replicas_are_stopped_and_killed_in_turn(tmp_path: Path, postgresql_url: str) -> None:
    """Who takes over from a stopped replica may be killed meanwhile, and who was stopped may be killed with its calls half made."""
    async with world(tmp_path) as opened:
        await stop_and_go(opened, postgresql_url, checkouts=200, stops=20, deadline_seconds=1200.0, kills=True)
