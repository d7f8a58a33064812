"""Many callers at once for one cart, and the gateway killed among them: one checkout, one order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import TypeAlias

import httpx
import pytest
from support import systems
from support.campaign import drawn_seed
from support.carts import make_cart
from support.oracle import judge, read_ledger
from support.processes import RealProcess, World, world
from support.systems import CHECKOUTS, Client

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("processes"), pytest.mark.timeout(240)]

CALLERS = 50
KEY = "one-key-for-all-of-them"
RUSHES_MAX = 20
END_SECONDS = 60.0
# Of the cart, of the callers' keys, of their answers.
Requirement: TypeAlias = Callable[[str, list[str], list[httpx.Response]], Awaitable[None]]


@asynccontextmanager
async def shop(opened: World) -> AsyncIterator[tuple[RealProcess, Client]]:
    """A sandbox, a gateway, and a client that asks again when it is not answered."""
    port = opened.port()
    sandbox = systems.sandbox(
        opened, latency="10ms", notify=systems.notification_address(port), options=["--state-delay", "0.1"]
    )
    await sandbox.start()
    gateway = systems.gateway(opened, sandbox.address, port=port)
    await gateway.start()
    async with Client(port) as client:
        yield gateway, client


class Rush:
    """Rushes of callers, each for a cart of its own, until one was hit by the kill in its middle."""

    def __init__(self, gateway: RealProcess, client: Client, random: Random) -> None:
        self._gateway = gateway
        self._client = client
        self._random = random
        self.carts: dict[str, dict] = {}

    async def hit_in_the_middle(self, keys: list[str], require: Requirement) -> None:
        """Let callers rush, with these keys, until the kill came when some of them were answered and the others were not.

        What they are answered in the end must meet `require` in every rush, wherever the kill fell: the database commits what
        comes together, and a kill just before that leaves all of them unanswered, one just after it none.
        """
        for number in range(RUSHES_MAX):
            cart_id, own_keys, answers = await self._rush([f"{key}-{number}" for key in keys])
            unanswered = sum(answer.extensions["broken_off"] > 0 for answer in answers)
            print(f"killed with {unanswered} of {len(answers)} calls unanswered")
            await require(cart_id, own_keys, answers)
            if 0 < unanswered < len(answers):
                return
        raise AssertionError(f"the kill never fell in the middle of {RUSHES_MAX} rushes")

    async def _rush(self, keys: list[str]) -> tuple[str, list[str], list[httpx.Response]]:
        """Return the cart that all callers checked out at once, their keys, and their answers in the same order.

        The gateway is killed when a number of them that is drawn are answered, and started again.
        """
        cart = make_cart(self._random)
        cart_id = await self._client.make_cart(cart)
        self.carts[cart_id] = cart
        body = {"shoppingCart": {"id": cart_id}}
        callers = [
            asyncio.create_task(self._client.call("POST", CHECKOUTS, body, {"Idempotency-Key": key})) for key in keys
        ]
        answered_min = self._random.randint(1, CALLERS // 4)
        while sum(caller.done() for caller in callers) < answered_min:
            waiting = [caller for caller in callers if not caller.done()]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        self._gateway.kill()
        await self._gateway.start()
        return cart_id, keys, await asyncio.gather(*callers)


async def ended(client: Client) -> list[dict]:
    """Return every checkout once all have ended."""
    deadline = time.monotonic() + END_SECONDS
    while True:
        checkouts = await client.checkouts()
        if checkouts and all(checkout["state"] == "completed" for checkout in checkouts):
            return checkouts
        assert time.monotonic() < deadline, [(checkout["id"], checkout["state"]) for checkout in checkouts]
        await asyncio.sleep(0.2)


async def test_fifty_identical_calls_and_a_kill_make_one_checkout(tmp_path: Path) -> None:
    seed = drawn_seed()
    async with world(tmp_path) as opened, shop(opened) as (gateway, client):

        async def require(cart_id: str, keys: list[str], answers: list[httpx.Response]) -> None:
            assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers][:3]
            ids = {answer.json()["id"] for answer in answers}
            assert len(ids) == 1, f"callers were told of {len(ids)} checkouts"
            replays = [answer for answer in answers if answer.headers.get("idempotent-replayed") == "true"]
            assert len(replays) >= CALLERS - 1, "at most one caller saw the first answer"
            body = {"shoppingCart": {"id": cart_id}, "description": "another request"}
            other = await client.call("POST", CHECKOUTS, body, {"Idempotency-Key": keys[0]})
            assert (other.status_code, other.json()["@type"]) == (422, "Error"), other.text
            assert other.json()["referenceError"] == answers[0].json()["href"]

        rush = Rush(gateway, client, Random(seed))
        await rush.hit_in_the_middle([KEY] * CALLERS, require)
        judge(rush.carts, await ended(client), read_ledger(systems.ledger_path(opened))).require_faultless(seed)


async def test_fifty_keys_for_one_cart_and_a_kill_let_one_through(tmp_path: Path) -> None:
    seed = drawn_seed()
    async with world(tmp_path) as opened, shop(opened) as (gateway, client):

        async def require(cart_id: str, keys: list[str], answers: list[httpx.Response]) -> None:
            statuses = [answer.status_code for answer in answers]
            assert (statuses.count(202), statuses.count(409)) == (1, CALLERS - 1), sorted(statuses)
            first = statuses.index(202)
            checkout_id = answers[first].json()["id"]
            references = {answer.json().get("referenceError") for answer in answers if answer.status_code == 409}
            assert references == {answers[first].json()["href"]}
            body = {"shoppingCart": {"id": cart_id}}
            again = await client.call("POST", CHECKOUTS, body, {"Idempotency-Key": keys[first]})
            assert (again.status_code, again.json()["id"]) == (202, checkout_id)

        rush = Rush(gateway, client, Random(seed))
        await rush.hit_in_the_middle([f"caller-{number:02d}" for number in range(CALLERS)], require)
        judge(rush.carts, await ended(client), read_ledger(systems.ledger_path(opened))).require_faultless(seed)
