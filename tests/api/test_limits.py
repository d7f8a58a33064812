"""Bounds of what one tenant and one client may keep: told in words, kept apart from others, and gone when there is room again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from application_runs import started
from known_clients import known_clients

from gateway import quotas
from gateway.app import create_app
from gateway.carts import store
from gateway.settings import HubSettings, LimitSettings, Settings, StorageSettings
from gateway.storage import open_database

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
HUBS = ("/tmf-api/shoppingCart/v4/hub", "/tmf-api/checkoutManagement/v1/hub")
CLIENTS = {"shop": ("acme", "admin"), "app": ("acme", "channel"), "elsewhere": ("other", "channel")}


@pytest.fixture
async def client(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setattr(quotas, "FULL_SECONDS", 0.0)
    security = known_clients(tmp_path, {name: (tenant, [role]) for name, (tenant, role) in CLIENTS.items()})
    settings = Settings(
        storage=StorageSettings(url=sqlite_url),
        security=security,
        limits=LimitSettings(carts_max=3),
        hub=HubSettings(
            subscriptions_max=3,
            client_subscriptions_max=2,
            allow_http=True,
            allowed_ports=(),
            allowed_networks=("127.0.0.0/8",),
        ),
    )
    app = create_app(settings)
    transport = httpx.ASGITransport(app=app)
    async with started(app), httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as connected:
        yield connected


def as_client(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


async def test_a_tenant_has_so_many_carts_and_no_more(client: httpx.AsyncClient) -> None:
    made = [await client.post(CARTS, json={}, headers=as_client(name)) for name in ("shop", "app", "shop", "app")]
    assert [answer.status_code for answer in made] == [201, 201, 201, 429]
    assert "3 open carts" in made[3].json()["message"]
    assert made[3].headers["retry-after"] == "60"
    assert (await client.post(CARTS, json={}, headers=as_client("elsewhere"))).status_code == 201

    path = f"{CARTS}/{made[0].json()['id']}"
    assert (await client.patch(path, json={"description": "x"}, headers=as_client("app"))).status_code == 200
    assert (await client.delete(path, headers=as_client("shop"))).status_code == 204
    assert (await client.post(CARTS, json={}, headers=as_client("app"))).status_code == 201


async def test_one_client_does_not_have_all_subscriptions_of_its_tenant(client: httpx.AsyncClient) -> None:
    async def subscribe(name: str, number: int) -> httpx.Response:
        body = {"callback": f"http://127.0.0.1:9/{name}/{number}"}
        return await client.post(HUBS[number % 2], json=body, headers=as_client(name))

    answers = [await subscribe("shop", 0), await subscribe("shop", 1), await subscribe("shop", 2)]
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert "2 of this client" in answers[2].json()["message"]
    answers = [await subscribe("app", 0), await subscribe("app", 1), await subscribe("elsewhere", 0)]
    assert [answer.status_code for answer in answers] == [201, 409, 201]


async def test_carts_are_counted_by_their_index(sqlite_url: str) -> None:
    database = open_database(StorageSettings(url=sqlite_url, readers_max=2))
    try:
        plan = await database.read(
            lambda connection: connection.exec_driver_sql(
                "EXPLAIN QUERY PLAN SELECT count(*) FROM"
                " (SELECT cart.tenant FROM cart WHERE cart.tenant = 'acme' AND cart.checkout_id IS NULL LIMIT 5)"
            ).all()
        )
        counted = await database.read(lambda connection: store.free_count(connection, "acme", 5))
    finally:
        await database.close()
    assert any("COVERING INDEX ix_cart_free" in row[3] for row in plan), plan
    assert counted == 0
