"""Every operation of TMF663 v4 and v5, right and wrong: each answer and each event is valid by the official API file.

Valid means: the status is declared (or one that HTTP and TMF630 add, answered as the nearest that is declared), the body has the
declared schema, and date-times and URIs in it are such. What the files declare and is never answered here is listed with why.
"""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import r17_samples
from application_runs import started
from hub_listener import QUICK_ON_LOOPBACK, listening
from known_clients import known_clients
from official_cart_schemas import problems
from official_walk import BASES, OfficialClient, declared

from gateway.app import GatewayApp, create_app
from gateway.carts import holding
from gateway.errors import UnavailableError
from gateway.hub.delivery.service import delivery
from gateway.settings import ServerSettings, Settings, StorageSettings
from tests.api.test_cart_v5 import CART, official_examples

CLIENTS = {"shop": ["channel"], "admin": ["admin"], "notifier": ["notifier"]}
MERGE, PATCH, QUERY = (
    {"content-type": f"application/{kind}+json"} for kind in ("merge-patch", "json-patch", "json-patch-query")
)
# Declared in the files, and never answered: what would have to be so is never so here.
NEVER = {
    ("/shoppingCart", "202"): "a cart is there when it is answered",
    ("/shoppingCart/{id}", "202"): "a change is done when it is answered",
    ("/shoppingCart", "404"): "there is always a collection of carts",
    ("/shoppingCart", "409"): "no cart is in the way of a new one",
    ("/hub", "404"): "there is always a hub",
    ("/hub/{id}", "400"): "an id is any text, and nothing else can be wrong in such a request",
    ("/shoppingCart/{id}", "501"): "only a list has a part of the standard that is not offered",
}


