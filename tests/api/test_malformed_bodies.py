"""A malformed body costs no more than a right one, on every route that takes one, and nobody else waits for it."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from application_runs import client_of
from checkout_gateway import settings_of
from malformed_bodies import KINDS, calm_collector, malformed

from gateway.app import create_app
from gateway.resources import load_mappings
from gateway.settings import StorageSettings

SIZE = 60_000
WAIT_SECONDS_MAX = 0.1
# Below this, growth is the noise of everything around a request.
NEGLIGIBLE_SECONDS = 0.015


@pytest.fixture
async def client(sqlite_url: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = settings_of(StorageSettings(url=sqlite_url, readers_max=2))
    async with client_of(create_app(settings, mappings=load_mappings(settings.mappings))) as connected:
        yield connected


async def routes_with_a_body(client: httpx.AsyncClient) -> list[tuple[str, str, str]]:
    """Return method, path and content type of every request that the served document gives a body."""
    document: dict[str, Any] = (await client.get("/schema/openapi.json")).json()
    values = {"upstream": "shop", "event_name": "anyEvent"}
    found = []
    for path, operations in document["paths"].items():
        filled = "/".join(
            values.get(part.strip("{}"), "0" * 32) if part.startswith("{") else part for part in path.split("/")
        )
        for method, said in operations.items():
            found += [
                (method.upper(), filled, media_type)
                for media_type in said.get("requestBody", {}).get("content", ())
                if media_type == "application/json" or method == "patch"
            ]
    return found


async def seconds_of(client: httpx.AsyncClient, route: tuple[str, str, str], body: bytes) -> float:
    """Return the processor time that a request takes in all threads."""
    method, path, media_type = route
    began = time.process_time()
    answer = await client.request(method, path, content=body, headers={"content-type": media_type})
    seconds = time.process_time() - began
    assert answer.status_code in (400, 404, 428), answer.text
    assert json.loads(answer.content)["@type"] == "Error"
    return seconds


async def growth(client: httpx.AsyncClient, route: tuple[str, str, str], kind: str) -> float:
    """Return how many times longer twice the size takes, at most, for bodies of one, two and four sizes."""
    best = [float("inf")] * 3
    ratio = 1.0
    for _ in range(20):
        for at, factor in enumerate((1, 2, 4)):
            best[at] = min(best[at], await seconds_of(client, route, malformed(kind, SIZE * factor)))
        pairs = [(best[0], best[1]), (best[1], best[2])]
        ratio = max(1.0 if later < NEGLIGIBLE_SECONDS else later / now for now, later in pairs)
        if ratio <= 2.0:
            break
    return ratio


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.long)])
async def test_no_malformed_body_takes_more_time_than_in_proportion_to_its_size_on_any_route(
    client: httpx.AsyncClient, *, every: bool
) -> None:
    routes = await routes_with_a_body(client)
    assert len({path for _, path, _ in routes}) >= 10
    # In short: every kind and every route, but not every kind on every route.
    count = max(len(routes), len(KINDS))
    few = [(routes[at % len(routes)], KINDS[at % len(KINDS)]) for at in range(count)]
    pairs = list(itertools.product(routes, KINDS)) if every else few
    with calm_collector():
        ratios = {(*route, kind): await growth(client, route, kind) for route, kind in pairs}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio > 2.5} == {}


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody_waits_while_the_largest_malformed_body_is_refused(client: httpx.AsyncClient, kind: str) -> None:
    body = malformed(kind, 1024 * 1024)
    headers = {"content-type": "application/json"}
    paths = ("/tmf-api/shoppingCart/v4/shoppingCart", "/tmf-api/checkoutManagement/v1/checkout/preview")

    async def longest_wait() -> float:
        """Return how long somebody waited at most who asked again and again meanwhile."""
        posts = [asyncio.ensure_future(client.post(path, content=body, headers=headers)) for path in paths]
        longest = 0.0
        while not all(post.done() for post in posts):
            began = time.perf_counter()
            assert (await client.get("/livez")).status_code == 200
            longest = max(longest, time.perf_counter() - began)
            await asyncio.sleep(0.005)
        assert {post.result().status_code for post in posts} == {400}
        return longest

    with calm_collector():
        waits: list[float] = []
        # Other programs on the machine may take it away for a while; the service must not, ever.
        while len(waits) < 5 and (not waits or min(waits) >= WAIT_SECONDS_MAX):
            waits.append(await longest_wait())
    assert min(waits) < WAIT_SECONDS_MAX, waits
