"""HTTP/1.1 on a connection: uvicorn's protocol, whose own refusals are TMF Errors too, and whose requests have heads of bounded size."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.errors import (
    HeadTooLargeError,
    MalformedRequestError,
    NotSupportedError,
    RequestError,
    RequestTimeoutError,
    tmf_error,
)
from gateway.tmf.json import encode_json

_MALFORMED: Final = MalformedRequestError(
    "This is not an HTTP/1.1 request: its request line, a header, its length or a chunk is malformed."
)
_TOO_SLOW: Final = RequestTimeoutError(
    "The request did not come to its end in time (server.receive_seconds); send it again."
)
_NO_WEBSOCKET: Final = NotSupportedError("There are no WebSockets here; send the request without Upgrade.")


def protocol_with(head_bytes_max: int, receive_seconds: float) -> type[HttpToolsProtocol]:
    """Return the protocol of every connection.

    Request line and headers may have `head_bytes_max` together; a request has `receive_seconds` to come, with its body.
    """
    settings = {"head_bytes_max": head_bytes_max, "receive_seconds": receive_seconds}
    return type("GatewayProtocol", (_GatewayProtocol,), settings)


def refusal(error: RequestError, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return the whole answer that refuses a request before any application saw it, `headers` among its own."""
    body = encode_json(tmf_error(error))
    lines = [
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}".encode(),
        *(name + b": " + value for name, value in headers),
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        b"connection: close",
    ]
    return b"\r\n".join([*lines, b"", body])


class _HeadTooLarge(Exception):  # noqa: N818 - it ends the parsing, and is not an error of ours
    """The head that was parsed has more bytes than it may have."""


class _GatewayProtocol(HttpToolsProtocol):
    """One connection. What cannot be parsed, or does not come to an end, is refused with a TMF Error, and closed."""

    head_bytes_max: int
    receive_seconds: float
    # Runs while a request comes, or the first one has not begun.
    _deadline: asyncio.TimerHandle | None = None
    # While a head comes: the bytes of every piece it is in, and of the first of them, which may begin before it.
    _in_head = False
    _received_bytes = 0
    _first_bytes = 0
    _piece_bytes = 0
    _is_too_large = False
    _has_begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._expect_nothing()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(self.receive_seconds, self._too_late)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if self.flow.read_paused:
            # It is the gateway that does not read on.
            self._expect()
        elif self._has_begun:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    def on_message_complete(self) -> None:
        """Stop the clock: the whole request is here."""
        self._expect_nothing()
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Parse what has come, and refuse a head that is too large before the rest of it comes."""
        self._piece_bytes = len(data)
        self._has_begun = True
        if self._in_head:
            self._received_bytes += len(data)
        else:
            self._received_bytes = self._first_bytes = len(data)
        super().data_received(data)
        if self._in_head and self._received_bytes - self._first_bytes > self.head_bytes_max:
            self._is_too_large = True
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """Begin to count the head of a request, which may be one of many in this piece, and the time that it takes to come."""
        super().on_message_begin()
        self._in_head = True
        self._received_bytes = self._first_bytes = self._piece_bytes
        self._expect()

    def on_headers_complete(self) -> None:
        """Look how large the head is where it may be too large; what follows is the body, which the application bounds."""
        self._in_head = False
        if self._received_bytes > self.head_bytes_max:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self.head_bytes_max:
                self._is_too_large = True
                raise _HeadTooLarge
        super().on_headers_complete()

    def _should_upgrade_to_ws(self) -> bool:
        # Whether a library for it is installed or not: it is refused in words.
        return True

    def handle_websocket_upgrade(self) -> None:
        """Answer who wants to go on in another protocol."""
        self._refuse(_NO_WEBSOCKET)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, in place of which ours are sent
        """Answer what is not an HTTP request, or has too large a head."""
        if not self._is_too_large:
            self._refuse(_MALFORMED)
            return
        message = (
            f"Request line and headers have more than {self.head_bytes_max} bytes; send what they carry in the body."
        )
        self._refuse(HeadTooLargeError(message))

    def _refuse(self, error: RequestError) -> None:
        if self.transport.is_closing():
            return
        # There is none before the first request, whatever uvicorn's annotation says. In the middle of an answer another one
        # would be taken for a part of it.
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(refusal(error, self.server_state.default_headers))
        self.transport.close()
