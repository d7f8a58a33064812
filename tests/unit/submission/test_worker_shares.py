"""Whose checkouts a worker takes next: whoever has most leaves places to everybody else."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.submission.shares import GREED, Lane, shares

LOUD, QUIET, OTHER_SYSTEM = Lane("loud", "crm"), Lane("quiet", "crm"), Lane("loud", "billing")
lanes = st.builds(Lane, st.sampled_from("abc"), st.sampled_from("xyz"))


def test_one_alone_leaves_a_quarter_of_the_places() -> None:
    assert shares([LOUD], [], 16) == {LOUD: 12}
    assert shares([LOUD], [LOUD] * 12, 16) == {}


def test_whoever_comes_next_finds_a_place_at_once() -> None:
    assert shares([LOUD, QUIET], [LOUD] * 12, 16)[QUIET] >= 1
    assert shares([LOUD, OTHER_SYSTEM], [LOUD] * 11, 16)[OTHER_SYSTEM] >= 1


def test_two_that_begin_together_get_the_same() -> None:
    got = shares([LOUD, Lane("quiet", "billing")], [], 16)
    assert sorted(got.values()) == [7, 7]


def test_many_tenants_of_one_slow_order_system_leave_a_place_for_another() -> None:
    many = [Lane(f"tenant {number}", "slow") for number in range(40)]
    got = shares(many, [], 16)
    assert sum(got.values()) == 15
    running = [lane for lane, count in got.items() for _ in range(count)]
    assert shares([*many, Lane("tenant 1", "fast")], running, 16)[Lane("tenant 1", "fast")] >= 1


def test_a_single_place_is_used() -> None:
    assert shares([LOUD, QUIET], [], 1) == {LOUD: 1}
    assert shares([LOUD], [], 2) == {LOUD: 2}


@given(st.lists(lanes, unique=True, max_size=9), st.lists(lanes, max_size=12), st.integers(min_value=1, max_value=40))
def test_no_more_than_there_are_places_and_no_place_idle_that_may_be_taken(
    due: list[Lane], running: list[Lane], places_max: int
) -> None:
    got = shares(due, running, places_max)
    after = Counter(running) + Counter(got)
    free = places_max - after.total()
    if got:
        assert free >= 0
    assert set(got) <= set(due)
    for lane in due:
        used = [
            sum(count for each, count in after.items() if each[part] == lane[part]) for part in range(len(Lane._fields))
        ]
        assert free <= 0 or (max(*used, after[lane]) >= GREED * free and (after[lane] or free == 1))
