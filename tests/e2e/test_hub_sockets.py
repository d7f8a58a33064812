"""Events over real sockets: from a cart that changes to subscribers that live, refuse, dawdle or lie."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from application_runs import started
from hub_listener import LOOPBACK_ALLOWED, Delivery, Listener, listening
from standardwebhooks import Webhook

from gateway.app import GatewayApp, create_app
from gateway.hub.delivery.service import delivery
from gateway.settings import HubSettings, Settings, StorageSettings

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
HUB = "/tmf-api/shoppingCart/v4/hub"
MERGE = {"Content-Type": "application/merge-patch+json"}


def hub_settings(**changes: Any) -> HubSettings:
    options: dict[str, Any] = {
        **LOOPBACK_ALLOWED,
        "poll_seconds": 0.1,
        "retry_seconds": (0.0, 0.05, 0.1, 0.2),
        "pause_seconds": (0.1, 0.2),
        "timeout_seconds": 2.0,
        "lease_seconds": 5.0,
    }
    return HubSettings(**(options | changes))


@pytest.fixture
def hub() -> HubSettings:
    return hub_settings()


@pytest.fixture
async def app(sqlite_url: str, hub: HubSettings):
    settings = Settings(storage=StorageSettings(url=sqlite_url, readers_max=2), hub=hub)
    application = create_app(settings, background=[delivery])
    async with started(application):
        yield application


@pytest.fixture
async def client(app: GatewayApp):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway.test") as connected:
        yield connected


async def subscribe(
    client: httpx.AsyncClient, callback: str, path: str = HUB, query: str | None = None
) -> dict[str, Any]:
    answer = await client.post(path, json={"callback": callback, "query": query})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def create_cart(client: httpx.AsyncClient, **attributes: Any) -> dict[str, Any]:
    answer = await client.post(CARTS, json={"cartItem": [], **attributes})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def change_cart(client: httpx.AsyncClient, cart_id: str, **attributes: Any) -> None:
    answer = await client.patch(f"{CARTS}/{cart_id}", json=attributes, headers=MERGE)
    assert answer.status_code == 200, answer.text


async def until(condition: Any, seconds: float = 60.0) -> Any:
    """Wait until an async condition is true, and return what it returned."""
    async with asyncio.timeout(seconds):
        while not (value := await condition()):  # noqa: ASYNC110 - the condition is in the database
            await asyncio.sleep(0.02)
    return value


def versions_by_cart(deliveries: list[Delivery]) -> dict[str, list[Any]]:
    """Return what each cart's first-seen events said of its description, repetitions left out."""
    seen: set[str] = set()
    found: dict[str, list[Any]] = defaultdict(list)
    for each in deliveries:
        if each.message_id not in seen:
            seen.add(each.message_id)
            cart = each.document["event"]["shoppingCart"]
            found[cart["id"]].append(cart.get("description"))
    return found


async def test_the_life_of_a_cart_is_told_signed_and_in_order(client):
    async with listening() as listener:
        hub = await subscribe(client, f"{listener.url}/shop?key=1")
        cart = await create_cart(client)
        await change_cart(client, cart["id"], description="changed")
        assert (await client.delete(f"{CARTS}/{cart['id']}")).status_code == 204
        deliveries = await listener.until(3)

    assert [each.path for each in deliveries] == [
        "/shop/listener/shoppingCartCreateEvent?key=1",
        "/shop/listener/shoppingCartAttributeValueChangeEvent?key=1",
        "/shop/listener/shoppingCartDeleteEvent?key=1",
    ]
    for each in deliveries:
        assert each.headers["host"] == f"127.0.0.1:{listener.port}"
        assert each.headers["content-type"] == "application/json"
        assert "." not in each.message_id
        assert Webhook(hub["secret"]).verify(each.body, each.headers)["eventId"] in each.message_id
    assert deliveries[0].document["event"]["shoppingCart"] == cart
    assert deliveries[1].document["event"]["shoppingCart"]["description"] == "changed"
    assert deliveries[2].document["event"]["shoppingCart"] == {
        "@type": "ShoppingCart",
        "id": cart["id"],
        "href": cart["href"],
    }


