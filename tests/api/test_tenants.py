"""What several tenants of one installation share, and what each sees of it: figures, and order systems that serve some of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from application_runs import started
from known_clients import known_clients
from msgspec import structs
from sqlalchemy import select, update

from gateway.app import GatewayApp, create_app
from gateway.resources import load_mappings
from gateway.security.tokens import token_sha256
from gateway.settings import (
    ClientRate,
    LimitSettings,
    Settings,
    StorageSettings,
    TenantRate,
    UpstreamSettings,
)
from gateway.settings.unsafe import unsafe_combinations
from gateway.storage.tables import checkout, inbox

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
UPSTREAMS = "/tmf-api/checkoutManagement/v1/upstream"
CLIENTS = {
    "acme-shop": ("acme", ["channel"]),
    "acme-operator": ("acme", ["operator"]),
    "acme-notifier": ("acme", ["notifier"]),
    "other-shop": ("other", ["channel"]),
    "other-operator": ("other", ["operator"]),
    "third-shop": ("third", ["channel"]),
    "third-notifier": ("third", ["notifier"]),
    "watcher": ("ops", ["platform"]),
    "chief": ("acme", ["operator", "platform"]),
}


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    security = known_clients(tmp_path, CLIENTS)
    shared = UpstreamSettings(
        base_url="http://127.0.0.1:1",
        mapping="salesforce-v4",
        tenants=("acme", "other"),
        notification_token_sha256=token_sha256("token-of-crm"),
    )
    own = UpstreamSettings(base_url="http://127.0.0.1:1", mapping="tmf622-v4", tenants=("acme",))
    return Settings(
        storage=StorageSettings(url=sqlite_url),
        security=security,
        upstreams={"crm": shared, "own": own},
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[GatewayApp]:
    made = create_app(settings, mappings=load_mappings(settings.mappings))
    async with started(made):
        yield made


@pytest.fixture
async def client(app: GatewayApp) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway.test") as connected:
        yield connected


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


async def checked_out(client: httpx.AsyncClient, name: str, **request: Any) -> httpx.Response:
    item = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "X"}}
    cart = await client.post(CARTS, json={"cartItem": [item]}, headers=bearer(name))
    body = {"shoppingCart": {"id": cart.json()["id"]}, "relatedParty": [{"id": "CD1", "role": "customer"}], **request}
    return await client.post(CHECKOUTS, json=body, headers=bearer(name))


async def test_an_operator_sees_the_figures_of_its_tenant_and_the_platform_all(client: httpx.AsyncClient) -> None:
    for name in ("acme-shop", "acme-shop", "other-shop"):
        assert (await checked_out(client, name, upstream="crm")).status_code == 202
    await client.get(CARTS)

    shown = {
        name: (await client.get("/metrics", headers=bearer(name))).text
        for name in ("acme-operator", "other-operator", "watcher", "chief")
    }

    posted = 'gateway_request_duration_seconds_count{method="POST",route="' + CHECKOUTS + '",status="202"}'
    for name, count in {"acme-operator": 2, "other-operator": 1, "watcher": 3, "chief": 3}.items():
        assert f'gateway_checkouts{{state="accepted"}} {count}.0' in shown[name], name
        assert f"{posted} {count}.0" in shown[name], name
        assert ('status="401"' in shown[name]) == (name in {"watcher", "chief"})
        assert "tenant=" not in shown[name]
    assert (await client.get(CARTS, headers=bearer("watcher"))).status_code == 403


async def test_a_tenant_orders_only_where_it_is_served(client: httpx.AsyncClient) -> None:
    assert (await checked_out(client, "acme-shop", upstream="own")).status_code == 202
    # Where one alone serves it, that is meant.
    assert (await checked_out(client, "other-shop")).json()["upstream"] == "crm"
    told = []
    for name, upstream in (("other-shop", "own"), ("other-shop", "own2")):
        refused = await checked_out(client, name, upstream=upstream)
        assert refused.status_code == 400
        assert "there are: crm" in refused.text
        told.append(refused.text)
    assert told[0] == told[1]
    assert "is configured here" in (await checked_out(client, "third-shop", upstream="crm")).text


async def stored(app: GatewayApp) -> list[tuple[str, str]]:
    rows = await app.services.database.read(
        lambda connection: connection.execute(select(inbox.c.tenant, inbox.c.dedup_key)).all()
    )
    return sorted((row.tenant, row.dedup_key) for row in rows)


async def test_one_order_system_reports_orders_of_each_of_its_tenants(
    app: GatewayApp, client: httpx.AsyncClient
) -> None:
    checkout_id = (await checked_out(client, "other-shop", upstream="crm")).json()["id"]
    await app.services.database.write(
        lambda c: c.execute(
            update(checkout).where(checkout.c.tenant == "other", checkout.c.id == checkout_id).values(order_id="7")
        )
    )
    for event_id, order_id in (("known", "7"), ("early", "8")):
        event = {"eventId": event_id, "productOrder": {"id": order_id, "state": "x"}}
        answer = await client.post("/notifications/crm", json=event, headers=bearer("token-of-crm"))
        assert answer.status_code == 200

    # Of an order that nobody knows yet each of them may hear; the one of a tenant is that tenant's alone.
    assert await stored(app) == [("acme", "early"), ("other", "early"), ("other", "known")]


async def test_a_notifier_of_a_tenant_that_is_not_served_finds_no_such_order_system(
    app: GatewayApp, client: httpx.AsyncClient
) -> None:
    event = {"eventId": "1", "productOrder": {"id": "7", "state": "x"}}
    told = [
        await client.post(f"/notifications/{name}", json=event, headers=bearer("third-notifier"))
        for name in ("own", "nothing")
    ]
    assert [answer.status_code for answer in told] == [404, 404]
    assert told[0].text == told[1].text
    assert (await client.post("/notifications/own", json=event, headers=bearer("acme-notifier"))).status_code == 201
    assert await stored(app) == [("acme", "1")]


async def test_an_operator_does_not_stop_an_order_system_for_others(client: httpx.AsyncClient) -> None:
    async def pause(name: str, upstream: str) -> int:
        path = f"{UPSTREAMS}/{upstream}/pause"
        return (await client.post(path, json={"reason": "r"}, headers=bearer(name))).status_code

    assert await pause("acme-operator", "crm") == 403
    assert await pause("other-operator", "own") == 404
    assert await pause("acme-operator", "own") == 200
    assert await pause("chief", "crm") == 200
    listed = (await client.get(UPSTREAMS, headers=bearer("other-operator"))).json()
    assert [each["id"] for each in listed] == ["crm"]


async def test_an_order_system_of_every_tenant_is_stopped_by_one_alone_while_no_other_orders(
    app: GatewayApp, client: httpx.AsyncClient
) -> None:
    of_everybody = structs.replace(app.services.settings.upstreams["own"], tenants=())
    settings = structs.replace(app.services.settings, upstreams={"all": of_everybody})
    app.services = replace(app.services, settings=settings)

    async def ask(name: str, action: str) -> httpx.Response:
        return await client.post(f"{UPSTREAMS}/all/{action}", json={"reason": "r"}, headers=bearer(name))

    assert (await checked_out(client, "acme-shop", upstream="all")).status_code == 202
    assert [(await ask("acme-operator", action)).status_code for action in ("pause", "resume")] == [200, 200]
    # Nothing of this tenant's is there: all that it would stop is another's.
    refused = await ask("other-operator", "pause")
    assert (refused.status_code, "upstreams.all.tenants" in refused.json()["message"]) == (403, True)
    assert (await checked_out(client, "other-shop", upstream="all")).status_code == 202
    for name in ("acme-operator", "other-operator"):
        assert [(await ask(name, action)).status_code for action in ("pause", "resume")] == [403, 403]
    assert (await ask("chief", "pause")).status_code == 200


async def test_who_asks_too_often_is_refused_before_its_body_is_read(
    app: GatewayApp, client: httpx.AsyncClient
) -> None:
    limits = LimitSettings(
        client=ClientRate(requests_per_second=0.01, burst=3), tenant=TenantRate(requests_per_second=0.01, burst=100)
    )
    app.services = replace(app.services, settings=structs.replace(app.services.settings, limits=limits))

    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("it is not read")
        yield b""

    for left in ("2", "1", "0"):
        answer = await client.get(CARTS, headers=bearer("acme-shop"))
        assert answer.status_code == 200
        assert f'"client";r={left};' in answer.headers["ratelimit"]
    refused = await client.post(
        CARTS, content=body(), headers={**bearer("acme-shop"), "Content-Type": "application/json"}
    )
    assert (refused.status_code, refused.json()["code"]) == (429, "67")
    assert 90 < int(refused.headers["retry-after"]) <= 100
    assert refused.headers["ratelimit-policy"] == '"client";q=3;w=300, "tenant";q=100;w=10000'
    assert (await client.get(CARTS, headers=bearer("acme-operator"))).status_code == 200
    assert (await client.get(CARTS, headers=bearer("other-shop"))).status_code == 200
    assert (await client.get("/livez")).status_code == 200


def test_an_order_system_with_a_token_of_its_own_says_whose_orders_it_reports(settings: Settings) -> None:
    lonely = UpstreamSettings(
        base_url="http://127.0.0.1:1", mapping="salesforce-v4", notification_token_sha256=token_sha256("x")
    )
    wrong = UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4", tenants=("ACME",))
    given = Settings(security=settings.security, upstreams={"a": lonely, "b": wrong, **settings.upstreams})

    paths = [problem.path for problem in unsafe_combinations(given)]
    assert paths == ["upstreams.a.notification_token_sha256", "upstreams.b.tenants[0]"]
