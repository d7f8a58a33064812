"""Each write of a whole submission fails once, with and without its effect; every checkout ends in one live order or in none.

The fault is at the seam: `write` of the database, before its function runs (the disk is full, the server is away) or after its commit
(the answer to the COMMIT was lost). What a client was told is judged too: a 503 may have had its effect, a 202 always has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import httpx
import pytest
from checkout_gateway import CARTS, CHECKOUTS, Clock, Gateway, live_orders, running, settings_of
from checkout_work import cart, request
from sqlalchemy import Connection, select

from gateway.checkouts.row_changes import SENDING
from gateway.errors import UnavailableError
from gateway.settings import StorageSettings, SubmissionSettings
from gateway.storage.tables import checkout as checkout_table
from gateway.submission.interrupted import PUT_OFF_SECONDS
from gateway.submission.worker import Worker
from gateway.upstream.outcome import Unknown

T = TypeVar("T")
Effect = Literal["none", "committed"]
ROUNDS_MAX = 60


class FailingWrites:
    """Lets one write fail: the one with this number, counted from when it was armed. `count` tells how many there were."""

    def __init__(self, database: Any) -> None:
        self._write = database.write
        self.count = 0
        self._failing: int | None = None
        self._effect: Effect = "none"
        database.write = self.write

    def arm(self, number: int | None, effect: Effect = "none") -> None:
        self.count, self._failing, self._effect = 0, number, effect

    async def write(self, function: Callable[[Connection], T]) -> T:
        self.count += 1
        fails = self.count == self._failing
        if fails and self._effect == "none":
            raise UnavailableError("the disk is full")
        value: T = await self._write(function)
        if fails:
            raise UnavailableError("the answer to the COMMIT was lost")
        return value


def watch_intents(gateway: Gateway, upstream: Any) -> None:
    """Let every call assert that the intent to make it is committed."""
    send = upstream.send

    async def watched(rendered: Any, **named: Any) -> Any:
        def states(connection: Connection) -> list[str]:
            return list(connection.execute(select(checkout_table.c.step_state)).scalars())

        assert await gateway.services.database.read(states) == [SENDING], "a call without a committed intent"
        return await send(rendered, **named)

    upstream.send = watched


async def until_taken(gateway: Gateway, path: str, body: Any, key: str) -> httpx.Response:
    """Send a request again with its key until it is not answered 503, as its client would; every 503 says when."""
    for _ in range(3):
        answer = await gateway.post(body, path, idempotency_key=key)
        if answer.status_code != 503:
            return answer
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["@type"] == "Error"
    raise AssertionError(answer.text)


async def work(worker: Worker) -> None:
    """One round of the worker's loop, which survives what fails."""
    try:
        claimed = await worker._claim()
    except UnavailableError:
        return
    for record in claimed:
        await worker._guarded(record, worker.monotonic())


async def play(gateway: Gateway, upstream: str, *, lost: bool) -> str:
    """Take a cart to its order, over HTTP, with one worker that goes on; return the checkout's last state."""
    fake = getattr(gateway, upstream)
    watch_intents(gateway, fake)
    if lost:
        fake.script([Unknown("no answer")], effect="applied")
    made = await until_taken(gateway, CARTS, {"cartItem": cart()["cartItem"]}, "cart")
    assert made.status_code == 201, made.text
    body = {**request(), "upstream": upstream, "shoppingCart": {"id": made.json()["id"]}}
    taken = await until_taken(gateway, CHECKOUTS, body, "the key of this checkout")
    assert taken.status_code == 202, taken.text
    checkout_id: str = taken.json()["id"]
    worker, clock = gateway.worker(), gateway.clock
    assert clock is not None
    for _ in range(ROUNDS_MAX):
        await work(worker)
        due_at = await gateway.next_due()
        if due_at is None:
            break
        clock.advance(max(1.0, (due_at - clock.moment).total_seconds()))
    return str((await gateway.get(checkout_id))["state"])


async def require_right(gateway: Gateway, upstream: str, state: str, what: str) -> None:
    fake = getattr(gateway, upstream)
    listed = (await gateway.client.get(CHECKOUTS)).json()
    assert len(listed) == 1, f"{what}: {[each['id'] for each in listed]}"
    live = live_orders(fake)
    assert (state, len(live)) == ("submitted", 1), f"{what}: {state}, {listed[0].get('reason')}, {list(fake.orders)}"
    assert listed[0]["productOrder"]["id"] == live[0]["id"], what
    assert await gateway.services.database.read(
        lambda connection: connection.execute(select(checkout_table.c.claims_without_progress)).scalar_one()
    ) in {0, 1}, what


@pytest.mark.parametrize("effect", ["none", "committed"])
@pytest.mark.parametrize(
    ("upstream", "lost"), [("shop", False), pytest.param("plain", False, marks=pytest.mark.long), ("plain", True)]
)
async def test_d3_d4_d8_whichever_write_fails_the_cart_becomes_one_order(
    storage: StorageSettings, upstream: str, lost: bool, effect: Effect
) -> None:
    async with running(settings_of(storage), clock=Clock()) as gateway:
        writes = FailingWrites(gateway.services.database)
        await require_right(gateway, upstream, await play(gateway, upstream, lost=lost), "no write fails")
        count = writes.count
        assert count >= 6
        for number in range(1, count + 1):
            writes.arm(None)
            await gateway.make_empty()
            writes.arm(number, effect)
            state = await play(gateway, upstream, lost=lost)
            writes.arm(None)
            await require_right(gateway, upstream, state, f"write {number} of {count} ({effect})")


async def test_a_database_that_goes_away_again_and_again_holds_no_checkout_and_keeps_it_waiting_for_no_lease(
    storage: StorageSettings,
) -> None:
    """Every claim succeeds, and what comes next does not: that is not the checkout's fault."""
    settings = settings_of(storage, submission=SubmissionSettings(claims_without_progress_max=2))
    async with running(settings, clock=Clock()) as gateway:
        assert gateway.clock is not None
        writes, worker = FailingWrites(gateway.services.database), gateway.worker()
        checkout = await gateway.check_out()
        for number in range(1, 11):
            writes.arm(2)
            await work(worker)  # claims it; what it does first cannot be recorded
            assert (await gateway.record(checkout["id"])).fence == number
            writes.arm(1)
            await work(worker)  # the database is still away
            writes.arm(None)
            await work(worker)  # it is back: the interrupted claim ends soon, and does not count
            gateway.clock.advance(PUT_OFF_SECONDS + 0.1)
        await work(worker)
        assert (await gateway.get(checkout))["state"] == "submitted"
