"""Who may do what: a table from paths to roles, checked before a handler runs.

With `security.mode = "tokens"` everything but `/livez` and `/readyz` needs a bearer token; with `none` (loopback only)
everybody is the one client `anonymous` with every role.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from litestar.connection import ASGIConnection

from gateway.errors import ForbiddenError, UnauthenticatedError
from gateway.security.tokens import ROLES, Client, Role, TokenFile, token_sha256
from gateway.services import Services
from gateway.settings import Settings

Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]

OPEN: Final = frozenset({"/livez", "/readyz"})
NOTIFICATIONS: Final = "/notifications/"
ORDERING_ROLES: Final[frozenset[Role]] = frozenset({"channel", "partner", "operator", "admin"})
# The first prefix that fits decides; what is in no line is for those who order.
ROLES_BY_PREFIX: Final[tuple[tuple[str, frozenset[Role]], ...]] = (
    (NOTIFICATIONS, frozenset({"notifier"})),
    ("/metrics", frozenset({"operator", "admin"})),
    ("/schema", frozenset(ROLES)),
)
TOKEN_CHARACTERS_MAX: Final = 4096
_CHALLENGE: Final = 'Bearer realm="gateway"'
_CLIENT: Final = "gateway_client"


def require_client(connection: Connection) -> None:
    """Raise UnauthenticatedError (401) or ForbiddenError (403) unless the caller may use this path."""
    if connection.scope["path"] not in OPEN:
        client_of(connection)


def client_of(connection: Connection) -> Client:
    """Return who calls, once it is known that the path is open to them. Errors as in `require_client`."""
    scope: Any = connection.scope
    client: Client | None = scope.get(_CLIENT)
    if client is None:
        client = scope[_CLIENT] = _authorised(scope)
    return client


def roles_of_path(path: str) -> frozenset[Role]:
    """Return the roles of which a client needs one to use `path`."""
    return next((roles for prefix, roles in ROLES_BY_PREFIX if path.startswith(prefix)), ORDERING_ROLES)


def _authorised(scope: Any) -> Client:
    # `app.state` holds the same object, behind a lock.
    services: Services = scope["litestar_app"].services
    settings = services.settings
    path: str = scope["path"]
    own_token = _token_of_upstream(path, settings)
    if own_token is not None:
        if not hmac.compare_digest(token_sha256(_token(scope)), own_token):
            raise _unauthenticated("The bearer token is not the one this order system was given.")
        return Client(name="notifier", tenant=settings.security.tenant, roles=frozenset({"notifier"}))
    if settings.security.mode == "none":
        return _anonymous(settings.security.tenant)
    client = _token_file(settings.security.tokens_file).clients().find(_token(scope))
    if client is None:
        raise _unauthenticated("The bearer token is not known (any more).")
    needed = roles_of_path(path)
    if not client.roles & needed:
        raise ForbiddenError(
            f"The client {client.name} needs one of these roles for it: {', '.join(sorted(needed))}.",
            headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope"'},
        )
    return client


def _token_of_upstream(path: str, settings: Settings) -> str | None:
    """Return the SHA-256 of the token that notifications to `path` must carry, when that order system has its own."""
    if not path.startswith(NOTIFICATIONS):
        return None
    upstream = settings.upstreams.get(path.removeprefix(NOTIFICATIONS).partition("/")[0])
    return (upstream.notification_token_sha256.lower() or None) if upstream is not None else None


def _token(scope: Any) -> str:
    """Return the bearer token of the request. Raises UnauthenticatedError when there is none, or several."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if not values:
        raise UnauthenticatedError(
            "The request carries no bearer token: send it as `Authorization: Bearer TOKEN`.",
            headers={"WWW-Authenticate": _CHALLENGE},
        )
    value: str = values[0].decode("latin-1")
    scheme, _, token = value.strip().partition(" ")
    token = token.strip()
    if len(values) > 1 or scheme.lower() != "bearer" or not 0 < len(token) <= TOKEN_CHARACTERS_MAX:
        raise _unauthenticated("The Authorization header must be `Bearer TOKEN`, and there once.")
    return token


def _unauthenticated(message: str) -> UnauthenticatedError:
    return UnauthenticatedError(message, headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'})


@lru_cache(maxsize=8)
def _anonymous(tenant: str) -> Client:
    return Client(name="anonymous", tenant=tenant, roles=frozenset(ROLES))


@lru_cache(maxsize=8)
def _token_file(path: str) -> TokenFile:
    """Return the reader of a file of clients; it notices changes itself."""
    return TokenFile(Path(path))
