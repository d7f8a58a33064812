"""Who did what is found by who, by what and by when, and nothing is written of what was not done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from application_runs import started
from click.testing import CliRunner
from known_clients import known_clients
from msgspec import structs

from gateway.app import create_app
from gateway.cli import main
from gateway.commands import audit as audit_command
from gateway.operators.audit_retention import AuditRetention
from gateway.resources import load_mappings
from gateway.security.refusals import CLIENTS_MAX, HOUR_SECONDS, REFUSALS_PER_HOUR, Refusals
from gateway.settings import HubSettings, Settings, StorageSettings, UpstreamSettings
from gateway.settings.retention import RetentionSettings

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
    "root": ("home", ["platform"]),
}


@pytest.fixture
async def client(sqlite_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    security = known_clients(tmp_path, CLIENTS)
    settings = Settings(
        storage=StorageSettings(url=sqlite_url),
        security=security,
        hub=HubSettings(allow_http=True, allowed_ports=(), allowed_networks=("127.0.0.0/8",)),
        upstreams={"crm": UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4")},
    )
    app = create_app(settings, mappings=load_mappings(settings.mappings))
    async with (
        started(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway.test") as connected,
    ):
        connected.app = app  # type: ignore[attr-defined]
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


async def test_what_a_client_was_not_allowed_is_recorded_as_refused_and_not_without_end(
    client: httpx.AsyncClient,
) -> None:
    cart = (await do(client, "shop", "POST", CARTS, {"cartItem": []}))["id"]
    shop = {"Authorization": "Bearer shop"}
    for _ in range(REFUSALS_PER_HOUR + 5):
        assert (await client.delete(f"{CARTS}/{cart}", headers=shop)).status_code == 403
    assert (await client.get(AUDIT, headers={"Authorization": "Bearer partner"})).status_code == 403
    assert (await client.get(AUDIT, headers={"Authorization": "Bearer nobody"})).status_code == 401

    refused = await do(client, "desk", "GET", f"{AUDIT}?outcome=refused")
    assert [each["client"] for each in refused].count("shop") == REFUSALS_PER_HOUR
    (of_partner,) = [each for each in refused if each["client"] == "partner"]
    assert (of_partner["action"], of_partner["resource"], of_partner["resourceId"]) == ("get", "path", AUDIT)
    assert {each["resourceId"] for each in refused if each["client"] == "shop"} == {f"{CARTS}/{cart}"}
    assert len(await do(client, "desk", "GET", f"{AUDIT}?outcome=done")) == 1


def test_what_was_not_recorded_is_counted_with_the_next_that_is() -> None:
    refusals = Refusals()
    told = [refusals.passed_over("acme", "shop", 0.0) for _ in range(REFUSALS_PER_HOUR + 3)]
    assert told == [0] * REFUSALS_PER_HOUR + [None] * 3
    assert refusals.passed_over("acme", "app", 0.0) == 0
    assert refusals.passed_over("acme", "shop", HOUR_SECONDS) == 3
    for number in range(CLIENTS_MAX + 10):
        refusals.passed_over("acme", f"client {number}", 0.0)
    assert len(refusals) <= CLIENTS_MAX


async def test_what_is_old_is_forgotten_and_nothing_else(client: httpx.AsyncClient) -> None:
    await a_day(client)
    services = client.app.services  # type: ignore[attr-defined]
    later = replace(services, clock=lambda: services.clock() + timedelta(days=399))
    assert await AuditRetention(later).once() == 0
    for_ever = replace(later, settings=structs.replace(services.settings, retention=RetentionSettings(audit_days=0)))
    later = replace(services, clock=lambda: services.clock() + timedelta(days=401))
    assert await AuditRetention(replace(for_ever, clock=later.clock)).once() == 0
    assert await AuditRetention(later).once() == 14
    assert await do(client, "desk", "GET", AUDIT) == []


@pytest.fixture
def by_command(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[str]]:
    """Run `gateway audit` against the application, without sockets."""

    async def run(*arguments: str, token: str = "desk", ends: int = 0) -> str:
        loop = asyncio.get_running_loop()

        def request(method: str, url: str, **given: Any) -> httpx.Response:
            asked = client.request(method, url, params=given["params"], headers=given["headers"])
            return asyncio.run_coroutine_threadsafe(asked, loop).result(20)

        monkeypatch.setattr(httpx, "request", request)
        command = ["audit", *arguments, "--url", "http://gateway.test", "--token", token]
        done = await asyncio.to_thread(CliRunner().invoke, main, command)
        assert done.exit_code == ends, done.output
        return done.output

    return run


async def test_the_command_shows_and_exports_it(
    client: httpx.AsyncClient, by_command: Callable[..., Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_day(client)
    monkeypatch.setattr(audit_command, "PAGE_ITEMS", 5)
    shown = await by_command("list", "--client", "desk")
    assert [word for word in ("submit", "cancel", "pause", "night") if word not in shown] == []
    assert "create" not in shown
    exported = [json.loads(line) for line in (await by_command("export")).splitlines()]
    assert exported == await do(client, "desk", "GET", AUDIT)
    as_json = json.loads(await by_command("list", "--action", "pause", "--format", "json"))
    assert [each["client"] for each in as_json] == ["desk"]
    assert "403" in await by_command("list", token="shop", ends=1)


async def test_the_command_shows_and_exports_credentials_that_let_nobody_in(
    client: httpx.AsyncClient, by_command: Callable[..., Awaitable[str]]
) -> None:
    await a_day(client)
    assert (await client.get(CARTS, headers={"Authorization": "Bearer guessed"})).status_code == 401
    shown = await by_command("list", "--unknown-credentials", token="root")
    assert ("unauthenticated" in shown, "desk" in shown) == (True, False)
    (line,) = (
        await by_command("export", "--unknown-credentials", "--since", "2020-01-01T00:00:00Z", token="root")
    ).splitlines()
    assert (json.loads(line)["outcome"], "guessed" in line) == ("unauthenticated", False)
    assert "403" in await by_command("list", "--unknown-credentials", ends=1)


async def test_what_was_refused_is_not_written_as_done_and_nobody_else_reads_it(client: httpx.AsyncClient) -> None:
    cart = (await do(client, "shop", "POST", CARTS, {"cartItem": []}))["id"]
    shop = {"Authorization": "Bearer shop"}
    assert (await client.patch(f"{CARTS}/{cart}", json={"id": "other"}, headers=shop)).status_code == 400
    assert (await client.patch(f"{CARTS}/{cart}", json={}, headers={**shop, "If-Match": '"9"'})).status_code == 412
    assert (await client.delete(f"{CARTS}/{cart}", headers=shop)).status_code == 403

    assert len(await do(client, "desk", "GET", f"{AUDIT}?outcome=done")) == 1
    assert await do(client, "stranger", "GET", AUDIT) == []
    for name in ("shop", "partner"):
        assert (await client.get(AUDIT, headers={"Authorization": f"Bearer {name}"})).status_code == 403


async def test_what_is_asked_wrongly_is_told_at_once(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{AUDIT}?since=yesterday&who=x&limit=0", headers={"Authorization": "Bearer desk"})
    assert answer.status_code == 400
    assert {problem["path"] for problem in answer.json()["problem"]} == {"since", "who", "limit"}
