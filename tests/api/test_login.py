"""People log in with a browser: the whole way through an identity provider, what its cookies hold, and each way in which it is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace as changed
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from application_runs import started
from identity_provider import AUDIENCE, NOW
from login_provider import CLIENT_ID, CLIENT_SECRET, LoginProvider, login_provider
from sqlalchemy import select

from gateway.app import create_app
from gateway.resources import load_mappings
from gateway.settings import LoginSettings, OidcSettings, SecuritySettings, ServerSettings, Settings, StorageSettings
from gateway.settings.unsafe import unsafe_combinations
from gateway.storage.tables import audit

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
AUDIT = "/tmf-api/checkoutManagement/v1/audit"
PUBLIC_URL = "https://gateway.test"
SESSION_COOKIE, ATTEMPT_COOKIE = "__Host-gateway-session", "__Host-gateway-login"


class Time:
    """The gateway's clock in a test."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **length: float) -> None:
        self.now += timedelta(**length)


@pytest.fixture
def provider() -> Iterator[type[LoginProvider]]:
    with login_provider() as made:
        yield made


@pytest.fixture
def clock() -> Time:
    return Time()


def settings_of(url: str, issuer: str, **login: Any) -> Settings:
    given = LoginSettings(**{"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **login})
    return Settings(
        server=ServerSettings(public_url=PUBLIC_URL),
        storage=StorageSettings(url=url),
        security=SecuritySettings(mode="oidc", oidc=OidcSettings(issuer=issuer, audience=AUDIENCE, login=given)),
    )


@asynccontextmanager
async def browser_of(settings: Settings, clock: Time) -> AsyncIterator[httpx.AsyncClient]:
    """Give a browser: a client that keeps cookies and follows no redirect by itself."""
    app = create_app(settings, mappings=load_mappings(settings.mappings))
    app.services = changed(app.services, clock=clock)
    transport = httpx.ASGITransport(app=app)
    async with started(app), httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        yield client


@pytest.fixture
async def browser(sqlite_url: str, provider: type[LoginProvider], clock: Time) -> AsyncIterator[httpx.AsyncClient]:
    async with browser_of(settings_of(sqlite_url, provider.address), clock) as client:
        yield client


async def back_from_provider(browser: httpx.AsyncClient, path: str = "/login") -> str:
    """Begin to log in, log in at the provider, and return the address that it sends the browser back to."""
    begun = await browser.get(path)
    assert begun.status_code == 303, begun.text
    async with httpx.AsyncClient() as outside:
        sent_back = await outside.get(begun.headers["location"])
    assert sent_back.status_code == 302
    address: str = sent_back.headers["location"]
    assert address.startswith(f"{PUBLIC_URL}/login/callback?")
    return address


async def log_in(browser: httpx.AsyncClient, path: str = "/login") -> httpx.Response:
    return await browser.get(await back_from_provider(browser, path))


async def csrf(browser: httpx.AsyncClient) -> dict[str, str]:
    told = await browser.get("/login/session")
    assert told.status_code == 200, told.text
    return {"X-CSRF-Token": told.json()["csrfToken"]}


async def test_a_person_logs_in_works_and_logs_out(browser: httpx.AsyncClient, provider: type[LoginProvider]) -> None:
    assert (await browser.get(CARTS)).status_code == 401
    done = await log_in(browser, "/login?return_to=/console/checkouts%3Fstate=held")
    assert (done.status_code, done.headers["location"]) == (303, "/console/checkouts?state=held")
    cookies = {each.partition("=")[0]: each for each in done.headers.get_list("set-cookie")}
    for needed in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=28800"):
        assert needed in cookies[SESSION_COOKIE]
    assert "Domain" not in cookies[SESSION_COOKIE]
    assert "Max-Age=0" in cookies[ATTEMPT_COOKIE]
    assert done.headers["cache-control"] == "no-store"
    # The verifier went to the provider alone, and the secret by its header.
    assert "client_secret" not in provider.forms[0]

    told = (await browser.get("/login/session")).json()
    assert (told["client"], told["tenant"], told["role"]) == ("anna", "acme", ["operator"])
    headers = await csrf(browser)
    made = await browser.post(CARTS, json={}, headers=headers)
    assert made.status_code == 201
    did = (await browser.get(AUDIT)).json()
    assert sorted((each["client"], each["action"], each["resource"]) for each in did) == [
        ("anna", "create", "shoppingCart"),
        ("anna", "login", "session"),
    ]

    kept = browser.cookies[SESSION_COOKIE]
    out = await browser.post("/logout", headers=headers)
    assert out.status_code == 200
    end = urlsplit(out.json()["endSessionUrl"])
    assert end.path == "/end"
    assert parse_qs(end.query) == {"client_id": [CLIENT_ID], "post_logout_redirect_uri": [f"{PUBLIC_URL}/"]}
    assert SESSION_COOKIE not in browser.cookies
    browser.cookies.set(SESSION_COOKIE, kept, domain="gateway.test")
    assert (await browser.get(CARTS)).status_code == 401


async def test_what_changes_something_needs_the_csrf_token_of_this_session(browser: httpx.AsyncClient) -> None:
    await log_in(browser)
    first = await csrf(browser)
    await log_in(browser)
    for headers in ({}, first, {"X-CSRF-Token": "0" * 64}):
        refused = await browser.post(CARTS, json={}, headers=headers)
        assert (refused.status_code, "X-CSRF-Token" in refused.json()["message"]) == (403, True)
        assert (await browser.post("/logout", headers=headers)).status_code == 403
    assert (await browser.get(CARTS)).json() == []


async def test_a_session_ends_with_its_age_and_when_nothing_is_asked_for(
    browser: httpx.AsyncClient, clock: Time
) -> None:
    await log_in(browser)
    for _ in range(17):
        clock.pass_by(minutes=28)
        assert (await browser.get(CARTS)).status_code == 200
    clock.pass_by(minutes=28)  # 8.4 hours
    ended = await browser.get(CARTS)
    assert (ended.status_code, "/login" in ended.json()["message"]) == (401, True)


async def test_a_session_ends_when_it_is_idle(browser: httpx.AsyncClient, clock: Time) -> None:
    await log_in(browser)
    clock.pass_by(minutes=31)
    assert (await browser.get(CARTS)).status_code == 401


@pytest.mark.parametrize(
    ("claims", "ends"),
    [
        ({}, True),
        ({"sub": None, "sid": "there-1"}, True),
        ({"sub": "bob"}, False),
        ({"sid": "there-2"}, False),
        ({"nonce": "x"}, None),
        ({"events": {}}, None),
        ({"aud": "another"}, None),
        ({"iss": "https://evil.example.com"}, None),
        ({"sub": None}, None),
        ({"jti": None}, None),
        ({"iat": int(NOW.timestamp()) - 900}, None),
    ],
)
async def test_the_provider_ends_sessions(
    browser: httpx.AsyncClient, provider: type[LoginProvider], claims: dict[str, Any], ends: bool | None
) -> None:
    await log_in(browser)
    told = await browser.post("/logout/back-channel", data={"logout_token": provider.logout_token(**claims)})
    assert told.status_code == (400 if ends is None else 200), told.text
    assert (await browser.get(CARTS)).status_code == (401 if ends else 200)
    # An ID token is not a logout token.
    as_logout = await browser.post("/logout/back-channel", data={"logout_token": provider.identity.unsigned()})
    assert as_logout.status_code == 400


async def test_a_session_that_the_provider_did_not_name_ends_with_the_person_s(
    browser: httpx.AsyncClient, provider: type[LoginProvider]
) -> None:
    provider.changes = {"sid": None}
    await log_in(browser)
    for claims, status in (({"sub": None}, 200), ({"sub": "bob"}, 200), ({}, 401)):
        token = provider.logout_token(sid="there-1", **claims)
        told = await browser.post("/logout/back-channel", data={"logout_token": token})
        assert (told.status_code, (await browser.get(CARTS)).status_code) == (200, status)


async def test_what_strangers_post_keeps_no_logout_of_the_provider_away(
    browser: httpx.AsyncClient, provider: type[LoginProvider]
) -> None:
    await log_in(browser)
    for _ in range(50):
        assert (await browser.post("/logout/back-channel", data={"logout_token": "x"})).status_code == 400
    told = await browser.post("/logout/back-channel", data={"logout_token": provider.logout_token()})
    assert (told.status_code, (await browser.get(CARTS)).status_code) == (200, 401)


async def test_tabs_of_a_browser_that_log_in_at_the_same_time_each_come_back(browser: httpx.AsyncClient) -> None:
    begun = [await back_from_provider(browser, f"/login?return_to=/tab/{number}") for number in range(3)]
    for number, address in enumerate(begun):
        done = await browser.get(address)
        assert (done.status_code, done.headers["location"]) == (303, f"/tab/{number}"), done.text
    # However many are only begun, a browser does not carry more and more of them.
    for _ in range(9):
        last = await back_from_provider(browser, "/login?return_to=/last")
    assert len([name for name in browser.cookies if name.startswith(ATTEMPT_COOKIE)]) == 4
    assert (await browser.get(last)).headers["location"] == "/last"


async def test_another_login_of_a_browser_ends_its_session_of_before(browser: httpx.AsyncClient, clock: Time) -> None:
    await log_in(browser)
    before = browser.cookies[SESSION_COOKIE]
    clock.pass_by(seconds=1)
    await log_in(browser)
    after = browser.cookies[SESSION_COOKIE]
    assert (await browser.get(CARTS)).status_code == 200
    deeds = (await browser.get(AUDIT)).json()
    assert sorted((each["action"], each.get("detail", "")) for each in deeds) == [
        ("login", ""),
        ("login", ""),
        ("logout", "by another login of the browser"),
    ]
    browser.cookies.clear()
    browser.cookies.set(SESSION_COOKIE, before, domain="gateway.test")
    assert (before != after, (await browser.get(CARTS)).status_code) == (True, 401)


@pytest.mark.parametrize(
    ("id_token", "access_token", "said"),
    [
        ({"nonce": "another"}, {}, "nonce"),
        ({"nonce": None}, {}, "nonce"),
        ({"aud": "another"}, {}, "aud"),
        ({"azp": "another"}, {}, "azp"),
        ({"iss": "https://evil.example.com"}, {}, "iss"),
        ({"exp": int(NOW.timestamp()) - 60}, {}, "exp"),
        ({"sub": None}, {}, "sub"),
        ({"sub": "bob"}, {}, "same person"),
        ({}, {"aud": "another"}, "aud"),
        ({}, {"roles": []}, "no role"),
        ({}, {"tenant": None}, "tenant"),
    ],
)
async def test_tokens_that_do_not_hold_begin_no_session(
    browser: httpx.AsyncClient,
    provider: type[LoginProvider],
    id_token: dict[str, Any],
    access_token: dict[str, Any],
    said: str,
) -> None:
    provider.changes, provider.access_changes = id_token, access_token
    refused = await log_in(browser)
    assert (refused.status_code, said in refused.json()["message"]) == (403, True), refused.text
    assert SESSION_COOKIE not in browser.cookies
    app: Any = browser._transport.app  # type: ignore[attr-defined]
    (deed,) = await app.services.database.read(lambda connection: connection.execute(select(audit)).all())
    assert (deed.outcome, deed.resource_id, said in deed.detail) == ("unauthenticated", "/login/callback", True)


async def test_a_login_is_finished_by_the_browser_that_began_it_once(
    browser: httpx.AsyncClient, provider: type[LoginProvider]
) -> None:
    address = await back_from_provider(browser)
    attempt = browser.cookies[ATTEMPT_COOKIE]
    browser.cookies.clear()
    # A link that an attacker sends: the attacker's code, in the browser of somebody else.
    assert (await browser.get(address)).status_code == 400
    assert provider.forms == []
    browser.cookies.set(ATTEMPT_COOKIE, attempt, domain="gateway.test")
    for changed_address in (
        address.replace("state=", "state=x"),
        f"{address}&state=x",
        address.replace("iss=", "iss=x"),
    ):
        assert (await browser.get(changed_address)).status_code == 400
    assert (await browser.get(address)).status_code == 303
    browser.cookies.set(ATTEMPT_COOKIE, attempt, domain="gateway.test")
    assert (await browser.get(address)).status_code == 403  # the code was used
    assert (await browser.get(address.replace("code=", "error="))).status_code == 403


@pytest.mark.parametrize("path", ["https://evil.example.com", "//evil.example.com", "/\\evil", "console", "/a b"])
async def test_nobody_is_sent_elsewhere_after_a_login(browser: httpx.AsyncClient, path: str) -> None:
    refused = await browser.get("/login", params={"return_to": path})
    assert (refused.status_code, refused.json()["problem"][0]["path"]) == (400, "return_to")


async def test_while_the_provider_is_away_people_are_told_to_come_again(
    browser: httpx.AsyncClient, provider: type[LoginProvider]
) -> None:
    address = await back_from_provider(browser)
    provider.token_status = 500
    answer = await browser.get(address)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_a_person_has_so_many_sessions_and_the_oldest_end(
    sqlite_url: str, provider: type[LoginProvider], clock: Time
) -> None:
    async with browser_of(settings_of(sqlite_url, provider.address, sessions_max=2), clock) as browser:
        kept = []
        for _ in range(3):
            browser.cookies.clear()
            await log_in(browser)
            kept.append(browser.cookies[SESSION_COOKIE])
            clock.pass_by(seconds=1)
        answers = []
        for each in kept:
            browser.cookies.clear()
            browser.cookies.set(SESSION_COOKIE, each, domain="gateway.test")
            answers.append((await browser.get(CARTS)).status_code)
    assert answers == [401, 200, 200]


async def test_strangers_ask_so_often_from_one_address(browser: httpx.AsyncClient) -> None:
    answers = [(await browser.get("/login")).status_code for _ in range(40)]
    assert set(answers) == {303, 429}


async def test_a_token_goes_before_a_session_and_belongs_to_none(
    browser: httpx.AsyncClient, provider: type[LoginProvider]
) -> None:
    await log_in(browser)
    token = provider.identity.token(iss=provider.address, tenant="other", roles=["channel"])
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await browser.post(CARTS, json={}, headers=bearer)).status_code == 201
    assert (await browser.get(CARTS)).json() == []
    assert (await browser.get("/login/session", headers=bearer)).status_code == 409
    assert (await browser.post("/logout", headers=bearer)).status_code == 409


async def test_where_nobody_logs_in_there_is_no_login(
    sqlite_url: str, provider: type[LoginProvider], clock: Time
) -> None:
    async with browser_of(settings_of(sqlite_url, provider.address, client_id=""), clock) as browser:
        for path in ("/login", "/login/callback"):
            assert (await browser.get(path)).status_code == 404
        browser.cookies.set(SESSION_COOKIE, "x" * 43, domain="gateway.test")
        assert (await browser.get(CARTS)).status_code == 401


def test_a_login_needs_a_mode_and_an_address_and_openid() -> None:
    unfit = Settings(
        security=SecuritySettings(oidc=OidcSettings(login=LoginSettings(client_id="x", scopes=("email",))))
    )
    assert {problem.path for problem in unsafe_combinations(unfit)} == {
        "security.oidc.login.client_id",
        "server.public_url",
        "security.oidc.login.scopes",
    }
