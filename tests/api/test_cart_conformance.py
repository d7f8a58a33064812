"""What the official conformance kit of TMF663 v4 asserts, and what TMF630 demands beside it, with and without other carts stored."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from application_runs import client_of

from gateway.app import create_app
from gateway.settings import Settings, StorageSettings

V1, V4, V5 = (
    "/shoppingCart/v1/shoppingCart",
    "/tmf-api/shoppingCart/v4/shoppingCart",
    "/tmf-api/shoppingCart/v5/shoppingCart",
)
# The kit sends it with every request, GET too.
JSON = {"content-type": "application/json"}
CART = {"cartItem": [{"action": "add"}], "relatedParty": [{"id": "42", "@referredType": "Customer"}]}


OTHERS = 150  # more than a page has by default


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with OTHERS carts, made once and copied for each test."""
    path = tmp_path_factory.mktemp("crowded") / "gateway.db"
    async with client_of(
        create_app(Settings(storage=StorageSettings(url=f"sqlite:///{path}", readers_max=2)))
    ) as client:
        for number in range(OTHERS):
            answer = await client.post(V4, json={"name": f"other {number}"})
            assert answer.status_code == 201
    return path


@pytest.fixture(params=[0, OTHERS], ids=["alone", "among others"])
def others(request: pytest.FixtureRequest) -> int:
    """How many carts there are before."""
    return int(request.param)


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if "others" in request.fixturenames and request.getfixturevalue("others"):
        return f"sqlite:///{shutil.copy(request.getfixturevalue('crowded'), tmp_path)}"
    return f"sqlite:///{tmp_path / 'gateway.db'}"


@pytest.mark.parametrize("body", [{}, CART], ids=["empty", "cart"])
async def test_the_kits_assertions(client: httpx.AsyncClient, others: int, body: dict[str, Any]) -> None:
    created = await client.post(V4, json=body)
    assert created.status_code == 201
    cart = created.json()
    assert isinstance(cart["id"], str)
    assert isinstance(cart["href"], str)
    assert created.headers["location"] == cart["href"]

    listed = await client.get(V4, headers=JSON)
    assert listed.status_code == 200
    assert all(isinstance(each["id"], str) and isinstance(each["href"], str) for each in listed.json())
    assert listed.headers["x-total-count"] == str(others + 1)

    one = await client.get(f"{V4}/{cart['id']}", headers=JSON)
    assert (one.status_code, one.json()) == (200, cart)

    for name in ("href", "id"):
        # Raw, as the kit's runner sends it.
        found = await client.get(f"{V4}?{name}={cart[name]}", headers=JSON)
        assert (found.status_code, found.json()) == (200, [cart])
        selected = await client.get(f"{V4}/{cart['id']}?fields={name}", headers=JSON)
        assert (selected.status_code, selected.json()[name]) == (200, cart[name])
        chosen = await client.get(f"{V4}?fields={name}", headers=JSON)
        assert chosen.status_code == 200
        assert all(name in each for each in chosen.json())

    missing = await client.get(f"{V4}/{uuid4()}", headers=JSON)
    assert (missing.status_code, missing.json()["code"]) == (404, "60")


async def test_only_a_page_that_was_asked_for_is_partial(client: httpx.AsyncClient, others: int) -> None:
    await client.post(V4, json={})
    await client.post(V4, json={})

    assert (await client.get(V4)).status_code == 200
    assert (await client.get(f"{V4}?offset=1")).status_code == 200
    assert (await client.get(f"{V4}?limit=1")).status_code == 206
    assert (await client.get(f"{V4}?limit=1000")).status_code == 200


async def test_fields_of_the_first_level_and_none(client: httpx.AsyncClient) -> None:
    cart = (await client.post(V4, json=CART)).json()
    path = f"/{cart['id']}"

    assert set((await client.get(f"{V4}{path}?fields=none")).json()) == {"id", "href"}
    # In v5 the type is mandatory whatever is selected.
    assert set((await client.get(f"{V5}{path}?fields=none")).json()) == {"id", "href", "@type"}
    assert set((await client.get(f"{V4}{path}?fields=cartItem,unknown")).json()) == {"id", "href", "cartItem"}


WHOLE: dict[str, Any] = {
    **CART,
    "@type": "ShoppingCart",
    "@baseType": "Cart",
    "@schemaLocation": "https://example.com/cart.json",
    "cartTotalPrice": [{"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 1}}}],
    "contactMedium": [{"mediumType": "email", "characteristic": {"emailAddress": "a@example.com"}}],
}


@pytest.mark.parametrize("name", [*WHOLE, "validFor", "id", "href"])
async def test_every_attribute_of_the_first_level_can_be_selected(
    client: httpx.AsyncClient, others: int, name: str
) -> None:
    """The conformance profile wants it of all of them but href; id and href come whatever is selected."""
    cart = (await client.post(V4, json=WHOLE)).json()
    expected = {each: cart[each] for each in ("id", "href", name)}

    assert (await client.get(f"{V4}/{cart['id']}?fields={name}")).json() == expected
    assert (await client.get(f"{V4}?fields={name}&id={cart['id']}")).json() == [expected]
    listed = await client.get(f"{V4}?fields={name}&limit=1000")
    assert listed.status_code == 200
    assert expected in listed.json()
    assert len(listed.json()) == others + 1


@pytest.mark.parametrize("path", [V1, V4, V5])
async def test_methods_that_are_not_there_and_types_that_cannot_be_made(client: httpx.AsyncClient, path: str) -> None:
    one = f"{path}/{(await client.post(V4, json={})).json()['id']}"

    for method, target, allowed in (
        ("PUT", one, {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}),
        ("POST", one, {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}),
        ("PUT", path, {"GET", "HEAD", "POST", "OPTIONS"}),
        ("DELETE", path, {"GET", "HEAD", "POST", "OPTIONS"}),
        ("GET", f"{one}/merge", {"POST", "OPTIONS"}),
    ):
        answer = await client.request(method, target, json={})
        assert (answer.status_code, answer.json()["code"]) == (405, "61")
        assert set(answer.headers["allow"].split(", ")) <= allowed
        assert {"GET", "POST"} & set(answer.headers["allow"].split(", "))
    for target in (path, one):
        assert (await client.get(target, headers={"accept": "text/csv"})).status_code == 406
        whole, head = await client.get(target), await client.head(target)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == whole.headers["content-length"]
