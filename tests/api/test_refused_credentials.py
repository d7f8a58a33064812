"""Credentials that let nobody in are in the audit, so many in an hour, and never the credentials themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from application_runs import started
from sqlalchemy import select

from gateway.app import GatewayApp, create_app
from gateway.security.refusals import HOUR_SECONDS, REFUSALS_PER_HOUR, UNKNOWN_PER_HOUR, Refusals, network_of
from gateway.security.tokens import token_sha256
from gateway.settings import SecuritySettings, Settings, StorageSettings
from gateway.storage.tables import audit

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
AUDIT = "/tmf-api/checkoutManagement/v1/audit"
UNKNOWN = f"{AUDIT}/unknownCredentials"
CLIENTS = """
[[client]]
name = "shop"
tenant = "acme"
roles = ["channel"]
[[client.token]]
sha256 = "{expired}"
expires = 2020-01-01T00:00:00Z
[[client]]
name = "desk"
tenant = "acme"
roles = ["operator"]
token_sha256 = "{desk}"
[[client]]
name = "root"
tenant = "home"
roles = ["platform"]
token_sha256 = "{root}"
"""


@pytest.fixture
async def app(sqlite_url: str, tmp_path: Path) -> AsyncIterator[GatewayApp]:
    file = tmp_path / "clients.toml"
    hashes = {name: token_sha256(name) for name in ("expired", "desk", "root")}
    file.write_text(CLIENTS.format(**hashes))
    security = SecuritySettings(mode="tokens", tokens_file=str(file))
    async with started(create_app(Settings(storage=StorageSettings(url=sqlite_url), security=security))) as made:
        yield made


async def ask(app: GatewayApp, token: str | None, path: str, address: str = "203.0.113.77", **named: Any) -> Any:
    transport = httpx.ASGITransport(app=app, client=(address, 1))
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
        return await client.request(named.pop("method", "GET"), path, headers=headers, **named)


async def test_an_unknown_token_is_told_to_those_who_run_the_installation_and_to_no_tenant(app: GatewayApp) -> None:
    assert (await ask(app, "guessed-secret", f"{CARTS}/person@example.com")).status_code == 401
    (entry,) = (await ask(app, "root", UNKNOWN)).json()
    assert (entry["outcome"], entry["action"], entry["resource"]) == ("unauthenticated", "get", "path")
    assert entry["detail"] == "The bearer token is not known, or not valid any more. From 203.0.113.0/24."
    assert (await ask(app, "desk", AUDIT)).json() == []
    assert (await ask(app, "desk", UNKNOWN)).status_code == 403

    def rows(connection: Any) -> str:
        return repr(connection.execute(select(audit).where(audit.c.tenant == "")).all())

    kept = await app.services.database.read(rows)
    assert [
        word for word in ("guessed", token_sha256("guessed-secret"), "person", "203.0.113.77") if word in kept
    ] == []


async def test_an_expired_token_is_told_to_the_tenant_whose_it_was(app: GatewayApp) -> None:
    assert (await ask(app, "expired", CARTS)).status_code == 401
    (entry,) = (await ask(app, "desk", f"{AUDIT}?outcome=unauthenticated")).json()
    assert (entry["client"], entry["roles"]) == ("shop", ["channel"])
    assert entry["detail"].startswith("The token has expired.")
    assert (await ask(app, "root", UNKNOWN)).json() == []


async def test_a_wrong_secret_at_the_token_endpoint_is_told_and_who_shows_nothing_is_not(app: GatewayApp) -> None:
    form = {"grant_type": "client_credentials", "client_id": "desk", "client_secret": "wrong"}
    assert (await ask(app, None, "/oauth2/token", method="POST", data=form)).status_code == 401
    assert (await ask(app, None, CARTS)).status_code == 401
    (entry,) = (await ask(app, "root", UNKNOWN)).json()
    assert (entry["resourceId"], "secret is not right" in entry["detail"]) == ("/oauth2/token", True)


async def test_a_flood_of_unknown_tokens_is_counted_and_not_written(app: GatewayApp) -> None:
    for number in range(REFUSALS_PER_HOUR + 5):
        assert (await ask(app, f"guess-{number}", CARTS, f"203.0.113.{number}")).status_code == 401
    assert (await ask(app, "guess", CARTS, "2001:db8::1")).status_code == 401
    entries = (await ask(app, "root", f"{UNKNOWN}?limit=100")).json()
    assert len(entries) == REFUSALS_PER_HOUR + 1
    assert "2001:db8::/48" in entries[0]["detail"]


def test_from_however_many_networks_a_bounded_number_is_recorded_in_an_hour() -> None:
    refusals = Refusals()
    recorded = sum(refusals.unknown_passed_over(f"net {number}", 0.0) is not None for number in range(1_000))
    assert recorded == UNKNOWN_PER_HOUR
    # The next hour tells how many were not.
    assert refusals.unknown_passed_over("another", HOUR_SECONDS) == 1_000 - UNKNOWN_PER_HOUR


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("unix:", ""),
    ],
)
def test_of_an_address_its_network_is_kept(address: str, network: str) -> None:
    assert network_of(address) == network
