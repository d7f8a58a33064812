"""SIGKILL at every await point of one submission, and again while the next process recovers it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from support.campaign import drawn_seed
from support.processes import world
from support.stage import Act, Stage, stage

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("processes")]

# Five items, three in a call: a create, an add, a price and a submit.
DRAFTED = Act(mapping="salesforce-v4", items=5, items_per_call=3, kinds=frozenset({"create", "add", "price", "submit"}))
# One POST carries everything and is live at once. Nothing may be read back before the order system has seen what was sent.
LIVE = Act(mapping="tmf622-v4", items=5, items_per_call=100, kinds=frozenset({"create"}), settle=True)
LONG_SECONDS = 300.0


async def points_of(played_on: Stage) -> int:
    """Return how many points an undisturbed submission has."""
    played = await played_on.play((), played_on.forkers[0])
    kinds = {step["kind"] for step in played.checkout["step"]}
    assert kinds == played_on.act.kinds, "the submission that is killed has a step of every kind"
    return played.points


def figures(played_on: Stage, points: int, started: float) -> str:
    kills = sum(played.kills for played in played_on.played)
    seconds = time.monotonic() - started
    return f"{points} points, {len(played_on.played)} scenarios, {kills} SIGKILLs, {seconds:.1f} seconds"


def require_faultless(played_on: Stage) -> None:
    wrong = [
        f"killed at {played.kill_at}:\n" + "\n".join(verdict.problems)
        for played, verdict in played_on.verdicts()
        if verdict.problems
    ]
    assert not wrong, f"{len(wrong)} of {len(played_on.played)} scenarios went wrong\n\n" + "\n\n".join(wrong[:5])


def spread(points: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield `count` pairs of a first and a second kill, evenly over all the pairs there are."""
    every = points * points / count
    for number in range(count):
        first, second = divmod(int((number + 0.5) * every), points)
        # Neighbours in `first` are far apart in `second`, so that each column is met as well as each row.
        yield first + 1, (second + first * points // 3) % points + 1


async def kill_everywhere(played_on: Stage, pairs: int) -> str:
    started = time.monotonic()
    points = await points_of(played_on)
    scenarios: list[Sequence[int]] = [(first,) for first in range(1, points + 1)]
    await played_on.play_all([*scenarios, *spread(points, pairs)])
    require_faultless(played_on)
    assert sum(played.kills for played in played_on.played) >= points, "a kill was reached in every scenario"
    return figures(played_on, points, started)


@pytest.mark.timeout(300)
async def test_a_drafted_order_survives_a_kill_at_every_point_and_another_during_recovery(tmp_path: Path) -> None:
    async with world(tmp_path) as opened, stage(opened, DRAFTED) as played_on:
        print(await kill_everywhere(played_on, pairs=40))


@pytest.mark.timeout(300)
async def test_an_order_that_is_live_at_once_survives_a_kill_at_every_point_and_another_during_recovery(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as opened, stage(opened, LIVE) as played_on:
        print(await kill_everywhere(played_on, pairs=30))


@pytest.mark.timeout(300)
async def test_a_submission_without_write_ahead_intent_is_caught_doubling_orders(tmp_path: Path) -> None:
    async with world(tmp_path) as opened, stage(opened, LIVE, mutant="without intent") as played_on:
        points = await points_of(played_on)
        await played_on.play_all([(first,) for first in range(1, points + 1, 2)])
        doubled = [played.kill_at for played, verdict in played_on.verdicts() if verdict.figures["submitted"] > 1]
    print(f"the mutant doubled {len(doubled)} of {len(played_on.played) - 1} orders")
    assert len(doubled) >= 3, f"the harness does not see a missing intent: {doubled}"


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("act", ["drafted", "live"])
async def test_long_every_point_is_killed_again_at_every_point_of_the_recovery(tmp_path: Path, act: str) -> None:
    """All pairs of kills, in random order, as many as fit into the time."""
    async with world(tmp_path) as opened, stage(opened, DRAFTED if act == "drafted" else LIVE) as played_on:
        started = time.monotonic()
        points = await points_of(played_on)
        pairs = [(first, second) for first in range(1, points + 1) for second in range(1, points + 1)]
        Random(drawn_seed()).shuffle(pairs)
        scenarios = iter([*((first,) for first in range(1, points + 1)), *pairs])
        while (batch := list(islice(scenarios, 100))) and time.monotonic() - started < LONG_SECONDS:
            await played_on.play_all(batch)
        require_faultless(played_on)
        print(f"{act}: {figures(played_on, points, started)} of {len(pairs)} pairs")
