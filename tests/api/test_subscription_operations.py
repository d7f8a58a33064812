"""What operators see of subscriptions and do with them over HTTP: how far each is, sending again, a test event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from application_runs import client_of, started
from hub_listener import LOOPBACK_ALLOWED, QUICK_ON_LOOPBACK, Listener, listening
from known_clients import known_clients
from standardwebhooks import Webhook

from gateway.app import GatewayApp, create_app
from gateway.hub.delivery import lease, subscriber
from gateway.hub.delivery.service import delivery
from gateway.hub.model import APIS
from gateway.settings import HubSettings, Settings, StorageSettings

ALL = "/tmf-api/checkoutManagement/v1/subscription"
HUB = "/tmf-api/shoppingCart/v4/hub"
CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"


@pytest.fixture
async def app(storage: StorageSettings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GatewayApp]:
    # Who has nothing to send lets go of its subscriptions at once: that is when it sees that it is to begin again.
    monkeypatch.setattr(subscriber, "LINGER_SECONDS", 0.05)
    monkeypatch.setattr(subscriber, "RECORD_SECONDS", 0.05)
    monkeypatch.setattr(lease, "RECORD_SECONDS", 0.05)
    settings = Settings(storage=storage, hub=QUICK_ON_LOOPBACK)
    async with started(create_app(settings, background=[delivery])) as application:
        yield application


async def subscribed(client: httpx.AsyncClient, listener: Listener, path: str = HUB, **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json={"callback": listener.url, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Return what `condition` gives once that is true."""
    for _ in range(1500):
        if found := await condition():
            return found
        await asyncio.sleep(0.02)
    raise TimeoutError


async def has_all(client: httpx.AsyncClient, hub: dict[str, Any]) -> None:
    """Wait until nothing waits for a subscription, and that is recorded."""

    async def function() -> bool:
        return bool((await client.get(f"{ALL}/{hub['id']}")).json()["eventsWaiting"] == 0)

    await until(function)


async def new_carts(client: httpx.AsyncClient, count: int) -> list[str]:
    return [(await client.post(CARTS, json={})).json()["id"] for _ in range(count)]


async def test_events_are_sent_again_since_a_moment_with_the_ids_that_they_had(client: httpx.AsyncClient) -> None:
    async with listening() as listener:
        hub = await subscribed(client, listener)
        await new_carts(client, 2)
        await listener.until(2)
        between = (await client.get(f"{CARTS}/{(await new_carts(client, 1))[0]}")).json()
        first = await listener.until(3)
        ids = [each.message_id for each in first]
        everything = await client.post(f"{ALL}/{hub['id']}/resend", json={"since": "2020-01-01T00:00:00Z"})

        assert (everything.status_code, everything.json()["events"]) == (202, 3)
        assert everything.json()["firstEvent"] == everything.json()["keptSince"]
        again = await listener.until(6)
        assert [each.message_id for each in again[3:]] == ids
        assert again[-1].document["event"]["shoppingCart"]["id"] == between["id"]
        Webhook(hub["secret"]).verify(again[-1].body, again[-1].headers)

        await has_all(client, hub)
        last_moment = again[-1].document["eventTime"]
        only = await client.post(f"{ALL}/{hub['id']}/resend", json={"since": last_moment})
        assert only.json()["events"] == 1
        assert [each.message_id for each in (await listener.until(7))[6:]] == ids[2:]
        audit = (await client.get("/tmf-api/checkoutManagement/v1/audit?action=resend")).json()
        assert [entry["resourceId"] for entry in audit] == [hub["id"]] * 2


async def test_a_subscription_that_was_switched_off_goes_on_when_events_are_sent_again(
    client: httpx.AsyncClient,
) -> None:
    status = 410
    async with listening(answer=lambda _delivery: (status, {}, b"", 0.0)) as listener:
        hub = await subscribed(client, listener)
        await new_carts(client, 1)

        async def is_off() -> bool:
            return (await client.get(f"{ALL}/{hub['id']}")).json()["state"] == "disabled"

        await until(is_off)
        status = 204
        answer = await client.post(f"{ALL}/{hub['id']}/resend", json={"since": "2020-01-01T00:00:00Z"})

        assert answer.status_code == 202
        assert len({each.message_id for each in await listener.until(2)}) == 1
        after = (await client.get(f"{ALL}/{hub['id']}")).json()
        assert after["state"] == "active"
        assert "statusReason" not in after


async def test_what_an_event_waits_for_is_shown(client: httpx.AsyncClient) -> None:
    status = 500
    async with listening(answer=lambda _delivery: (status, {}, b"", 0.0)) as listener:
        hub = await subscribed(client, listener)
        cart_id = (await new_carts(client, 1))[0]

        async def is_held_up() -> Any:
            return (await client.get(f"{ALL}/{hub['id']}")).json()["waitingResource"]

        waiting = (await until(is_held_up))[0]
        assert waiting["id"] == cart_id
        assert set(waiting) == {"id", "attempts", "since", "nextAttemptAt"}
        shown = (await client.get(f"{ALL}/{hub['id']}")).json()
        assert shown["oldestEventWaiting"] <= shown["lastFailure"]
        assert (shown["hub"], shown["client"], shown["callback"]) == (HUB, "anonymous", listener.url)
        assert shown["lastFailureReason"] == "answered with status 500"
        assert "secret" not in shown
        # Sending again from later on forgets nothing of what waited before.
        answer = await client.post(f"{ALL}/{hub['id']}/resend", json={"since": shown["lastFailure"]})
        assert answer.status_code == 202
        status = 204
        await has_all(client, hub)
        assert listener.deliveries[-1].document["event"]["shoppingCart"]["id"] == cart_id


