"""Lists of carts: paging, the filters of the conformance kit, and what it demands of them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"


@pytest.fixture
async def carts(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    return [(await client.post(CARTS, json={"number": number})).json() for number in range(5)]


async def test_an_empty_list(client: httpx.AsyncClient) -> None:
    answer = await client.get(CARTS)

    assert (answer.status_code, answer.json()) == (200, [])
    assert answer.headers["x-total-count"] == "0"
    assert answer.headers["x-result-count"] == "0"


async def test_without_a_limit_the_list_is_whole_and_200(client: httpx.AsyncClient, carts: list[Any]) -> None:
    answer = await client.get(CARTS, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()) == (200, carts)


async def test_a_page_is_206_while_more_follow(client: httpx.AsyncClient, carts: list[Any]) -> None:
    first = await client.get(f"{CARTS}?limit=2")
    last = await client.get(f"{CARTS}?limit=2&offset=4")

    assert (first.status_code, first.json()) == (206, carts[:2])
    assert (first.headers["x-total-count"], first.headers["x-result-count"]) == ("5", "2")
    assert first.headers["content-range"] == "items 0-1/5"
    assert (last.status_code, last.json()) == (200, carts[4:])


async def test_following_the_links_shows_every_cart_once(client: httpx.AsyncClient, carts: list[Any]) -> None:
    seen: list[Any] = []
    url: str | None = f"{CARTS}?limit=2&fields=number,validFor,checkoutState"
    while url is not None:
        answer = await client.get(url)
        seen += answer.json()
        url = answer.links.get("next", {}).get("url")

    assert seen == carts


async def test_the_kits_filters_by_id_and_by_raw_href(client: httpx.AsyncClient, carts: list[Any]) -> None:
    cart = carts[3]

    for query in (f"id={cart['id']}", f"href={cart['href']}", f"href={cart['href']}&id={cart['id']}"):
        answer = await client.get(f"{CARTS}?{query}")
        assert (answer.status_code, answer.json()) == (200, [cart])
        assert answer.headers["x-total-count"] == "1"


async def test_filters_that_nothing_fits(client: httpx.AsyncClient, carts: list[Any]) -> None:
    other = carts[0]["href"].replace("gateway.test", "elsewhere")

    for query in ("id=unknown", f"href={other}", f"id={carts[0]['id']}&href={carts[1]['href']}"):
        answer = await client.get(f"{CARTS}?{query}")
        assert (answer.status_code, answer.json(), answer.headers["x-total-count"]) == (200, [], "0")


async def test_values_of_one_filter_are_alternatives(client: httpx.AsyncClient, carts: list[Any]) -> None:
    ids = [cart["id"] for cart in carts]

    repeated = await client.get(f"{CARTS}?id={ids[0]}&id={ids[2]}")
    with_comma = await client.get(f"{CARTS}?id={ids[0]},{ids[2]}&limit=1&offset=1")

    assert repeated.json() == [carts[0], carts[2]]
    assert (with_comma.json(), with_comma.headers["x-total-count"]) == ([carts[2]], "2")


async def test_every_wrong_parameter_is_named(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{CARTS}?limit=0&offset=-1&color.ne=red&sort=a..b&fields={'a,' * 200}")

    assert answer.status_code == 400
    assert [problem["path"] for problem in answer.json()["problem"]] == [
        "fields",
        "limit",
        "offset",
        "sort",
        "color.ne",
    ]


@pytest.mark.parametrize(
    "query",
    [
        "limit=1001",
        "limit=1000000000",
        "limit=abc",
        "limit=",
        "limit=1&limit=2",
        "limit=%D9%A3",
        "offset=-1",
        "offset=99999999999",
        "fields=" + "a," * 10_000,
        "fields=%C3%28",
        "a=1&" * 200,
        "id=%ff",
        "%ff=1",
    ],
)
async def test_bad_queries_are_a_400(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"{CARTS}?{query}")

    assert answer.status_code == 400
    assert answer.json()["code"] == "28"
