"""A loop works at once while there is more, waits otherwise, wakes, survives and stops."""

from __future__ import annotations

import asyncio
import io
import json

import pytest

from gateway.background import Loop, ended, process_name, running
from gateway.errors import UnavailableError


class Work:
    """Rounds that say what they are told to: True or False for more or not, an exception to raise."""

    def __init__(self, *results: bool | Exception) -> None:
        self.results = list(results)
        self.rounds = 0
        self.idle = asyncio.Event()

    async def __call__(self) -> bool:
        self.rounds += 1
        result = self.results.pop(0) if self.results else False
        if not self.results:
            self.idle.set()
        if isinstance(result, Exception):
            raise result
        return result


async def test_it_goes_on_at_once_while_there_is_more_and_waits_otherwise() -> None:
    work = Work(True, True, False)
    async with asyncio.timeout(60), running(Loop("work", work, seconds=None)):
        await work.idle.wait()
        await asyncio.sleep(0)
    assert work.rounds == 3


async def test_it_is_woken_also_while_a_round_is_under_way() -> None:
    begun, go_on, twice = asyncio.Event(), asyncio.Event(), asyncio.Event()
    rounds = 0

    async def work() -> bool:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            twice.set()
        begun.set()
        await go_on.wait()
        return False

    loop = Loop("work", work, seconds=None)
    task = asyncio.create_task(loop.run())
    async with asyncio.timeout(60):
        await begun.wait()
        loop.wake()
        go_on.set()
        await twice.wait()
    loop.stop()
    await asyncio.wait_for(task, 60)
    assert rounds == 2


@pytest.mark.parametrize(
    ("error", "event"), [(UnavailableError("away"), "work.failed"), (ValueError("a mistake"), "work.crashed")]
)
async def test_it_survives_what_a_round_meets(error: Exception, event: str, log: io.StringIO) -> None:
    work = Work(error, False)
    async with asyncio.timeout(60), running(Loop("work", work, seconds=0.001)):
        await work.idle.wait()
    assert work.rounds >= 2
    assert event in log.getvalue()


async def test_rounds_that_go_on_failing_are_told_now_and_then_and_once_when_they_are_over(
    log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is away for a night fills no disk with log lines."""
    monkeypatch.setattr("gateway.background.FAILED_SECONDS_MIN", 0.0)
    seconds = 0.0

    class Away(Work):
        async def __call__(self) -> bool:
            nonlocal seconds
            seconds += 1.0
            return await super().__call__()

    work = Away(*[UnavailableError("away")] * 150, False)
    async with asyncio.timeout(60), running(Loop("work", work, seconds=0.0, monotonic=lambda: seconds)):
        await work.idle.wait()
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [(line["event"], line.get("rounds") or line.get("rounds_failed")) for line in lines]
    assert told == [("work.failed", 1), ("work.failed", 61), ("work.failed", 121), ("work.goes_on", 150)]


async def test_another_kind_of_failure_is_told_at_once(log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.background.FAILED_SECONDS_MIN", 0.0)
    work = Work(UnavailableError("away"), UnavailableError("away"), ValueError("a mistake"), False)
    async with asyncio.timeout(60), running(Loop("work", work, seconds=0.0)):
        await work.idle.wait()
    events = [json.loads(line)["event"] for line in log.getvalue().splitlines()]
    assert events == ["work.failed", "work.crashed", "work.goes_on"]


@pytest.mark.parametrize(("seconds", "waits"), [(0.05, 1.0), (2.0, 2.0), (3600.0, 30.0), (None, 30.0)])
async def test_a_round_that_failed_is_tried_again_neither_at_once_nor_after_hours(
    seconds: float | None, waits: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float | None] = []
    loop = Loop("work", Work(UnavailableError("away")), seconds=seconds)

    async def woken(wait_seconds: float | None) -> bool:
        waited.append(wait_seconds)
        loop.stop()
        return True

    monkeypatch.setattr(loop, "_woken", woken)
    await asyncio.wait_for(loop.run(), 60)
    assert waited == [waits]


async def test_it_stops_after_the_round_at_hand_and_begins_no_other() -> None:
    work = Work()
    loop = Loop("work", work, seconds=None)
    loop.stop()
    await asyncio.wait_for(loop.run(), 60)
    assert work.rounds == 0


async def test_what_does_not_end_in_time_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.background.END_SECONDS", 0.01)
    task = asyncio.create_task(asyncio.sleep(60))
    await ended([task])
    assert task.cancelled()


def test_a_process_is_named_as_no_other_one_and_fits_its_column() -> None:
    names = {process_name() for _ in range(100)}
    assert len(names) == 100
    assert max(map(len, names)) <= 64
