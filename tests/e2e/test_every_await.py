"""SIGKILL at every await point of one submission, and again while the next process recovers it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
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
# The share of pairs that may be missed each time they are tried, because the recovery was a shorter one.
MISSED_MAX = 0.05
# How many points shorter a submission may be than those that were counted: whether a read that goes ahead ends before or after the
# commit it does not wait for makes one point more or less.
SHORTER_MAX = 2


async def points_of(played_on: Stage) -> int:
    """Return how many points an undisturbed submission has: the shortest of three."""
    plays = [await played_on.play((), played_on.forkers[0]) for _ in range(3)]
    for played in plays:
        kinds = {step["kind"] for step in played.checkout["step"]}
        assert kinds == played_on.act.kinds, "the submission that is killed has a step of every kind"
    return min(played.points for played in plays)


def figures(played_on: Stage, points: int, started: float) -> str:
    kills = sum(played.kills for played in played_on.played)
    seconds = time.monotonic() - started
    struck = Counter(len(kill_at) for kill_at in {played.kill_at for played in played_on.played if played.struck})
    return (
        f"{points} points struck, {struck[2]} pairs struck twice, {len(played_on.played)} scenarios, "
        f"{kills} SIGKILLs, {seconds:.1f} seconds"
    )


def require_faultless(played_on: Stage) -> None:
    wrong = [
        f"killed at {played.kill_at}:\n" + "\n".join(verdict.problems)
        for played, verdict in played_on.verdicts()
        if verdict.problems
    ]
    assert not wrong, f"{len(wrong)} of {len(played_on.played)} scenarios went wrong\n\n" + "\n\n".join(wrong[:5])


async def strike_every_point(played_on: Stage, *, begin: int = 1, step: int = 1) -> int:
    """Kill at every point once, and require that each was reached by a submission that has so many; return how many were struck.

    With `begin` and `step` only at every so many of them.
    """
    points = await points_of(played_on)
    chosen = range(begin, points + 1, step)
    await played_on.play_all([(first,) for first in chosen])
    struck = {played.kill_at for played in played_on.played if played.struck}
    missed = [first for first in chosen if (first,) not in struck]
    for played in played_on.played:
        if not played.struck:
            assert played.points < played.kill_at[0], f"a kill at {played.kill_at} was missed"
    assert all(first > points - SHORTER_MAX for first in missed), f"never killed at {missed} of {points} points"
    return len(chosen) - len(missed)


def reachable_pairs(played_on: Stage) -> list[tuple[int, int]]:
    """Return each point of a first kill with every point of the shortest recovery that was seen after it."""
    shortest: dict[int, int] = {}
    for played in played_on.played:
        if played.kills == 1:
            first = played.kill_at[0]
            shortest[first] = min(played.points, shortest.get(first, played.points))
    return [(first, second) for first in sorted(shortest) for second in range(1, shortest[first] + 1)]


def in_rounds(random: Random, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the pairs in random order, but each first point once before any of them a second time, and so on."""
    rounds: Counter[int] = Counter()
    keyed = []
    for pair in random.sample(pairs, len(pairs)):
        rounds[pair[0]] += 1
        keyed.append((rounds[pair[0]], pair))
    return [pair for _, pair in sorted(keyed, key=lambda entry: entry[0])]


def require_pairs_struck(played_on: Stage) -> None:
    """Require that of the pairs that were played each was killed twice, but for a few whose processes ended earlier each time."""
    pairs = {played.kill_at for played in played_on.played if len(played.kill_at) == 2}
    struck = {played.kill_at for played in played_on.played if played.struck}
    for played in played_on.played:
        if len(played.kill_at) == 2 and not played.struck:
            assert played.points < played.kill_at[played.kills], f"a kill of {played.kill_at} was missed"
    assert len(pairs - struck) <= len(pairs) * MISSED_MAX, f"not killed twice: {sorted(pairs - struck)}"


async def kill_everywhere(played_on: Stage, pairs: int, *, step: int = 1) -> str:
    started, begin = time.monotonic(), Random(drawn_seed()).randint(1, step)
    points = await strike_every_point(played_on, begin=begin, step=step)
    reachable = reachable_pairs(played_on)
    # Evenly over all pairs, each first point as likely as each second.
    await played_on.play_all(reachable[len(reachable) // (2 * pairs) :: len(reachable) // pairs])
    require_pairs_struck(played_on)
    require_faultless(played_on)
    return figures(played_on, points, started)


@pytest.mark.timeout(300)
async def test_a_drafted_order_survives_a_kill_at_every_other_point_and_another_during_recovery(tmp_path: Path) -> None:
    """Before each resumption or after each, as it is drawn; the long form strikes both."""
    async with world(tmp_path) as opened, stage(opened, DRAFTED) as played_on:
        print(await kill_everywhere(played_on, pairs=20, step=2))


@pytest.mark.timeout(300)
async def test_an_order_that_is_live_at_once_survives_a_kill_at_every_point_and_another_during_recovery(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as opened, stage(opened, LIVE) as played_on:
        print(await kill_everywhere(played_on, pairs=20))


@pytest.mark.timeout(300)
async def test_a_submission_without_write_ahead_intent_is_caught_doubling_orders(tmp_path: Path) -> None:
    async with world(tmp_path) as opened, stage(opened, LIVE, mutant="without intent") as played_on:
        points = await points_of(played_on)
        await played_on.play_all([(first,) for first in range(1, points + 1, 2)])
        doubled = [played.kill_at for played, verdict in played_on.verdicts() if verdict.figures["submitted"] > 1]
    print(f"the mutant doubled {len(doubled)} of {sum(bool(played.kill_at) for played in played_on.played)} orders")
    assert len(doubled) >= 3, f"the harness does not see a missing intent: {doubled}"


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("act", ["drafted", "live"])
async def test_long_every_point_is_killed_again_at_every_point_of_the_recovery(tmp_path: Path, act: str) -> None:
    """All pairs of kills, in random order, as many as fit into the time; every first one with one of its recovery at least."""
    async with world(tmp_path) as opened, stage(opened, DRAFTED if act == "drafted" else LIVE) as played_on:
        seed = drawn_seed()
        print(f"seed {seed}")
        started = time.monotonic()
        points = await strike_every_point(played_on)
        pairs = reachable_pairs(played_on)
        scenarios = iter(in_rounds(Random(seed), pairs))
        while (batch := list(islice(scenarios, 100))) and time.monotonic() - started < LONG_SECONDS:
            await played_on.play_all(batch)
        require_pairs_struck(played_on)
        twice = {played.kill_at[0] for played in played_on.played if played.struck and len(played.kill_at) == 2}
        alone = sorted(set(range(1, points + 1)) - twice)
        assert not alone, f"no kill at {alone} of {points} points was followed by one in its recovery"
        require_faultless(played_on)
        print(f"{act}: {figures(played_on, points, started)}; {len(pairs)} pairs can be reached")
