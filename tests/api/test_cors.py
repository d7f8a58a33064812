"""Pages in browsers: those of an allowed origin may call and read, and nothing of it is said to any other.

The requests are those that browsers send: a preflight before what is no simple request, then the request with its Origin.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from application_runs import started
from known_clients import known_clients

from gateway.app import create_app
from gateway.settings import CorsSettings, Settings, StorageSettings
from gateway.settings.unsafe import unsafe_combinations

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
SHOP = "https://shop.example.com"
TOKEN = {"Authorization": "Bearer shop"}
Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def serve(sqlite_url: str, tmp_path: Path) -> Serve:
    security = known_clients(tmp_path, {"shop": ("acme", ["channel"])})

    @asynccontextmanager
    async def run(*origins: str) -> AsyncIterator[httpx.AsyncClient]:
        settings = Settings(
            storage=StorageSettings(url=sqlite_url),
            security=security,
            cors=CorsSettings(allowed_origins=origins),
        )
        app = create_app(settings)
        async with (
            started(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway.test") as client,
        ):
            yield client

    return run


def preflight(origin: str, method: str = "PATCH") -> dict[str, str]:
    asked = "authorization,content-type,if-match"
    return {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": asked}


def spoken_of(answer: httpx.Response) -> list[str]:
    return [name for name in answer.headers if name.startswith("access-control-")]


async def test_by_default_no_page_may_call(serve: Serve) -> None:
    async with serve() as client:
        asked = await client.options(CARTS, headers=preflight(SHOP))
        sent = await client.get(CARTS, headers={"Origin": SHOP, **TOKEN})
    assert (asked.status_code, sent.status_code) == (401, 200)
    assert spoken_of(asked) == spoken_of(sent) == []
    assert "vary" not in sent.headers


async def test_a_page_of_an_allowed_origin_asks_first_and_then_calls(serve: Serve) -> None:
    async with serve("https://other.example.com", SHOP) as client:
        asked = await client.options(f"{CARTS}/{'0' * 32}", headers=preflight(SHOP))
        made = await client.post(CARTS, json={"cartItem": []}, headers={"Origin": SHOP, **TOKEN})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == SHOP
    assert "PATCH" in asked.headers["access-control-allow-methods"]
    allowed = asked.headers["access-control-allow-headers"].lower()
    assert {"authorization", "content-type", "if-match", "idempotency-key"} <= {
        each.strip() for each in allowed.split(",")
    }
    assert (asked.headers["access-control-max-age"], asked.headers["vary"]) == ("600", "Origin")
    assert made.status_code == 201
    assert (made.headers["access-control-allow-origin"], made.headers["vary"]) == (SHOP, "Origin")
    readable = {each.strip().lower() for each in made.headers["access-control-expose-headers"].split(",")}
    assert {"etag", "location", "ratelimit", "x-correlation-id"} <= readable
    assert "access-control-allow-credentials" not in made.headers


async def test_errors_can_be_read_by_the_page_too(serve: Serve) -> None:
    async with serve(SHOP) as client:
        answers = [
            await client.get(CARTS, headers={"Origin": SHOP}),
            await client.get("/nothing", headers={"Origin": SHOP, **TOKEN}),
            await client.get(f"{CARTS}/{'0' * 32}", headers={"Origin": SHOP, **TOKEN}),
        ]
    assert [answer.status_code for answer in answers] == [401, 404, 404]
    assert all(answer.headers["access-control-allow-origin"] == SHOP for answer in answers)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com",
        "http://shop.example.com",
        "https://shop.example.com:444",
        "https://shop.example.com.evil.example.com",
        "https://SHOP.example.com",
        "null",
        "",
    ],
)
async def test_a_page_of_another_origin_is_told_nothing(serve: Serve, origin: str) -> None:
    async with serve(SHOP) as client:
        asked = await client.options(CARTS, headers=preflight(origin))
        sent = await client.get(CARTS, headers={"Origin": origin, **TOKEN})
        twice = await client.get(CARTS, headers=[("Origin", SHOP), ("Origin", origin), *TOKEN.items()])
    assert asked.status_code == 401
    assert spoken_of(asked) == spoken_of(sent) == spoken_of(twice) == []
    # An answer that is kept somewhere is not given to another page.
    assert sent.headers["vary"] == "Origin"


def test_an_origin_that_no_browser_sends_is_refused() -> None:
    wrong = ("*", "null", "https://shop.example.com/", "shop.example.com", "https://Shop.example.com", "https://a b")
    given = Settings(cors=CorsSettings(allowed_origins=(SHOP, "http://localhost:3000", *wrong)))
    assert [problem.path for problem in unsafe_combinations(given)] == [
        f"cors.allowed_origins[{index}]" for index in range(2, 2 + len(wrong))
    ]
