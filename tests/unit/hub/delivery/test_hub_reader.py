"""Subscriptions that are dear to judge: their work is counted, is done beside the loop, and holds nobody else up."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.filters import match as matching
from gateway.hub.delivery.reader import AT_ONCE_WORK_MAX, SMALL_WORK_MAX, EventReader, Threads
from gateway.hub.envelope import Renderer
from gateway.hub.model import CART_V4, CART_V5, Event
from gateway.hub.query import JUDGED_MAX, parse_query
from gateway.storage.outbox import CART_CREATED

MOMENT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SUBSCRIPTIONS = 50
DEAREST = "shoppingCart.a.regex=" + ";".join(f"z{number}" for number in range(200))


def event(position: int, entries: int, padding: int = 0) -> Event:
    document = json.dumps({"id": str(position), "a": ["x"] * entries, "b": "y" * padding})
    return Event(position, f"e{position}", str(position), CART_CREATED, None, None, len(document), document, MOMENT)


def reader(threads: Threads, query: str | None = DEAREST, **options: Any) -> EventReader:
    api = options.pop("api", CART_V4)
    return EventReader(Renderer(api, parse_query(query, api, []), options.pop("shape", None)), threads)


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads()
    yield made
    made.close()


class Looks:
    """Counts the comparisons, and in which threads they are made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.threads: set[int] = set()
        self._fits = matching.fits
        monkeypatch.setattr(matching, "fits", self)

    def __call__(self, pattern: Any, text: str) -> bool:
        self.count += 1
        self.threads.add(threading.get_ident())
        return self._fits(pattern, text)


async def test_fifty_dear_subscriptions_and_large_carts_leave_the_loop_alone(
    monkeypatch: pytest.MonkeyPatch, threads: Threads
) -> None:
    looks = Looks(monkeypatch)
    # As many entries as are just looked at, and many more than that.
    large, larger = event(1, entries=JUDGED_MAX // 201, padding=900_000), event(2, entries=200_000)
    judging = asyncio.gather(*(reader(threads).judged([large, larger]) for _ in range(SUBSCRIPTIONS)))
    turns = 0
    while not judging.done():
        turns += 1
        await asyncio.sleep(0.001)

    assert await judging == [[(large, False), (larger, True)]] * SUBSCRIPTIONS
    assert looks.count == SUBSCRIPTIONS * (JUDGED_MAX // 201) * 200
    # All in one thread, which is not that of the loop: this one had its turns all the time.
    assert len(looks.threads) == 1
    assert threading.get_ident() not in looks.threads
    assert turns > SUBSCRIPTIONS


async def test_what_is_small_does_not_wait_for_what_is_large(threads: Threads) -> None:
    go = threading.Event()
    held = asyncio.create_task(threads.run(SMALL_WORK_MAX + 1, lambda: go.wait(60)))
    try:
        dear, cheap = reader(threads), reader(threads, "shoppingCart.id=7")
        for given, entries in ((dear, 100), (cheap, 10), (cheap, 5_000)):
            assert len(await given.judged([event(number, entries) for number in range(8)])) == 8
        assert not held.done()
    finally:
        go.set()
    assert await held


async def test_a_page_is_judged_in_pieces_so_that_others_get_their_turns(threads: Threads) -> None:
    pieces: list[int] = []
    run = threads.run

    async def counted(work: int, function: Any) -> Any:
        pieces.append(work)
        return await run(work, function)

    threads.run = counted  # type: ignore[method-assign]
    page = [event(number, entries=20) for number in range(100)]

    assert len(await reader(threads).judged(page)) == 100
    assert len(pieces) > 5
    assert all(AT_ONCE_WORK_MAX < work <= SMALL_WORK_MAX for work in pieces)


async def test_without_conditions_nothing_is_looked_at_and_no_thread_is_asked(threads: Threads) -> None:
    threads.close()
    page = [replace(event(number, entries=10), document="no JSON") for number in range(100)]

    assert await reader(threads, None).judged(page) == [(each, True) for each in page]
    assert b"no JSON" in await reader(threads, None).body(page[0])


async def test_large_bodies_are_written_beside_the_loop(threads: Threads) -> None:
    places: list[int] = []

    def shape(_version: str, cart: dict[str, Any], **_when: Any) -> dict[str, Any]:
        places.append(threading.get_ident())
        return cart

    given = reader(threads, None, api=CART_V5, shape=shape)
    for entries in (10, 100_000):
        await given.body(event(1, entries))

    assert places[0] == threading.get_ident()
    assert places[1] != threading.get_ident()
