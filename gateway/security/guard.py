"""Who calls, and whether they may use a route: checked before a handler runs, by the roles that the route declares.

With `security.mode = "tokens"` everything but `/livez`, `/readyz` and the API reference needs a bearer token of the file of clients,
with `oidc` that or an access token of the identity provider; with `none` (loopback only) everybody is the one client `anonymous` with
every role.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Coroutine
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from litestar import Request
from litestar.connection import ASGIConnection

from gateway.errors import ForbiddenError, UnauthenticatedError
from gateway.roles import ADDED_HEADERS_KEY, CLIENT_KEY, EVERYBODY, NOTIFYING, PUBLIC, Roles
from gateway.security.admission import Admission, Turns
from gateway.security.certificates import certificate_subject, require_own_page
from gateway.security.claims import TokenRefusedError
from gateway.security.notifiers import SIGNED_KEY, carries_signature, own_notifier
from gateway.security.oidc import AccessTokens, looks_like_jwt
from gateway.security.refusals import RefusedCredential, note_refused
from gateway.security.sessions import session_client
from gateway.security.tokens import Client, TokenFile, certificate_key, token_sha256
from gateway.services import Services
from gateway.settings import NotificationSettings, Settings, UpstreamSettings
from gateway.storage import access_tokens
from gateway.storage.access_tokens import AccessToken

Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]

TOKEN_CHARACTERS_MAX: Final = 65_536
# What the tokens of our own token endpoint begin with: others need not be looked for in the database.
ISSUED_PREFIX: Final = "gwt_"
KNOWN_ISSUED_MAX: Final = 10_000
# What looking at a notification in the background takes is counted when it comes in: with it that is so many times as much.
NOTIFICATION_TIMES: Final = 2.5
_CHALLENGE: Final = 'Bearer realm="gateway"'


class Guard:
    """Knows who sends a request, and whether they may use its route; what it learned of an identity provider is its own."""

    def __init__(self, access_tokens: AccessTokens | None = None) -> None:
        self._access_tokens = access_tokens
        self._admission = Admission()
        self._turns: Turns | None = None
        # Tokens of our token endpoint never change; whether their secrets are valid still is asked each time.
        self._known_issued: dict[str, AccessToken] = {}

    def provider_is_failing(self) -> bool:
        """Tell whether the keys of the identity provider could not be read when that was tried last."""
        return self._access_tokens is not None and self._access_tokens.keys.is_failing

    async def admit(self, connection: Connection, roles: Roles | None) -> None:
        """Raise UnauthenticatedError (401) or ForbiddenError (403) unless the caller has one of `roles`.

        With `PUBLIC` nobody is asked who they are; with None, where no route is, anybody who is known may hear that. Raises
        UnavailableError (503) while it cannot be found out who calls, TooManyRequestsError (429) when it asks too often.
        """
        if roles == PUBLIC:
            return
        scope: Any = connection.scope
        settings: Settings = scope["litestar_app"].services.settings
        try:
            client = scope[CLIENT_KEY] = await self._identified(scope)
        except (UnauthenticatedError, ForbiddenError) as error:
            if (refused := _refused(scope, settings, error.message)) is not None:
                note_refused(scope, refused)
            raise
        if settings.security.mode != "none" and roles != NOTIFYING:
            # Notifications have bounds of their own (`gateway.tracking.intake`): a storm of them is not to keep a tenant's channels out.
            counted = self._admission.admit(client.tenant, client.name, settings.limits, time.monotonic())
            scope[ADDED_HEADERS_KEY] = [*scope.get(ADDED_HEADERS_KEY, ()), *counted]
        if roles is not None and not client.roles & roles:
            advice = scope["route_handler"].opt.get("advice", "")
            raise ForbiddenError(
                f"The client {client.name} needs one of these roles for it: {', '.join(sorted(roles))}. {advice}".rstrip(),
                headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope"'},
            )

    async def work(self, request: Request[Any, Any, Any], handler: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        """Return what the handler answers to the request of an admitted client, which is worked on in its turn.

        A tenant that used more than its share of the processor while others ask rests first. Raises TooManyRequestsError (429) when
        there is no turn in time, and as the handler.
        """
        scope: Any = request.scope
        client: Client | None = scope.get(CLIENT_KEY)
        services: Services = scope["litestar_app"].services
        if client is None or services.settings.security.mode == "none":
            return await handler(request)
        shares = services.shares
        if scope["route_handler"].opt.get("roles") == NOTIFYING:
            # A storm of them is not to make the tenant's channels rest; where they wait, few do (`gateway.tracking.intake`).
            return await shares.worked((client.tenant, "notifications"), handler, request, NOTIFICATION_TIMES)
        shares.asks(client.tenant)
        if self._turns is None:
            self._turns = Turns(services.settings.limits)
        async with self._turns.slot(client.tenant, client.name):
            await shares.rested(client.tenant)
            return await shares.worked(client.tenant, handler, request)

    async def _identified(self, scope: Any) -> Client:
        # `app.state` holds the same object, behind a lock.
        services: Services = scope["litestar_app"].services
        settings = services.settings
        handler = scope.get("route_handler")
        if handler is not None and handler.opt.get("roles") == NOTIFYING:
            own = own_notifier(scope, settings)
            if own is not None:
                return await self._notifier(scope, services, *own)
        if settings.security.mode == "none":
            return _anonymous(settings.security.tenant)
        subject = certificate_subject(scope, settings.security.client_certificate)
        if subject is not None and not any(name == b"authorization" for name, _ in scope["headers"]):
            require_own_page(scope)
            return _known(services, certificate_key(subject), "The certificate")
        return await session_client(scope, services) or await self._of_token(_token(scope), services)

    async def _of_token(self, token: str, services: Services) -> Client:
        if token.startswith(ISSUED_PREFIX):
            return await self._of_issued(token, services)
        if services.settings.security.mode == "oidc" and looks_like_jwt(token):
            return await self._of_provider(token, services)
        return _known(services, token_sha256(token))

    async def _notifier(self, scope: Any, services: Services, name: str, upstream: UpstreamSettings) -> Client:
        """Return the order system as a client: its notifications are about all the tenants it serves; it sees nothing of any."""
        settings = services.settings
        own = upstream.notifications
        if any(header == b"authorization" for header, _ in scope["headers"]):
            sha256 = token_sha256(token := _token(scope))
            known = any(hmac.compare_digest(sha256, each) for each in upstream.notification_tokens)
            if not known and not (
                token.startswith(ISSUED_PREFIX) and await self._is_issued_to(name, own, sha256, services)
            ):
                raise _unauthenticated(
                    "The bearer token is not one that this order system was given, or not valid any more."
                )
        elif own.signing_secret and carries_signature(scope):
            scope[SIGNED_KEY] = True
        else:
            subject = certificate_subject(scope, settings.security.client_certificate)
            if not own.certificate_subject or subject != own.certificate_subject:
                raise UnauthenticatedError(
                    f"The notification proves by nothing whose it is: {_ways(upstream)}.",
                    headers={"WWW-Authenticate": _CHALLENGE},
                )
        return Client(name=f"notifier.{name}", tenant=settings.security.tenant, roles=NOTIFYING, of_upstream=True)

    async def _is_issued_to(self, name: str, own: NotificationSettings, sha256: str, services: Services) -> bool:
        issued = await self._issued(sha256, services)
        return (
            issued is not None
            and issued.upstream == name
            and issued.credential in own.client_secret_sha256.lower().split()
        )

    async def _of_issued(self, token: str, services: Services) -> Client:
        issued = await self._issued(token_sha256(token), services)
        client = None if issued is None or issued.upstream else file_client(services, issued.credential)
        if client is None:
            raise _unauthenticated("The access token is not known, or not valid any more; get a new one.")
        return client

    async def _issued(self, sha256: str, services: Services) -> AccessToken | None:
        """Return a token of our token endpoint that has not expired; None when there is none."""
        issued = self._known_issued.get(sha256)
        if issued is None:
            issued = await services.database.read_brief(lambda connection: access_tokens.find(connection, sha256))
            if issued is None:
                return None
            if len(self._known_issued) >= KNOWN_ISSUED_MAX:
                self._known_issued.clear()
            self._known_issued[sha256] = issued
        return issued if issued.expires_at > services.clock() else None

    async def _of_provider(self, token: str, services: Services) -> Client:
        if self._access_tokens is None:
            self._access_tokens = AccessTokens(services.settings.security.oidc)
        try:
            return await self._access_tokens.client(token, services.clock())
        except TokenRefusedError as error:
            raise _unauthenticated(f"The access token is refused: {error}.") from None


def file_client(services: Services, key: str) -> Client | None:
    """Return the client of the file of clients with this hash of a token, or this `certificate_key`; None when it is nobody's now."""
    security = services.settings.security
    if security.mode == "none" or not security.tokens_file:
        return None
    return _token_file(security.tokens_file).clients().get(key, services.clock())


