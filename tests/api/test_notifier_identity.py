"""Order systems prove that notifications are theirs: by token, by client credentials, by signature, by certificate."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio
from checkout_gateway import running, settings_of
from msgspec.structs import replace
from sqlalchemy import select, update
from standardwebhooks import Webhook

from gateway.settings import (
    ClientCertificateSettings,
    NotificationSettings,
    SecuritySettings,
    StorageSettings,
    unsafe_combinations,
)
from gateway.storage.tables import access_token, inbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = b'{"eventId": "e1", "productOrder": {"id": "00000001", "state": "Completed"}}'
SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
OLDER = "whsec_" + base64.b64encode(b"o" * 32).decode()
SUBJECT = "CN=crm,O=Example"
CLIENTS = """
[[client]]
name = "acme-notifier"
tenant = "acme"
roles = ["notifier"]
token_sha256 = "{notifier}"

[[client]]
name = "acme-partner"
tenant = "acme"
roles = ["partner"]
token_sha256 = "{partner}"

[[client]]
name = "acme-support"
tenant = "acme"
roles = ["support"]
token_sha256 = "{support}"

[[client]]
name = "beta-operator"
tenant = "beta"
roles = ["operator"]
token_sha256 = "{operator}"
"""


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


OWN = NotificationSettings(
    token_sha256=f"{sha256('static')} {sha256('next')}",
    client_id="crm",
    client_secret_sha256=sha256("crm-secret"),
    signing_secret=f"{SECRET} {OLDER}",
    certificate_subject=SUBJECT,
)


def settings_in(folder, own=OWN):
    file = folder / "clients.toml"
    names = ("acme", "partner", "support", "operator")
    notifier, partner, support, operator = (sha256(f"{name}-token") for name in names)
    file.write_text(CLIENTS.format(notifier=notifier, partner=partner, support=support, operator=operator))
    security = SecuritySettings(
        mode="tokens",
        tokens_file=str(file),
        client_certificate=ClientCertificateSettings(
            subject_header="X-Client-Subject", trusted_proxies=("127.0.0.0/8",)
        ),
    )
    settings = settings_of(StorageSettings(url=f"sqlite:///{folder / 'gateway.db'}"), security=security)
    shop = replace(settings.upstreams["shop"], tenants=("acme", "beta"), notifications=own)
    plain = replace(settings.upstreams["plain"], tenants=("acme",))
    return replace(settings, upstreams={"shop": shop, "plain": plain})


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory):
    async with running(settings_in(tmp_path_factory.mktemp("gateway"))) as gateway:
        yield gateway


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def forget(gateway):
    await gateway.make_empty()


async def notify(gateway, body=BODY, upstream="shop", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await gateway.client.post(
        f"/notifications/{upstream}", content=body, headers={"Content-Type": "application/json", **named}
    )
    return answer.status_code


async def tokens(gateway, form, **headers):
    return await gateway.client.post("/oauth2/token", data=form, headers=headers)


def signed(body=BODY, secret=SECRET, message_id="m1", at=None):
    at = at or datetime.now(UTC)
    return {
        "webhook_id": message_id,
        "webhook_timestamp": str(int(at.timestamp())),
        "webhook_signature": Webhook(secret).sign(message_id, at, body.decode()),
    }


async def tenants(gateway):
    rows = await gateway.services.database.read(
        lambda connection: list(connection.execute(select(inbox.c.tenant).order_by(inbox.c.tenant)))
    )
    return [row.tenant for row in rows]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer static", 200),
        ("bearer next", 200),
        ("Bearer other", 401),
        ("Bearer gwt_other", 401),
        ("Bearer acme-token", 401),
        ("Basic c3RhdGlj", 401),
        (None, 401),
    ],
)
async def test_a_bearer_token_of_its_own(gateway, header, status):
    headers = {"Authorization": header} if header else {}
    assert await notify(gateway, **headers) == status
    assert await tenants(gateway) == (["acme", "beta"] if status == 200 else [])


async def test_client_credentials_give_a_token_that_is_good_for_its_notifications_alone(gateway):
    answer = await tokens(
        gateway, {"grant_type": "client_credentials", "client_id": "crm", "client_secret": "crm-secret"}
    )
    assert answer.status_code == 200, answer.text
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    given = answer.json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 3600)
    token = f"Bearer {given['access_token']}"
    assert await notify(gateway, Authorization=token) == 200
    assert await notify(gateway, upstream="plain", Authorization=token) == 401
    for path in ("/tmf-api/checkoutManagement/v1/checkout", "/tmf-api/shoppingCart/v4/shoppingCart", "/metrics"):
        assert (await gateway.client.get(path, headers={"Authorization": token})).status_code == 401


async def test_credentials_may_come_in_a_header_each_part_escaped(gateway):
    basic = base64.b64encode(b"crm:crm%2Dsecret").decode()
    answer = await tokens(gateway, {"grant_type": "client_credentials"}, Authorization=f"Basic {basic}")
    assert answer.status_code == 200


@pytest.mark.parametrize(("client_id", "status"), [("crm", 200), ("acme-partner", 401)])
async def test_the_client_in_the_body_is_that_of_the_header(gateway, client_id, status):
    basic = base64.b64encode(b"crm:crm-secret").decode()
    form = {"grant_type": "client_credentials", "client_id": client_id}
    answer = await tokens(gateway, form, Authorization=f"Basic {basic}")
    assert answer.status_code == status
    assert answer.json().get("error") == (None if status == 200 else "invalid_client")


async def test_a_client_of_the_file_gets_a_token_with_its_own_roles(gateway):
    async def token_of(name, secret):
        form = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret, "scope": "any"}
        return f"Bearer {(await tokens(gateway, form)).json()['access_token']}"

    notifier, partner = await token_of("acme-notifier", "acme-token"), await token_of("acme-partner", "partner-token")
    assert await notify(gateway, upstream="plain", Authorization=notifier) == 201
    assert await notify(gateway, upstream="plain", Authorization=partner) == 403
    carts = "/tmf-api/shoppingCart/v4/shoppingCart"
    assert (await gateway.client.get(carts, headers={"Authorization": partner})).status_code == 200
    assert (await gateway.client.get(carts, headers={"Authorization": notifier})).status_code == 403


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "crm", "client_secret": "crm-secret"}, 400, "invalid_request"),
        ({"grant_type": "password", "client_id": "crm", "client_secret": "crm-secret"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "crm", "client_secret": "no"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "é", "client_secret": "é"}, 401, "invalid_client"),
        (
            {"grant_type": "client_credentials", "client_id": "acme-notifier", "client_secret": "partner-token"},
            401,
            "invalid_client",
        ),
        ({"grant_type": ["client_credentials", "client_credentials"]}, 400, "invalid_request"),
    ],
)
async def test_what_gets_no_token_is_told_in_both_forms(gateway, form, status, error):
    answer = await tokens(gateway, form)
    assert answer.status_code == status
    body = answer.json()
    assert (body["@type"], body["error"], body["status"]) == ("Error", error, str(status))
    assert body["error_description"]
    assert "crm-secret" not in answer.text


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"\xff=\xff", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 30, "application/x-www-form-urlencoded", 400),
        (b"a" * 20_000, "application/x-www-form-urlencoded", 413),
        (b"", "application/x-www-form-urlencoded", 400),
    ],
)
async def test_what_is_no_form_is_refused(gateway, content, media_type, status):
    answer = await gateway.client.post("/oauth2/token", content=content, headers={"Content-Type": media_type})
    assert answer.status_code == status
    assert answer.json()["@type"] == "Error"


async def test_a_token_ends_with_its_time_and_is_kept_by_its_hash_alone(gateway):
    form = {"grant_type": "client_credentials", "client_id": "crm", "client_secret": "crm-secret"}
    token = (await tokens(gateway, form)).json()["access_token"]
    database = gateway.services.database
    stored = await database.read(lambda connection: list(connection.execute(select(access_token.c.sha256)).scalars()))
    assert sha256(token) in stored
    assert token not in stored
    past = datetime.now(UTC) - timedelta(seconds=1)
    expired = update(access_token).where(access_token.c.sha256 == sha256(token)).values(expires_at=past)
    await database.write(lambda connection: connection.execute(expired))
    assert await notify(gateway, Authorization=f"Bearer {token}") == 401


async def test_another_replica_and_a_restart_know_the_token_and_a_changed_secret_ends_it(tmp_path):
    form = {"grant_type": "client_credentials", "client_id": "crm", "client_secret": "crm-secret"}
    settings = settings_in(tmp_path)
    async with running(settings) as first:
        token = (await tokens(first, form)).json()["access_token"]
        async with running(settings) as second:
            assert await notify(second, Authorization=f"Bearer {token}") == 200
    async with running(settings) as again:
        assert await notify(again, Authorization=f"Bearer {token}") == 200
    changed = replace(OWN, client_secret_sha256=sha256("another"))
    async with running(settings_in(tmp_path, changed)) as rotated:
        assert await notify(rotated, Authorization=f"Bearer {token}") == 401


@pytest.mark.parametrize("secret", [SECRET, OLDER])
async def test_a_signature_by_standard_webhooks(gateway, secret):
    assert await notify(gateway, **signed(secret=secret)) == 200
    assert await tenants(gateway) == ["acme", "beta"]


async def test_a_message_id_tells_repetitions_where_there_is_no_event_id(gateway):
    body = b'{"productOrder": {"id": "00000001"}}'
    for message_id in ("m1", "m1", "m2"):
        assert await notify(gateway, body, **signed(body, message_id=message_id)) == 200
    assert await tenants(gateway) == ["acme", "acme", "beta", "beta"]


@pytest.mark.parametrize(
    "change",
    [
        {"webhook_signature": "v1,AAAA"},
        {"webhook_signature": "nonsense"},
        {"webhook_signature": "v1,%%%"},
        {"webhook_signature": "v2,AAAA"},
        {"webhook_id": "other"},
        {"webhook_id": ""},
        {"webhook_timestamp": "soon"},
        {"webhook_timestamp": "1e400"},
        signed(secret="whsec_" + base64.b64encode(b"x" * 24).decode()),
        signed(at=datetime.now(UTC) - timedelta(minutes=10)),
        signed(body=b"{}"),
    ],
)
async def test_a_forged_or_old_signature_is_refused_and_nothing_is_kept(gateway, change):
    assert await notify(gateway, **{**signed(), **change}) == 401
    assert await tenants(gateway) == []


async def test_neither_forged_notifications_nor_true_ones_use_up_anybodys_requests(tmp_path):
    settings = settings_in(tmp_path)
    slow = replace(settings.limits.client, requests_per_second=0.001, burst=3)
    limits = replace(
        settings.limits, client=slow, tenant=replace(settings.limits.tenant, requests_per_second=0.001, burst=3)
    )
    async with running(replace(settings, limits=limits)) as gateway:
        for _ in range(10):
            assert await notify(gateway, **{**signed(), "webhook_signature": "v1,AAAA"}) == 401
            assert await notify(gateway, **signed()) == 200
        carts = "/tmf-api/shoppingCart/v4/shoppingCart"
        partner = {"Authorization": "Bearer partner-token"}
        assert (await gateway.client.get(carts, headers=partner)).status_code == 200, "nor those of channels"


@pytest.mark.parametrize(
    ("subject", "peer", "status"),
    [
        (SUBJECT, "127.0.0.1", 200),
        (SUBJECT, "10.0.0.9", 401),
        ("CN=other", "127.0.0.1", 401),
        ("", "127.0.0.1", 401),
    ],
)
async def test_a_client_certificate_that_a_trusted_proxy_checked(gateway, subject, peer, status):
    transport = httpx.ASGITransport(gateway.client._transport.app, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        answer = await client.post(
            "/notifications/shop",
            content=BODY,
            headers={"Content-Type": "application/json", "X-Client-Subject": subject},
        )
    assert answer.status_code == status


async def test_the_inbox_is_for_operators_and_support_of_its_tenant_alone(gateway):
    inbox_path = "/tmf-api/checkoutManagement/v1/inbox"

    async def asked(who, path="", body=None):
        headers = {"Authorization": f"Bearer {who}-token"}
        if body is None:
            return await gateway.client.get(inbox_path + path, headers=headers)
        return await gateway.client.post(inbox_path + path, json=body, headers=headers)

    assert await notify(gateway, upstream="plain", Authorization="Bearer acme-token") == 201
    for who, status in (("acme", 403), ("partner", 403), ("support", 200), ("operator", 200)):
        assert (await asked(who)).status_code == status, who
    (seen,) = (await asked("support")).json()
    assert (await asked("operator")).json() == []
    for path in ("", "/replay", "/dismiss"):
        one = f"/{seen['id']}{path}"
        answer = await asked("operator", one, {"reason": "x"} if path else None)
        assert answer.status_code == 404
        answer = await asked("partner", one, {"reason": "x"} if path else None)
        assert answer.status_code == 403
    assert (await asked("support", f"/{seen['id']}/replay", {"reason": "x"})).status_code == 403
    many = (await asked("operator", "/replay", {"reason": "x", "state": "received,dead,waiting"})).json()
    assert (many["matched"], many["replayed"]) == (0, 0)


async def test_the_refusal_says_what_would_do(gateway):
    answer = await gateway.client.post("/notifications/shop", content=BODY)
    assert answer.status_code == 401
    for way in ("Bearer", "Standard Webhooks", "certificate"):
        assert way in answer.json()["message"]


@pytest.mark.parametrize(
    ("own", "path"),
    [
        (NotificationSettings(token_sha256="abc"), "token_sha256"),
        (NotificationSettings(client_id="crm"), "client_secret_sha256"),
        (NotificationSettings(client_secret_sha256="a" * 64), "client_id"),
        (NotificationSettings(client_id="é", client_secret_sha256="a" * 64), "client_id"),
        (NotificationSettings(signing_secret="secret"), "signing_secret"),
        (NotificationSettings(signing_secret="whsec_AAAA"), "signing_secret"),
    ],
)
async def test_settings_that_prove_nothing_are_refused(tmp_path, own, path):
    problems = [str(problem) for problem in unsafe_combinations(settings_in(tmp_path, own))]
    assert [text for text in problems if text.startswith(f"upstreams.shop.notifications.{path}")], problems


async def test_an_order_system_with_its_own_proof_names_its_tenants(tmp_path):
    settings = settings_in(tmp_path)
    shop = replace(settings.upstreams["shop"], tenants=())
    problems = unsafe_combinations(replace(settings, upstreams={"shop": shop}))
    assert [problem.path for problem in problems] == ["upstreams.shop.notifications"]
