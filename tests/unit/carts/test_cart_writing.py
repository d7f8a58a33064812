"""Large carts leave other requests their turn while they are written."""

from __future__ import annotations

import asyncio
import threading

import pytest

from gateway.carts import writing
from gateway.carts.dialects import V4
from gateway.carts.store import CartRow
from gateway.carts.writing import AT_ONCE_CHARACTERS_MAX, Reader, is_large, written, written_list
from gateway.clock import utc_now
from gateway.fair_limiter import FairLimiter

READER = Reader("acme", "", FairLimiter(2))


def row(document: str, *, complete: bool | None) -> CartRow:
    return CartRow("1", 1, document, None, utc_now(), utc_now(), v4_complete=complete)


async def test_while_a_large_cart_is_completed_others_are_served(monkeypatch: pytest.MonkeyPatch):
    served = threading.Event()

    def completed(document: str) -> bytes:
        assert served.wait(10), "nobody was served meanwhile"
        return b'{"a":1}'

    async def other() -> None:
        served.set()

    monkeypatch.setattr(writing, "completed_text", completed)
    rows = [row("1" * (AT_ONCE_CHARACTERS_MAX + 1), complete=None)]
    body, _ = await asyncio.gather(written_list(READER, V4, rows, None), other())
    assert body == b'[{"a":1,"checkoutState":"open"}]'


async def test_many_small_carts_leave_others_their_turn_too_and_stay_in_order():
    turns: list[int] = []
    done = False

    async def other() -> None:
        while not done:
            turns.append(1)
            await asyncio.sleep(0)

    others = asyncio.create_task(other())
    documents = [f'{{"id":"{number}","note":"{"x" * 60_000}"}}' for number in range(9)]
    body = await written_list(READER, V4, [row(document, complete=True) for document in documents], None)
    done = True
    await others
    told = ',"checkoutState":"open"}'
    assert body.decode() == f"[{','.join(document[:-1] + told for document in documents)}]"
    assert len(turns) >= 3


async def test_no_cart_is_an_empty_list():
    assert await written_list(READER, V4, [], None) == b"[]"


async def test_one_tenant_writes_one_large_cart_at_a_time_and_another_does_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
):
    gate, at_work, tenants = threading.Event(), threading.Semaphore(0), []

    def completed(document: str) -> bytes:
        tenants.append(document[:1])
        at_work.release()
        assert gate.wait(10)
        return b'{"a":1}'

    monkeypatch.setattr(writing, "completed_text", completed)
    heavy = FairLimiter(2)
    large = [
        written(Reader(tenant, "", heavy), V4, row(digit * (AT_ONCE_CHARACTERS_MAX + 1), complete=None), None)
        for tenant, digit in (("loud", "1"), ("loud", "1"), ("quiet", "2"))
    ]
    tasks = [asyncio.create_task(each) for each in large]
    for _ in range(2):
        assert await asyncio.to_thread(at_work.acquire, timeout=10)
    assert sorted(tenants) == ["1", "2"]
    gate.set()
    await asyncio.gather(*tasks)
    assert sorted(tenants) == ["1", "1", "2"]


@pytest.mark.parametrize(("size", "is_so"), [(AT_ONCE_CHARACTERS_MAX, False), (AT_ONCE_CHARACTERS_MAX + 1, True)])
def test_only_what_is_large_changes_threads(size: int, is_so: bool):
    assert is_large("x" * size) is is_so
