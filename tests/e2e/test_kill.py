"""The release gate: disturbed calls, SIGKILL at random moments, and still every cart becomes exactly one order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from support import systems
from support.campaign import DISTURBED_MIN, FAULTS, FEWER_DISTURBED_MIN, FEWER_FAULTS, Campaign, drawn_seed, make_carts
from support.processes import World, world

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("processes")]


# A 403 for too many requests is Salesforce's own: the mapping of a plain server takes it for the refusal that it says it is.
PLAIN_FAULTS = {**FAULTS, "request-limit": 0.0}
# A live POST is sent again only after proof that takes seconds: few of them are lost without an effect. None is by half.
LIVE_FAULTS = {
    **PLAIN_FAULTS,
    "half-patch": 0.0,
    "error-before": 0.05,
    "error-after": 0.1,
    "reset-after": 0.1,
    "cut-body": 0.1,
}
# The quiet time of orders that are live at once is short, and still longer than the sandbox ever takes.
LIVE: dict[str, Any] = {
    "mapping": "tmf622-v4",
    "faults": LIVE_FAULTS,
    "late_seconds": 1.0,
    "limits": {"quiet_seconds": 3.0},
}
FEW: dict[str, Any] = {"kills": 4, "deadline_seconds": 180.0, "disturbed_min": FEWER_DISTURBED_MIN}
# Kills are spread over most of a long run: seconds between two of them.
LONG: dict[str, Any] = {"deadline_seconds": 1200.0, "pause_seconds": (0.1, 8.0)}


async def campaign_on(
    opened: World,
    *,
    checkouts: int,
    kills: int,
    deadline_seconds: float,
    mapping: str = "salesforce-v4",
    faults: Mapping[str, float] = FAULTS,
    late_seconds: float = 2.5,
    replicas: int = 1,
    storage_url: str | None = None,
    limits: Mapping[str, float] | None = None,
    disturbed_min: float = DISTURBED_MIN,
    pause_seconds: tuple[float, float] = (0.1, 1.2),
) -> None:
    """Run a campaign against a sandbox of its own and require that nothing went wrong."""
    seed = drawn_seed()
    random = Random(seed)
    sandbox, gateways, ports = await systems.started(
        opened,
        replicas=replicas,
        mapping=mapping,
        faults=faults,
        late_seconds=late_seconds,
        seed=random.randrange(2**32),
        storage_url=storage_url,
        limits=limits,
    )
    carts = make_carts(random, checkouts)
    async with systems.Client(*ports) as client:
        campaign = Campaign(
            opened,
            random,
            client,
            sandbox,
            gateways,
            deadline_seconds=deadline_seconds,
            disturbed_min=disturbed_min,
            pause_seconds=pause_seconds,
        )
        verdict = await campaign.run(carts, disturbances=kills)
    verdict.require_faultless(seed)


async def play(folder: Path, **campaign: Any) -> None:
    async with world(folder) as opened:
        await campaign_on(opened, **campaign)


@pytest.mark.timeout(240)
async def test_forty_checkouts_and_six_kills(tmp_path: Path) -> None:
    await play(tmp_path, checkouts=40, kills=6, deadline_seconds=180.0)


@pytest.mark.timeout(240)
@pytest.mark.postgres
async def test_two_replicas_on_postgresql_of_which_one_is_killed_at_a_time(tmp_path: Path, postgresql_url: str) -> None:
    await play(tmp_path, checkouts=20, replicas=2, storage_url=postgresql_url, faults=FEWER_FAULTS, **FEW)


@pytest.mark.timeout(240)
async def test_orders_that_are_live_at_once(tmp_path: Path) -> None:
    await play(tmp_path, checkouts=16, **LIVE, **FEW)


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_drafts_of_a_plain_server_of_v5(tmp_path: Path) -> None:
    await play(tmp_path, checkouts=20, mapping="tmf622-v5", faults=PLAIN_FAULTS, **FEW)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_long_two_hundred_checkouts_and_twenty_kills(tmp_path: Path) -> None:
    await play(tmp_path, checkouts=200, kills=24, **LONG)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.postgres
async def test_long_two_hundred_checkouts_on_two_replicas_and_twenty_kills(tmp_path: Path, postgresql_url: str) -> None:
    await play(tmp_path, checkouts=200, kills=24, replicas=2, storage_url=postgresql_url, **LONG)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_long_a_hundred_orders_that_are_live_at_once(tmp_path: Path) -> None:
    await play(tmp_path, checkouts=100, kills=20, **LIVE, **LONG)
