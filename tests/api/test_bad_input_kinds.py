"""Every kind of bad input once, side by side: a TMF Error that names the place, and nothing is stored or sent.

The many forms of each kind are in the other files; this one shows that none of the kinds was forgotten.
"""

from __future__ import annotations

from typing import Any

import pytest
from checkout_gateway import CARTS, CHECKOUTS, Gateway, assert_error
from checkout_work import cart, request
from sqlalchemy import Connection, func, select

from gateway.errors import WHOLE_BODY
from gateway.storage import tables
from gateway.tmf.json import encode_json

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = {"content-type": "application/json"}
ORDER = {name: value for name, value in request().items() if name != "shoppingCart"}

# What is sent as the body of a cart and, inside of one, of a checkout: body, headers, status, code, the place that is named.
BODIES: dict[str, tuple[bytes, dict[str, str], int, str, str]] = {
    "malformed JSON": (b'{"cartItem": [{"quantity": 1,}]}', JSON, 400, "22", "cartItem[0]"),
    "another type": (b'{"cartItem": {"quantity": "x"}}', JSON, 400, "24", "cartItem"),
    "another content type": (b"{}", {"content-type": "text/xml"}, 415, "66", "Content-Type"),
    "over the limit": (b'{"a": "' + b"x" * 1_100_000 + b'"}', JSON, 413, "65", WHOLE_BODY),
    "100 000 levels deep": (b'{"cartItem": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON, 400, "22", "cartItem[0]"),
    "invalid UTF-8": (b'{"cartItem": [{"id": "\xff"}]}', JSON, 400, "22", "cartItem[0].id"),
    "NaN": (b'{"cartItem": [{"quantity": NaN}]}', JSON, 400, "22", "cartItem[0].quantity"),
    "Infinity": (b'{"cartItem": [{"quantity": Infinity}]}', JSON, 400, "22", "cartItem[0].quantity"),
    "1e999999": (b'{"cartItem": [{"quantity": 1e999999}]}', JSON, 400, "22", "cartItem[0].quantity"),
}


async def stored(gateway: Gateway) -> dict[str, int]:
    """Return how many rows every table has."""

    def count(connection: Connection) -> dict[str, int]:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables.metadata.sorted_tables
        }

    return await gateway.services.database.read(count)


async def refused(
    gateway: Gateway, method: str, path: str, body: Any, status: int, *words: str, headers: dict[str, str] = JSON
) -> dict[str, Any]:
    """Send a request; check that it is refused with these words, and that nothing is stored or sent."""
    before = await stored(gateway)
    content = body if isinstance(body, bytes) else encode_json(body)
    answer = await gateway.client.request(method, path, content=content, headers=headers)
    error = assert_error(answer, status, *words)
    assert answer.headers["content-type"] == "application/json"
    assert error["message"]
    assert await stored(gateway) == before
    assert not gateway.shop.calls
    assert not gateway.plain.calls
    return error


def paths(error: dict[str, Any]) -> list[str]:
    """Return the places that an error names."""
    return [problem["path"] for problem in error["problem"]]


def require_named(error: dict[str, Any], code: str, place: str) -> None:
    """Require that an error has this code and names one place, this one or (of what is nested too deeply) one beneath it."""
    assert error["code"] == code
    assert len(paths(error)) == 1
    assert paths(error)[0].startswith(place)


@pytest.mark.parametrize("kind", BODIES)
async def test_a_cart_that_is_none(gateway, kind):
    body, headers, status, code, place = BODIES[kind]

    require_named(await refused(gateway, "POST", CARTS, body, status, headers=headers), code, place)
    assert (await stored(gateway))["cart"] == 0


@pytest.mark.parametrize("kind", BODIES)
async def test_a_change_that_is_none(gateway, kind):
    body, headers, status, code, place = BODIES[kind]
    path = f"{CARTS}/{await gateway.new_cart()}"

    require_named(await refused(gateway, "PATCH", path, body, status, headers=headers), code, place)
    assert (await gateway.client.get(path)).headers["etag"] == '"1"'


@pytest.mark.parametrize("path", [CHECKOUTS, f"{CHECKOUTS}/preview"])
@pytest.mark.parametrize("kind", BODIES)
async def test_a_checkout_that_is_none(gateway, kind, path):
    body, headers, status, code, place = BODIES[kind]
    body = b'{"shoppingCart": ' + body + b"}"
    place = f"shoppingCart.{place}" if place.startswith("cartItem") else place

    require_named(await refused(gateway, "POST", path, body, status, headers=headers), code, place)


async def test_an_unknown_cart(gateway):
    for method in ("GET", "PATCH", "DELETE"):
        error = await refused(gateway, method, f"{CARTS}/nobody", b"{}", 404, "shopping cart")
        assert paths(error) == ["id"]
    error = await refused(gateway, "POST", CHECKOUTS, {**ORDER, "shoppingCart": {"id": "nobody"}}, 404)
    assert paths(error) == ["shoppingCart.id"]
    error = await refused(gateway, "POST", f"{CARTS}/nobody/checkout", ORDER, 404)
    assert paths(error) == ["shoppingCart.id"]


async def test_an_unknown_checkout(gateway):
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/submit"), ("POST", "/cancel")):
        error = await refused(gateway, method, f"{CHECKOUTS}/nobody{path}", b"{}", 404, "checkout")
        assert paths(error) == ["id"]


async def test_an_if_match_that_is_not_the_version(gateway):
    cart_id = await gateway.new_cart()
    headers = {**JSON, "if-match": '"7"'}
    for method in ("PATCH", "DELETE"):
        error = await refused(gateway, method, f"{CARTS}/{cart_id}", b"{}", 412, headers=headers)
        assert error["problem"] == [{"path": "If-Match", "message": 'the current version is "1"'}]
    for ordered in ({"id": cart_id}, cart()):
        error = await refused(gateway, "POST", CHECKOUTS, {**ORDER, "shoppingCart": ordered}, 412, headers=headers)
        assert paths(error) == ["If-Match"]


async def test_an_unknown_upstream(gateway):
    body = {**ORDER, "shoppingCart": {"id": await gateway.new_cart()}, "upstream": "nobody"}
    error = await refused(gateway, "POST", CHECKOUTS, body, 400)

    assert paths(error) == ["upstream"]


@pytest.mark.parametrize("items", [[], [{**cart(1)["cartItem"][0], "status": "saveForLater"}]])
async def test_nothing_to_order(gateway, items):
    body = {**ORDER, "shoppingCart": {"cartItem": items}}
    error = await refused(gateway, "POST", CHECKOUTS, body, 422)

    assert {problem["path"] for problem in error["problem"]} == {"cartItem"}


async def test_a_party_that_cannot_be_mapped(gateway):
    body = {"shoppingCart": cart(), "relatedParty": [{"name": "Erika Mustermann", "role": "admirer"}]}
    error = await refused(gateway, "POST", CHECKOUTS, body, 422)

    assert any(problem["path"].startswith("relatedParty") for problem in error["problem"])
    assert "Mustermann" not in str(error)
