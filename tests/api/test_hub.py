"""The hub of each API over HTTP."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from application_runs import started
from hub_listener import LOOPBACK_ALLOWED
from known_clients import known_clients

from gateway.app import GatewayApp, create_app
from gateway.settings import HubSettings, Settings, StorageSettings

HUBS = {
    "v1": "/shoppingCart/v1/hub",
    "v4": "/tmf-api/shoppingCart/v4/hub",
    "v5": "/tmf-api/shoppingCart/v5/hub",
    "checkout": "/tmf-api/checkoutManagement/v1/hub",
}
V4 = HUBS["v4"]
CALLBACK = "https://listener.example.com/tmf"
CALLBACK_HERE = "http://127.0.0.1:9/x"


@pytest.fixture
def hub() -> HubSettings:
    return HubSettings(subscriptions_max=3, callback_characters_max=100, query_characters_max=100)


@pytest.fixture
def settings(sqlite_url: str, hub: HubSettings) -> Settings:
    return Settings(storage=StorageSettings(url=sqlite_url, readers_max=2), hub=hub)


NAMES = {"listener.example.com": ["93.184.216.34"], "inside.example.com": ["93.184.216.34", "10.0.0.7"]}


@pytest.fixture(autouse=True)
def names(app: GatewayApp) -> None:
    """Names resolve as NAMES says, without a name server."""

    async def resolve(host: str, _port: int) -> list[str]:
        if host not in NAMES:
            raise OSError
        return NAMES[host]

    object.__setattr__(app.services, "resolver", resolve)


async def created(client: Any, path: str = V4, **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json={"callback": CALLBACK, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.parametrize("path", HUBS.values())
async def test_a_subscription_is_made_shown_listed_and_removed(client, path):
    answer = await client.post(path, json={"callback": CALLBACK})

    assert answer.status_code == 201
    hub = answer.json()
    assert answer.headers["location"] == hub["href"] == f"http://gateway.test{path}/{hub['id']}"
    assert hub["callback"] == CALLBACK
    assert hub["secret"].startswith("whsec_")
    shown = await client.get(f"{path}/{hub['id']}")
    assert shown.status_code == 200
    assert shown.json() == {name: value for name, value in hub.items() if name != "secret"}
    listed = await client.get(path)
    assert listed.json() == [shown.json()]
    assert listed.headers["x-total-count"] == "1"
    gone = await client.delete(f"{path}/{hub['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await client.get(f"{path}/{hub['id']}")).status_code == 404
    assert (await client.delete(f"{path}/{hub['id']}")).status_code == 404
    assert (await client.get(path)).json() == []


async def test_what_each_version_demands_is_there(client):
    v1, v4, v5 = [await created(client, HUBS[version]) for version in ("v1", "v4", "v5")]

    assert v1["query"] is None
    assert "@type" not in v4
    assert "query" not in v4
    assert v5["@type"] == "Hub"


async def test_a_subscription_of_one_version_is_not_one_of_another(client):
    hub = await created(client)

    for path in HUBS.values():
        assert (await client.get(f"{path}/{hub['id']}")).status_code == (200 if path == V4 else 404)
    assert (await client.delete(f"{HUBS['v5']}/{hub['id']}")).status_code == 404


async def test_secrets_differ_and_are_never_shown_again(client):
    first, second = await created(client), await created(client, query="eventType=ShoppingCartDeleteEvent")

    assert first["secret"] != second["secret"]
    for path in (V4, f"{V4}/{first['id']}"):
        text = (await client.get(path)).text
        assert "whsec" not in text
        assert first["secret"][6:] not in text


async def test_many_listeners_are_fine_the_same_twice_is_not(client):
    hub = await created(client)
    answer = await client.post(V4, json={"callback": CALLBACK})

    assert answer.status_code == 409
    assert answer.json()["referenceError"] == hub["href"] == f"http://gateway.test{V4}/{hub['id']}"
    await created(client, HUBS["v5"])
    await created(client, query="eventType=ShoppingCartDeleteEvent")


async def test_there_is_a_limit_of_subscriptions(client):
    for number in range(3):
        await created(client, callback=f"{CALLBACK}/{number}")
    answer = await client.post(V4, json={"callback": f"{CALLBACK}/4"})

    assert answer.status_code == 409
    assert "3 subscriptions" in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ({}, "callback", "is missing"),
        ({"callback": None}, "callback", "is missing"),
        ({"callback": 7}, "callback", "must be a text"),
        ({"callback": "http://listener.example.com"}, "callback", "https://"),
        ({"callback": "https://127.0.0.1/"}, "callback", "not an address"),
        ({"callback": "https://user:word@listener.example.com"}, "callback", "user name"),
        ({"callback": "https://listener.example.com:8080"}, "callback", "ports 443, 8443"),
        ({"callback": "https://nowhere.example.com"}, "callback", "cannot be resolved"),
        ({"callback": "https://inside.example.com"}, "callback", "not allowed"),
        ({"callback": "https://listener.example.com/" + "x" * 100}, "callback", "more than 100 characters"),
        ({"callback": CALLBACK, "query": "x" * 101}, "query", "more than 100 characters"),
        ({"callback": CALLBACK, "query": ["eventType"]}, "query", "must be a text"),
        ({"callback": CALLBACK, "query": "eventType=Nothing"}, "query.eventType", "ShoppingCartCreateEvent"),
        ({"callback": CALLBACK, "query": "shoppingCart.id.ne=1"}, "query.shoppingCart.id.ne", "is not supported"),
        ({"callback": CALLBACK, "query": "relatedParty.id=1"}, "query.relatedParty.id", "event.shoppingCart"),
        ({"callback": CALLBACK, "callbak": "x"}, "callbak", "is not known here"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_stored(client, body, path, words):
    answer = await client.post(V4, json=body)

    assert answer.status_code == 400, answer.text
    problems = answer.json()["problem"]
    assert [each["path"] for each in problems] == [path]
    assert words in problems[0]["message"]
    assert (await client.get(V4)).json() == []


async def test_all_problems_are_said_at_once(client):
    answer = await client.post(V4, json={"callback": "ftp://127.0.0.1:21/#x", "query": "eventType=No&a=b"})

    assert len(answer.json()["problem"]) == 5


async def test_what_the_address_of_a_name_is_stays_unsaid(client):
    assert "10.0.0.7" not in (await client.post(V4, json={"callback": "https://inside.example.com"})).text


@pytest.mark.parametrize("content", [b"[]", b"{", b""])
async def test_a_body_that_is_no_object_is_refused(client, content):
    answer = await client.post(V4, content=content, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400


async def test_paging(client):
    for number in range(3):
        await created(client, callback=f"{CALLBACK}/{number}")
    answer = await client.get(V4, params={"limit": 2, "offset": 0})

    assert answer.status_code == 206
    assert [each["callback"][-1] for each in answer.json()] == ["0", "1"]
    assert answer.headers["x-total-count"] == "3"
    assert (await client.get(V4, params={"colour": "red"})).status_code == 400


async def test_other_methods_are_named(client):
    answer = await client.put(V4, json={})

    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


async def test_the_api_description_has_every_hub(client):
    paths = (await client.get("/schema/openapi.json")).json()["paths"]

    for path in HUBS.values():
        assert {"post", "get"} <= set(paths[path])
        assert {"get", "delete"} <= set(paths[f"{path}/{{hub_id}}"])


@pytest.mark.parametrize("hub", [HubSettings(**LOOPBACK_ALLOWED)], ids=["for tests"])
async def test_settings_open_what_development_needs(client):
    await created(client, callback="http://127.0.0.1:9/x")


@asynccontextmanager
async def with_clients(folder: Path, **clients: tuple[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """Start a gateway that knows clients by name, each with its tenant and role; the token is the name."""
    security = known_clients(folder, {name: (tenant, [role]) for name, (tenant, role) in clients.items()})
    settings = Settings(
        storage=StorageSettings(url=f"sqlite:///{folder}/clients.db"),
        security=security,
        hub=HubSettings(**LOOPBACK_ALLOWED),
    )
    async with started(create_app(settings)) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
            yield client


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


async def test_a_tenant_neither_sees_nor_ends_the_subscriptions_of_another(tmp_path):
    one, two = bearer("one"), bearer("two")
    async with with_clients(tmp_path, one=("one", "channel"), two=("two", "admin")) as client:
        body = {"callback": CALLBACK_HERE}
        hub = (await client.post(V4, json=body, headers=one)).json()
        path = f"{V4}/{hub['id']}"

        assert (await client.get(V4, headers=two)).json() == []
        assert (await client.get(path, headers=two)).status_code == 404
        assert (await client.delete(path, headers=two)).status_code == 404
        assert (await client.get(V4)).status_code == 401
        # The same subscription of another tenant is another one, and tells nothing of the first.
        assert (await client.post(V4, json=body, headers=two)).status_code == 201
        assert (await client.get(path, headers=one)).status_code == 200


@pytest.mark.parametrize("hub", HUBS.values(), ids=HUBS)
async def test_a_subscription_is_ended_by_who_made_it_or_an_administrator(tmp_path, hub):
    clients = {
        "maker": ("acme", "channel"),
        "other": ("acme", "channel"),
        "partner": ("acme", "partner"),
        "watcher": ("acme", "operator"),
        "head": ("acme", "admin"),
    }
    async with with_clients(tmp_path, **clients) as client:
        for ender in ("maker", "head"):
            made = await client.post(hub, json={"callback": f"http://127.0.0.1:9/{ender}"}, headers=bearer("maker"))
            path = f"{hub}/{made.json()['id']}"
            # A partner does not even hear that there is one.
            assert (await client.delete(path, headers=bearer("partner"))).status_code == 404
            for name in ("other", "watcher"):
                refused = await client.delete(path, headers=bearer(name))
                assert refused.status_code == 403
                assert refused.json()["@type"] == "Error"
                assert "admin" in refused.json()["message"]
                assert "maker" not in refused.text
                assert (await client.get(path, headers=bearer(name))).json()["state"] == "active"
            assert (await client.delete(path, headers=bearer(ender))).status_code == 204
            assert (await client.delete(path, headers=bearer(ender))).status_code == 404


async def test_a_subscription_whose_maker_is_not_known_is_ended_by_an_administrator(tmp_path):
    clients = {"maker": ("acme", "channel"), "head": ("acme", "admin")}
    async with with_clients(tmp_path, **clients) as client:
        path = f"{V4}/{(await client.post(V4, json={'callback': CALLBACK_HERE}, headers=bearer('maker'))).json()['id']}"
        # As one that was made before makers were recorded.
        with sqlite3.connect(tmp_path / "clients.db", timeout=30) as database:
            database.execute("UPDATE hub_subscription SET owner = NULL")

        assert (await client.delete(path, headers=bearer("maker"))).status_code == 403
        assert (await client.delete(path, headers=bearer("head"))).status_code == 204