class Broken:
    """A database that fails as it is told."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def read(self, _function: Any) -> Any:
        raise self._error

    read_brief = write = read

    async def read_list(self, _tenant: str, _function: Any) -> Any:
        raise self._error


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    security = known_clients(tmp_path, {name: ("acme", roles) for name, roles in CLIENTS.items()})
    return Settings(
        storage=StorageSettings(url=sqlite_url, readers_max=2),
        server=ServerSettings(body_bytes_max=50_000),
        security=security,
        hub=QUICK_ON_LOOPBACK,
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[GatewayApp]:
    async with started(create_app(settings, background=[delivery])) as application:
        yield application


@pytest.fixture(params=["v4", "v5"])
def official(request: pytest.FixtureRequest, client: httpx.AsyncClient) -> OfficialClient:
    return OfficialClient(client, request.param, "admin")


def cart_of(version: str) -> dict[str, Any]:
    """Return a cart with everything in it, as the version writes it; v4 knows no party without an id."""
    if version == "v5":
        return copy.deepcopy(CART)
    price = {"priceType": "recurring", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 9.90}, "taxRate": 0.2}}
    alteration = {"priceType": "recurring", "price": {"percentage": 50}, "applicationDuration": 3}
    item = {
        "id": "1",
        "action": "add",
        "quantity": 2,
        "status": "active",
        "itemPrice": [{**price, "recurringChargePeriod": "month", "priceAlteration": [alteration]}],
        "itemTerm": [{"name": "term", "duration": {"amount": 12, "units": "month"}}],
        "note": [{"id": "1", "author": "a", "date": "2026-11-22T12:00:00.5+01:00", "text": "with care"}],
        "product": {
            "@schemaLocation": "https://example.com/product.json",
            "productCharacteristic": [{"name": "size", "value": 128, "valueType": "number"}],
            "place": [{"id": "7", "role": "delivery", "@referredType": "GeographicAddress"}],
        },
        "productOffering": {"id": "A", "href": "https://example.com/A", "name": "Offering"},
        "vendor": {"deep": [None, {"x": 1}]},
    }
    return {
        "@type": "ShoppingCart",
        "@schemaLocation": "https://example.com/cart.json",
        "cartItem": [item, {"status": "saveForLater", "cartItem": [{"quantity": 1}]}],
        "contactMedium": [
            {"mediumType": "email", "characteristic": {"emailAddress": "a@example.com"}, "preferred": True}
        ],
        "relatedParty": [{"id": "42", "role": "customer", "@referredType": "Customer"}],
        "vendor": [1, "x"],
    }


def small(version: str, **cart: Any) -> dict[str, Any]:
    return {"@type": "ShoppingCart", **cart} if version == "v5" else cart


async def walk_the_collection(official: OfficialClient) -> dict[str, Any]:
    """Create and list, right and wrong; return a cart."""
    send, version = official.send, official.version
    cart: dict[str, Any] = await send("POST", "/shoppingCart", 201, cart_of(version))
    await send("POST", "/shoppingCart?fields=cartItem", 201, small(version))
    assert len(await send("GET", "/shoppingCart", 200)) == 2
    await send("HEAD", "/shoppingCart", 200)
    assert len(await send("GET", "/shoppingCart?limit=1", 206)) == 1
    assert await send("GET", "/shoppingCart?id=none", 200) == []
    party = "relatedParty.partyOrPartyRole.id" if version == "v5" else "relatedParty.id"
    known = cart_of(version)["relatedParty"][-1]
    known_id = (known["partyOrPartyRole"] if version == "v5" else known)["id"]
    assert await send("GET", f"/shoppingCart?{party}={known_id}&sort=-id", 200) == [cart]
    for fields in ("none", "href", "cartItem,vendor", "id"):
        await send("GET", f"/shoppingCart?fields={fields}", 200)
    await send("GET", "/shoppingCart?limit=none", 400)
    await send("GET", "/shoppingCart?filter=$[0]", 501)
    await send("GET", "/shoppingCart", 406, headers={"accept": "text/csv"})
    await send("GET", "/shoppingCart", 401, token="")
    await send("GET", "/shoppingCart", 403, token="notifier")
    await send("PUT", "/shoppingCart", 405, {})
    await send("DELETE", "/shoppingCart", 405)
    await send("POST", "/shoppingCart", 400, small(version, cartItem="none", relatedParty=[5]))
    await send("POST", "/shoppingCart", 400, content=b"{", headers={"content-type": "application/json"})
    await send("POST", "/shoppingCart", 415, content=b"{}", headers={"content-type": "text/plain"})
    await send("POST", "/shoppingCart", 413, small(version, vendor="x" * 60_000))
    return cart


async def walk_one_cart(app: GatewayApp, official: OfficialClient, cart: dict[str, Any]) -> None:
    """Retrieve, patch, merge and delete, right and wrong."""
    send, version, path = official.send, official.version, f"/shoppingCart/{cart['id']}"
    assert await send("GET", path, 200) == cart
    await send("HEAD", path, 200)
    await send("GET", path, 304, headers={"if-none-match": "*"})
    for fields in ("none", "href", "cartItem,vendor"):
        await send("GET", f"{path}?fields={fields}", 200)
    await send("GET", f"{path}?colour=red", 400)
    await send("GET", path, 406, headers={"accept": "text/csv"})
    await send("GET", "/shoppingCart/none", 404)
    await send("GET", path, 401, token="unknown")
    await send("GET", path, 403, token="notifier")
    await send("POST", path, 405, {})

    item = cart_of(version)["cartItem"][0] | {"id": "3"}
    await send("PATCH", path, 200, small(version, vendor=None))
    await send("PATCH", path, 200, small(version, cartItem=[item]), headers=MERGE)
    await send("PATCH", path, 200, [{"op": "add", "path": "/cartItem/-", "value": {**item, "id": "4"}}], headers=PATCH)
    await send("PATCH", path, 200, [{"op": "delete", "path": "/cartItem?cartItem.id=='4'"}], headers=QUERY)
    await send("PATCH", f"{path}?fields=none", 200, {}, headers={"if-match": "*"})
    await send("PATCH", path, 400, small(version, cartItem=[{"quantity": 0}]))
    await send("PATCH", path, 400, [{"op": "remove", "path": "/cartItem/9"}], headers=PATCH)
    await send("PATCH", path, 409, [{"op": "test", "path": "/id", "value": "other"}], headers=PATCH)
    await send("PATCH", path, 412, {}, headers={"if-match": '"99"'})
    await send("PATCH", path, 415, content=b"{}", headers={"content-type": "text/plain"})
    await send("PATCH", "/shoppingCart/none", 404, {})

    guest = await send("POST", "/shoppingCart", 201, small(version, cartItem=[item]))
    await send("POST", f"{path}/merge", 200, {"shoppingCart": {"id": guest["id"]}})
    await send("POST", f"{path}/merge", 422, {"shoppingCart": {"id": guest["id"]}})
    await send("POST", f"{path}/merge", 400, {})
    await send("POST", "/shoppingCart/none/merge", 404, {"shoppingCart": {"id": cart["id"]}})

    database = app.services.database
    await database.write(lambda connection: holding.lock(connection, "acme", cart["id"], "checkout"))
    for method in ("PATCH", "DELETE"):
        await send(method, path, 409, {})
    await database.write(lambda connection: holding.release(connection, "acme", cart["id"], "checkout"))
    clock = app.services.clock
    app.services = replace(app.services, clock=lambda: datetime.now(UTC) + timedelta(days=91))
    await send("PATCH", path, 409, {})
    await send("GET", path, 200)
    app.services = replace(app.services, clock=clock)

    await send("DELETE", path, 403, token="shop")
    await send("DELETE", path, 412, headers={"if-match": '"99"'})
    await send("DELETE", path, 204)
    await send("DELETE", path, 404)


async def walk_the_hub(official: OfficialClient) -> None:
    """Subscribe, list, look and unsubscribe, right and wrong."""
    send, version = official.send, official.version
    body = {"callback": "http://127.0.0.1:9/x", "query": "eventType=ShoppingCartCreateEvent"}
    if version == "v5":
        body["@type"] = "Hub"
    hub = await send("POST", "/hub", 201, body)
    await send("POST", "/hub", 409, body)
    await send("POST", "/hub", 400, {**body, "callback": "ftp://x", "query": "a=b"})
    await send("POST", "/hub", 415, content=b"{}", headers={"content-type": "text/plain"})
    await send("POST", "/hub", 201, {**body, "callback": "http://127.0.0.1:9/y"})
    assert len(await send("GET", "/hub", 200)) == 2
    assert len(await send("GET", "/hub?limit=1", 206)) == 1
    await send("GET", "/hub?limit=0", 400)
    assert (await send("GET", f"/hub/{hub['id']}", 200))["callback"] == body["callback"]
    await send("PUT", "/hub", 405, {})
    await send("PATCH", f"/hub/{hub['id']}", 405, {})
    for path in ("/hub", f"/hub/{hub['id']}"):
        await send("GET", path, 401, token="")
        await send("GET", path, 403, token="notifier")
    await send("DELETE", f"/hub/{hub['id']}", 204)
    await send("DELETE", f"/hub/{hub['id']}", 404)
    await send("GET", f"/hub/{hub['id']}", 404)


async def walk_what_breaks(app: GatewayApp, official: OfficialClient) -> None:
    """Every operation while the database cannot be used, and while something is wrong in the gateway itself."""
    services, version = app.services, official.version
    for error, status in (
        (UnavailableError("The database is locked; try again."), 503),
        (RuntimeError("a defect"), 500),
    ):
        app.services = replace(services, database=Broken(error))
        for method, path, body in (
            ("GET", "/shoppingCart", None),
            ("POST", "/shoppingCart", small(version)),
            ("GET", "/shoppingCart/1", None),
            ("PATCH", "/shoppingCart/1", {}),
            ("DELETE", "/shoppingCart/1", None),
            ("POST", "/hub", {"callback": "http://127.0.0.1:9/z"}),
            ("DELETE", "/hub/1", None),
        ):
            await official.send(method, path, status, body)
    app.services = services


async def test_every_answer_is_valid_and_every_declared_status_is_answered(
    app: GatewayApp, official: OfficialClient
) -> None:
    cart = await walk_the_collection(official)
    await walk_one_cart(app, official, cart)
    await walk_the_hub(official)
    await walk_what_breaks(app, official)

    wanted = {
        (path, status)
        for path, statuses in declared(official.version).items()
        for status in statuses
        if status != "default"
    }
    assert wanted - official.seen - NEVER.keys() == set()
    assert NEVER.keys() & official.seen == set()


async def test_every_event_is_valid(app: GatewayApp, client: httpx.AsyncClient, official: OfficialClient) -> None:
    send, version = official.send, official.version
    async with listening() as listener:
        hub = await send(
            "POST", "/hub", 201, {"callback": f"{listener.url}/shop", **({"@type": "Hub"} if version == "v5" else {})}
        )
        cart = await send("POST", "/shoppingCart", 201, cart_of(version))
        path = f"/shoppingCart/{cart['id']}"
        changed = await send("PATCH", path, 200, {"vendor": "other", "contactMedium": []})
        guest = await send("POST", "/shoppingCart", 201, small(version, cartItem=cart_of(version)["cartItem"][:1]))
        await send("POST", f"{path}/merge", 200, {"shoppingCart": {"id": guest["id"]}})
        await send("DELETE", path, 204)
        deliveries = await listener.until(6)
        await send("DELETE", f"/hub/{hub['id']}", 204)

    events = [each.document for each in deliveries]
    for each, event in zip(deliveries, events, strict=True):
        name = event["eventType"]
        assert each.path == f"/shop/listener/{name[0].lower()}{name[1:]}"
        assert problems(version, name, event) == [], name
    of_cart = [event for event in events if event["event"]["shoppingCart"]["id"] == cart["id"]]
    assert [event["eventType"].removeprefix("ShoppingCart") for event in of_cart] == [
        "CreateEvent",
        "AttributeValueChangeEvent",
        "AttributeValueChangeEvent",
        "DeleteEvent",
    ]
    # When the cart was made is told once, with its first event.
    changed.pop("creationDate", None)
    assert [event["event"]["shoppingCart"] for event in of_cart[:2]] == [cart, changed]
    assert [event.get("fieldPath") for event in of_cart] == [None, "contactMedium,vendor", "cartItem", None]


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_what_was_written_in_another_version_is_valid_too(
    app: GatewayApp, client: httpx.AsyncClient, version: str
) -> None:
    """The samples of R17 and the official examples of v5, read in v4 and v5, alone and in a list."""
    app.services = replace(app.services, clock=lambda: datetime(2017, 4, 1, tzinfo=UTC))
    official = OfficialClient(client, version, "admin")
    found = [f"/shoppingCart/v1/shoppingCart {json.dumps(cart)}" for cart in (r17_samples.RESOURCE, r17_samples.CREATE)]
    for _, example in official_examples():
        body = copy.deepcopy(example)
        for item in body.get("cartItem", []):
            item["product"].setdefault("@type", "Product")
        # A prospect has no id yet, and v4 knows no party without one: the one thing that v4 cannot say.
        if version == "v5" or all("id" in party["partyOrPartyRole"] for party in body.get("relatedParty", [])):
            # The type that the examples give to a reference is none of the file's own types of parties.
            text = json.dumps(body).replace('"@type": "PartyOrPartyRole"', '"@type": "PartyRef"')
            found.append(f"{BASES['v5']}/shoppingCart {text}")
    for entry in found:
        path, _, text = entry.partition(" ")
        headers = {"authorization": "Bearer admin", "content-type": "application/json"}
        answer = await client.post(path, content=text, headers=headers)
        assert answer.status_code == 201, answer.text
        await official.send("GET", f"/shoppingCart/{answer.json()['id']}", 200)

    assert len(await official.send("GET", "/shoppingCart", 200)) == len(found) > 2
