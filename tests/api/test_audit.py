"""Who did what is found by who, by what and by when, and nothing is written of what was not done."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from application_runs import started

from gateway.app import create_app
from gateway.resources import load_mappings
from gateway.security.tokens import token_sha256
from gateway.settings import HubSettings, SecuritySettings, Settings, StorageSettings, UpstreamSettings

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
HUB = "/tmf-api/shoppingCart/v4/hub"
AUDIT = "/tmf-api/checkoutManagement/v1/audit"
CLIENTS = {
    "shop": ("acme", ["channel"]),
    "partner": ("acme", ["partner"]),
    "desk": ("acme", ["operator"]),
    "head": ("acme", ["admin"]),
    "stranger": ("other", ["operator"]),
}


@pytest.fixture
async def client(sqlite_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    file = tmp_path / "clients.toml"
    file.write_text(
        "".join(
            f'[[client]]\nname = "{name}"\ntenant = "{tenant}"\nroles = {roles}\ntoken_sha256 = "{token_sha256(name)}"\n'
            for name, (tenant, roles) in CLIENTS.items()
        )
    )
    settings = Settings(
        storage=StorageSettings(url=sqlite_url),
        security=SecuritySettings(mode="tokens", tokens_file=str(file)),
        hub=HubSettings(allow_http=True, allowed_ports=(), allowed_networks=("127.0.0.0/8",)),
        upstreams={"crm": UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4")},
    )
    app = create_app(settings, mappings=load_mappings(settings.mappings))
    async with (
        started(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway.test") as connected,
    ):
        yield connected


async def do(client: httpx.AsyncClient, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
    answer = await client.request(method, path, json=body, headers={"Authorization": f"Bearer {who}", **headers})
    assert answer.is_success, (method, path, answer.text)
    return answer.json() if answer.content else None


async def a_day(client: httpx.AsyncClient) -> dict[str, str]:
    """Do what a channel, a partner, an operator and an administrator do; return ids by name."""
    item = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "X"}}
    cart, guest, other = [(await do(client, "shop", "POST", CARTS, {"cartItem": [item]}))["id"] for _ in range(3)]
    await do(client, "shop", "PATCH", f"{CARTS}/{cart}", {"description": "x"}, **{"X-Correlation-ID": "the-patch"})
    await do(client, "shop", "POST", f"{CARTS}/{cart}/merge", {"shoppingCart": {"id": guest}})
    await do(client, "head", "DELETE", f"{CARTS}/{other}")
    customer = {"relatedParty": [{"id": "CD1", "role": "customer"}]}
    request = {"shoppingCart": {"id": cart}, "upstream": "crm", **customer}
    checkout = (await do(client, "shop", "POST", CHECKOUTS, {**request, "submit": False}))["id"]
    await do(client, "desk", "POST", f"{CHECKOUTS}/{checkout}/submit")
    await do(client, "desk", "POST", f"{CHECKOUTS}/{checkout}/cancel")
    of_partner = (await do(client, "partner", "POST", CARTS, {"cartItem": []}))["id"]
    hub = (await do(client, "partner", "POST", HUB, {"callback": "http://127.0.0.1:9/x"}))["id"]
    await do(client, "partner", "DELETE", f"{HUB}/{hub}")
    await do(client, "desk", "POST", "/tmf-api/checkoutManagement/v1/upstream/crm/pause", {"reason": "night"})
    return {"cart": cart, "guest": guest, "other": other, "checkout": checkout, "of_partner": of_partner, "hub": hub}


def told(entries: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return who did what to what, the earliest first."""
    return [
        (each["client"], each["action"], each["resource"], each.get("versionBefore"), each.get("versionAfter"))
        for each in reversed(entries)
    ]


