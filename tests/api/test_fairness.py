"""What one client's request costs is not waited for by others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from application_runs import started
from checkout_work import SPLIT
from sqlalchemy import select

from gateway.app import GatewayApp, create_app
from gateway.carts import holding, operations, store
from gateway.checkouts.accepting import consulting
from gateway.settings import Settings, StorageSettings, UpstreamSettings
from gateway.storage.tables import cart

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
ITEMS = [
    {
        "id": str(number),
        "action": "add",
        "quantity": 1,
        "productOffering": {"id": f"offering-{number}", "name": "x" * 100},
    }
    for number in range(200)
]


class Gate:
    """Holds up a function that works something out until it is opened."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.reached, self.opened = threading.Event(), threading.Event()
        self.times = 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.times += 1
        self.reached.set()
        assert self.opened.wait(20)
        return self.function(*arguments, **named)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate(operations.changed_cart)
    monkeypatch.setattr(operations, "changed_cart", made)
    yield made
    made.opened.set()


@pytest.fixture
async def app(sqlite_url: str) -> AsyncIterator[GatewayApp]:
    crm = UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4")
    settings = Settings(storage=StorageSettings(url=sqlite_url), upstreams={"crm": crm})
    async with started(create_app(settings, mappings={"salesforce-v4": SPLIT})) as made:
        yield made


@pytest.fixture
async def client(app: GatewayApp) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway.test") as connected:
        yield connected


async def test_a_large_change_is_worked_out_while_others_write(client: httpx.AsyncClient, gate: Gate) -> None:
    large = (await client.post(CARTS, json={"cartItem": ITEMS})).json()["id"]
    patch = asyncio.create_task(client.patch(f"{CARTS}/{large}", json={"description": "x"}))
    await asyncio.to_thread(gate.reached.wait, 20)

    assert (await client.post(CARTS, json={"cartItem": []})).status_code == 201
    assert (await client.get(f"{CARTS}/{large}")).status_code == 200
    assert not patch.done()
    gate.opened.set()
    assert (await patch).json()["description"] == "x"


async def test_a_cart_of_a_hundred_items_is_translated_while_others_write(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(consulting.check_and_prepare)
    monkeypatch.setattr(consulting, "check_and_prepare", gate)
    offering = {"id": "offering", "name": "Offering"}
    items = [{"id": str(n), "action": "add", "quantity": 1, "productOffering": offering} for n in range(150)]
    asked = {"shoppingCart": {"cartItem": items}, "upstream": "crm", "relatedParty": [{"id": "C", "role": "customer"}]}
    preview = asyncio.create_task(client.post("/tmf-api/checkoutManagement/v1/checkout/preview", json=asked))
    await asyncio.to_thread(gate.reached.wait, 20)

    assert (await client.post(CARTS, json={"cartItem": []})).status_code == 201
    assert not preview.done()
    gate.opened.set()
    assert (await preview).status_code == 200


async def test_a_cart_that_changed_meanwhile_is_changed_as_it_is_then(
    app: GatewayApp, client: httpx.AsyncClient, gate: Gate
) -> None:
    cart_id = (await client.post(CARTS, json={"cartItem": ITEMS})).json()["id"]
    patch = asyncio.create_task(client.patch(f"{CARTS}/{cart_id}", json={"description": "mine"}))
    await asyncio.to_thread(gate.reached.wait, 20)

    def another(connection: Any) -> None:
        row = connection.execute(select(cart.c.tenant, cart.c.document).where(cart.c.id == cart_id)).one()
        text = row.document.replace('"cartItem"', '"category":"another","cartItem"', 1)
        now = app.services.clock()
        assert store.update(connection, row.tenant, cart_id, 1, store.CartContent(text), now)

    await app.services.database.write(another)
    gate.opened.set()
    answer = await patch

    assert (answer.json()["description"], answer.json()["category"]) == ("mine", "another")
    assert answer.headers["etag"] == '"3"'
    assert gate.times == 2


async def test_what_if_match_named_is_asked_of_the_cart_that_is_written(
    app: GatewayApp, client: httpx.AsyncClient, gate: Gate
) -> None:
    cart_id = (await client.post(CARTS, json={"cartItem": ITEMS})).json()["id"]
    patch = asyncio.create_task(
        client.patch(f"{CARTS}/{cart_id}", json={"description": "mine"}, headers={"If-Match": '"1"'})
    )
    await asyncio.to_thread(gate.reached.wait, 20)
    await app.services.database.write(lambda connection: holding.lock(connection, "default", cart_id, "some-checkout"))
    gate.opened.set()
    assert (await patch).status_code == 409
