"""One HTTP exchange with a party that is not trusted: bounded in time and bytes, without redirects, cookies or surprises.

This module owns httpx: its exceptions end here. What callers learn of a failure is one fact, `sent`: whether a byte of the
request may have left this process. The fact is taken from the transport's own trace, not guessed from an exception's name,
so a deadline that strikes while a name is still being resolved is provably harmless.

Measured reasons for what looks like extra work: a read timeout is per read, so a trickling answer runs for ever without a
total deadline; a reused connection may be reset after the request was processed, so calls with an effect get a fresh one.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncGenerator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx
from msgspec import Struct

from gateway.errors import GatewayError
from gateway.upstream.causes import Cause

USER_AGENT: Final = "tmf-checkout-gateway"
_RECORD: Final = "gateway.send_record"
_COMPRESSED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_HEADERS_OF_ENCODING: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_WORDS: Final[Mapping[type[Exception], str]] = {
    httpx.ConnectTimeout: "no connection in time",
    httpx.ConnectError: "no connection (refused, name not resolved, or TLS failed)",
    httpx.PoolTimeout: "no free connection in time",
    httpx.ReadTimeout: "no answer in time",
    httpx.WriteTimeout: "the request was not taken in time",
    httpx.ReadError: "the connection was lost before the answer was complete",
    httpx.WriteError: "the connection was lost while the request was sent",
    httpx.RemoteProtocolError: "the answer was cut short or is not HTTP",
    httpx.LocalProtocolError: "the request cannot be expressed in HTTP",
    httpx.InvalidURL: "the address is not a valid URL",
    httpx.UnsupportedProtocol: "the address is neither http nor https",
}


class Answer(Struct, frozen=True):
    """An answer, whole: status, headers with lower-case names, body after content decoding."""

    status: int
    headers: dict[str, str]
    body: bytes


class ExchangeFailed(GatewayError):  # noqa: N818 - a value more than an error: it carries the fact `sent`
    """There is no complete answer.

    `sent` tells whether the request may have reached the other side, `too_large` that it answered with more than is read.
    """

    def __init__(
        self,
        detail: str,
        *,
        sent: bool,
        retry_after_seconds: float | None = None,
        too_large: bool = False,
        cause: Cause = "upstream_unreachable",
    ) -> None:
        self.detail = detail
        self.sent = sent
        self.too_large = too_large
        self.cause: Cause = cause
        self.retry_after_seconds = retry_after_seconds
        super().__init__(detail)


class UnacceptableAnswerError(GatewayError):
    """The answer's content encoding is broken, or not one that was asked for."""


class AnswerTooLargeError(UnacceptableAnswerError):
    """The answer is larger than the limit."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"the answer is larger than {bytes_max} bytes")


class HttpPort:
    """A small HTTP client for one other party; every exchange ends in an Answer or in ExchangeFailed.

    Without `keep_alive` every exchange gets its own connection. `tls` is None for the default trust store.
    """

    def __init__(
        self,
        *,
        connect_timeout_seconds: float,
        read_timeout_seconds: float,
        response_bytes_max: int,
        connections_max: int,
        keep_alive: bool,
        auth: httpx.Auth | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        limits = httpx.Limits(
            max_connections=connections_max, max_keepalive_connections=connections_max if keep_alive else 0
        )
        transport = httpx.AsyncHTTPTransport(verify=tls or tls_context(), limits=limits, trust_env=False)
        self._client = httpx.AsyncClient(
            transport=_BoundedTransport(transport, response_bytes_max),
            auth=auth,
            cookies=CookieJar(
                DefaultCookiePolicy(allowed_domains=[])
            ),  # takes none: calls must not depend on each other
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"},
            timeout=httpx.Timeout(read_timeout_seconds, connect=connect_timeout_seconds, pool=connect_timeout_seconds),
            follow_redirects=False,
            trust_env=False,
        )

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        within_seconds: float,
        parameters: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request, once (credentials may be renewed once when they are refused), and read the whole answer.

        Raises ExchangeFailed for everything but a complete answer; cancellation passes through.
        """
        record = _SendRecord()
        response: httpx.Response | None = None
        try:
            request = self._client.build_request(
                method,
                url,
                params=parameters,
                content=body,
                headers=headers,
                extensions={"trace": record.trace, _RECORD: record},
            )
            async with asyncio.timeout(within_seconds):
                response = await self._client.send(request)
        except ExchangeFailed:
            raise
        except TimeoutError:
            detail = f"no complete answer within {within_seconds:.1f} s"
            raise ExchangeFailed(detail, sent=record.sent) from None
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the fact that counts is whether it was sent
            too_large = isinstance(error, AnswerTooLargeError)
            raise ExchangeFailed(_in_words(error), sent=record.sent, too_large=too_large) from None
        finally:
            if response is None:
                await record.close_connection()
        return Answer(response.status_code, dict(response.headers.items()), response.content)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()