async def test_everything_that_was_done_is_found_by_who_did_it(client: httpx.AsyncClient) -> None:
    await a_day(client)
    created = ("shop", "create", "shoppingCart", None, 1)
    # The two carts of a merge are written at the same moment.
    assert sorted(told(await do(client, "desk", "GET", f"{AUDIT}?client=shop")), key=str) == sorted(
        [
            created,
            created,
            created,
            ("shop", "change", "shoppingCart", 1, 2),
            ("shop", "merge", "shoppingCart", 2, 3),
            ("shop", "merge", "shoppingCart", 1, None),
            ("shop", "create", "checkout", None, 1),
        ],
        key=str,
    )
    assert told(await do(client, "desk", "GET", f"{AUDIT}?client=desk")) == [
        ("desk", "submit", "checkout", 1, 2),
        ("desk", "cancel", "checkout", 2, 3),
        ("desk", "pause", "upstream", None, None),
    ]
    assert told(await do(client, "head", "GET", f"{AUDIT}?client=partner")) == [
        ("partner", "create", "shoppingCart", None, 1),
        ("partner", "create", "subscription", None, None),
        ("partner", "delete", "subscription", None, None),
    ]
    (pause,) = await do(client, "desk", "GET", f"{AUDIT}?action=pause")
    assert (pause["reason"], pause["roles"], pause["resourceId"]) == ("night", ["operator"], "crm")


async def test_it_is_found_by_what_it_was_done_to_and_by_the_request(client: httpx.AsyncClient) -> None:
    ids = await a_day(client)
    deleted = await do(client, "desk", "GET", f"{AUDIT}?resource=shoppingCart&resourceId={ids['other']}")
    assert told(deleted) == [("shop", "create", "shoppingCart", None, 1), ("head", "delete", "shoppingCart", 1, None)]
    (patched,) = await do(client, "desk", "GET", f"{AUDIT}?correlationId=the-patch")
    assert (patched["action"], patched["resourceId"]) == ("change", ids["cart"])
    of_checkout = await do(client, "desk", "GET", f"{AUDIT}?resourceId={ids['checkout']}")
    assert [each["action"] for each in of_checkout] == ["cancel", "submit", "create"]


async def test_it_is_found_by_when_and_page_by_page(client: httpx.AsyncClient) -> None:
    await a_day(client)
    everything = await do(client, "desk", "GET", AUDIT)
    assert len(everything) == 14
    middle = everything[5]["at"]
    before = await do(client, "desk", "GET", f"{AUDIT}?until={middle}")
    after = await do(client, "desk", "GET", f"{AUDIT}?since={middle}")
    assert sorted(each["id"] for each in before + after) == sorted(each["id"] for each in everything)
    assert all(each["at"] >= middle for each in after)
    pages = [await do(client, "desk", "GET", f"{AUDIT}?limit=5&offset={offset}") for offset in (0, 5, 10)]
    assert [each for page in pages for each in page] == everything


async def test_lines_of_json_say_the_same(client: httpx.AsyncClient) -> None:
    await a_day(client)
    headers = {"Authorization": "Bearer desk", "Accept": "application/x-ndjson"}
    answer = await client.get(AUDIT, headers=headers)
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines == await do(client, "desk", "GET", AUDIT)


async def test_what_was_refused_is_not_written_and_nobody_else_reads_it(client: httpx.AsyncClient) -> None:
    cart = (await do(client, "shop", "POST", CARTS, {"cartItem": []}))["id"]
    shop = {"Authorization": "Bearer shop"}
    assert (await client.patch(f"{CARTS}/{cart}", json={"id": "other"}, headers=shop)).status_code == 400
    assert (await client.patch(f"{CARTS}/{cart}", json={}, headers={**shop, "If-Match": '"9"'})).status_code == 412
    assert (await client.delete(f"{CARTS}/{cart}", headers=shop)).status_code == 403

    assert len(await do(client, "desk", "GET", AUDIT)) == 1
    assert await do(client, "stranger", "GET", AUDIT) == []
    for name in ("shop", "partner"):
        assert (await client.get(AUDIT, headers={"Authorization": f"Bearer {name}"})).status_code == 403


async def test_what_is_asked_wrongly_is_told_at_once(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{AUDIT}?since=yesterday&who=x&limit=0", headers={"Authorization": "Bearer desk"})
    assert answer.status_code == 400
    assert {problem["path"] for problem in answer.json()["problem"]} == {"since", "who", "limit"}
