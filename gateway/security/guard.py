"""Who calls, and whether they may use a route: checked before a handler runs, by the roles that the route declares.

With `security.mode = "tokens"` everything but `/livez`, `/readyz` and the API reference needs a bearer token of the file of clients,
with `oidc` that or an access token of the identity provider; with `none` (loopback only) everybody is the one client `anonymous` with
every role.
"""

from __future__ import annotations

import hmac
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from litestar.connection import ASGIConnection

from gateway.errors import ForbiddenError, UnauthenticatedError
from gateway.roles import ADDED_HEADERS_KEY, CLIENT_KEY, EVERYBODY, NOTIFYING, PUBLIC, Roles
from gateway.security.admission import Admission, Turns
from gateway.security.certificates import certificate_subject
from gateway.security.claims import TokenRefusedError
from gateway.security.oidc import AccessTokens, looks_like_jwt
from gateway.security.tokens import Client, TokenFile, certificate_key, token_sha256
from gateway.services import Services
from gateway.settings import Settings

Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]

TOKEN_CHARACTERS_MAX: Final = 65_536
_CHALLENGE: Final = 'Bearer realm="gateway"'


class Guard:
    """Knows who sends a request, and whether they may use its route; what it learned of an identity provider is its own."""

    def __init__(self) -> None:
        self._access_tokens: AccessTokens | None = None
        self._admission = Admission()
        self._turns: Turns | None = None

    async def admit(self, connection: Connection, roles: Roles | None) -> None:
        """Raise UnauthenticatedError (401) or ForbiddenError (403) unless the caller has one of `roles`.

        With `PUBLIC` nobody is asked who they are; with None, where no route is, anybody who is known may hear that. Raises
        UnavailableError (503) while it cannot be found out who calls, TooManyRequestsError (429) when it asks too often.
        """
        if roles == PUBLIC:
            return
        scope: Any = connection.scope
        client = scope[CLIENT_KEY] = await self._identified(scope)
        settings: Settings = scope["litestar_app"].services.settings
        if settings.security.mode != "none":
            counted = self._admission.admit(client.tenant, client.name, settings.limits, time.monotonic())
            scope[ADDED_HEADERS_KEY] = [*scope.get(ADDED_HEADERS_KEY, ()), *counted]
        if roles is not None and not client.roles & roles:
            advice = scope["route_handler"].opt.get("advice", "")
            raise ForbiddenError(
                f"The client {client.name} needs one of these roles for it: {', '.join(sorted(roles))}. {advice}".rstrip(),
                headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope"'},
            )

    def turn(self, connection: Connection) -> AbstractAsyncContextManager[None]:
        """Return the turn in which the request of an admitted client is worked on.

        Entering raises TooManyRequestsError (429) when there is none in time.
        """
        scope: Any = connection.scope
        client: Client | None = scope.get(CLIENT_KEY)
        settings: Settings = scope["litestar_app"].services.settings
        if client is None or settings.security.mode == "none":
            return nullcontext()
        if self._turns is None:
            self._turns = Turns(settings.limits)
        return self._turns.slot(client.tenant, client.name)

    async def _identified(self, scope: Any) -> Client:
        # `app.state` holds the same object, behind a lock.
        services: Services = scope["litestar_app"].services
        settings = services.settings
        own_token = _token_of_upstream(scope, settings)
        if own_token is not None:
            if not hmac.compare_digest(token_sha256(_token(scope)), own_token):
                raise _unauthenticated("The bearer token is not the one this order system was given.")
            # Its notifications are about all the tenants it serves (`gateway.tracking.api`); it sees nothing of any.
            upstream = scope["path_params"]["upstream"]
            return Client(
                name=f"notifier.{upstream}",
                tenant=settings.security.tenant,
                roles=NOTIFYING,
                of_upstream=True,
            )
        if settings.security.mode == "none":
            return _anonymous(settings.security.tenant)
        subject = certificate_subject(scope, settings.security.client_certificate)
        if subject is not None and not any(name == b"authorization" for name, _ in scope["headers"]):
            return _known(settings.security.tokens_file, services, certificate_key(subject))
        token = _token(scope)
        if settings.security.mode == "oidc" and looks_like_jwt(token):
            return await self._of_provider(token, services)
        return _known(settings.security.tokens_file, services, token_sha256(token))

    async def _of_provider(self, token: str, services: Services) -> Client:
        if self._access_tokens is None:
            self._access_tokens = AccessTokens(services.settings.security.oidc)
        try:
            return await self._access_tokens.client(token, services.clock())
        except TokenRefusedError as error:
            raise _unauthenticated(f"The access token is refused: {error}.") from None


def _known(file: str, services: Services, key: str) -> Client:
    client = _token_file(file).clients().get(key, services.clock()) if file else None
    if client is None:
        raise _unauthenticated("The bearer token is not known, or not valid any more.")
    return client


def client_of(connection: Connection) -> Client:
    """Return who calls, of a request that was admitted."""
    scope: Any = connection.scope
    client: Client = scope[CLIENT_KEY]
    return client


def _token_of_upstream(scope: Any, settings: Settings) -> str | None:
    """Return the SHA-256 of the token that notifications of an order system must carry, when it has its own."""
    handler = scope.get("route_handler")
    if handler is None or handler.opt.get("roles") != NOTIFYING:
        return None
    upstream = settings.upstreams.get(scope["path_params"].get("upstream", ""))
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


def identity_problems(services: Services) -> int:
    """Return how many mistakes of the file of clients keep somebody out now; each is told in the log."""
    security = services.settings.security
    if security.mode == "none" or not security.tokens_file:
        return 0
    found = _token_file(security.tokens_file)
    found.refresh()
    return len(found.problems)


@lru_cache(maxsize=8)
def _anonymous(tenant: str) -> Client:
    return Client(name="anonymous", tenant=tenant, roles=EVERYBODY)


@lru_cache(maxsize=8)
def _token_file(path: str) -> TokenFile:
    """Return the reader of a file of clients; it notices changes itself."""
    return TokenFile(Path(path))
