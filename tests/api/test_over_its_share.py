"""A tenant that used more than its share of the processor waits before its next request is begun; nobody else waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from application_runs import started
from checkout_work import SPLIT
from known_clients import known_clients

from gateway import app as application
from gateway.app import GatewayApp, create_app
from gateway.fair_shares import FairShares
from gateway.settings import LimitSettings, Settings, StorageSettings, TenantRate, UpstreamSettings

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
LOUD, QUIET = ({"Authorization": f"Bearer {name}"} for name in ("loud", "quiet"))
NOTIFIER = {"Authorization": "Bearer loud-crm"}


class Rests:
    """Rests that last until they may end; a clock that moves on by them alone."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.begun, self.over = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.begun.set()
        await self.over.wait()
        self.now += seconds


@pytest.fixture
def rests() -> Rests:
    return Rests()


@pytest.fixture
async def app(
    sqlite_url: str, tmp_path: Path, rests: Rests, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[GatewayApp]:
    monkeypatch.setattr(application, "FairShares", partial(FairShares, clock=lambda: rests.now, sleep=rests.sleep))
    clients = {"loud": ("loud", ["channel"]), "quiet": ("quiet", ["channel"]), "loud-crm": ("loud", ["notifier"])}
    settings = Settings(
        storage=StorageSettings(url=sqlite_url),
        security=known_clients(tmp_path, clients),
        upstreams={"crm": UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4")},
        limits=LimitSettings(tenant=TenantRate(processor_percent=50)),
    )
    async with started(create_app(settings, mappings={"salesforce-v4": SPLIT})) as made:
        yield made


@pytest.fixture
async def client(app: GatewayApp) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway.test") as connected:
        yield connected


async def test_a_tenant_over_its_share_waits_and_another_one_does_not(
    app: GatewayApp, client: httpx.AsyncClient, rests: Rests
) -> None:
    assert (await client.post(CARTS, json={}, headers=QUIET)).status_code == 201
    app.services.shares.spent("loud", 0.3)
    assert app.services.shares.rest_of("loud") == pytest.approx(0.5)
    waiting = [asyncio.create_task(client.post(CARTS, json={}, headers=LOUD)) for _ in range(2)]
    async with asyncio.timeout(20):
        await rests.begun.wait()
    assert (await client.post(CARTS, json={}, headers=QUIET)).status_code == 201
    assert not any(task.done() for task in waiting)

    waiting[0].cancel()
    rests.over.set()
    async with asyncio.timeout(20):
        assert (await waiting[1]).status_code == 201
    rests.now += 10
    assert len(app.services.shares) == 0, "who gave up left its turn behind"


async def test_a_storm_of_notifications_rests_and_the_channels_of_its_tenant_do_not(
    app: GatewayApp, client: httpx.AsyncClient, rests: Rests
) -> None:
    assert (await client.post(CARTS, json={}, headers=LOUD)).status_code == 201
    app.services.shares.spent(("loud", "notifications"), 0.3)
    event = {"eventId": "1", "event": {"productOrder": {"id": "1", "state": "completed"}}}
    waiting = asyncio.create_task(client.post("/notifications/crm", json=event, headers=NOTIFIER))
    async with asyncio.timeout(20):
        await rests.begun.wait()
    assert (await client.post(CARTS, json={}, headers=LOUD)).status_code == 201
    assert not waiting.done()
    rests.over.set()
    async with asyncio.timeout(20):
        assert (await waiting).is_success


async def test_what_requests_take_is_noted_while_others_ask_and_only_then(
    app: GatewayApp, client: httpx.AsyncClient, rests: Rests
) -> None:
    shares = app.services.shares
    for _ in range(3):
        await client.post(CARTS, json={}, headers=LOUD)
    assert len(shares) == 0
    await client.post(CARTS, json={}, headers=QUIET)
    await client.post(CARTS, json={}, headers=LOUD)
    assert len(shares) == 2
    rests.now += 10
    assert len(shares) == 0
