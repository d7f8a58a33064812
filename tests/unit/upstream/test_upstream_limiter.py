from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from gateway.upstream.limiter import Limiter, NoSlot


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def limiter_of(clock=None, *, concurrency_max=2, rate_per_second=None, jitter=0.0):
    return Limiter(
        concurrency_max=concurrency_max,
        rate_per_second=rate_per_second,
        clock=clock or Clock(),
        jitter=lambda: jitter,
    )


async def test_no_more_than_the_limit_at_once_and_every_slot_comes_back():
    limiter, running, most = limiter_of(concurrency_max=3), 0, 0

    async def work(number):
        nonlocal running, most
        async with limiter.slot(within_seconds=5):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            if number % 3 == 0:
                raise ValueError(number)

    await asyncio.gather(*(work(number) for number in range(50)), return_exceptions=True)
    assert (running, most) == (0, 3)


async def test_waiting_for_a_slot_ends_in_time_and_loses_none():
    limiter = limiter_of(concurrency_max=1)
    async with limiter.slot(within_seconds=1):
        with pytest.raises(NoSlot, match="no free slot"):
            async with limiter.slot(within_seconds=0.01):
                pytest.fail("two at once")
    async with limiter.slot(within_seconds=0.01):
        pass


async def test_a_pause_is_as_long_as_was_asked_for_plus_jitter_never_shorter():
    clock = Clock()
    limiter = limiter_of(clock, jitter=0.5)
    limiter.slow_down(8)
    assert limiter.paused_seconds == pytest.approx(9.0)
    with pytest.raises(NoSlot) as caught:
        async with limiter.slot(within_seconds=1):
            pytest.fail("paused")
    assert caught.value.retry_after_seconds == pytest.approx(9.0)
    clock.now += 9.0
    async with limiter.slot(within_seconds=1):
        pass


async def test_a_pause_that_begins_while_waiting_is_noticed_before_the_call():
    limiter = limiter_of(concurrency_max=1)
    waiting = None
    async with limiter.slot(within_seconds=1):

        async def wait():
            async with limiter.slot(within_seconds=1):
                pytest.fail("paused")

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        limiter.slow_down(5)
    with pytest.raises(NoSlot, match="paused"):
        await waiting


@pytest.mark.parametrize(("asked", "seconds"), [(0, 1), (-3, 1), (10**9, 900)])
def test_pauses_are_clamped(asked, seconds):
    limiter = limiter_of()
    limiter.slow_down(asked)
    assert limiter.paused_seconds == pytest.approx(seconds)


def test_a_shorter_request_does_not_shorten_a_pause():
    limiter = limiter_of()
    limiter.slow_down(60)
    limiter.slow_down(2)
    limiter.slow_down(None)
    assert limiter.paused_seconds == pytest.approx(60)


def test_unexplained_pauses_grow_to_a_minute_and_start_small_after_a_success():
    clock = Clock()
    limiter = limiter_of(clock)
    lengths = []
    for _ in range(9):
        limiter.slow_down(None)
        limiter.slow_down(None)  # the answers of calls that were under way together count once
        lengths.append(limiter.paused_seconds)
        clock.now += 1000
    assert lengths == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])
    limiter.succeeded()
    limiter.slow_down(None)
    assert limiter.paused_seconds == pytest.approx(1)


async def test_no_answer_pauses_all_calls_for_longer_than_the_mapping_says():
    clock = Clock()
    limiter = limiter_of(clock, jitter=0.9)
    limiter.pause_seconds_max = 120.0
    limiter.slow_down(900)
    assert limiter.paused_seconds == pytest.approx(120)
    clock.now += 60
    limiter.slow_down(315_360_000)
    assert limiter.paused_seconds == pytest.approx(120)
    limiter.slow_down(10)
    assert limiter.paused_seconds == pytest.approx(120)


async def test_a_rate_is_kept():
    loop = asyncio.get_running_loop()
    limiter = limiter_of(concurrency_max=100, rate_per_second=50)
    began = loop.time()

    async def work():
        async with limiter.slot(within_seconds=5):
            pass

    await asyncio.gather(*(work() for _ in range(60)))
    assert loop.time() - began >= 0.15  # 50 at once, then 10 more at 50 per second


async def test_a_rate_below_one_per_second_lets_the_first_call_pass_and_not_the_second():
    limiter = limiter_of(rate_per_second=0.1)
    async with limiter.slot(within_seconds=0.01):
        pass
    with pytest.raises(NoSlot, match="rate"):
        async with limiter.slot(within_seconds=0.01):
            pytest.fail("too fast")