def _known(services: Services, key: str, what: str = "The bearer token") -> Client:
    client = file_client(services, key)
    if client is None:
        raise _unauthenticated(f"{what} is not known, or not valid any more.")
    return client


def _refused(scope: Any, settings: Settings, why: str) -> RefusedCredential | None:
    """Return what is told of credentials that let nobody in; None when there are none. Whose an expired token is, is known."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    subject = certificate_subject(scope, settings.security.client_certificate)
    if not values:
        return None if subject is None else RefusedCredential("The certificate is not known.")
    client: Client | None = None
    scheme, _, token = values[0].decode("latin-1").strip().partition(" ")
    if len(values) == 1 and scheme.lower() == "bearer" and settings.security.tokens_file:
        client = _token_file(settings.security.tokens_file).clients().whose(token_sha256(token.strip()))
    if client is None:
        return RefusedCredential(why)
    return RefusedCredential("The token has expired.", client.tenant, client.name, tuple(sorted(client.roles)))


def client_of(connection: Connection) -> Client:
    """Return the client that sends a request.

    Args:
        connection: a request that was admitted.

    Raises:
        KeyError: the route is one that is open without a token: a fault of ours.

    Source: decision 14 (access tokens), decision 17 (sessions).
    """
    scope: Any = connection.scope
    client: Client = scope[CLIENT_KEY]
    return client


def _ways(upstream: UpstreamSettings) -> str:
    """Say what would prove that a notification is an order system's own."""
    own = upstream.notifications
    ways = {
        "send a bearer token as `Authorization: Bearer TOKEN`": bool(upstream.notification_tokens or own.client_id),
        "sign it by Standard Webhooks": bool(own.signing_secret),
        "come with the client certificate": bool(own.certificate_subject),
    }
    return ", or ".join(way for way, is_set in ways.items() if is_set)


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
