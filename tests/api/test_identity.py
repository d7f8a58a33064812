"""Modes of identity through the whole application: an identity provider over HTTP, and certificates that a proxy checked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace as changed
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from application_runs import started
from http_servers import served
from identity_provider import AUDIENCE, NOW, IdentityProvider
from msgspec.structs import replace

from gateway.app import create_app
from gateway.resources import load_mappings
from gateway.security.tokens import token_sha256
from gateway.settings import ClientCertificateSettings, OidcSettings, SecuritySettings, Settings, StorageSettings
from gateway.settings.unsafe import unsafe_combinations

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
SUBJECT = "CN=partner-a,O=Partner A"


class Provider(BaseHTTPRequestHandler):
    """An identity provider at its own address."""

    identity = IdentityProvider()
    address = ""

    def do_GET(self) -> None:
        document: Any = self.identity.public()
        if self.path.endswith("/.well-known/openid-configuration"):
            document = {"issuer": self.address, "jwks_uri": f"{self.address}/certs"}
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def provider() -> Iterator[type[Provider]]:
    with served(Provider) as address:
        Provider.address = address
        yield Provider


def clients_file(folder: Path) -> str:
    path = folder / "clients.toml"
    path.write_text(
        f'[[client]]\nname = "machine"\ntenant = "acme"\nroles = ["channel"]\ntoken_sha256 = "{token_sha256("machine")}"\n'
        f'[[client]]\nname = "partner-a"\ntenant = "acme"\nroles = ["partner"]\ncertificate_subject = "{SUBJECT}"\n'
    )
    return str(path)


@asynccontextmanager
async def serving(url: str, security: SecuritySettings, peer: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(storage=StorageSettings(url=url), security=security)
    app = create_app(settings, mappings=load_mappings(settings.mappings))
    app.services = changed(app.services, clock=lambda: NOW)
    transport = httpx.ASGITransport(app=app, client=(peer, 1))
    async with started(app), httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_tokens_of_the_provider_and_of_the_file_let_in_and_others_do_not(
    sqlite_url: str, tmp_path: Path, provider: type[Provider]
) -> None:
    security = SecuritySettings(
        mode="oidc",
        tokens_file=clients_file(tmp_path),
        oidc=OidcSettings(issuer=provider.address, audience=AUDIENCE),
    )
    made = provider.identity
    async with serving(sqlite_url, security) as client:
        channel = bearer(made.token(iss=provider.address))
        assert (await client.post(CARTS, json={"cartItem": []}, headers=channel)).status_code == 201
        assert len((await client.get(CARTS, headers=bearer("machine"))).json()) == 1
        other = bearer(made.token(iss=provider.address, tenant="other"))
        assert (await client.get(CARTS, headers=other)).json() == []
        partner = bearer(made.token(iss=provider.address, roles=["partner"], sub="partner-b"))
        assert (await client.get(CARTS, headers=partner)).json() == []

        refused = await client.get(CARTS, headers=bearer(made.token(iss="https://evil.example.com")))
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == 'Bearer realm="gateway", error="invalid_token"'
        assert "iss" in refused.json()["message"]
        roleless = await client.get(CARTS, headers=bearer(made.token(iss=provider.address, roles=[])))
        assert (roleless.status_code, roleless.json()["code"]) == (403, "53")
        assert (await client.get(f"{CARTS}?access_token={made.token(iss=provider.address)}")).status_code == 401


async def test_without_keys_nobody_is_let_in_and_everybody_is_told_to_come_again(sqlite_url: str) -> None:
    security = SecuritySettings(mode="oidc", oidc=OidcSettings(issuer="http://127.0.0.1:1", audience=AUDIENCE))
    async with serving(sqlite_url, security) as client:
        answer = await client.get(CARTS, headers=bearer(IdentityProvider().token()))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["detail"]) == (
            200,
            ["the keys of the identity provider cannot be read"],
        )
        assert (await client.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("10.1.2.3", {"X-Client-Subject": SUBJECT}, 200),
        ("10.1.2.3", {"X-Client-Subject": "CN=somebody"}, 401),
        ("10.1.2.3", {}, 401),
        ("10.9.9.9", {"X-Client-Subject": SUBJECT}, 401),
        ("10.9.9.9", {"X-Client-Subject": SUBJECT, "X-Forwarded-For": "10.1.2.3"}, 401),
        ("10.1.2.3", [("X-Client-Subject", SUBJECT), ("X-Client-Subject", SUBJECT)], 401),
        ("10.1.2.3", {"X-Client-Subject": SUBJECT, "Authorization": "Bearer wrong"}, 401),
        ("10.1.2.3", {"Authorization": "Bearer machine"}, 200),
        ("10.1.2.3", {"Authorization": f"Bearer {SUBJECT}"}, 401),
    ],
)
async def test_a_certificate_is_believed_from_the_proxy_alone(
    sqlite_url: str, tmp_path: Path, peer: str, headers: Any, status: int
) -> None:
    security = SecuritySettings(
        mode="tokens",
        tokens_file=clients_file(tmp_path),
        client_certificate=ClientCertificateSettings(
            subject_header="X-Client-Subject", trusted_proxies=("10.1.2.0/24",)
        ),
    )
    async with serving(sqlite_url, security, peer) as client:
        assert (await client.get(CARTS, headers=headers)).status_code == status


async def test_a_page_of_another_site_changes_nothing_with_the_certificate_of_a_browser(
    sqlite_url: str, tmp_path: Path
) -> None:
    security = SecuritySettings(
        mode="tokens",
        tokens_file=clients_file(tmp_path),
        client_certificate=ClientCertificateSettings(
            subject_header="X-Client-Subject", trusted_proxies=("10.1.2.0/24",)
        ),
    )
    async with serving(sqlite_url, security, "10.1.2.3") as client:
        for site, status in ((None, 201), ("same-origin", 201), ("none", 201), ("same-site", 403), ("cross-site", 403)):
            headers = {"X-Client-Subject": SUBJECT, **({} if site is None else {"Sec-Fetch-Site": site})}
            answer = await client.post(CARTS, json={"cartItem": []}, headers=headers)
            assert (site, answer.status_code) == (site, status)
            assert (await client.get(CARTS, headers=headers)).status_code == 200


async def test_no_certificate_is_believed_unless_it_was_asked_for(sqlite_url: str, tmp_path: Path) -> None:
    security = SecuritySettings(mode="tokens", tokens_file=clients_file(tmp_path))
    async with serving(sqlite_url, security, "10.1.2.3") as client:
        assert (await client.get(CARTS, headers={"X-Client-Subject": SUBJECT})).status_code == 401


def test_settings_that_would_let_in_too_many_are_refused() -> None:
    good = OidcSettings(issuer="https://id.example.com", audience="gw")
    wrong = [
        SecuritySettings(mode="oidc"),
        SecuritySettings(mode="oidc", oidc=replace(good, issuer="http://id.example.com")),
        SecuritySettings(mode="oidc", oidc=replace(good, jwks_url="http://id.example.com/keys")),
        SecuritySettings(mode="oidc", oidc=replace(good, algorithms=("RS256", "HS256", "none"))),
        SecuritySettings(client_certificate=ClientCertificateSettings(subject_header="X-Subject")),
        SecuritySettings(client_certificate=ClientCertificateSettings(trusted_proxies=("everybody",))),
    ]
    found = [[problem.path for problem in unsafe_combinations(Settings(security=security))] for security in wrong]
    assert found == [
        ["security.oidc.issuer", "security.oidc.audience"],
        ["security.oidc.issuer"],
        ["security.oidc.jwks_url"],
        ["security.oidc.algorithms[1]", "security.oidc.algorithms[2]"],
        ["security.client_certificate.subject_header"],
        ["security.client_certificate.trusted_proxies[0]"],
    ]
    assert unsafe_combinations(Settings(security=SecuritySettings(mode="oidc", oidc=good))) == []
