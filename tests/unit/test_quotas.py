"""Bounds of rows: kept without counting the rows each time."""

from __future__ import annotations

from gateway.quotas import BELIEVED_SECONDS, FULL_SECONDS, RowQuota


class Rows:
    """How many rows there are, and how often they were counted."""

    def __init__(self, there: int = 0) -> None:
        self.there = there
        self.counts = 0

    async def count(self) -> int:
        self.counts += 1
        return self.there

    async def add(self, quota: RowQuota, rows_max: int, now: float = 0.0) -> bool:
        is_free = await quota.is_free("acme", rows_max, self.count, now)
        self.there += is_free
        return is_free


async def test_a_bound_is_kept_exactly_and_counted_seldom() -> None:
    quota, rows = RowQuota(), Rows()
    assert [await rows.add(quota, 1000) for _ in range(1001)] == [True] * 1000 + [False]
    assert rows.counts < 70
    assert [await rows.add(quota, 1000) for _ in range(100)] == [False] * 100
    assert rows.counts < 70


async def test_room_that_was_made_is_found_again() -> None:
    quota, rows = RowQuota(), Rows(10)
    assert not await rows.add(quota, 10)
    rows.there = 8
    assert not await rows.add(quota, 10, FULL_SECONDS / 2)
    assert [await rows.add(quota, 10, FULL_SECONDS) for _ in range(3)] == [True, True, False]


async def test_what_others_added_is_seen_after_a_while() -> None:
    quota, rows = RowQuota(), Rows()
    assert await rows.add(quota, 1000)
    rows.there = 1000
    assert await rows.add(quota, 1000, 1.0)
    assert not await rows.add(quota, 1000, BELIEVED_SECONDS)


async def test_tenants_have_a_bound_each() -> None:
    quota, full, empty = RowQuota(), Rows(5), Rows()
    assert not await quota.is_free("full", 5, full.count, 0.0)
    assert await quota.is_free("empty", 5, empty.count, 0.0)
