"""Connections in memory between the gateway's real HTTP client and the sandbox's real server: every byte, and no socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import httpcore
import httpx

from gateway.sandbox.server import SandboxServer
from gateway.sandbox.wire import STREAM_BUFFER_BYTES


class _Socket:
    def setsockopt(self, *_: object) -> None:
        pass


class _Writer:
    """The server's end: what it writes is the client's to read."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.transport = self

    def write(self, data: bytes) -> None:
        if not self._stream.ended:
            self._stream.feed(data)

    async def drain(self) -> None:
        await asyncio.sleep(0)
        if self._stream.closed:
            raise ConnectionResetError

    def is_closing(self) -> bool:
        return self._stream.closed or self._stream.ended

    def close(self) -> None:
        self._stream.end()

    def abort(self) -> None:
        self._stream.end(reset=True)

    def get_extra_info(self, _name: str) -> _Socket:
        return _Socket()


class Stream(httpcore.AsyncNetworkStream):
    """The client's end of one connection."""

    def __init__(self, server: SandboxServer) -> None:
        self._taken = bytearray()
        self._news = asyncio.Event()
        self.closed = False
        self.ended = False
        self._reset = False
        self._requests = asyncio.StreamReader(limit=STREAM_BUFFER_BYTES)
        server._accept(self._requests, _Writer(self))  # type: ignore[arg-type]

    def feed(self, data: bytes) -> None:
        self._taken += data
        self._news.set()

    def end(self, *, reset: bool = False) -> None:
        self.ended = True
        self._reset = self._reset or reset
        self._news.set()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the protocol's
        try:
            async with asyncio.timeout(timeout):
                while not self._taken and not self.ended:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise httpcore.ReadTimeout from None
        if not self._taken and self._reset:
            raise httpcore.ReadError
        data = bytes(self._taken[:max_bytes])
        del self._taken[:max_bytes]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the protocol's
        if self.ended:
            raise httpcore.WriteError
        self._requests.feed_data(buffer)

    async def aclose(self) -> None:
        if not self.closed:
            self.closed = True
            if not self._requests.at_eof():
                self._requests.feed_eof()

    def get_extra_info(self, info: str) -> Any:
        return False if info == "is_readable" and not self.ended else self.ended if info == "is_readable" else None


class Network(httpcore.AsyncNetworkBackend):
    """Every host is the server that `server` returns; `gate` is waited for before each connection."""

    def __init__(self, server: Callable[[], SandboxServer], gate: Callable[[], Any]) -> None:
        self._server = server
        self._gate = gate

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the protocol's
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> Stream:
        await self._gate()
        return Stream(self._server())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@contextmanager
def memory_network(server: Callable[[], SandboxServer], gate: Callable[[], Any]) -> Iterator[None]:
    """Let every HTTP client that is made in here talk to a sandbox in memory."""
    network = Network(server, gate)
    make = httpx.AsyncHTTPTransport.__init__

    def made(self: httpx.AsyncHTTPTransport, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        self._pool._network_backend = network  # type: ignore[attr-defined]

    context = cache(httpx.create_ssl_context)
    with patch.object(httpx.AsyncHTTPTransport, "__init__", made), patch.object(httpx, "create_ssl_context", context):
        yield
