"""Every sample of the R17 specification is played as it is written: request line, headers and body, status, headers and body.

There are eleven: the resource, two notifications, and an exchange for each of list, retrieve, create, patch, delete, register a
listener, unregister it, and publish an event to it. Where the specification contradicts itself or holds what nobody can answer,
this is what is done instead, and nothing else:

- Ids and the host of `href` are the server's own; the ids in the paths of requests are those of the carts that are there (the
  samples ask for 5074 and are answered 1203).
- `/api/hub` is `/shoppingCart/v1/hub`, as the operation's own heading has it; the answer has further attributes.
- The contact medium of the retrieve operation says `email`, which is read, and written as the table has it: `emailAddress`.
- The answer to the create operation has no `validFor`, which the server gives by the specification's own text.
- `EVENT BODY` and `EVENT_TYPE` stand for the samples of the notifications.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import r17_samples as samples
from application_runs import started
from hub_listener import QUICK_ON_LOOPBACK, Delivery, listening
from r17_samples import Exchange

from gateway.app import GatewayApp, create_app
from gateway.hub.delivery.service import delivery
from gateway.settings import Settings, StorageSettings
from gateway.tmf.moments import parse_date_time

BASE = "/shoppingCart/v1"
CARTS = f"{BASE}/shoppingCart"
# The samples are of 2017, and their carts are valid until October of that year.
TIME_OF_SAMPLES = datetime(2017, 4, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def specification() -> str:
    if not samples.SPECIFICATION.exists():
        pytest.skip("the specification's text is not beside the repository")
    return samples.SPECIFICATION.read_text(encoding="utf-8")


@pytest.fixture
def exchanges(specification: str) -> dict[tuple[str, str], Exchange]:
    """The samples of operations, by method and path, `{}` for an id."""
    found = samples.exchanges_of(specification)
    assert len(found) == 8
    return {(each.method, re.sub(r"/\d+$", "/{}", each.path)): each for each in found}


@pytest.fixture
def resource(specification: str) -> dict[str, Any]:
    found: dict[str, Any] = samples.samples_of(specification)[0]
    return found


@pytest.fixture
async def app(sqlite_url: str) -> AsyncIterator[GatewayApp]:
    """The application of 2017, with the settings that the sample of the hub needs: a callback by http, on any port."""
    settings = Settings(storage=StorageSettings(url=sqlite_url, readers_max=2), hub=QUICK_ON_LOOPBACK)
    async with started(create_app(settings, background=[delivery])) as application:
        application.services = replace(application.services, clock=lambda: TIME_OF_SAMPLES)
        yield application


async def play(client: httpx.AsyncClient, sample: Exchange, path: str) -> httpx.Response:
    """Send what the sample sends, byte for byte as far as it is told, and expect the status that it is answered with."""
    content = None if sample.body is None else json.dumps(sample.body).encode()
    answer = await client.request(sample.method, path, content=content, headers=sample.headers)
    assert answer.status_code == sample.status, answer.text
    for name in sample.answered_headers:
        assert name.lower() in answer.headers
    return answer


async def stored(client: httpx.AsyncClient, resource: dict[str, Any]) -> str:
    """Store the sample of the resource; return the id it was given."""
    answer = await client.post(CARTS, json=resource)
    assert answer.status_code == 201, answer.text
    cart = answer.json()
    assert cart == as_answered(resource, cart["id"])
    return str(cart["id"])


def as_answered(sample: dict[str, Any], cart_id: str) -> dict[str, Any]:
    """Return a sample with the identity that the server gave, and `emailAddress` for `email`."""
    cart = {**copy.deepcopy(sample), "id": cart_id, "href": f"http://gateway.test{CARTS}/{cart_id}"}
    cart["checkoutState"] = "open"
    for medium in cart.get("contactMedium", []):
        characteristic = medium["characteristic"]
        if "email" in characteristic:
            characteristic["emailAddress"] = characteristic.pop("email")
    return cart


async def test_list(client: httpx.AsyncClient, exchanges: Any, resource: dict[str, Any]) -> None:
    sample = exchanges["GET", CARTS]
    cart_id = await stored(client, resource)

    answer = await play(client, sample, sample.path)

    assert answer.json() == [as_answered(cart, cart_id) for cart in sample.answer]


async def test_retrieve(client: httpx.AsyncClient, exchanges: Any, resource: dict[str, Any]) -> None:
    sample = exchanges["GET", f"{CARTS}/{{}}"]
    cart_id = await stored(client, resource)
    # The same cart, whichever way its address was written when it came.
    assert as_answered(sample.answer, cart_id) == as_answered(resource, cart_id)
    also = await stored(client, sample.answer)

    for each in (cart_id, also):
        answer = await play(client, sample, f"{CARTS}/{each}")
        assert answer.json() == as_answered(sample.answer, each)


async def test_create(client: httpx.AsyncClient, exchanges: Any) -> None:
    sample = exchanges["POST", CARTS]

    answer = await play(client, sample, sample.path)

    cart = answer.json()
    assert cart.pop("validFor").keys() == {"startDateTime", "endDateTime"}
    assert cart == as_answered(sample.answer, cart["id"])
    assert answer.headers["location"] == cart["href"]


async def test_patch(client: httpx.AsyncClient, exchanges: Any, resource: dict[str, Any]) -> None:
    sample = exchanges["PATCH", f"{CARTS}/{{}}"]
    cart_id = await stored(client, resource)

    answer = await play(client, sample, f"{CARTS}/{cart_id}")

    assert answer.json() == as_answered(sample.answer, cart_id)


async def test_delete(client: httpx.AsyncClient, exchanges: Any, resource: dict[str, Any]) -> None:
    path = f"{CARTS}/{await stored(client, resource)}"

    answer = await play(client, exchanges["DELETE", f"{CARTS}/{{}}"], path)

    assert answer.content == b""
    assert (await client.get(path)).status_code == 404


async def test_register_and_unregister_a_listener(app: GatewayApp, client: httpx.AsyncClient, exchanges: Any) -> None:
    async def resolve(host: str, _port: int) -> list[str]:
        assert host == "in.listener.com"
        return ["93.184.216.34"]

    app.services = replace(app.services, resolver=resolve)
    register, unregister = exchanges["POST", "/api/hub"], exchanges["DELETE", "/api/hub/{}"]
    assert register.path.removeprefix("/api") == "/hub"

    answer = await play(client, register, f"{BASE}/hub")

    hub = answer.json()
    assert {name: hub[name] for name in register.answer} == {**register.answer, "id": hub["id"]}
    assert answer.headers["location"] == f"http://gateway.test{BASE}/hub/{hub['id']}"
    assert answer.headers["content-type"] == register.answered_headers["Content-Type"]
    # The text of the operation: a second listener where there may be but one is a conflict; here only the same one is.
    assert (await client.post(f"{BASE}/hub", json=register.body)).status_code == 409
    gone = await play(client, unregister, f"{BASE}/hub/{hub['id']}")
    assert gone.content == b""
    assert (await client.delete(f"{BASE}/hub/{hub['id']}")).status_code == 404


async def test_the_notifications_and_how_they_are_published(
    client: httpx.AsyncClient, exchanges: Any, specification: str, resource: dict[str, Any]
) -> None:
    expected = samples.notifications_of(specification, resource)
    assert [each["eventType"] for each in expected] == [
        "ShoppingCartCreationNotification",
        "ShoppingCartChangeNotification",
    ]
    sample = exchanges["POST", "/client/listener"]

    def answer(_delivery: Delivery) -> tuple[int, dict[str, str], bytes, float]:
        return (sample.status, {}, b"", 0.0)

    async with listening(answer=answer) as listener:
        hub = await client.post(f"{BASE}/hub", json={"callback": f"{listener.url}{sample.path}"})
        cart_id = await stored(client, resource)
        await client.patch(f"{CARTS}/{cart_id}", json={"contactMedium": resource["contactMedium"]})
        deliveries = await listener.until(2)
        assert (await client.get(hub.json()["href"])).json()["eventsDropped"] == 0

    for delivered, notification in zip(deliveries, expected, strict=True):
        event = delivered.document
        # The callback itself, whatever the event.
        assert delivered.path == sample.path
        assert delivered.headers["content-type"] == "application/json"
        assert parse_date_time(event["eventTime"]) is not None
        cart = as_answered(notification["event"]["shoppingCart"], cart_id)
        own = {"eventId": event["eventId"], "eventTime": event["eventTime"]}
        assert event == {**notification, **own, "event": {"shoppingCart": cart}}
    assert len({each.document["eventId"] for each in deliveries}) == 2


@pytest.mark.parametrize(("headers", "status"), [({}, 201), ({"origin": "https://elsewhere.example"}, 415)])
@pytest.mark.parametrize("version", ["v1", "v4"])
async def test_a_listener_without_a_content_type_is_taken_from_r17_clients_that_are_no_browser(
    client: httpx.AsyncClient, version: str, headers: dict[str, str], status: int
) -> None:
    path = {"v1": f"{BASE}/hub", "v4": "/tmf-api/shoppingCart/v4/hub"}[version]

    answer = await client.post(path, content=b'{"callback":"http://127.0.0.1:9/x"}', headers=headers)

    assert answer.status_code == (status if version == "v1" else 415)
