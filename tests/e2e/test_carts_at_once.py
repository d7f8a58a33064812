"""Many clients change one cart at once, over sockets, in real server processes: nothing is lost, and totals are exact.

On SQLite one process serves all; on PostgreSQL two replicas do, each for every other client, so that the same cart is changed from
both sides. The same without sockets, and more of it, is in `tests/contract/test_cart_contention.py`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import systems
from support.processes import world

from gateway.tmf.json import decode_stored

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("processes")]

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
PATCH = {"content-type": "application/json-patch+json"}
CLIENTS, ROUNDS, MERGED = 8, 20, 65


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def clients(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Eight clients with connections of their own, shared out among the servers on one database."""
    replicas = 1 if request.param == "sqlite" else 2
    storage_url = None if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    async with world(tmp_path) as opened, AsyncExitStack() as stack:
        addresses = []
        for number in range(replicas):
            server = systems.gateway(
                opened, "http://127.0.0.1:1", port=opened.port(), name=f"gateway-{number}", storage_url=storage_url
            )
            await server.start()
            addresses.append(server.address)
        yield [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=addresses[number % replicas], timeout=60.0, trust_env=False)
            )
            for number in range(CLIENTS)
        ]


def item(name: str) -> dict[str, Any]:
    price = {"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 0.1}}}
    return {"action": "add", "name": name, "itemPrice": [price]}


def append(name: str) -> list[dict[str, Any]]:
    return [{"op": "add", "path": "/cartItem/-", "value": item(name)}]


def total_of(answer: httpx.Response) -> Decimal:
    (total,) = decode_stored(answer.content)["cartTotalPrice"]
    value: Decimal = total["price"]["dutyFreeAmount"]["value"]
    return value


async def created(client: httpx.AsyncClient, *names: str) -> str:
    answer = await client.post(CARTS, json={"cartItem": [item(name) for name in names]})
    assert answer.status_code == 201, answer.text
    return f"{CARTS}/{answer.json()['id']}"


async def test_eight_clients_add_items_at_once_for_twenty_rounds(clients: list[httpx.AsyncClient]) -> None:
    path = await created(clients[0])

    async def add(number: int, turn: int) -> None:
        answer = await clients[number].patch(path, json=append(f"{number}-{turn}"), headers=PATCH)
        assert answer.status_code == 200, answer.text
        assert total_of(answer) == len(answer.json()["cartItem"]) * Decimal("0.1")

    for turn in range(ROUNDS):
        await asyncio.gather(*(add(number, turn) for number in range(CLIENTS)))

    for client in clients[:2]:
        answer = await client.get(path)
        items = answer.json()["cartItem"]
        expected = {f"{number}-{turn}" for number in range(CLIENTS) for turn in range(ROUNDS)}
        assert len(items) == len({entry["id"] for entry in items}) == CLIENTS * ROUNDS
        assert {entry["name"] for entry in items} == expected
        assert total_of(answer) == 16
        assert answer.headers["etag"] == f'"{CLIENTS * ROUNDS + 1}"'


async def test_with_if_match_one_wins_each_round_and_the_losers_get_412(clients: list[httpx.AsyncClient]) -> None:
    path = await created(clients[0])
    winners = []

    async def add(number: int, turn: int, tag: str) -> int:
        headers = {**PATCH, "if-match": tag}
        answer = await clients[number].patch(path, json=append(f"{number}-{turn}"), headers=headers)
        if answer.status_code == 200:
            winners.append(f"{number}-{turn}")
        return answer.status_code

    for turn in range(ROUNDS):
        tag = (await clients[0].get(path)).headers["etag"]
        statuses = await asyncio.gather(*(add(number, turn, tag) for number in range(CLIENTS)))
        assert Counter(statuses) == {200: 1, 412: CLIENTS - 1}

    assert [entry["name"] for entry in (await clients[1].get(path)).json()["cartItem"]] == winners


async def test_sixty_five_items_are_merged_once_under_log_ins_and_additions_at_once(
    clients: list[httpx.AsyncClient],
) -> None:
    saved = await created(clients[0], "saved")
    guest = await created(clients[1], *(f"guest-{number}" for number in range(MERGED)))

    async def log_in(client: httpx.AsyncClient) -> int:
        body = {"shoppingCart": {"id": guest.rpartition("/")[2]}}
        return (await client.post(f"{saved}/merge", json=body)).status_code

    async def add(number: int) -> int:
        return (await clients[number].patch(saved, json=append(f"added-{number}"), headers=PATCH)).status_code

    statuses = await asyncio.gather(*(log_in(client) for client in clients), *(add(n) for n in range(CLIENTS)))

    # The others come too late, for a cart that is gone.
    assert Counter(statuses) == {200: 1 + CLIENTS, 422: CLIENTS - 1}
    answer = await clients[1].get(saved)
    names = ["saved", *(f"guest-{n}" for n in range(MERGED)), *(f"added-{n}" for n in range(CLIENTS))]
    items = answer.json()["cartItem"]
    assert Counter(entry["name"] for entry in items) == Counter(names)
    assert len({entry["id"] for entry in items}) == len(names)
    assert total_of(answer) == Decimal("7.4")
    assert (await clients[0].get(guest)).status_code == 404
