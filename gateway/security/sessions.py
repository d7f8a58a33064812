"""The session of a person who logged in with a browser: found by a cookie, and safe from pages of others.

The cookie is `HttpOnly`, `Secure`, `SameSite=Lax` and bound to the host (`__Host-`). What changes anything must also carry the session's
CSRF token in the header `X-CSRF-Token`: it is made of the cookie's value, which no page can read, and is told by `GET /login/session`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.errors import ForbiddenError, UnauthenticatedError
from gateway.roles import ROLES
from gateway.security.tokens import Client, token_sha256
from gateway.services import Services
from gateway.settings.identity import LoginSettings
from gateway.storage import login_sessions
from gateway.storage.login_sessions import LoginSession

SESSION_COOKIE: Final = "__Host-gateway-session"
# Where the scope of a request keeps the session it belongs to.
SESSION_KEY: Final = "gateway_session"
CSRF_HEADER: Final = b"x-csrf-token"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# How exactly it is known when a session was last used: a write for each request would cost too much.
USED_SECONDS: Final = 60.0
COOKIE_CHARACTERS_MAX: Final = 4_096


async def session_client(scope: Any, services: Services) -> Client | None:
    """Return who sends a request by its session; None when it carries no cookie of one, or names its sender in another way.

    Raises UnauthenticatedError (401) when the session has ended, ForbiddenError (403) when what would change something lacks the
    session's CSRF token.
    """
    login = services.settings.security.oidc.login
    if services.settings.security.mode != "oidc" or not login.client_id:
        return None
    if any(name == b"authorization" for name, _ in scope["headers"]):
        return None
    value = cookie(scope["headers"], SESSION_COOKIE)
    if value is None:
        return None
    sha256, now = token_sha256(value), services.clock()
    session = await services.database.read_brief(lambda connection: login_sessions.find(connection, sha256))
    if session is None or is_over(session, login, now):
        raise UnauthenticatedError(
            "The session has ended: log in again at /login.", headers={"WWW-Authenticate": 'Bearer realm="gateway"'}
        )
    if scope["method"] not in SAFE_METHODS:
        _require_csrf_token(scope["headers"], value)
    if (now - session.used_at).total_seconds() > USED_SECONDS:
        await services.database.write(lambda connection: login_sessions.use(connection, sha256, now))
    scope[SESSION_KEY] = session
    roles = frozenset(role for role in ROLES if role in session.roles)
    return Client(name=session.client, tenant=session.tenant, roles=roles)


def is_over(session: LoginSession, login: LoginSettings, now: datetime) -> bool:
    """Tell whether a session has ended by its age, or because nothing was asked for in it."""
    return now >= session.expires_at or now - session.used_at >= timedelta(hours=login.idle_hours)


def csrf_token(cookie_value: str) -> str:
    """Return the CSRF token of the session with this cookie."""
    return hmac.digest(cookie_value.encode(), b"csrf", hashlib.sha256).hex()


def cookie(headers: Iterable[tuple[bytes, bytes]], name: str) -> str | None:
    """Return the value of a cookie that a request carries once; None otherwise."""
    found = []
    for header, value in headers:
        if header == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                key, equals, given = pair.strip().partition("=")
                if key == name and equals:
                    found.append(given)
    return found[0] if len(found) == 1 and 0 < len(found[0]) <= COOKIE_CHARACTERS_MAX and found[0].isascii() else None


def _require_csrf_token(headers: Iterable[tuple[bytes, bytes]], cookie_value: str) -> None:
    given = [value for name, value in headers if name == CSRF_HEADER]
    if len(given) != 1 or not hmac.compare_digest(given[0], csrf_token(cookie_value).encode()):
        raise ForbiddenError(
            "What changes something in a session of a browser needs the header X-CSRF-Token; GET /login/session tells its value."
        )
