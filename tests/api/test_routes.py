"""A path leads to its handler with the id that stands in it, whichever paths came before."""

from __future__ import annotations

import httpx
import pytest

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
ZEROS = "0" * 32


async def test_each_id_leads_to_its_own_cart(client: httpx.AsyncClient) -> None:
    made = [(await client.post(CARTS, json={"cartItem": [], "number": number})).json() for number in range(3)]

    for _ in range(2):
        assert (await client.get(f"{CARTS}/{ZEROS}")).status_code == 404
        for number, cart in enumerate(made):
            assert (await client.get(f"{CARTS}/{cart['id']}")).json()["number"] == number
            assert (await client.get(f"{CARTS}/{cart['id']}/")).json()["id"] == cart["id"]


@pytest.mark.parametrize(
    "path",
    [
        f"{CARTS}/{'a' * 33}",
        f"{CARTS}/{'A' * 32}",
        f"{CARTS}/{ZEROS}/{'b' * 32}",
        f"{CARTS}/{'b' * 32}/{'b' * 32}",
        f"/{'c' * 32}",
        f"{CHECKOUTS}/{'c' * 32}/nothing",
        f"{CARTS}/{'c' * 32}%0A",
    ],
)
async def test_what_leads_nowhere_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["@type"]) == (404, "Error")


async def test_a_merge_takes_the_cart_of_its_own_path(client: httpx.AsyncClient) -> None:
    own, guest = [(await client.post(CARTS, json={"cartItem": []})).json()["id"] for _ in range(2)]
    answer = await client.post(f"{CARTS}/{own}/merge", json={"shoppingCart": {"id": guest}})
    assert answer.json()["id"] == own
