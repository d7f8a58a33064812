"""Large work that is refused keeps its tenant's turn for a while: who floods with it leaves the interpreter to others."""

from __future__ import annotations

import asyncio

import pytest

from gateway import fair_limiter
from gateway.errors import MalformedBodyError
from gateway.fair_limiter import FairLimiter


def refused() -> None:
    raise MalformedBodyError.about("The body", "is not JSON", "")


async def test_after_something_large_was_refused_its_tenant_waits_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    resting, rested = asyncio.Event(), asyncio.Event()

    async def rest(seconds: float) -> None:
        assert seconds >= 0
        resting.set()
        await rested.wait()

    monkeypatch.setattr(fair_limiter, "rest", rest)
    heavy = FairLimiter(2)
    first = asyncio.create_task(heavy.run("loud", True, refused))
    await asyncio.wait_for(resting.wait(), 20)
    second = asyncio.create_task(heavy.run("loud", True, lambda: "loud"))
    # Two pieces of others at once: what rests has no place of theirs.
    assert await asyncio.gather(*(heavy.run(name, True, lambda: "done") for name in ("quiet", "other"))) == ["done"] * 2
    assert not second.done()
    rested.set()
    with pytest.raises(MalformedBodyError):
        await first
    assert await second == "loud"


async def test_what_is_done_and_what_is_small_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def rest(_seconds: float) -> None:
        pytest.fail("nothing large was refused")

    monkeypatch.setattr(fair_limiter, "rest", rest)
    heavy = FairLimiter(2)
    assert await heavy.run("loud", True, lambda: 1) == 1
    with pytest.raises(MalformedBodyError):
        await heavy.run("loud", False, refused)
