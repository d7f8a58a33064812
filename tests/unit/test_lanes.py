"""What is due is taken from every tenant and order system in turn, and a slow order system keeps only its own work waiting."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from gateway.lanes import Lane, Piece, Places, from_each, in_turns

LOUD, QUIET, OTHER = Lane("loud", "slow"), Lane("quiet", "fast"), Lane("loud", "fast")


def test_the_first_of_each_comes_before_the_second_of_any():
    assert in_turns(["abc", "", "d", "ef"]) == ["a", "d", "e", "b", "f", "c"]
    assert in_turns([]) == []


def test_each_lane_has_its_share_and_what_it_does_not_need_is_the_others():
    waiting = {LOUD: list(range(100)), QUIET: [1000], OTHER: [2000, 2001, 2002]}
    found = from_each(list(waiting), 10, lambda lane, most: waiting[lane][:most])
    assert found == [0, 1000, 2000, 1, 2001, 2, 2002, 3]
    assert from_each([QUIET, OTHER, LOUD], 10, lambda lane, most: waiting[lane][:most])[-1] == 5
    assert from_each([], 10, lambda _lane, _most: [1]) == []


def test_of_more_lanes_than_are_taken_the_first_have_one_each():
    lanes = [Lane(f"tenant-{number}", "shop") for number in range(7)]
    assert from_each(lanes, 3, lambda lane, most: [lane.tenant] * most) == ["tenant-0", "tenant-1", "tenant-2"]


class Work:
    """Pieces of work that end when they are told to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.one_begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def slow(self, name: str) -> bool:
        self.begun.append(name)
        self.one_begun.set()
        await self.go_on.wait()
        self.ended.append(name)
        return True

    async def fast(self, name: str) -> bool:
        self.begun.append(name)
        return True


async def test_who_waits_for_a_slow_order_system_keeps_nobody_else_waiting():
    work, late = Work(), asyncio.Event()
    places = Places(2, late.set)
    slow = [Piece(number, "slow", partial(work.slow, f"slow {number}")) for number in range(5)]
    fast = [Piece(f"f{number}", "fast", partial(work.fast, f"fast {number}")) for number in range(5)]

    assert await places.run([*slow, *fast], 0.05) == 5
    assert work.begun == ["slow 0", "slow 1", *(f"fast {number}" for number in range(5))]
    assert [places.is_under_way(number) for number in range(5)] == [True, True, False, False, False]

    # The next round: what was not begun waits for a place of its own order system, the others do not wait.
    assert await places.run([slow[2], *fast], 0.05) == 5
    assert "slow 2" not in work.begun
    work.go_on.set()
    await asyncio.wait_for(late.wait(), 60)
    assert await places.run([slow[2]]) == 1
    assert sorted(work.ended) == ["slow 0", "slow 1", "slow 2"]
    assert not places.is_under_way(0)


async def test_at_the_end_what_is_under_way_is_let_go():
    work, places = Work(), Places(2)
    assert await places.run([Piece(1, "slow", partial(work.slow, "slow"))], 0.01) == 0
    await places.end()
    assert not places.is_under_way(1)
    assert work.ended == []


async def test_a_round_that_is_cancelled_leaves_nothing_behind():
    work, places = Work(), Places(2)
    task = asyncio.create_task(places.run([Piece(1, "slow", partial(work.slow, "slow"))]))
    await asyncio.wait_for(work.one_begun.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not places.is_under_way(1)


async def test_what_a_piece_raises_is_raised_when_the_others_have_ended():
    work, places = Work(), Places(2)

    async def broken() -> bool:
        raise RuntimeError("a defect")

    pieces = [Piece(1, "shop", broken), Piece(2, "shop", partial(work.fast, "fast"))]
    with pytest.raises(RuntimeError, match="a defect"):
        await places.run(pieces)
    assert work.begun == ["fast"]
