"""What the login asks of the identity provider: where people log in, and the tokens for the code that they bring back.

Its configuration is read when it is needed and used as long as its keys are; one reader at a time, and not again at once after a failure.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote

import httpx

from gateway.errors import UnavailableError
from gateway.logs import get_logger
from gateway.security.jwks import DOCUMENT_BYTES_MAX, KeysUnreadableError, over_http
from gateway.settings.identity import OidcSettings

# Answers (status, document) to a form that is posted with these headers.
Post: TypeAlias = Callable[[str, Mapping[str, str], Mapping[str, str]], Awaitable[tuple[int, Any]]]

RETRY_SECONDS: Final = 5.0
_log = get_logger("gateway.security")


class Endpoints(NamedTuple):
    """Addresses of the provider; `end_session` is empty where it has none."""

    authorization: str
    token: str
    end_session: str


class Tokens(NamedTuple):
    """What the provider gave for a code."""

    id_token: str
    access_token: str


class CodeRefusedError(Exception):
    """The provider gave no tokens for the code."""


class Provider:
    """One identity provider, as the login sees it.

    `fetch` reads a JSON document, `post` sends a form; over HTTPS unless others are given.
    """

    def __init__(
        self,
        settings: OidcSettings,
        *,
        fetch: Callable[[str], Awaitable[Any]] | None = None,
        post: Post | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._fetch = fetch or over_http(settings)
        self._post = post or _posting(settings)
        self._monotonic = monotonic
        self._endpoints: Endpoints | None = None
        self._read_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def endpoints(self) -> Endpoints:
        """Return where the provider's endpoints are. Raises UnavailableError (503) while they cannot be read and were never."""
        if not self._is_fresh():
            async with self._lock:
                if not self._is_fresh() and self._monotonic() - self._tried_at >= RETRY_SECONDS:
                    await self._read()
        if self._endpoints is None:
            raise _unavailable()
        return self._endpoints

    def _is_fresh(self) -> bool:
        return self._endpoints is not None and self._monotonic() - self._read_at < self._settings.refresh_seconds

    async def _read(self) -> None:
        self._tried_at = self._monotonic()
        issuer = self._settings.issuer
        try:
            self._endpoints = endpoints_of(
                await self._fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration"), issuer
            )
        except KeysUnreadableError as error:
            _log.error("oidc.configuration_unreadable", reason=str(error))
            return
        self._read_at = self._tried_at

    async def tokens(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """Return the tokens for a code (RFC 6749, 4.1.3; RFC 7636, 4.5).

        Raises CodeRefusedError when the provider refuses, UnavailableError (503) when it cannot be asked.
        """
        address = (await self.endpoints()).token
        login = self._settings.login
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": login.client_id,
        }
        headers = {"Accept": "application/json"}
        if login.client_secret:
            # Both are form-encoded first (RFC 6749, 2.3.1).
            pair = f"{quote(login.client_id, safe='')}:{quote(login.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        status, document = await self._post(address, form, headers)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise _unavailable()
        given: dict[str, Any] = document if status == httpx.codes.OK and isinstance(document, dict) else {}
        found: list[Any] = [given.get(name) for name in ("id_token", "access_token")]
        if not all(isinstance(each, str) and each for each in found):
            raise CodeRefusedError
        return Tokens(*found)


def endpoints_of(document: Any, issuer: str) -> Endpoints:
    """Return the endpoints that a provider's configuration names.

    Raises KeysUnreadableError when it is that of another issuer, or names none.
    """
    found: dict[str, Any] = document if isinstance(document, dict) else {}
    given: list[Any] = [found.get(f"{name}_endpoint", "") for name in ("authorization", "token", "end_session")]
    are_there = all(isinstance(each, str) for each in given) and given[0] and given[1]
    if found.get("issuer") != issuer or not are_there:
        raise KeysUnreadableError("its configuration names no endpoints for a login, or another issuer")
    named = Endpoints(*given)
    if issuer.startswith("https://") and not all(each.startswith("https://") for each in named if each):
        raise KeysUnreadableError("its configuration names endpoints without https")
    return named


def _posting(settings: OidcSettings) -> Post:
    async def post(address: str, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, Any]:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        try:
            async with (
                asyncio.timeout(settings.timeout_seconds),
                httpx.AsyncClient(verify=context, timeout=settings.timeout_seconds, trust_env=False) as client,
                client.stream("POST", address, data=dict(form), headers=dict(headers)) as answer,
            ):
                text = b""
                async for piece in answer.aiter_bytes():
                    text += piece
                    if len(text) > DOCUMENT_BYTES_MAX:
                        raise _unavailable()
                return answer.status_code, json.loads(text)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError) as error:
            _log.error("oidc.token_endpoint_unreadable", reason=type(error).__name__)
            raise _unavailable() from None

    return post


def _unavailable() -> UnavailableError:
    return UnavailableError(
        "The identity provider cannot be asked now; try again.", headers={"Retry-After": str(int(RETRY_SECONDS))}
    )
