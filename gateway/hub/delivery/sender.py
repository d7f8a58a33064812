"""One delivery over HTTP: to a checked address, bounded in time and bytes, signed as Standard Webhooks 1.0.0 says.

A sender belongs to one subscription, and so do its connections: one that was opened for a name is never used for another
that happens to be at the same address. The connection goes to an address that the guard let through, with Host header,
SNI and certificate check for the name; nothing is resolved a second time. Redirects, cookies and the environment's proxies
are not a part of this client. The answer's body is read only so that the connection can be used again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv6Address
from typing import Any, Final, Protocol

import httpx
from standardwebhooks import Webhook

from gateway.hub.delivery.health import Gone, Outcome, Refused, Taken, Throttled
from gateway.security.callbacks import (
    Address,
    CallbackGuard,
    CallbackRefusedError,
    Target,
    callback_problems,
    target_of,
)
from gateway.upstream.answers import retry_after_seconds

USER_AGENT: Final = "tmf-checkout-gateway"
ANSWER_BYTES_MAX: Final = 65_536
ADDRESSES_TRIED_MAX: Final = 3
KEEP_ALIVE_SECONDS: Final = 30.0
_GONE: Final = 410
_THROTTLED: Final = frozenset({429, 502, 503, 504})
_WORDS: Final[Mapping[type[Exception], str]] = {
    httpx.ConnectTimeout: "no connection in time",
    httpx.ConnectError: "no connection: refused, or TLS failed",
    httpx.ReadTimeout: "no answer in time",
    httpx.WriteTimeout: "the event was not taken in time",
    httpx.ReadError: "the connection was lost before the answer",
    httpx.WriteError: "the connection was lost while the event was sent",
    httpx.RemoteProtocolError: "the answer is not HTTP",
}


class Post(Protocol):
    """What a delivery needs of a sender."""

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Outcome:
        """Send one event; see `Sender`."""

    async def close(self) -> None:
        """Close every connection."""


class Signer:
    """Makes the headers of a delivery. `secrets` are separated by blanks, newest first; each makes a signature."""

    def __init__(self, secrets: str) -> None:
        self._keys = [Webhook(secret) for secret in secrets.split()]

    def headers(self, message_id: str, moment: datetime, body: bytes) -> dict[str, str]:
        """Return webhook-id, webhook-timestamp and webhook-signature. The id must hold no dot."""
        text = body.decode()
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(key.sign(message_id, moment.astimezone(UTC), text) for key in self._keys),
        }


class Sender:
    """Posts to the callbacks of one subscription; every attempt ends in an Outcome."""

    def __init__(
        self, guard: CallbackGuard, *, tls: ssl.SSLContext, timeout_seconds: float, connections_max: int
    ) -> None:
        self._guard = guard
        self._timeout_seconds = timeout_seconds
        self._timeouts = httpx.Timeout(timeout_seconds).as_dict()
        self._transport = httpx.AsyncHTTPTransport(
            verify=tls,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=connections_max,
                max_keepalive_connections=connections_max,
                keepalive_expiry=KEEP_ALIVE_SECONDS,
            ),
        )
        # One look-up at a time: a name server that does not answer must not take all the threads there are for look-ups.
        self._lookup = asyncio.Lock()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Send `body` once. The URL and the addresses of its host are checked again. Cancellation passes through."""
        if callback_problems(url, self._guard.policy):
            return Refused("the callback is not allowed by the settings (any more)")
        target = target_of(url)
        status: list[Outcome] = []
        try:
            async with asyncio.timeout(self._timeout_seconds):
                async with self._lookup:
                    addresses = await self._guard.addresses(target.host, target.port)
                return await self._try_addresses(addresses[:ADDRESSES_TRIED_MAX], target, body, headers, status)
        except CallbackRefusedError as error:
            return Refused(str(error))
        except TimeoutError:
            # The status had come already when the body of the answer took too long.
            return status[0] if status else Refused("no answer in time")
        except Exception as error:  # noqa: BLE001 - whatever a subscriber does to the connection, it is not our failure
            return status[0] if status else Refused(_in_words(error))

    async def _try_addresses(
        self, addresses: list[Address], target: Target, body: bytes, headers: Mapping[str, str], status: list[Outcome]
    ) -> Outcome:
        for last, address in zip([False] * (len(addresses) - 1) + [True], addresses, strict=True):
            try:
                return await self._exchange(address, target, body, headers, status)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if last:
                    raise
        raise AssertionError("the guard returns at least one address")

    async def _exchange(
        self, address: Address, target: Target, body: bytes, headers: Mapping[str, str], status: list[Outcome]
    ) -> Outcome:
        host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
        opened: list[Any] = []
        extensions: dict[str, Any] = {"timeout": self._timeouts}
        if target.scheme == "https":
            extensions |= {"sni_hostname": target.host, "trace": _keep_stream(opened)}
        request = httpx.Request(
            "POST",
            f"{target.scheme}://{host}:{target.port}{target.path}",
            headers={
                "Host": target.authority,
                "User-Agent": USER_AGENT,
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                **headers,
            },
            content=body,
            extensions=extensions,
        )
        response: httpx.Response | None = None
        try:
            response = await self._transport.handle_async_request(request)
        finally:
            if response is None and opened:
                # A TLS handshake that a deadline cuts off leaves its socket open otherwise.
                await opened[0].aclose()
        try:
            status.append(outcome_of(response.status_code, response.headers))
            await _discard(response)
        finally:
            await response.aclose()
        return status[0]

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


def outcome_of(status: int, headers: Mapping[str, str]) -> Outcome:
    """Return what a status means (Standard Webhooks): 2xx alone is success, 3xx is a failure as any other."""
    if 200 <= status < 300:  # noqa: PLR2004 - the class of success
        return Taken()
    detail = f"answered with status {status}"
    if status == _GONE:
        return Gone(detail)
    if status in _THROTTLED:
        lower = {name.lower(): value for name, value in headers.items()}
        return Throttled(detail, retry_after_seconds(lower))
    return Refused(detail)


async def _discard(response: httpx.Response) -> None:
    stream: Any = response.stream
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > ANSWER_BYTES_MAX:
            return


def _keep_stream(opened: list[Any]) -> Any:
    async def trace(event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            opened.append(info["return_value"])

    return trace


def _in_words(error: Exception) -> str:
    return next((words for kind, words in _WORDS.items() if isinstance(error, kind)), "the event could not be sent")
