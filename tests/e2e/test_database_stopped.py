"""The database stops, its disk is full, its file is locked, again and again under checkouts: every cart becomes exactly one order.

Meanwhile nobody is answered 500, whoever is turned away is told when to come back, and the logs stay short. (Without processes, and in
seconds: `tests/api/test_database_away.py` and `tests/contract/test_failing_writes.py`.)
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from support import systems
from support.campaign import FAULTS, FEWER_DISTURBED_MIN, FEWER_FAULTS, Campaign, drawn_seed, make_carts
from support.database_server import DatabaseServer, database_server
from support.oracle import Verdict
from support.processes import RealProcess, World, world

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("processes")]

# Each loop of a process says once that the database is away, and again after a minute; there are ten at most.
LOOPS = 12
BUSY_SECONDS = 1.0


async def campaign_on(
    opened: World,
    random: Random,
    *,
    storage_url: str,
    checkouts: int,
    disturbances: int,
    disturb: Callable[[Sequence[RealProcess]], Awaitable[None]],
    replicas: int,
    deadline_seconds: float,
    faults: Mapping[str, float] = FEWER_FAULTS,
    pause_seconds: tuple[float, float] = (0.1, 0.8),
) -> tuple[Verdict, systems.Client]:
    """Run a campaign whose disturbances are those of the database."""
    sandbox, gateways, ports = await systems.started(
        opened,
        replicas=replicas,
        faults=faults,
        seed=random.randrange(2**32),
        storage_url=storage_url,
        settings={"storage": {"busy_timeout_seconds": BUSY_SECONDS}},
    )
    async with systems.Client(*ports) as client:
        campaign = Campaign(
            opened,
            random,
            client,
            sandbox,
            gateways,
            deadline_seconds=deadline_seconds,
            disturb=lambda: disturb(gateways),
            disturbed_min=FEWER_DISTURBED_MIN,
            pause_seconds=pause_seconds,
        )
        verdict = await campaign.run(make_carts(random, checkouts), disturbances=disturbances)
    verdict.figures["answers"] = dict(sorted(client.answers.items()))
    return verdict, client


def require_good_manners(opened: World, verdict: Verdict, client: systems.Client, outages: int) -> None:
    """Add to the verdict what a client or an operator must not see."""
    if client.answers[500]:
        verdict.problems.append(f"{client.answers[500]} requests were answered 500")
    if client.without_a_time:
        verdict.problems.append(f"{client.without_a_time} answers did not say when to come back")
    lines = [line for path in opened.folder.glob("gateway-*.log") for line in path.read_text("utf-8").splitlines()]
    told = [line for line in lines if '.failed"' in line or '.crashed"' in line]
    starts = sum(1 for _ in opened.folder.glob("gateway-*.log"))
    over = sum('.goes_on"' in line for line in lines)
    verdict.figures |= {"lines of failed rounds": len(told), "rounds that went on": over, "log lines": len(lines)}
    if not over:
        verdict.problems.append("no loop was met by any outage")
    if len(told) > LOOPS * (outages * 2 + starts):
        verdict.problems.append(f"{len(told)} lines say that rounds failed in {outages} outages")
    crashed = [line[:400] for line in lines if '.crashed"' in line or '"request_failed"' in line]
    if crashed:
        verdict.problems.append(f"{len(crashed)} defects were logged: {crashed[:3]}")


async def stopped_again_and_again(
    opened: World,
    server: DatabaseServer,
    *,
    checkouts: int,
    stops: int,
    kills: int,
    deadline_seconds: float,
    away_seconds: tuple[float, float] = (0.1, 1.5),
    **more: Any,
) -> None:
    """Stop the server so often, and kill a gateway so often, also while the server is away."""
    seed = drawn_seed()
    random = Random(seed)
    what = ["stop"] * stops + ["kill"] * kills
    random.shuffle(what)

    async def disturb(gateways: Sequence[RealProcess]) -> None:
        if what.pop() == "kill":
            victim = random.choice(gateways)
            victim.kill()
            await victim.start()
            return
        await server.stop()
        await asyncio.sleep(random.uniform(*away_seconds))
        victim = random.choice(gateways)
        dies = kills and random.random() < 0.3
        if dies:
            victim.kill()
        await server.start()
        if dies:
            await victim.start()

    verdict, client = await campaign_on(
        opened,
        random,
        storage_url=server.url,
        checkouts=checkouts,
        disturbances=len(what),
        disturb=disturb,
        replicas=2,
        deadline_seconds=deadline_seconds,
        **more,
    )
    verdict.figures["stops of the database"] = server.stops
    require_good_manners(opened, verdict, client, server.stops)
    verdict.require_faultless(seed)
    assert server.stops == stops


async def disk_and_lock(opened: World, *, checkouts: int, times: int, deadline_seconds: float, **more: Any) -> None:
    """Fill the disk, or lock the file, so often: the kernel lets the gateway write nothing, or another process holds the lock."""
    seed = drawn_seed()
    random = Random(seed)
    what = [kind for _ in range(times) for kind in ("full", "locked")]
    random.shuffle(what)
    path = opened.folder / "gateway.db"

    async def disturb(gateways: Sequence[RealProcess]) -> None:
        seconds = random.uniform(BUSY_SECONDS / 2, 3 * BUSY_SECONDS)
        if what.pop() == "full":
            for gateway in gateways:
                with filled_disk(gateway.pid):
                    await asyncio.sleep(seconds)
            return
        with contextlib.closing(
            sqlite3.connect(path, timeout=20.0, isolation_level=None, check_same_thread=False)
        ) as other:
            await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
            await asyncio.sleep(seconds)
            other.execute("ROLLBACK")

    verdict, client = await campaign_on(
        opened,
        random,
        storage_url=f"sqlite:///{path}",
        checkouts=checkouts,
        disturbances=len(what),
        disturb=disturb,
        replicas=1,
        deadline_seconds=deadline_seconds,
        **more,
    )
    require_good_manners(opened, verdict, client, 2 * times)
    verdict.require_faultless(seed)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@contextlib.contextmanager
def filled_disk(pid: int) -> Any:
    """Let a process write to no file: what a full disk is for it."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.postgres
async def test_a_server_that_is_stopped_three_times_under_two_replicas(tmp_path: Path) -> None:
    with database_server() as server:
        async with world(tmp_path) as opened:
            await stopped_again_and_again(opened, server, checkouts=12, stops=3, kills=1, deadline_seconds=150.0)


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_a_disk_that_is_full_and_a_file_that_is_locked_twice_each(tmp_path: Path) -> None:
    async with world(tmp_path) as opened:
        await disk_and_lock(opened, checkouts=12, times=2, deadline_seconds=150.0)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.postgres
async def test_long_a_thousand_checkouts_twenty_four_stops_and_three_hundred_kills(tmp_path: Path) -> None:
    with database_server() as server:
        async with world(tmp_path) as opened:
            await stopped_again_and_again(
                opened, server, checkouts=1000, stops=24, kills=300, deadline_seconds=3000.0, faults=FAULTS
            )


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_long_a_disk_that_is_full_and_a_file_that_is_locked_forty_times(tmp_path: Path) -> None:
    async with world(tmp_path) as opened:
        await disk_and_lock(opened, checkouts=200, times=20, deadline_seconds=1200.0, faults=FAULTS)
