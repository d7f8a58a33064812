"""Many clients change the same carts at once, over HTTP, on both databases: nothing is lost, and totals are exact."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from application_runs import client_of

from gateway.app import create_app
from gateway.settings import Settings, StorageSettings
from gateway.storage import Database
from gateway.tmf.json import decode_stored

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
PATCH = {"content-type": "application/json-patch+json"}
CLIENTS, ROUNDS = 8, 20


@pytest.fixture
async def client(storage: StorageSettings, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(Settings(storage=storage))) as connected:
        yield connected


def item(name: str) -> dict[str, Any]:
    price = {"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 0.1}}}
    return {"action": "add", "name": name, "itemPrice": [price]}


async def created(client: httpx.AsyncClient, *items: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(CARTS, json={"cartItem": list(items)})
    cart: dict[str, Any] = answer.json()
    return cart


def total_of(answer: httpx.Response) -> Decimal:
    (total,) = decode_stored(answer.content)["cartTotalPrice"]
    value: Decimal = total["price"]["dutyFreeAmount"]["value"]
    return value


async def test_items_added_by_many_at_once_are_all_there(client: httpx.AsyncClient) -> None:
    cart = await created(client)
    path = f"{CARTS}/{cart['id']}"

    async def add(number: int) -> None:
        for turn in range(ROUNDS):
            body = [{"op": "add", "path": "/cartItem/-", "value": item(f"{number}-{turn}")}]
            answer = await client.patch(path, json=body, headers=PATCH)
            assert answer.status_code == 200, answer.text
            # Whatever is answered, the totals are those of the items that are answered with them.
            assert total_of(answer) == len(answer.json()["cartItem"]) * Decimal("0.1")

    await asyncio.gather(*(add(number) for number in range(CLIENTS)))

    answer = await client.get(path)
    items = answer.json()["cartItem"]
    assert {entry["name"] for entry in items} == {f"{n}-{turn}" for n in range(CLIENTS) for turn in range(ROUNDS)}
    assert len({entry["id"] for entry in items}) == CLIENTS * ROUNDS
    assert total_of(answer) == 16
    assert answer.headers["etag"] == f'"{CLIENTS * ROUNDS + 1}"'


async def test_with_if_match_one_wins_each_round_and_the_others_are_told(client: httpx.AsyncClient) -> None:
    path = f"{CARTS}/{(await created(client))['id']}"

    for turn in range(ROUNDS):
        tag = (await client.get(path)).headers["etag"]
        answers = await asyncio.gather(
            *(
                client.patch(
                    path,
                    json=[{"op": "add", "path": "/cartItem/-", "value": item(f"{number}-{turn}")}],
                    headers={**PATCH, "if-match": tag},
                )
                for number in range(CLIENTS)
            )
        )
        assert Counter(answer.status_code for answer in answers) == {200: 1, 412: CLIENTS - 1}

    assert len((await client.get(path)).json()["cartItem"]) == ROUNDS


async def test_a_cart_of_65_items_is_merged_once_whoever_logs_in_at_once(client: httpx.AsyncClient) -> None:
    saved = await created(client, item("saved"))
    guest = await created(client, *(item(f"guest-{number}") for number in range(65)))
    path = f"{CARTS}/{saved['id']}"

    async def log_in() -> int:
        answer = await client.post(f"{path}/merge", json={"shoppingCart": {"id": guest["id"]}})
        return answer.status_code

    async def add(number: int) -> int:
        body = [{"op": "add", "path": "/cartItem/-", "value": item(f"added-{number}")}]
        return (await client.patch(path, json=body, headers=PATCH)).status_code

    statuses = await asyncio.gather(*(log_in() for _ in range(CLIENTS)), *(add(number) for number in range(CLIENTS)))

    assert Counter(statuses[:CLIENTS]) == {200: 1, 422: CLIENTS - 1}
    assert set(statuses[CLIENTS:]) == {200}
    answer = await client.get(path)
    merged = answer.json()
    names = Counter(entry["name"] for entry in merged["cartItem"])
    expected = ["saved", *(f"guest-{n}" for n in range(65)), *(f"added-{n}" for n in range(CLIENTS))]
    assert names == Counter(expected)
    assert len({entry["id"] for entry in merged["cartItem"]}) == len(expected)
    assert total_of(answer) == Decimal("7.4")
    assert (await client.get(f"{CARTS}/{guest['id']}")).status_code == 404


async def test_two_carts_merged_into_each_other_at_once_leave_one_with_all(client: httpx.AsyncClient) -> None:
    for turn in range(5):
        left, right = await created(client, item("left")), await created(client, item("right"))

        async def merge(into: dict[str, Any], guest: dict[str, Any]) -> int:
            answer = await client.post(f"{CARTS}/{into['id']}/merge", json={"shoppingCart": {"id": guest["id"]}})
            return answer.status_code

        statuses = await asyncio.gather(merge(left, right), merge(right, left))

        assert statuses.count(200) == 1, turn
        kept = left if statuses[0] == 200 else right
        found = (await client.get(f"{CARTS}/{kept['id']}")).json()
        assert sorted(entry["name"] for entry in found["cartItem"]) == ["left", "right"]
