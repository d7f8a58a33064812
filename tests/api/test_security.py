"""Security mode `tokens` through the whole application."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from known_clients import known_clients
from litestar.testing import AsyncTestClient

from gateway.app import create_app
from gateway.login.api import BACK_CHANNEL, CALLBACK, LOGIN
from gateway.resources import load_mappings
from gateway.security.tokens import token_sha256
from gateway.settings import SecuritySettings, Settings, StorageSettings, UpstreamSettings

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
CLIENTS = {
    "acme-shop": ("acme", ["channel"]),
    "acme-partner": ("acme", ["partner"]),
    "acme-operator": ("acme", ["operator"]),
    "acme-admin": ("acme", ["admin"]),
    "acme-notifier": ("acme", ["notifier"]),
    "other-shop": ("other", ["channel"]),
    "other-admin": ("other", ["admin"]),
}


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    security = known_clients(tmp_path, CLIENTS, token=lambda name: f"token-of-{name}")
    return Settings(
        storage=StorageSettings(url=sqlite_url),
        security=security,
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
    async with AsyncTestClient(create_app(settings, mappings=load_mappings(settings.mappings))) as client:
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

    assert (await client.get(path, headers=bearer("acme-operator"))).status_code == 200
    assert (await client.get(path, headers=bearer("other-shop"))).status_code == 404
    assert (await client.delete(path, headers=bearer("other-admin"))).status_code == 404
    patched = await client.patch(
        path, json={"cartItem": []}, headers={**bearer("other-shop"), "Content-Type": "application/merge-patch+json"}
    )
    assert patched.status_code == 404
    assert (await client.get(CARTS, headers=bearer("other-shop"))).json() == []
    assert (await client.get(path, headers=bearer("acme-shop"))).json() == created.json()


@pytest.mark.parametrize("base", ["/shoppingCart/v1", "/tmf-api/shoppingCart/v4", "/tmf-api/shoppingCart/v5"])
async def test_only_an_administrator_deletes_a_cart_and_everybody_empties_one(client, base):
    path = f"{base}/shoppingCart/{(await client.post(CARTS, json={}, headers=bearer('acme-shop'))).json()['id']}"

    for name in ("acme-shop", "acme-partner", "acme-operator"):
        refused = await client.delete(path, headers=bearer(name))
        assert (refused.status_code, refused.json()["code"]) == (403, "53")
        assert "empty it" in refused.json()["message"]
    emptied = await client.patch(path, json={"cartItem": []}, headers=bearer("acme-shop"))
    assert emptied.status_code in {200, 201}
    assert (await client.delete(path, headers=bearer("acme-admin"))).status_code == 204


async def test_a_replaced_token_is_refused_without_a_restart(client, settings):
    assert (await client.get(CARTS, headers=bearer("acme-shop"))).status_code == 200

    replace_hash(settings.security.tokens_file, "token-of-acme-shop", "token-of-new-shop")

    assert (await client.get(CARTS, headers=bearer("acme-shop"))).status_code == 401
    assert (await client.get(CARTS, headers=bearer("new-shop"))).status_code == 200


async def test_liveness_and_readiness_need_no_token(client):
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/metrics", {"acme-operator", "acme-admin", "other-admin"}),
    ],
)
async def test_what_describes_the_service_needs_its_role(client, path, allowed):
    assert (await client.get(path)).status_code == 401
    for name in CLIENTS:
        assert (await client.get(path, headers=bearer(name))).status_code == (200 if name in allowed else 403), name


async def test_every_route_but_those_about_the_service_refuses_a_request_without_a_token(client, settings):
    """Whoever adds a route and forgets to ask for the tenant learns it here."""
    app = create_app(settings)
    seen = 0
    for route in app.routes:
        path = route.path_format.replace("{", "").replace("}", "")
        for method in route.http_handler_map if hasattr(route, "http_handler_map") else route.methods:
            if method == "OPTIONS" or route.path in {"/", "/livez", "/readyz", "/schema", "/oauth2/token"}:
                continue
            if route.path.startswith("/schema/"):
                continue
            # Whoever logs in has no token yet: without an identity provider there is nothing there.
            expected = 404 if route.path in {LOGIN, CALLBACK, BACK_CHANNEL} else 401
            # An empty answer to HEAD has its status; what is sent is acceptable everywhere.
            headers = {"Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json"}
            answer = await client.request(
                method, path, content=b"{}" if method in {"POST", "PATCH"} else None, headers=headers
            )
            assert answer.status_code == expected, (method, path)
            seen += 1
    await app.services.database.close()
    assert seen > 15


class TestNotifications:
    EVENT: ClassVar = {
        "eventId": "e1",
        "eventType": "ProductOrderStateChangeEvent",
        "productOrder": {"id": "1", "state": "X"},
    }

    async def post(self, client, upstream, token):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return (await client.post(f"/notifications/{upstream}", json=self.EVENT, headers=headers)).status_code

    async def test_only_a_notifier_may_post_them(self, client):
        assert await self.post(client, "crm", None) == 401
        assert await self.post(client, "crm", "token-of-acme-shop") == 403
        assert await self.post(client, "crm", "token-of-acme-admin") == 403
        assert await self.post(client, "crm", "token-of-acme-notifier") == 200

    async def test_an_order_system_with_a_token_of_its_own_uses_that_and_no_other(self, client):
        assert await self.post(client, "own", None) == 401
        assert await self.post(client, "own", "token-of-acme-notifier") == 401
        assert await self.post(client, "own", "token-of-own") == 200
        assert await self.post(client, "crm", "token-of-own") == 401

    async def test_its_own_token_opens_nothing_else(self, client):
        assert (await client.get(CARTS, headers=bearer("own"))).status_code == 401


async def test_a_tenant_never_sees_the_checkouts_of_another(client):
    cart = {"cartItem": [{"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "X"}}]}
    cart_id = (await client.post(CARTS, json=cart, headers=bearer("acme-shop"))).json()["id"]
    request = {
        "shoppingCart": {"id": cart_id},
        "upstream": "crm",
        "externalId": "WEB-1",
        "relatedParty": [{"id": "CD1", "role": "customer"}],
    }
    assert (await client.post(CHECKOUTS, json=request, headers=bearer("other-shop"))).status_code == 404

    created = await client.post(CHECKOUTS, json=request, headers={**bearer("acme-shop"), "Idempotency-Key": '"k"'})
    assert created.status_code == 202, created.text
    path = f"{CHECKOUTS}/{created.json()['id']}"
    stranger = bearer("other-shop")

    assert (await client.get(path, headers=bearer("acme-operator"))).status_code == 200
    assert (await client.get(path, headers=stranger)).status_code == 404
    assert (await client.post(f"{path}/submit", headers=stranger)).status_code == 404
    assert (await client.post(f"{path}/cancel", headers=stranger)).status_code == 404
    for query in ("", "?externalId=WEB-1", f"?shoppingCart.id={cart_id}", "?state=accepted"):
        assert (await client.get(CHECKOUTS + query, headers=stranger)).json() == []
        assert len((await client.get(CHECKOUTS + query, headers=bearer("acme-shop"))).json()) == 1
    # The same Idempotency-Key of another tenant is another key.
    own_cart = (await client.post(CARTS, json=cart, headers=stranger)).json()["id"]
    body = {**request, "shoppingCart": {"id": own_cart}}
    other = await client.post(CHECKOUTS, json=body, headers={**stranger, "Idempotency-Key": '"k"'})
    assert other.status_code == 202
    assert other.json()["id"] != created.json()["id"]


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


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing/here"),
        ("PUT", CARTS),
        ("GET", f"{CHECKOUTS}/x/cancel"),
        ("OPTIONS", CARTS),
        ("POST", "/metrics"),
    ],
)
async def test_what_there_is_is_told_to_clients_alone(client, method, path):
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["@type"]) == (401, "Error")

    known = await client.request(method, path, headers=bearer("acme-operator"))
    assert known.status_code in {204, 404, 405}
