"""Credentials for an order system: a fixed bearer token, or OAuth 2 client credentials.

A call that was answered 401 was not executed. That alone makes it safe to send it a second time with a renewed token, a
POST included, and it is the only re-send in the whole package. A second 401 is handed up.

Tokens live in memory, are never logged, and never appear in a representation.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, Final, Literal, NoReturn, TypeAlias
from urllib.parse import quote_plus, urlencode

import httpx
from msgspec import Struct

from gateway.errors import MalformedBodyError
from gateway.tmf.json import decode_json
from gateway.upstream.answers import describe, retry_after_seconds, vendor_error
from gateway.upstream.causes import Cause
from gateway.upstream.transport import Answer, ExchangeFailed, HttpPort

Secret: TypeAlias = str | Callable[[], str]
"""A secret, or a function that returns its current value: secrets are rotated without a restart."""

TOKEN_CHARACTERS_MAX: Final = 16_384
TOKEN_ANSWER_BYTES_MAX: Final = 65_536


class UpstreamAuth(httpx.Auth):
    """What the client needs of credentials beside signing requests."""

    def forget(self) -> None:
        """Drop what is cached: the order system said that it is no longer valid."""

    async def close(self) -> None:
        """Close what was opened."""

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Refuse: the gateway is asynchronous."""
        raise NotImplementedError(
            f"{type(self).__name__} works with asynchronous clients only; {request.method} was not"
        )


class BearerAuth(UpstreamAuth):
    """A token that somebody else renews, or nobody."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "BearerAuth(token=***)"

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign the request."""
        request.headers["Authorization"] = f"Bearer {_reveal(self._token)}"
        yield request


class TokenRequest(Struct, frozen=True, kw_only=True):
    """What a token endpoint is asked: OAuth 2 client credentials (RFC 6749 section 4.4).

    `credentials` says where id and secret go: in the form, or in a Basic header. `parameters` are further fields of the form.
    """

    url: str
    client_id: str
    client_secret: Secret
    scope: str | None = None
    credentials: Literal["form", "basic"] = "form"
    parameters: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"TokenRequest(url={self.url!r}, client_id={self.client_id!r}, client_secret=***)"