async def test_each_version_is_told_in_its_own_words(client):
    async with listening() as v1, listening() as v5:
        await subscribe(client, f"{v1.url}/r17", "/shoppingCart/v1/hub")
        await subscribe(client, v5.url, "/tmf-api/shoppingCart/v5/hub")
        item = {"id": "01", "action": "noChange", "quantity": 1, "productOffering": {"id": "A"}}
        answer = await client.post(CARTS, json={"cartItem": [item]})
        cart_id = answer.json()["id"]
        await change_cart(client, cart_id, description="x")
        await client.delete(f"{CARTS}/{cart_id}")
        old, new = await v1.until(2), await v5.until(3)

    assert [each.path for each in old] == ["/r17", "/r17"]
    assert [each.document["eventType"] for each in old] == [
        "ShoppingCartCreationNotification",
        "ShoppingCartChangeNotification",
    ]
    assert old[0].document["event"]["shoppingCart"]["cartItem"][0]["action"] == "no_change"
    assert old[0].document["event"]["shoppingCart"]["href"].endswith(f"/shoppingCart/v1/shoppingCart/{cart_id}")
    cart = new[0].document["event"]["shoppingCart"]
    assert (cart["@type"], cart["cartItem"][0]["@type"]) == ("ShoppingCart", "CartItem")
    assert "/tmf-api/shoppingCart/v5/" in cart["href"]
    assert new[2].document["@type"] == "ShoppingCartDeleteEvent"
    assert set(new[2].document["event"]["shoppingCart"]) == {"@type", "id", "href"}


async def test_an_event_names_the_request_that_caused_it(client):
    async with listening() as listener:
        await subscribe(client, listener.url)
        await client.post(CARTS, json={"cartItem": []}, headers={"X-Correlation-ID": "from-the-shop"})
        deliveries = await listener.until(1)

    assert deliveries[0].document["correlationId"] == "from-the-shop"


async def test_a_refused_event_is_repeated_with_its_id_and_holds_up_its_cart_alone(client):
    refused: list[Delivery] = []

    def answer(each: Delivery) -> tuple[int, dict[str, str], bytes, float]:
        description = each.document["event"]["shoppingCart"].get("description")
        if description == "1" and len(refused) < 2:
            refused.append(each)
            return 500, {}, b"no", 0.0
        return 200, {}, b"", 0.0

    async with listening(answer=answer) as listener:
        await subscribe(client, listener.url)
        bad = await create_cart(client, description="0")
        await change_cart(client, bad["id"], description="1")
        await change_cart(client, bad["id"], description="2")
        good = await create_cart(client, description="0")
        await change_cart(client, good["id"], description="1b")
        deliveries = await listener.until(7)

    taken = [each for each in deliveries if each not in refused]
    assert versions_by_cart(taken) == {bad["id"]: ["0", "1", "2"], good["id"]: ["0", "1b"]}
    same = {each.message_id for each in deliveries if each.document["event"]["shoppingCart"].get("description") == "1"}
    assert len(same) == 1


async def test_410_switches_the_subscription_off_at_once_and_says_so(client):
    async with listening(answer=lambda _each: (410, {}, b"", 0.0)) as listener:
        hub = await subscribe(client, listener.url)
        for _ in range(5):
            await create_cart(client)

        async def disabled() -> Any:
            shown = (await client.get(f"{HUB}/{hub['id']}")).json()
            return shown if shown["state"] == "disabled" else None

        shown = await until(disabled)
        assert "410" in shown["statusReason"]
        assert shown["eventsWaiting"] == 0
        assert 1 <= shown["eventsDropped"] <= 5
        before = len(listener.deliveries)
        await create_cart(client)
        await asyncio.sleep(0.3)
        assert len(listener.deliveries) == before


async def test_a_redirect_to_an_internal_address_is_a_failure_and_is_not_followed(client):
    async with listening() as secret:
        moved = {"location": f"{secret.url}/internal"}
        async with listening(answer=lambda _each: (302, moved, b"", 0.0)) as listener:
            hub = await subscribe(client, listener.url)
            await create_cart(client)
            await listener.until(2)

            async def failure() -> Any:
                return (await client.get(f"{HUB}/{hub['id']}")).json().get("lastFailureReason")

            assert await until(failure) == "answered with status 302"
        assert secret.deliveries == []


