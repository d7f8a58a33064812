"""Security mode `tokens` through the whole application."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from litestar.testing import AsyncTestClient

from gateway.app import create_app
from gateway.security.tokens import token_sha256
from gateway.settings import SecuritySettings, Settings, StorageSettings, UpstreamSettings

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
CLIENTS = {
    "acme-shop": ("acme", ["channel"]),
    "acme-partner": ("acme", ["partner"]),
    "acme-operator": ("acme", ["operator"]),
    "acme-admin": ("acme", ["admin"]),
    "acme-notifier": ("acme", ["notifier"]),
    "other-shop": ("other", ["channel"]),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    tokens = tmp_path / "clients.toml"
    tokens.write_text(
        "".join(
            f'[[client]]\nname = "{name}"\ntenant = "{tenant}"\nroles = {msgspec.json.encode(roles).decode()}\n'
            f'token_sha256 = "{token_sha256(f"token-of-{name}")}"\n'
            for name, (tenant, roles) in CLIENTS.items()
        )
    )
    return Settings(
        storage=StorageSettings(url=f"sqlite:///{tmp_path}/gateway.db"),
        security=SecuritySettings(mode="tokens", tokens_file=str(tokens)),
        upstreams={
            "crm": UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4"),
            "own": UpstreamSettings(
                base_url="http://127.0.0.1:1",
                mapping="salesforce-v4",
                notification_token_sha256=token_sha256("token-of-own"),
            ),
        },
    )


@pytest.fixture
async def client(settings: Settings):
    async with AsyncTestClient(create_app(settings)) as client:
        yield client


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{name}"}


def replace_hash(file: str, old: str, new: str) -> None:
    path = Path(file)
    path.write_text(path.read_text().replace(token_sha256(old), token_sha256(new)))


async def test_a_request_without_a_token_is_told_how_to_send_one(client):
    answer = await client.get(CARTS)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="gateway"'
    assert answer.json()["@type"] == "Error"
    assert answer.json()["status"] == "401"
    assert "Authorization: Bearer TOKEN" in answer.json()["message"]


@pytest.mark.parametrize(
    "value", ["Bearer wrong", "Bearer", "Bearer ", "Basic dG9rZW4=", "token-of-acme-shop", "Bearer " + "x" * 5000]
)
async def test_a_wrong_token_is_refused_without_being_repeated(client, value):
    answer = await client.get(CARTS, headers={"Authorization": value})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="gateway", error="invalid_token"'
    assert "wrong" not in answer.text
    assert "dG9rZW4" not in answer.text


async def test_two_authorization_headers_are_refused(client):
    answer = await client.get(CARTS, headers=[("Authorization", "Bearer token-of-acme-shop")] * 2)

    assert answer.status_code == 401


async def test_the_scheme_may_be_written_in_any_case(client):
    answer = await client.get(CARTS, headers={"Authorization": "bearer token-of-acme-shop"})

    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["acme-shop", "acme-partner", "acme-operator", "acme-admin"])
async def test_carts_are_open_to_those_who_order(client, name):
    assert (await client.get(CARTS, headers=bearer(name))).status_code == 200


async def test_a_notifier_sees_no_carts(client):
    answer = await client.get(CARTS, headers=bearer("acme-notifier"))

    assert answer.status_code == 403
    assert answer.json()["code"] == "53"
    assert "admin, channel, operator, partner" in answer.json()["message"]


async def test_a_tenant_never_sees_the_carts_of_another(client):
    body = {"cartItem": [{"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "X"}}]}
    created = await client.post(CARTS, json=body, headers=bearer("acme-shop"))
    assert created.status_code == 201
    path = f"{CARTS}/{created.json()['id']}"

    assert (await client.get(path, headers=bearer("acme-partner"))).status_code == 200
    assert (await client.get(path, headers=bearer("other-shop"))).status_code == 404
    assert (await client.delete(path, headers=bearer("other-shop"))).status_code == 404
    patched = await client.patch(
        path, json={"cartItem": []}, headers={**bearer("other-shop"), "Content-Type": "application/merge-patch+json"}
    )
    assert patched.status_code == 404
    assert (await client.get(CARTS, headers=bearer("other-shop"))).json() == []
    assert (await client.get(path, headers=bearer("acme-shop"))).json() == created.json()


async def test_a_replaced_token_is_refused_without_a_restart(client, settings):
    assert (await client.get(CARTS, headers=bearer("acme-shop"))).status_code == 200

    replace_hash(settings.security.tokens_file, "token-of-acme-shop", "token-of-new-shop")

    assert (await client.get(CARTS, headers=bearer("acme-shop"))).status_code == 401
    assert (await client.get(CARTS, headers=bearer("new-shop"))).status_code == 200


async def test_liveness_and_readiness_need_no_token(client):
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200


async def test_mode_none_makes_everybody_the_tenant_of_the_settings(tmp_path):
    settings = Settings(
        storage=StorageSettings(url=f"sqlite:///{tmp_path}/gateway.db"), security=SecuritySettings(tenant="solo")
    )
    app = create_app(settings)
    async with AsyncTestClient(app) as client:
        assert (await client.post(CARTS, json={"cartItem": []})).status_code == 201
        tenants = await app.services.database.read(
            lambda connection: connection.exec_driver_sql("SELECT DISTINCT tenant FROM cart").scalars().all()
        )
    assert tenants == ["solo"]
