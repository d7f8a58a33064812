"""HTTP/1.1 on a stream: reading requests, writing answers, and breaking off in the ways a fault asks for.

A plain reader instead of a server library, because the faults need the transport: a reset after the commit, an
answer that never comes, a body that ends too early.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.sandbox.answers import Answer

MAX_HEADER_BYTES = 65_536
MAX_BODY_BYTES = 128_000_000
STREAM_BUFFER_BYTES = 1 << 20
DRIP_SECONDS = 1.0


class BadRequestError(Exception):
    """The bytes are not an HTTP request that this server reads; the connection ends after the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """One request: path already percent-decoded, header names in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes
    keep_alive: bool

    def values(self, name: str) -> list[str]:
        """Return every value of a query parameter."""
        return [value for key, value in self.query if key == name]

    def value(self, name: str) -> str | None:
        """Return the last value of a query parameter, or None."""
        values = self.values(name)
        return values[-1] if values else None


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """Read one request; None when the peer closed the connection between two requests."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise BadRequestError(400, "the request ends within its head") from error
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequestError(431, "the request head is too long") from error
    if len(head) > MAX_HEADER_BYTES:
        raise BadRequestError(431, "the request head is too long")
    lines = head.decode("latin-1").strip("\r\n").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, target, version
        raise BadRequestError(400, "the first line is not an HTTP/1.x request line")
    method, target, version = parts
    headers = _headers(lines[1:])
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await _body(reader, headers)
    connection = headers.get("connection", "").lower()
    url = urlsplit(target)
    return Request(
        method=method,
        path=unquote(url.path),
        query=tuple(parse_qsl(url.query, keep_blank_values=True)),
        headers=headers,
        body=body,
        keep_alive="close" not in connection if version != "HTTP/1.0" else "keep-alive" in connection,
    )


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, separator, value = line.partition(":")
        if not separator or name != name.strip():
            raise BadRequestError(400, "a header line has no name and colon")
        key = name.lower()
        if key == "content-length" and key in headers and headers[key] != value.strip():
            raise BadRequestError(400, "two different Content-Length headers")
        headers[key] = value.strip()
    if "content-length" in headers and "transfer-encoding" in headers:
        raise BadRequestError(400, "both Content-Length and Transfer-Encoding")
    return headers


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    try:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return await _chunked_body(reader)
        text = headers.get("content-length", "0")
        if not (text.isascii() and text.isdigit()):
            raise BadRequestError(400, "Content-Length is not a number")
        length = int(text)
        if length > MAX_BODY_BYTES:
            raise BadRequestError(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
        return await reader.readexactly(length) if length else b""
    except asyncio.IncompleteReadError as error:
        raise BadRequestError(400, "the request ends within its body") from error


async def _chunked_body(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        size_line = (await reader.readuntil(b"\r\n")).split(b";")[0].strip()
        try:
            size = int(size_line, 16)
        except ValueError as error:
            raise BadRequestError(400, "a chunk has no size") from error
        if size < 0 or len(body) + size > MAX_BODY_BYTES:
            raise BadRequestError(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
        if size == 0:
            while await reader.readuntil(b"\r\n") != b"\r\n":  # trailers, which nobody here reads
                pass
            return bytes(body)
        body += await reader.readexactly(size)
        await reader.readexactly(2)


def _head(answer: Answer, *, keep_alive: bool, length: int | None) -> bytes:
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {phrase}"]
    if answer.body:
        lines.append(f"Content-Type: {answer.content_type}")
    if length is not None and answer.status != HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {length}")
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


async def write_answer(writer: asyncio.StreamWriter, answer: Answer, *, keep_alive: bool) -> None:
    """Write a whole answer."""
    writer.write(_head(answer, keep_alive=keep_alive, length=len(answer.body)) + answer.body)
    await writer.drain()


async def write_cut_answer(writer: asyncio.StreamWriter, answer: Answer, *, with_length: bool) -> None:
    """Write an answer that ends in the middle of its body, then close.

    With a length the client sees a broken transfer; without one it sees a short body and no error at all. An answer
    without body breaks off within its head.
    """
    half = answer.body[: len(answer.body) // 2]
    head = _head(answer, keep_alive=False, length=len(answer.body) if with_length else None)
    writer.write(head + half if answer.body else head[: len(head) // 2])
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    writer.close()


async def write_dripping_answer(writer: asyncio.StreamWriter, answer: Answer, *, endless: bool) -> None:
    """Write an answer byte by byte, one a second; an endless one goes on until the peer has enough."""
    writer.write(_head(answer, keep_alive=False, length=len(answer.body) + (1 << 40 if endless else 0)))
    with contextlib.suppress(ConnectionError):
        for index in range(1 << 40 if endless else len(answer.body)):
            writer.write(answer.body[index % len(answer.body) :][:1] if answer.body else b" ")
            await writer.drain()
            if writer.is_closing():
                break
            await asyncio.sleep(DRIP_SECONDS)
    writer.close()


async def write_raw(writer: asyncio.StreamWriter, raw: bytes) -> None:
    """Write bytes as they are, then close."""
    writer.write(raw)
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    writer.close()


async def write_cut_head(writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Write the beginning of a head, then close."""
    await write_raw(writer, _head(answer, keep_alive=False, length=len(answer.body))[:40])


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with a TCP reset: no answer, and the peer's next read fails."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hold_silent(reader: asyncio.StreamReader) -> None:
    """Keep the connection open and say nothing until the peer gives up."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(STREAM_BUFFER_BYTES):
            pass
