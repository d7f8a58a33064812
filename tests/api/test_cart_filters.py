"""Filters and orders of the list of carts, in every version, and the index that answers for related parties."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

V1, V4, V5 = (
    "/shoppingCart/v1/shoppingCart",
    "/tmf-api/shoppingCart/v4/shoppingCart",
    "/tmf-api/shoppingCart/v5/shoppingCart",
)
CARTS: list[dict[str, Any]] = [
    {
        "name": "first",
        "amount": 19.9,
        "relatedParty": [{"id": "42", "role": "customer"}],
        "cartItem": [{"quantity": 1}],
    },
    {
        "name": "second",
        "amount": 5,
        "relatedParty": [{"id": "42"}, {"id": "43", "role": "user"}],
        "cartItem": [{"action": "noChange", "status": "saveForLater", "product": {"id": "p", "name": "Router 5"}}],
        "contactMedium": [{"mediumType": "email", "characteristic": {"emailAddress": "a@example.org"}}],
    },
    {"name": "third", "amount": 100, "cartItem": [{"quantity": 7}]},
]


@pytest.fixture
async def carts(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    return [(await client.post(V4, json=cart)).json() for cart in CARTS]


async def names(client: httpx.AsyncClient, path: str, query: str) -> list[str]:
    answer = await client.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-total-count"] == str(len(answer.json()))
    return [cart["name"] for cart in answer.json()]


@pytest.mark.parametrize(
    ("path", "query", "found"),
    [
        (V4, "relatedParty.id=42", ["first", "second"]),
        (V4, "relatedParty.id=43,44", ["second"]),
        (V4, "relatedParty.id=42&amount%3E=10", ["first"]),
        (V4, "cartItem.product.name.regex=^Router", ["second"]),
        (V4, "cartItem.quantity.gte=1&cartItem.quantity.lt=7", ["first"]),
        (V4, "amount=5;amount>50", ["second", "third"]),
        (V4, "amount=19.90", ["first"]),
        (V4, "sort=-amount", ["third", "first", "second"]),
        (V4, "sort=+amount", ["second", "first", "third"]),
        (V4, "sort=missing,-name", ["third", "second", "first"]),
        (V1, "cartItem.status=SavedForLater", ["second"]),
        (V1, "cartItem.action=no_change", ["second"]),
        (V1, "contactMedium.type=email", ["second"]),
        (V1, "relatedParty.id=42&sort=amount", ["second", "first"]),
        (V5, "relatedParty.partyOrPartyRole.id=42", ["first", "second"]),
        (V5, "contactMedium.emailAddress=a@example.org", ["second"]),
        (V5, "creationDate.gt=2020-01-01&sort=-creationDate", ["third", "second", "first"]),
        (V5, "lastUpdate.lt=2020-01-01", []),
    ],
)
async def test_carts_are_found_in_the_terms_of_each_version(
    client: httpx.AsyncClient, carts: list[Any], path: str, query: str, found: list[str]
) -> None:
    assert await names(client, path, query) == found


@pytest.mark.parametrize("path", [V1, V4, V5])
async def test_a_cart_is_found_by_the_address_that_its_version_shows(
    client: httpx.AsyncClient, carts: list[Any], path: str
) -> None:
    shown = (await client.get(f"{path}/{carts[1]['id']}")).json()

    assert await names(client, path, f"href={shown['href']}") == ["second"]
    assert await names(client, path, f"href={shown['href']}x") == []
    assert await names(client, path, f"href={shown['href'].replace('gateway.test', 'elsewhere')}") == []


async def test_what_v5_tells_of_a_carts_age_finds_it(client: httpx.AsyncClient, carts: list[Any]) -> None:
    shown = (await client.get(f"{V5}/{carts[2]['id']}")).json()

    assert "third" in await names(client, V5, f"creationDate={shown['creationDate']}")


async def test_the_index_of_parties_follows_every_change(client: httpx.AsyncClient, carts: list[Any]) -> None:
    guest = f"{V4}/{carts[2]['id']}"
    await client.patch(guest, json={"relatedParty": [{"id": "42"}, {"id": "42"}, {"id": "50"}]})
    assert await names(client, V4, "relatedParty.id=42") == ["first", "second", "third"]

    await client.patch(guest, json={"relatedParty": [{"id": "50"}]})
    assert await names(client, V4, "relatedParty.id=42") == ["first", "second"]
    assert await names(client, V4, "relatedParty.id=50") == ["third"]

    await client.delete(guest)
    assert await names(client, V4, "relatedParty.id=50") == []


async def test_a_page_of_what_was_found(client: httpx.AsyncClient, carts: list[Any]) -> None:
    answer = await client.get(f"{V4}?relatedParty.id=42&sort=-name&limit=1&fields=name")

    assert (answer.status_code, [cart["name"] for cart in answer.json()]) == (206, ["second"])
    assert answer.headers["x-total-count"] == "2"
    following = await client.get(answer.links["next"]["url"])
    assert [cart["name"] for cart in following.json()] == ["first"]


async def test_jsonpath_filters_are_not_implemented(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{V4}?filter=$[?(@.id)]")

    assert (answer.status_code, answer.json()["code"]) == (501, "68")


async def test_a_dangerous_expression_is_refused_at_once(client: httpx.AsyncClient, carts: list[Any]) -> None:
    answer = await client.get(f"{V4}?name.regex=(a%2B)%2B$")

    assert answer.status_code == 400
    assert "regular expression" in answer.json()["message"]
