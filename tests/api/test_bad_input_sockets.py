"""Bad input on real connections: sizes, pieces, lies about the length, and clients that go away."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn

from gateway.app import create_app
from gateway.settings import Settings

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
HEAD = f"POST {CARTS} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


@pytest.fixture
async def port(settings: Settings, log: io.StringIO) -> AsyncIterator[int]:
    """The application behind uvicorn on a free port of this machine."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(settings), log_config=None, access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server._serve(sockets=[listener]))
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
            await asyncio.sleep(0.01)
    yield int(listener.getsockname()[1])
    server.should_exit = True
    await task
    listener.close()


async def answers(port: int, *parts: bytes, half_close: bool = False) -> bytes:
    """Send `parts` and return everything that comes back until the server closes or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if half_close:
            writer.write_eof()
        received = b""
        async with asyncio.timeout(10):
            while b"\r\n\r\n" not in received or not complete(received):
                piece = await reader.read(65536)
                if not piece:
                    break
                received += piece
        return received
    finally:
        writer.close()


def complete(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(lengths) and len(body) >= int(lengths[0])


def status(received: bytes) -> int:
    return int(received[9:12])


def error_of(received: bytes) -> dict[str, str]:
    body: dict[str, str] = json.loads(received.partition(b"\r\n\r\n")[2])
    return body


async def test_a_body_over_the_limit_is_refused_before_it_is_kept(port: int) -> None:
    body = b'{"a":"' + b"x" * 3_000_000 + b'"}'

    received = await answers(port, HEAD.encode() + b"Content-Length: %d\r\n\r\n" % len(body), body)

    assert status(received) == 413
    assert error_of(received)["code"] == "65"


async def test_a_client_that_waits_for_a_go_ahead_is_refused_without_its_body(port: int) -> None:
    received = await answers(port, HEAD.encode() + b"Expect: 100-continue\r\nContent-Length: 999999999\r\n\r\n")

    assert status(received) == 413


async def test_pieces_over_the_limit_are_refused(port: int) -> None:
    piece = b"x" * 65_536
    chunk = b"%x\r\n%s\r\n" % (len(piece), piece)

    received = await answers(
        port, HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n", b'3\r\n{"a\r\n', *[chunk] * 40, b"0\r\n\r\n"
    )

    assert status(received) == 413


async def test_pieces_within_the_limit_are_one_body(port: int) -> None:
    received = await answers(
        port, HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n", b'5\r\n{"a":\r\n', b"2\r\n1}\r\n", b"0\r\n\r\n"
    )

    assert status(received) == 201


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: -2\r\n",
        b"Content-Length: two\r\n",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
    ],
)
async def test_two_opinions_about_the_length_are_refused(port: int, headers: bytes) -> None:
    received = await answers(port, HEAD.encode() + headers + b"\r\n{}", half_close=True)

    assert status(received) == 400


async def test_a_client_that_goes_away_in_the_middle_leaves_no_cart_and_no_defect(port: int, log: io.StringIO) -> None:
    for _ in range(5):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD.encode() + b'Content-Length: 100\r\n\r\n{"a":')
        await writer.drain()
        writer.transport.abort()

    received = await answers(port, f"GET {CARTS} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    assert received.endswith(b"[]")
    assert all(json.loads(line)["level"] == "info" for line in log.getvalue().splitlines())


async def test_one_connection_serves_good_and_bad_requests_in_turn(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    seen = []
    for body in (b"{}", b"{", b"{}", b"[]", b"{}"):
        writer.write(HEAD.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        received = b""
        async with asyncio.timeout(10):
            while not complete(received):
                received += await reader.read(65536)
        seen.append(status(received))
    writer.close()

    assert seen == [201, 400, 201, 400, 201]