class ClientCredentialsAuth(UpstreamAuth):
    """OAuth 2 client credentials, one token for all tasks.

    - Single flight: however many tasks need a token, one request is made, and all share its result, a failure too.
    - Early renewal once `max(ttl - leeway, ttl / 2)` has passed, so that tokens shorter than the leeway work; if it
      fails while the token is still good, the token is used on.
    - Without `expires_in` (Salesforce) the token is used until it is refused.
    - On 401 exactly one renewal and one re-send.

    A token that cannot be had makes the call fail as not sent. After a failure the token endpoint is left alone for
    `failure_pause_seconds`.
    """

    requires_response_body = False

    def __init__(
        self,
        asked: TokenRequest,
        *,
        leeway_seconds: float = 60.0,
        timeout_seconds: float = 10.0,
        failure_pause_seconds: float = 2.0,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asked = asked
        self._leeway_seconds = leeway_seconds
        self._timeout_seconds = timeout_seconds
        self._failure_pause_seconds = failure_pause_seconds
        self._clock = clock
        self._port = HttpPort(
            connect_timeout_seconds=min(3.0, timeout_seconds),
            read_timeout_seconds=timeout_seconds,
            response_bytes_max=TOKEN_ANSWER_BYTES_MAX,
            connections_max=1,
            keep_alive=False,
            tls=tls,
        )
        self._token: str | None = None
        self._renew_at = 0.0
        self._expires_at = 0.0
        self._failure: ExchangeFailed | None = None
        self._failed_until = 0.0
        self._renewing: asyncio.Task[str] | None = None

    def __repr__(self) -> str:
        return f"ClientCredentialsAuth({self._asked!r})"

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign the request; after a 401 renew the token and send once more."""
        token = await self._current()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            current = self._token  # another task may have renewed it meanwhile
            if current is None or current == token:
                current = await self._renewed()
            request.headers["Authorization"] = f"Bearer {current}"
            yield request

    def forget(self) -> None:
        """Drop the token; the next call fetches a new one."""
        self._token = None

    async def close(self) -> None:
        """Stop a running renewal and close the connection."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])
        await self._port.close()

    async def _current(self) -> str:
        token = self._token
        if token is not None and self._clock() < self._renew_at:
            return token
        try:
            return await self._renewed()
        except ExchangeFailed:
            if token is not None and token is self._token and self._clock() < self._expires_at:
                return token
            raise

    async def _renewed(self) -> str:
        """Join the running renewal or start one. A caller that is cancelled does not take the others' renewal along."""
        if self._renewing is None:
            if self._failure is not None and self._clock() < self._failed_until:
                raise _copy(self._failure)
            self._renewing = asyncio.create_task(self._fetch(), name="token renewal")
            self._renewing.add_done_callback(self._settle)
        try:
            return await asyncio.shield(self._renewing)
        except ExchangeFailed as failure:
            raise _copy(failure) from None

    def _settle(self, task: asyncio.Task[str]) -> None:
        self._renewing = None
        failure = None if task.cancelled() else task.exception()
        self._failure = failure if isinstance(failure, ExchangeFailed) else None
        self._failed_until = self._clock() + self._failure_pause_seconds

    async def _fetch(self) -> str:
        asked = self._asked
        scope = {"scope": asked.scope} if asked.scope else {}
        form = {"grant_type": "client_credentials", **scope, **asked.parameters}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        secret = _reveal(asked.client_secret)
        if asked.credentials == "basic":
            pair = f"{quote_plus(asked.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
        else:
            form |= {"client_id": asked.client_id, "client_secret": secret}
        try:
            answer = await self._port.exchange(
                "POST",
                asked.url,
                within_seconds=self._timeout_seconds,
                body=urlencode(form).encode(),
                headers=headers,
            )
        except ExchangeFailed as failure:
            raise ExchangeFailed(f"no token: {failure.detail}", sent=False) from None
        self._token = self._accept(answer, secret)
        return self._token

    def _accept(self, answer: Answer, secret: str) -> str:
        try:
            document = decode_json(answer.body) if answer.body else None
        except MalformedBodyError:
            document = None
        if answer.status != httpx.codes.OK:
            detail = describe(answer.status, vendor_error(document)).replace(secret or "\0", "***")
            wait_seconds = retry_after_seconds(answer.headers)
            _no_token(f"the token endpoint answered {detail}", wait_seconds, _cause_of(answer.status))
        fields: dict[str, Any] = document if isinstance(document, dict) else {}
        token = fields.get("access_token")
        if not isinstance(token, str) or not _is_sendable(token):
            _no_token("the token endpoint's answer has no usable access_token")
        if str(fields.get("token_type", "bearer")).lower() != "bearer":
            _no_token("the token endpoint issues tokens that are not bearer tokens")
        ttl_seconds = _positive(fields.get("expires_in"))
        now = self._clock()
        self._renew_at = now + max(ttl_seconds - self._leeway_seconds, ttl_seconds / 2)
        self._expires_at = now + ttl_seconds
        return token


def _copy(failure: ExchangeFailed) -> ExchangeFailed:
    """Return the failure as a new exception: one raised in many tasks would collect all their tracebacks."""
    wait_seconds = failure.retry_after_seconds
    return ExchangeFailed(failure.detail, sent=False, retry_after_seconds=wait_seconds, cause=failure.cause)


def _cause_of(status: int) -> Cause:
    """Return what it means that a token endpoint answers with this status: a refusal is of the credentials."""
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return "throttled"
    return "credentials_refused" if httpx.codes.is_client_error(status) else "upstream_unreachable"


def _no_token(reason: str, wait_seconds: float | None = None, cause: Cause = "credentials_refused") -> NoReturn:
    raise ExchangeFailed(f"no token: {reason}", sent=False, retry_after_seconds=wait_seconds, cause=cause)


def _is_sendable(token: str) -> bool:
    """Tell whether `token` fits into a header: visible ASCII, of sane length."""
    return 0 < len(token) <= TOKEN_CHARACTERS_MAX and token.isascii() and token.isprintable() and " " not in token


def _positive(value: Any) -> float:
    """Return a positive number of seconds; infinity for anything else, because it is then used until it is refused."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return float("inf")
    return seconds if seconds > 0 else float("inf")


def _reveal(secret: Secret) -> str:
    return secret() if callable(secret) else secret