@pytest.mark.parametrize("api", APIS, ids=lambda api: f"{api.resource}-{api.version}")
async def test_a_test_event_of_every_kind_is_signed_and_told_what_came_of_it(sqlite_url: str, api: Any) -> None:
    settings = Settings(storage=StorageSettings(url=sqlite_url, readers_max=2), hub=HubSettings(**LOOPBACK_ALLOWED))
    async with client_of(create_app(settings)) as client, listening() as listener:
        hub = await subscribed(client, listener, api.path)
        for name in [None, *api.names.values()]:
            body = {} if name is None else {"eventType": name}
            answer = await client.post(f"{ALL}/{hub['id']}/test", json=body)
            assert answer.status_code == 200, answer.text
            told = answer.json()
            came = listener.deliveries[-1]
            assert (told["outcome"], told["eventType"]) == ("taken", name or next(iter(api.names.values())))
            assert Webhook(hub["secret"]).verify(came.body, came.headers)["eventType"] == told["eventType"]
            assert came.message_id == came.document["eventId"] == told["eventId"]
            assert told["eventId"].startswith("test-")
            assert told["callback"] == listener.url + came.path.rstrip("/")
        shown = (await client.get(f"{ALL}/{hub['id']}")).json()
        assert shown["eventsWaiting"] == 0


async def test_a_test_event_that_is_refused_says_how(client: httpx.AsyncClient) -> None:
    async with listening(answer=lambda _delivery: (503, {}, b"", 0.0)) as listener:
        hub = await subscribed(client, listener)
        told = (await client.post(f"{ALL}/{hub['id']}/test")).json()

    assert (told["outcome"], told["detail"]) == ("throttled", "answered with status 503")


async def test_references_in_events_have_an_address_although_none_is_set(client: httpx.AsyncClient) -> None:
    async with listening() as listener:
        hub = await subscribed(client, listener, query="eventType=ShoppingCartCreateEvent")
        await new_carts(client, 1)
        cart = (await listener.until(1))[0].document["event"]["shoppingCart"]

    assert hub["href"].startswith("http://gateway.test/")
    assert cart["href"] == f"http://gateway.test{CARTS}/{cart['id']}"


@pytest.mark.parametrize(
    ("action", "body", "path", "words"),
    [
        ("resend", {}, "since", "must be a date-time"),
        ("resend", {"since": 7}, "since", "must be a date-time"),
        ("resend", {"since": "2999-01-01T00:00:00Z"}, "since", "lies in the future"),
        ("resend", {"since": "2020-01-01T00:00:00Z", "until": "x"}, "until", "is not known here"),
        ("test", {"eventType": "CheckoutCreateEvent"}, "eventType", "is not an event of this API"),
        ("test", {"eventType": ["x"]}, "eventType", "is not an event of this API"),
    ],
)
async def test_what_is_wrong_is_said(
    client: httpx.AsyncClient, action: str, body: dict[str, Any], path: str, words: str
) -> None:
    async with listening() as listener:
        hub = await subscribed(client, listener)
        answer = await client.post(f"{ALL}/{hub['id']}/{action}", json=body)

    assert answer.status_code == 400
    assert words in next(each["message"] for each in answer.json()["problem"] if each["path"] == path)


async def test_who_may_send_to_whom(sqlite_url: str, tmp_path: Any) -> None:
    roles = {"shop": ["channel"], "app": ["channel"], "acme": ["partner"], "desk": ["support"], "ops": ["operator"]}
    security = known_clients(tmp_path, {name: ("default", given) for name, given in roles.items()})
    settings = Settings(
        storage=StorageSettings(url=sqlite_url, readers_max=2),
        hub=HubSettings(**LOOPBACK_ALLOWED),
        security=security,
    )
    async with client_of(create_app(settings)) as client, listening() as listener:

        async def ask(method: str, path: str, who: str, body: Any = None) -> httpx.Response:
            return await client.request(method, path, json=body, headers={"Authorization": f"Bearer {who}"})

        hub = (await ask("POST", HUB, "shop", {"callback": listener.url})).json()
        one = f"{ALL}/{hub['id']}"
        since = {"since": "2020-01-01T00:00:00Z"}
        expected = {"shop": (200, 200), "ops": (200, 200), "app": (200, 403), "desk": (200, 403), "acme": (404, 404)}
        for who, (look, test) in expected.items():
            assert (await ask("GET", one, who)).status_code == look, who
            assert (await ask("POST", f"{one}/test", who)).status_code == test, who
            resent = (await ask("POST", f"{one}/resend", who, since)).status_code
            assert resent == (202 if test == 200 else test), who
            listed = await ask("GET", ALL, who)
            assert [each["id"] for each in listed.json()] == ([hub["id"]] if look == 200 else []), who
        assert (await client.get(ALL)).status_code == 401