async def test_retry_after_is_obeyed(client):
    times: list[float] = []

    def answer(_each: Delivery) -> tuple[int, dict[str, str], bytes, float]:
        times.append(asyncio.get_running_loop().time())
        return (429, {"Retry-After": "1"}, b"", 0.0) if len(times) == 1 else (204, {}, b"", 0.0)

    async with listening(answer=answer) as listener:
        await subscribe(client, listener.url)
        await create_cart(client)
        await listener.until(2)

    assert times[1] - times[0] >= 1.0


async def test_an_endless_answer_is_not_read_to_its_end(client):
    async with listening(answer=lambda _each: (200, {}, b"x" * 5_000_000, 0.0)) as listener:
        await subscribe(client, listener.url)
        for _ in range(3):
            await create_cart(client)
        deliveries = await listener.until(3)
        await asyncio.sleep(0.3)

    assert len({each.message_id for each in deliveries}) == len(deliveries) == 3


@pytest.mark.parametrize("hub", [hub_settings(disable_after_seconds=0.5)])
async def test_a_subscriber_that_takes_nothing_is_switched_off_in_the_end(client):
    async with listening(answer=lambda _each: (500, {}, b"", 0.0)) as listener:
        hub = await subscribe(client, listener.url)
        for _ in range(20):
            await create_cart(client)

        async def disabled() -> Any:
            shown = (await client.get(f"{HUB}/{hub['id']}")).json()
            return shown if shown["state"] == "disabled" else None

        shown = await until(disabled)

    assert shown["eventsDropped"] == 20
    assert shown["lastFailureReason"] == "answered with status 500"
    # One event after the other was tried, not all of them.
    assert len({each.message_id for each in listener.deliveries}) < 12
    # The same subscription can be made again, and begins anew.
    async with listening() as again:
        renewed = await client.post(HUB, json={"callback": listener.url})
        assert renewed.status_code == 201
        assert (await client.get(f"{HUB}/{hub['id']}")).status_code == 404
        assert again.deliveries == []


async def test_a_subscriber_that_comes_back_gets_everything_in_order(client):
    down = True

    def answer(_each: Delivery) -> tuple[int, dict[str, str], bytes, float]:
        return (503 if down else 204), {}, b"", 0.0

    async with listening(answer=answer) as listener:
        await subscribe(client, listener.url)
        carts = [await create_cart(client, description="0") for _ in range(4)]
        for number in range(1, 6):
            for cart in carts:
                await change_cart(client, cart["id"], description=str(number))
        await listener.until(3)
        down = False
        listener.deliveries.clear()
        await listener.until(24)

    assert versions_by_cart(listener.deliveries) == {cart["id"]: [str(n) for n in range(6)] for cart in carts}


async def test_seventeen_live_subscribers_get_everything_in_order_while_three_are_dead(client):
    """Refused connections, answers that never come, and failures: nobody else notices."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{unused.getsockname()[1]}"
    async with AsyncExitStack() as stack:
        live: list[Listener] = [await stack.enter_async_context(listening()) for _ in range(17)]
        slow = await stack.enter_async_context(listening(answer=lambda _each: (204, {}, b"", 30.0)))
        failing = await stack.enter_async_context(listening(answer=lambda _each: (500, {}, b"", 0.0)))
        for callback in [refusing, slow.url, failing.url, *(each.url for each in live)]:
            await subscribe(client, callback)
        carts = [await create_cart(client, description="0") for _ in range(10)]
        for number in range(1, 10):
            for cart in carts:
                await change_cart(client, cart["id"], description=str(number))
        for each in live:
            await each.until(100, distinct=True)

        async def all_recorded() -> bool:
            shown = (await client.get(HUB)).json()
            return sum(1 for each in shown if each["eventsWaiting"] == 0) == 17

        await until(all_recorded)
        expected = {cart["id"]: [str(number) for number in range(10)] for cart in carts}
        for each in live:
            assert versions_by_cart(each.deliveries) == expected
        assert len(failing.deliveries) < 50
