"""Bad input on real connections: sizes, pieces, lies about the length, and clients that go away."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from msgspec.structs import replace

from gateway.app import create_app
from gateway.commands.serve import server_config
from gateway.settings import Settings

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
HEAD = f"POST {CARTS} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


@pytest.fixture
async def port(settings: Settings, log: io.StringIO) -> AsyncIterator[int]:
    """The application behind uvicorn on a free port of this machine."""
    async with served(settings) as number:
        yield number


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(server_config(create_app(settings), settings.server))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server._serve(sockets=[listener]))
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
            await asyncio.sleep(0.01)
    try:
        yield int(listener.getsockname()[1])
    finally:
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


NO_HTTP = {
    "a word": b"HELLO\r\n\r\n",
    "another version": b"GET /livez HTTP/9.9\r\nHost: a\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32,
    "bytes in the path": b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "a blank in a header's name": b"GET /livez HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n",
    "a control character in a header": b"GET /livez HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
    "two lengths": HEAD.encode() + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a negative length": HEAD.encode() + b"Content-Length: -2\r\n\r\n{}",
    "a length in words": HEAD.encode() + b"Content-Length: two\r\n\r\n{}",
    "a length and chunks": HEAD.encode() + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    "a chunk of no size": HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("request_", NO_HTTP.values(), ids=NO_HTTP)
async def test_what_is_no_http_is_a_tmf_error(port: int, request_: bytes) -> None:
    received = await answers(port, request_)
    error = error_of(received)

    assert status(received) == 400
    assert b"\r\ncontent-type: application/json\r\n" in received
    assert b"\r\nconnection: close\r\n" in received
    assert (error["@type"], error["code"], error["status"]) == ("Error", "26", "400")
    assert error["reason"]
    assert "HTTP/1.1" in error["message"]
    assert (await answers(port, f"GET {CARTS} HTTP/1.1\r\nHost: a\r\n\r\n".encode())).endswith(b"[]")


async def test_what_follows_a_good_request_is_refused_after_its_answer(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    seen = []
    for sent in (b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", b"HELLO\r\n\r\n"):
        writer.write(sent)
        received = b""
        async with asyncio.timeout(10):
            while not complete(received):
                received += await reader.read(65536)
        seen.append(status(received))
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()

    assert seen == [200, 400]


async def test_a_websocket_is_refused_in_words(port: int) -> None:
    received = await answers(
        port,
        b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )

    assert status(received) == 501
    assert "Upgrade" in error_of(received)["message"]


@pytest.mark.parametrize("pieces", [1, 50], ids=["at once", "in pieces"])
@pytest.mark.parametrize(("size", "expected"), [(60_000, 200), (66_000, 431)])
async def test_the_head_of_a_request_has_a_limit(port: int, size: int, expected: int, pieces: int) -> None:
    head = b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * (size // 2 // 6) + b"X: " + b"x" * (size // 2)
    step = -(-len(head) // pieces)

    received = await answers(port, *(head[start : start + step] for start in range(0, len(head), step)), b"\r\n\r\n")

    assert status(received) == expected
    if expected == 431:
        assert error_of(received)["code"] == "69"
        assert "65536 bytes" in error_of(received)["message"]


async def test_a_head_that_never_ends_is_cut_off(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /livez HTTP/1.1\r\nX: ")
    sent = 0
    try:
        async with asyncio.timeout(20):
            while not writer.transport.is_closing() and sent < 50_000_000:
                writer.write(b"x" * 65_536)
                sent += 65_536
                await writer.drain()
    except ConnectionError:
        pass
    writer.close()

    assert sent < 10_000_000


async def test_an_idle_connection_is_kept_as_long_as_the_setting_says(settings: Settings, log: io.StringIO) -> None:
    assert server_config(None, settings.server).timeout_keep_alive == 75

    async with served(replace(settings, server=replace(settings.server, keep_alive_seconds=1))) as number:
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        for _ in range(2):
            writer.write(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"HTTP/1.1 200" in await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(30):
            while await reader.read(65536):
                pass  # the body; then the server closes the connection that nothing comes over
        writer.close()


async def test_a_request_names_its_host_unless_it_is_of_the_old_version(port: int) -> None:
    assert (await answers(port, b"GET /livez HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    assert (await answers(port, b"GET /livez HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_many_requests_in_one_piece_are_no_large_head(port: int) -> None:
    number = 12_000  # 380 kB, more than one read of the socket
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * number)
    received = 0
    async with asyncio.timeout(60):
        while received < number:
            piece = await reader.readuntil(b'{"status":"alive"}')
            assert piece.startswith(b"HTTP/1.1 200 ")
            received += 1
    writer.close()


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (HEAD.encode() + b"Content-Length: 2\r\n\r\n{", b"HTTP/1.1 408 "),
        (HEAD.encode(), b"HTTP/1.1 408 "),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET", b"HTTP/1.1 200 "),
        (b"", b""),
    ],
)
async def test_what_does_not_come_to_its_end_is_cut_off(
    settings: Settings, log: io.StringIO, sent: bytes, told: bytes
) -> None:
    hasty = replace(settings, server=replace(settings.server, receive_seconds=0.3))
    async with served(hasty) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        received = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        assert received.startswith(told)
        assert b"408" in received or told != b"HTTP/1.1 408 "
        # Whoever is slow but steady is not cut off for what another one did.
        good = await answers(port, f"GET {CARTS} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert good.startswith(b"HTTP/1.1 200 ")
    assert "failed" not in log.getvalue()


async def test_an_answered_connection_may_rest_longer_than_a_request_may_take(
    settings: Settings, log: io.StringIO
) -> None:
    hasty = replace(settings, server=replace(settings.server, receive_seconds=0.2))
    async with served(hasty) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"200" in await asyncio.wait_for(reader.readuntil(b'{"status":"alive"}'), 10)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.5)
        writer.close()
