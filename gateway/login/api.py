"""Logging in and out over HTTP."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Request
from litestar.handlers import get, post
from sqlalchemy import Connection

from gateway.clock import timestamp_text
from gateway.errors import (
    ConflictError,
    ForbiddenError,
    InvalidBodyError,
    MalformedBodyError,
    NotFoundError,
    Problem,
    UnavailableError,
)
from gateway.http.answers import Answer, json_answer
from gateway.http.bodies import has_body, read_body
from gateway.http.queries import query_pairs, refuse, report_unknown, values_of
from gateway.login import openapi
from gateway.login.flow import (
    ATTEMPT_COOKIES,
    ATTEMPT_SECONDS,
    Attempt,
    attempt_of,
    attempt_text,
    authorization_url,
    code_of,
    end_session_url,
    safe_return,
    set_cookie,
)
from gateway.roles import EVERYBODY, PUBLIC
from gateway.security.admission import Admission
from gateway.security.claims import TokenRefusedError
from gateway.security.id_tokens import ended_there, person_of
from gateway.security.oidc import AccessTokens
from gateway.security.provider import CodeRefusedError, Provider
from gateway.security.refusals import RefusedCredential, note_refused
from gateway.security.sessions import SESSION_COOKIE, SESSION_KEY, cookie, csrf_token
from gateway.security.tokens import token_sha256
from gateway.services import Services, services_of
from gateway.settings.identity import OidcSettings
from gateway.settings.limits import ClientRate, LimitSettings, TenantRate
from gateway.storage import audit, login_sessions
from gateway.storage.audit import Deed
from gateway.storage.login_sessions import LoginSession

LOGIN: Final = "/login"
CALLBACK: Final = f"{LOGIN}/callback"
SESSION: Final = f"{LOGIN}/session"
LOGOUT: Final = "/logout"
BACK_CHANNEL: Final = f"{LOGOUT}/back-channel"
LOGOUT_BYTES_MAX: Final = 32_768
_FORM: Final = frozenset({"application/x-www-form-urlencoded"})
_NOT_STORED: Final = (b"cache-control", b"no-store")
_SESSION_BYTES: Final = 32
# Who logs in is not known yet: so often from one address. Each asks the provider.
_OF_ADDRESS: Final = LimitSettings(
    client=ClientRate(requests_per_second=2, burst=30), tenant=TenantRate(requests_per_second=0)
)


class Login:
    """The login of an installation: the provider, its keys, and how often strangers may ask."""

    def __init__(self, oidc: OidcSettings) -> None:
        self.oidc = oidc
        self.provider = Provider(oidc)
        self.access_tokens = AccessTokens(oidc)
        self._admission = Admission()

    def admit(self, request: Request[Any, Any, Any]) -> None:
        """Count a request of somebody who is not known yet. Raises TooManyRequestsError (429)."""
        peer = request.scope.get("client")
        self._admission.admit("", str(peer[0]) if peer else "unknown", _OF_ADDRESS, time.monotonic())


def _login(request: Request[Any, Any, Any]) -> Login:
    """Return the login of this installation. Raises NotFoundError (404) where nobody logs in with a browser."""
    login: Login | None = request.app.state.login
    if login is None:
        raise NotFoundError("Nobody logs in with a browser here: security.oidc.login is not set.")
    return login


def _address(services: Services, path: str) -> str:
    # A setting that the login needs, so that no header decides where a code is sent.
    return services.settings.server.public_url.rstrip("/") + path


def _redirect(address: str, *cookies: tuple[bytes, bytes]) -> Answer:
    headers = [(b"location", address.encode("ascii")), _NOT_STORED, *cookies]
    return Answer(status=303, headers=headers, media_type=b"text/plain")


@get(LOGIN, opt={"openapi": openapi.BEGIN, "roles": PUBLIC})
async def begin_login(request: Request[Any, Any, Any]) -> Answer:
    """Go to the identity provider to log in, and come back to the path `return_to`."""
    login, services = _login(request), services_of(request)
    login.admit(request)
    pairs, problems = query_pairs(request), list[Problem]()
    report_unknown(pairs, {"return_to"}, problems)
    refuse(problems)
    return_to = safe_return(next(iter(values_of(pairs, "return_to")), None))
    state, nonce, verifier = (secrets.token_urlsafe(_SESSION_BYTES) for _ in range(3))
    attempt = Attempt(state, nonce, verifier, return_to)
    settings = login.oidc.login
    endpoint = (await login.provider.endpoints()).authorization
    address = authorization_url(endpoint, attempt, settings.client_id, settings.scopes, _address(services, CALLBACK))
    name = next((name for name, text in _attempts(request).items() if text is None), ATTEMPT_COOKIES[0])
    return _redirect(address, set_cookie(name, attempt_text(attempt), ATTEMPT_SECONDS))


@get(CALLBACK, opt={"openapi": openapi.CALLBACK, "roles": PUBLIC})
async def finish_login(request: Request[Any, Any, Any]) -> Answer:
    """Take the code that the provider gave, get its tokens, and begin a session."""
    login, services = _login(request), services_of(request)
    login.admit(request)
    pairs = query_pairs(request)
    found = attempt_of(dict(pairs).get("state", ""), _attempts(request))
    code = code_of(pairs, None if found is None else found[1], login.oidc.issuer)
    assert found is not None, "a code belongs to an attempt"
    attempt_cookie, attempt = found
    now = services.clock()
    scope: Any = request.scope
    try:
        tokens = await login.provider.tokens(code, attempt.verifier, _address(services, CALLBACK))
        person = await person_of(tokens.id_token, login.oidc, login.access_tokens.keys, attempt.nonce, now)
        client, claims = await login.access_tokens.checked(tokens.access_token, now)
    except CodeRefusedError:
        note_refused(scope, RefusedCredential("Login: the identity provider refused the code."))
        raise ForbiddenError("The identity provider gave no tokens for this code; begin again at /login.") from None
    except TokenRefusedError as error:
        note_refused(scope, RefusedCredential(f"Login: a token of the identity provider is refused: {error}."))
        raise ForbiddenError(f"A token of the identity provider is refused: {error}.") from None
    except ForbiddenError as error:
        note_refused(scope, RefusedCredential(f"Login: {error.message}"))
        raise
    if claims["sub"] != person.subject:
        note_refused(scope, RefusedCredential("Login: the tokens are not of the same person."))
        raise ForbiddenError("The access token and the ID token are not of the same person.")
    if not client.roles:
        note_refused(scope, RefusedCredential("Login: no role here.", client.tenant, client.name))
        raise ForbiddenError(f"{client.name} has no role here; the claims of its access token name none.")
    value = secrets.token_urlsafe(_SESSION_BYTES)
    settings = login.oidc.login
    session = LoginSession(
        id_sha256=token_sha256(value),
        tenant=client.tenant,
        client=client.name,
        roles=tuple(sorted(client.roles)),
        subject=person.subject,
        provider_session=person.provider_session,
        created_at=now,
        used_at=now,
        expires_at=now + timedelta(hours=settings.session_hours),
    )

    before = cookie(request.scope["headers"], SESSION_COOKIE)

    def store(connection: Connection) -> None:
        if before is not None and (ended := login_sessions.find(connection, token_sha256(before))) is not None:
            login_sessions.end(connection, ended.id_sha256)
            audit.record(connection, _deed(ended, "logout", "by another login of the browser"), now)
        login_sessions.begin(connection, session, settings.sessions_max)
        audit.record(connection, _deed(session, "login"), now)

    await services.database.write(store)
    return _redirect(
        attempt.return_to,
        set_cookie(SESSION_COOKIE, value, round(settings.session_hours * 3600)),
        set_cookie(attempt_cookie, "", 0),
    )


@get(SESSION, opt={"openapi": openapi.SESSION, "roles": EVERYBODY})
async def show_session(request: Request[Any, Any, Any]) -> Answer:
    """Tell who is logged in, until when, and the CSRF token that changes need."""
    session, value = _session(request)
    idle = timedelta(hours=services_of(request).settings.security.oidc.login.idle_hours)
    shown = {
        "@type": "Session",
        "client": session.client,
        "tenant": session.tenant,
        "role": list(session.roles),
        "expiresAt": timestamp_text(min(session.expires_at, session.used_at + idle)),
        "csrfToken": csrf_token(value),
    }
    return json_answer(shown, headers=[_NOT_STORED])


@post(LOGOUT, status_code=200, opt={"openapi": openapi.LOGOUT, "roles": EVERYBODY})
async def log_out(request: Request[Any, Any, Any]) -> Answer:
    """End the session; the answer names where to log out at the provider as well, where it has such a place."""
    if has_body(request):
        raise InvalidBodyError([Problem("", "must be empty")])
    services, (session, _) = services_of(request), _session(request)

    def end(connection: Connection) -> None:
        login_sessions.end(connection, session.id_sha256)
        audit.record(connection, _deed(session, "logout"), services.clock())

    await services.database.write(end)
    login: Login = request.app.state.login
    address = ""
    with suppress(UnavailableError):  # the session here has ended in any case
        endpoint = (await login.provider.endpoints()).end_session
        address = end_session_url(endpoint, login.oidc.login.client_id, _address(services, "/"))
    shown = {"@type": "LoggedOut", **({"endSessionUrl": address} if address else {})}
    return json_answer(shown, headers=[set_cookie(SESSION_COOKIE, "", 0), _NOT_STORED])


@post(BACK_CHANNEL, status_code=200, opt={"openapi": openapi.BACK_CHANNEL, "roles": PUBLIC})
async def log_out_back_channel(request: Request[Any, Any, Any]) -> Answer:
    """Take a logout token of the identity provider: the sessions that it names end (OpenID Connect Back-Channel Logout)."""
    # Not counted by address: it costs no call, the provider sends many at once, and nothing that strangers post may keep one away.
    login, services = _login(request), services_of(request)
    raw = await read_body(request, bytes_max=LOGOUT_BYTES_MAX, media_types=_FORM)
    try:
        given = [value for name, value in parse_qsl(raw.decode("ascii"), max_num_fields=20) if name == "logout_token"]
    except ValueError:
        given = []
    if len(given) != 1:
        raise MalformedBodyError(
            "The form must have one logout_token.", problems=[Problem("logout_token", "is missing")]
        )
    now = services.clock()
    try:
        ended = await ended_there(given[0], login.oidc, login.access_tokens.keys, now)
    except TokenRefusedError as error:
        what = f"is refused: {error}"
        raise MalformedBodyError(f"logout_token {what}.", problems=[Problem("logout_token", what)]) from None

    def end(connection: Connection) -> None:
        for session in login_sessions.end_there(connection, ended.subject, ended.provider_session):
            audit.record(connection, _deed(session, "logout", "by the identity provider"), now)

    await services.database.write(end)
    return Answer(status=200, headers=[_NOT_STORED], media_type=b"text/plain")


def _attempts(request: Request[Any, Any, Any]) -> dict[str, str | None]:
    """Return what the browser carries of logins that it began, by the names of their cookies."""
    return {name: cookie(request.scope["headers"], name) for name in ATTEMPT_COOKIES}


def _session(request: Request[Any, Any, Any]) -> tuple[LoginSession, str]:
    """Return the session of a request and the value of its cookie. Raises ConflictError (409) when it is of a token or a certificate."""
    scope: Any = request.scope
    session: LoginSession | None = scope.get(SESSION_KEY)
    value = cookie(scope["headers"], SESSION_COOKIE)
    if session is None or value is None:
        raise ConflictError("This request belongs to no session of a browser: log in at /login.")
    return session, value


def _deed(session: LoginSession, action: str, detail: str | None = None) -> Deed:
    return Deed(
        tenant=session.tenant,
        client=session.client,
        roles=session.roles,
        action=action,
        resource="session",
        # Enough to tell sessions apart, and nothing that opens one.
        resource_id=session.id_sha256[:16],
        detail=detail,
    )


handlers: Final[list[Any]] = [begin_login, finish_login, show_session, log_out, log_out_back_channel]
