"""An expired cart can be read, and nothing else; activity keeps a cart valid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from checkout_gateway import CHECKOUTS, running, settings_of
from checkout_work import cart, request

from gateway.app import GatewayApp
from gateway.settings import Settings

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
V1 = "/shoppingCart/v1/shoppingCart"
V5 = "/tmf-api/shoppingCart/v5/shoppingCart"
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Advance = Callable[[float], None]


@pytest.fixture
def advance(app: GatewayApp) -> Advance:
    """Move the application's clock on by so many days."""
    moment = START

    def move(days: float) -> None:
        nonlocal moment
        moment += timedelta(days=days)

    app.services = replace(app.services, clock=lambda: moment)
    return move


async def create(client: httpx.AsyncClient, **body: Any) -> str:
    answer = await client.post(CARTS, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def end_of(answer: httpx.Response) -> str:
    return str(answer.json()["validFor"]["endDateTime"])


async def test_activity_keeps_a_cart_valid(client: httpx.AsyncClient, advance: Advance) -> None:
    path = f"{CARTS}/{await create(client)}"
    for _ in range(4):
        advance(6)
        assert (await client.patch(path, json={"cartItem": []})).status_code == 200
    filled = await client.patch(path, json={"cartItem": [{"id": "1"}]})
    assert end_of(filled) == "2027-03-16T12:00:00.000Z"
    advance(89)
    assert "sunset" not in (await client.get(path)).headers

    advance(1)

    assert (await client.patch(path, json={"x": 1})).status_code == 409


async def test_an_expired_cart_is_read_and_says_so_but_does_not_change(
    client: httpx.AsyncClient, advance: Advance
) -> None:
    cart_id = await create(client)
    advance(7)

    for path in (f"{CARTS}/{cart_id}", f"{V1}/{cart_id}", f"{V5}/{cart_id}"):
        read = await client.get(path)
        assert (read.status_code, end_of(read)) == (200, "2026-11-29T12:00:00.000Z")
        assert read.headers["sunset"] == "Sun, 06 Dec 2026 12:00:00 GMT"
        refused = await client.patch(path, json={"contactMedium": []})
        assert refused.status_code == 409
        assert "expired at 2026-11-29T12:00:00.000Z" in refused.json()["message"]
    assert (await client.get(CARTS)).json()[0]["id"] == cart_id
    assert (await client.delete(f"{CARTS}/{cart_id}")).status_code == 204


async def test_a_client_may_say_when_its_cart_expires(client: httpx.AsyncClient, advance: Advance) -> None:
    period = {"startDateTime": "2026-11-01T00:00", "endDateTime": "2026-11-24T12:00:00+02:00"}
    path = f"{CARTS}/{await create(client, validFor=period)}"

    changed = await client.patch(path, json={"cartItem": [{"id": "1"}]})
    assert changed.json()["validFor"] == {**period, "startDateTime": "2026-11-01T00:00:00Z"}
    advance(2)

    assert (await client.patch(path, json={"x": 1})).status_code == 409


async def test_a_cart_may_be_born_expired(client: httpx.AsyncClient, advance: Advance) -> None:
    advance(0)
    born = await client.post(CARTS, json={"validFor": {"endDateTime": "2017-10-24T00:00"}})
    cart_id = born.json()["id"]

    assert born.status_code == 201
    assert born.headers["warning"].startswith('299 - "the shopping cart expired at 2017-10-24T00:00:00.000Z')
    assert born.headers["sunset"] == "Tue, 31 Oct 2017 00:00:00 GMT"
    assert "warning" not in (await client.post(CARTS, json={})).headers
    assert (await client.get(f"{CARTS}/{cart_id}")).json()["validFor"] == {"endDateTime": "2017-10-24T00:00:00Z"}
    assert (await client.patch(f"{CARTS}/{cart_id}", json={"x": 1})).status_code == 409


async def test_only_v5_changes_the_validity(client: httpx.AsyncClient, advance: Advance) -> None:
    cart_id = await create(client)
    period = {"endDateTime": "2026-12-24T00:00:00Z"}

    for path in (f"{CARTS}/{cart_id}", f"{V1}/{cart_id}"):
        refused = await client.patch(path, json={"validFor": period})
        assert (refused.status_code, refused.json()["problem"][0]["path"]) == (400, "validFor")
    changed = await client.patch(f"{V5}/{cart_id}", json={"validFor": period})
    assert (changed.status_code, end_of(changed)) == (200, period["endDateTime"])
    advance(20)
    given_back = await client.patch(f"{V5}/{cart_id}", json={"validFor": None})
    assert end_of(given_back) == "2026-12-19T12:00:00.000Z"


async def test_an_expired_cart_is_not_checked_out(settings: Settings) -> None:
    async with running(settings_of(settings.storage)) as gateway:
        cart_id = await gateway.new_cart({**cart(2), "validFor": {"endDateTime": "2020-01-01T00:00:00Z"}})
        body = {**request(), "shoppingCart": {"id": cart_id}}

        for path in (CHECKOUTS, f"{CHECKOUTS}/preview"):
            answer = await gateway.post(body, path)
            assert answer.status_code == 409
            assert "expired at 2020-01-01T00:00:00.000Z" in answer.json()["message"]


async def test_a_cart_that_is_not_valid_yet_is_not_checked_out(settings: Settings) -> None:
    period = {"startDateTime": "2035-01-01T00:00:00Z", "endDateTime": "2036-01-01T00:00:00Z"}
    async with running(settings_of(settings.storage)) as gateway:
        kept = {"id": await gateway.new_cart({**cart(2), "validFor": period})}
        for given in (kept, {**cart(2), "validFor": period}):
            for path in (CHECKOUTS, f"{CHECKOUTS}/preview"):
                answer = await gateway.post({**request(), "shoppingCart": given}, path)
                assert answer.status_code == 422
                assert answer.json()["problem"][0]["path"] == "validFor.startDateTime"


async def test_what_a_dialect_keeps_for_its_clients_is_not_sent_to_an_order_system(settings: Settings) -> None:
    item = {
        "id": "1",
        "action": "add",
        "productOffering": {"id": "SIM"},
        # Flat money, a list of one note: not the style of the samples, so v1 keeps a mark.
        "note": [{"text": "with care"}],
        "itemPrice": [{"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 1}}}],
    }
    async with running(settings_of(settings.storage)) as gateway:
        created = await gateway.post({"cartItem": [item]}, V1)
        assert '"@r17"' in (await gateway.client.get(f"{CARTS}/{created.json()['id']}")).text

        answer = await gateway.post({**request(), "shoppingCart": {"id": created.json()["id"]}}, f"{CHECKOUTS}/preview")

        assert answer.status_code == 200, answer.text
        assert "@r17" not in answer.text
        assert "with care" in answer.text