def tls_context(
    *,
    verify: bool = True,
    ca_file: str | None = None,
    certificate_file: str | None = None,
    key_file: str | None = None,
) -> ssl.SSLContext:
    """Return a TLS client context: the default trust store, plus a private CA, plus a client certificate (mutual TLS).

    Raises OSError (ssl.SSLError among them) when a file cannot be read.
    """
    context = httpx.create_ssl_context(verify=verify, trust_env=False)
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    if certificate_file:
        context.load_cert_chain(certificate_file, key_file)
    return context


class _SendRecord:
    """Follows one exchange through the transport's trace: whether it may have been sent, and on which connection."""

    def __init__(self) -> None:
        self.sent = False
        self._stream: Any = None

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self.sent = True
        elif event == "connection.connect_tcp.complete":
            self._stream = info["return_value"]

    async def close_connection(self) -> None:
        """Close what was opened: a TLS handshake that is cut off by a deadline leaves its socket open otherwise."""
        if self._stream is not None:
            await self._stream.aclose()


class _BoundedTransport(httpx.AsyncBaseTransport):
    """Reads every answer here and at once, within the limit: also those that an auth flow reads by itself."""

    def __init__(self, inner: httpx.AsyncBaseTransport, bytes_max: int) -> None:
        self._inner = inner
        self._bytes_max = bytes_max

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        try:
            raw = await self._read(response)
        finally:
            await response.aclose()
        body = _decoded(raw, response.headers.get("content-encoding", "").strip().lower(), self._bytes_max)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            # The call was refused, and the refusal is complete: until it is sent again, it has not been sent.
            request.extensions[_RECORD].sent = False
        headers = [item for item in response.headers.multi_items() if item[0].lower() not in _HEADERS_OF_ENCODING]
        return httpx.Response(response.status_code, headers=headers, content=body)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _read(self, response: httpx.Response) -> bytes:
        chunks: AsyncGenerator[bytes, None] | Any = response.stream
        taken, size = [], 0
        async for chunk in chunks:
            taken.append(chunk)
            size += len(chunk)
            if size > self._bytes_max:
                raise AnswerTooLargeError(self._bytes_max)
        return b"".join(taken)


def _decoded(raw: bytes, encoding: str, bytes_max: int) -> bytes:
    """Undo gzip or deflate without ever holding more than the limit (a small body may inflate a thousandfold)."""
    if encoding in {"", "identity"} or not raw:
        return raw
    if encoding not in _COMPRESSED:
        raise UnacceptableAnswerError("the answer has a content encoding that was not asked for")
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: tell gzip and zlib apart by the header
    try:
        body = inflater.decompress(raw, bytes_max + 1)
    except zlib.error:
        raise UnacceptableAnswerError("the answer's content encoding is broken") from None
    if len(body) > bytes_max:
        raise AnswerTooLargeError(bytes_max)
    if not inflater.eof or inflater.unused_data:
        raise UnacceptableAnswerError("the answer's content encoding is broken")
    return body


def _in_words(error: Exception) -> str:
    if isinstance(error, UnacceptableAnswerError):
        return str(error)
    return next((words for kind, words in _WORDS.items() if isinstance(error, kind)), type(error).__name__)
