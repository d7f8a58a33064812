from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from gateway.upstream.breaker import Breaker


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock)


def record(breaker, *, failed: int = 0, answered: int = 0):
    for _ in range(answered):
        breaker.record(failed=False)
    for _ in range(failed):
        breaker.record(failed=True)


def test_nineteen_failures_are_too_few_to_judge_and_twenty_open_it(breaker):
    record(breaker, failed=19)
    assert breaker.state == "closed"
    record(breaker, failed=1)
    assert breaker.state == "open"
    assert breaker.retry_after_seconds == 30


def test_less_than_half_failed_stays_closed_and_half_opens(breaker):
    record(breaker, answered=11, failed=9)
    assert breaker.state == "closed"
    record(breaker, failed=2)
    assert breaker.state == "open"


def test_old_calls_are_forgotten(breaker, clock):
    record(breaker, failed=19)
    clock.now += 31
    record(breaker, failed=1)
    assert breaker.state == "closed"


def test_it_opens_exactly_when_half_of_the_calls_of_the_window_failed(clock):
    """Failures are counted as calls come and go, not each time anew: the count is that of the calls that are kept."""
    random = Random(7)
    breaker = Breaker(clock)
    calls: list[tuple[float, bool]] = []
    opened = 0
    for _ in range(5_000):
        clock.now += random.choice([0.0, 0.1, 1.0, 5.0])
        failed = random.random() < 0.45
        breaker.record(failed=failed)
        calls = [call for call in calls if call[0] > clock.now - 30] + [(clock.now, failed)]
        failures = sum(was_failed for _, was_failed in calls)
        assert (breaker.state == "open") == (len(calls) >= 20 and failures * 2 >= len(calls))
        if breaker.state == "open":
            opened += 1
            clock.now += 30
            assert breaker.begin_probe()
            breaker.end_probe(answered=True)
            calls = []
    assert opened > 50


def test_only_the_latest_calls_are_kept(breaker):
    record(breaker, answered=10_000)
    record(breaker, failed=4_999)
    assert breaker.state == "closed"
    record(breaker, failed=1)
    assert breaker.state == "open"


def test_it_is_half_open_after_its_time_and_gives_one_probe_at_a_time(breaker, clock):
    record(breaker, failed=20)
    assert not breaker.begin_probe()
    clock.now += 30
    assert breaker.state == "half-open"
    assert breaker.begin_probe()
    assert not breaker.begin_probe()
    assert breaker.retry_after_seconds == 1


def test_an_answered_probe_closes_it_and_forgets_the_past(clock):
    breaker = Breaker(clock, open_seconds=5)  # the failures are still within the window when it closes
    record(breaker, failed=20)
    clock.now += 5
    assert breaker.begin_probe()
    breaker.end_probe(answered=True)
    assert breaker.state == "closed"
    record(breaker, failed=19)
    assert breaker.state == "closed"


def test_a_failed_probe_opens_it_for_the_whole_time_again(breaker, clock):
    record(breaker, failed=20)
    clock.now += 35
    assert breaker.begin_probe()
    breaker.end_probe(answered=False)
    assert breaker.state == "open"
    assert breaker.retry_after_seconds == 30


def test_a_cancelled_probe_proves_nothing_and_frees_the_next(breaker, clock):
    record(breaker, failed=20)
    clock.now += 30
    assert breaker.begin_probe()
    breaker.end_probe(answered=None)
    assert breaker.state == "half-open"
    assert breaker.begin_probe()


def test_calls_that_end_while_it_is_open_change_nothing(breaker, clock):
    record(breaker, failed=20)
    clock.now += 29
    record(breaker, failed=100, answered=100)
    clock.now += 1
    assert breaker.state == "half-open"
