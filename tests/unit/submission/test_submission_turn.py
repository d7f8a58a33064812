"""One claim: what it does while it waits."""

from __future__ import annotations

import asyncio
import gc

import pytest
from checkout_work import NOW, PLAIN, POLICY, lost, work_of
from msgspec.structs import replace

from gateway.errors import StaleLeaseError
from gateway.ordering import Marker, ObservedOrder
from gateway.submission.checkout_run import CheckoutRun
from gateway.submission.decisions.actions import Save
from gateway.upstream.evidence import FindResult, proven
from gateway.upstream.port import AnotherOrder, ReadFailed


class RunContext:
    """A worker's context that notes what is saved; `stale_after` saves the lease is somebody else's."""

    stopping = False
    guard_seconds = 0.0

    def __init__(self, stale_after: int = 1_000, tell_at: int = 3) -> None:
        self.saved: list[Save] = []
        self.told = asyncio.Event()
        self._tell_at = tell_at
        self._stale_after = stale_after

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def lease_left(self, leased_at: float) -> float:
        return 1_000.0

    def count(self, upstream: str, kind: str, outcome: str) -> None:
        pass

    async def notified_orders(self, record):
        return ()

    async def given_up(self, record):
        return ()

    async def save(self, record, decision, work=None):
        if len(self.saved) >= self._stale_after:
            raise StaleLeaseError("gone")
        self.saved.append(decision)
        if len(self.saved) == self._tell_at:
            self.told.set()
        return record, NOW


class SlowSearch:
    """An order system whose searches take until they are let go."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.cancelled = False

    async def find(self, marker, *, since, doubt=None, live=False):
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return FindResult()


def searching(context, upstream):
    work = replace(lost(work_of()), policy=replace(POLICY, lease_seconds=0.06))
    return CheckoutRun(context, work, upstream, 0.0)


async def test_the_lease_is_renewed_while_a_search_takes_longer_than_it_lasts():
    context, upstream = RunContext(), SlowSearch()
    task = asyncio.create_task(searching(context, upstream).run())
    async with asyncio.timeout(10):
        await context.told.wait()
    upstream.let_go.set()
    await task

    assert [Save(changes={})] * 3 == context.saved[:3]
    assert context.saved[-1].rest


async def test_a_search_ends_when_the_lease_is_lost():
    context, upstream = RunContext(stale_after=1), SlowSearch()

    with pytest.raises(StaleLeaseError):
        async with asyncio.timeout(10):
            await searching(context, upstream).run()

    assert upstream.cancelled


class FailingSearch(SlowSearch):
    """An order system whose search fails at the moment at which the lease is found to be lost."""

    async def find(self, marker, *, since, doubt=None, live=False):
        await self.let_go.wait()
        raise ReadFailed("503")


class LateContext(RunContext):
    """An context that tells of the lost lease only after the search has failed."""

    def __init__(self, upstream: FailingSearch) -> None:
        super().__init__()
        self._upstream = upstream

    async def save(self, record, decision, work=None):
        self._upstream.let_go.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        raise StaleLeaseError("gone")


async def test_a_search_that_fails_while_the_lease_is_lost_is_no_stray_exception():
    strays = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: strays.append(context["message"]))
    upstream = FailingSearch()

    with pytest.raises(StaleLeaseError):
        async with asyncio.timeout(10):
            await searching(LateContext(upstream), upstream).run()

    gc.collect()
    assert strays == []


class MergedOrders(SlowSearch):
    """An order system that finds our marker at an order, and shows another order in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def find(self, marker, *, since, doubt=None, live=False):
        hit = ObservedOrder(id="00000001", href=None, state="Draft", marker=Marker((marker,)), lines=())
        return FindResult((hit,), proven())

    async def get_order(self, order_id):
        self.reads += 1
        assert self.reads < 10, "it is asked for again and again, and nothing is recorded"
        raise AnotherOrder(ObservedOrder(id="00000009", href=None, state="", marker=Marker(("CRM-1",)), lines=()))


async def test_an_order_that_is_found_and_shows_another_one_is_not_looked_for_without_end():
    context, upstream = RunContext(), MergedOrders()
    named = lost(
        work_of(PLAIN, order_id="00000001", answered_order="00000001", awaiting="accepted_order"), seconds_ago=100.0
    )

    await CheckoutRun(context, named, upstream, 0.0).run()

    assert context.saved[-1].changes["reason_code"] == "foreign_order"
    assert upstream.reads <= 3
