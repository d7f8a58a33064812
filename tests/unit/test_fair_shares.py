"""Who used more than its share of the processor rests while others ask, and nothing is kept of who rests."""

from __future__ import annotations

import asyncio
import threading
import types
from collections import defaultdict
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import create_engine

from gateway import fair_shares
from gateway.fair_limiter import FairLimiter
from gateway.fair_shares import (
    BURST_SECONDS,
    REST_SECONDS_MAX,
    Account,
    FairShares,
    charged,
    on_account,
    rest_before_more,
)
from gateway.storage import group_commit
from gateway.storage.group_commit import Write

SHARE = 0.25


class Machine:
    """A clock, and threads that say how long they have computed."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.computed: defaultdict[int, float] = defaultdict(float)
        self.slept: list[float] = []

    def compute(self, seconds: float) -> None:
        self.now += seconds
        self.computed[threading.get_ident()] += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(fair_shares, "REQUEST_SECONDS", 0.0)
    measured = types.SimpleNamespace(thread_time=lambda: made.computed[threading.get_ident()])
    for module in (fair_shares, group_commit):
        monkeypatch.setattr(module, "time", measured)
    return made


@pytest.fixture
def shares(machine: Machine) -> FairShares:
    return FairShares(SHARE, clock=lambda: machine.now, sleep=machine.sleep)


async def answered(shares: FairShares, tenant: str, work: Callable[[None], Awaitable[object]]) -> object:
    """Do what the guard does with a request."""

    async def handler(_request: None) -> object:
        return await work(_request)

    shares.asks(tenant)
    await shares.rested(tenant)
    return await shares.worked(tenant, handler, None)


def computing(machine: Machine, seconds: float) -> Callable[[None], Awaitable[None]]:
    async def work(_request: None) -> None:
        machine.compute(seconds / 2)
        await asyncio.sleep(0)
        machine.compute(seconds / 2)

    return work


async def test_who_asks_alone_never_rests_and_nothing_is_kept(machine: Machine, shares: FairShares) -> None:
    for _ in range(50):
        await answered(shares, "loud", computing(machine, 0.5))
    assert machine.slept == []
    assert len(shares) == 0


async def test_beside_others_a_tenant_at_full_throttle_has_its_share_and_the_light_one_never_rests(
    machine: Machine, shares: FairShares
) -> None:
    began = machine.now
    loud = quiet = 0.0
    while machine.now < began + 100:
        await answered(shares, "quiet", computing(machine, 0.002))
        quiet += 0.002
        rests = len(machine.slept)
        await answered(shares, "loud", computing(machine, 0.03))
        loud += 0.03
        if loud > 1:
            assert len(machine.slept) > rests, "the loud one began its next request at once"
    assert loud / (machine.now - began) == pytest.approx(SHARE, abs=0.01)
    assert len(machine.slept) == pytest.approx(loud / 0.03, abs=10), "somebody else rested"


async def test_a_burst_passes_and_who_is_alone_again_goes_on_at_once(machine: Machine, shares: FairShares) -> None:
    shares.asks("quiet")
    await answered(shares, "loud", computing(machine, BURST_SECONDS))
    assert shares.rest_of("loud") == 0
    await answered(shares, "loud", computing(machine, 0.1))
    # What came back while it worked counts: half of each piece is noted at its half.
    assert shares.rest_of("loud") == pytest.approx(0.1 / SHARE - 0.125)
    machine.now += 0.9
    assert shares.rest_of("loud") == 0, "nobody else has asked for a second"


async def test_two_that_are_equally_busy_do_not_hold_each_other_up(machine: Machine, shares: FairShares) -> None:
    shares.asks("b")
    began, rested = machine.now, 0.0
    for _ in range(200):
        for tenant in ("a", "b"):
            await answered(shares, tenant, computing(machine, 0.03))
    rested = sum(machine.slept)
    assert rested < 0.25 * (machine.now - began)


async def test_however_long_something_took_the_rest_is_bounded(machine: Machine, shares: FairShares) -> None:
    shares.asks("quiet")
    shares.spent("loud", 3_600.0)
    assert shares.rest_of("loud") == pytest.approx(REST_SECONDS_MAX)


async def test_nothing_is_kept_of_those_that_have_rested(machine: Machine, shares: FairShares) -> None:
    for number in range(1_000):
        shares.asks(f"tenant {number}")
        shares.spent(f"tenant {number}", 0.01)
        machine.now += 0.001
    assert 0 < len(shares) < 100
    machine.now += 10
    assert len(shares) == 0


async def test_with_a_whole_processor_for_each_nobody_rests(machine: Machine) -> None:
    shares = FairShares(1.0, clock=lambda: machine.now, sleep=machine.sleep)
    for tenant in ("quiet", "loud") * 20:
        await answered(shares, tenant, computing(machine, 0.5))
    assert machine.slept == []
    assert len(shares) == 0


async def test_no_request_waits_longer_than_the_bound(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_shares, "WAIT_SECONDS_MAX", 0.01)
    never = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await never.wait()

    shares = FairShares(SHARE, clock=lambda: machine.now, sleep=sleep)
    shares.asks("quiet")
    shares.spent("loud", 1.0)
    async with asyncio.timeout(20):
        await asyncio.gather(*(shares.rested("loud") for _ in range(5)))


async def test_who_gives_up_while_it_waits_leaves_nothing_behind_and_the_next_one_goes_on(machine: Machine) -> None:
    over = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await over.wait()
        machine.now += seconds

    shares = FairShares(SHARE, clock=lambda: machine.now, sleep=sleep)
    shares.asks("quiet")
    shares.spent("loud", 1.0)
    ended: list[int] = []

    async def waits(number: int) -> None:
        await shares.rested("loud")
        ended.append(number)

    tasks = [asyncio.create_task(waits(number)) for number in range(4)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for number in (0, 2):
        tasks[number].cancel()
    await asyncio.sleep(0)
    over.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert ended == [1, 3]
    machine.now += 10
    assert len(shares) == 0


async def test_the_next_large_piece_of_a_tenant_is_begun_when_it_has_rested(
    machine: Machine, shares: FairShares
) -> None:
    heavy = FairLimiter(2)

    async def work(_request: None) -> None:
        await heavy.run("loud", True, machine.compute, 0.1)
        assert machine.slept == []
        await heavy.run("loud", True, machine.compute, 0.1)

    shares.asks("quiet")
    await answered(shares, "loud", work)
    assert sum(machine.slept) == pytest.approx((0.1 - BURST_SECONDS) / SHARE, rel=0.1)
    assert len(heavy) == 0


async def test_what_threads_do_for_a_request_is_its_tenants(machine: Machine, shares: FairShares) -> None:
    async def work(_request: None) -> int:
        return await asyncio.to_thread(charged(lambda: machine.compute(0.2) or 7))

    shares.asks("quiet")
    assert await answered(shares, "loud", work) == 7
    assert shares.rest_of("loud") == pytest.approx((0.2 - BURST_SECONDS) / SHARE, rel=0.1)
    assert shares.rest_of("quiet") == 0

    function = machine.compute
    assert charged(function) is function, "of no request"
    await rest_before_more()


async def test_what_a_handler_raises_and_that_it_is_cancelled_go_their_way(
    machine: Machine, shares: FairShares
) -> None:
    async def fails(_request: None) -> None:
        machine.compute(0.1)
        await asyncio.sleep(0)
        raise LookupError("told")

    shares.asks("quiet")
    with pytest.raises(LookupError, match="told"):
        await answered(shares, "loud", fails)
    assert shares.rest_of("loud") > 0

    cleaned: list[str] = []

    async def hangs(_request: None) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            machine.compute(0.3)
            cleaned.append("up")
            raise
        return "never"

    shares.asks("quiet")
    task = asyncio.create_task(answered(shares, "other", hangs))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == ["up"]
    assert shares.rest_of("other") > 0, "what cleaning up took counts as well"


async def test_each_request_counts_for_what_http_takes_around_it(machine: Machine, shares: FairShares) -> None:
    fair_shares.REQUEST_SECONDS = 0.1  # type: ignore[misc] - the fixture puts it back
    shares.asks("quiet")
    await answered(shares, "loud", computing(machine, 0.0))
    assert shares.rest_of("loud") == pytest.approx((0.1 - BURST_SECONDS) / SHARE)


async def test_a_task_that_works_for_several_requests_does_so_on_an_account_of_its_choice(
    machine: Machine, shares: FairShares
) -> None:
    account = Account(shares, "loud")
    shares.asks("quiet")
    with on_account(account):
        await asyncio.to_thread(charged(machine.compute), 0.1)
    assert shares.rest_of("loud") == pytest.approx((0.1 - BURST_SECONDS) / SHARE)
    assert account.seconds == 0
    with on_account(None):
        assert charged(machine.compute) == machine.compute


async def test_what_a_group_of_writes_takes_is_shared_out_and_each_function_is_its_own(
    machine: Machine, shares: FairShares
) -> None:
    accounts = [Account(shares, name) for name in ("large", "small")]
    writes = []
    for account, seconds in zip(accounts, (0.3, 0.1), strict=True):
        with on_account(account):
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            writes.append(Write(lambda _connection, seconds=seconds: machine.compute(seconds), done))
    with create_engine("sqlite://").connect() as connection:
        for write in writes:
            write.run(connection)
    # The commit took 0.2.
    group_commit.charge(writes, 0.6)
    assert [account.seconds for account in accounts] == [pytest.approx(0.4), pytest.approx(0.2)]
