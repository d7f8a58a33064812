"""A server on a loopback socket that behaves as badly as a test asks, and a client with short deadlines to meet it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gateway.ordering.mapping.model import Api, Mapping
from gateway.ordering.model import RenderedStep
from gateway.upstream import UpstreamClient, UpstreamOptions


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))


@dataclass
class Connection:
    """One accepted connection. A request that was read whole counts as committed."""

    server: RawServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> Request:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(method, target, headers, body)
        self.server.requests.append(request)
        self.server.news.set()
        return request

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_closed(self) -> None:
        """Say nothing until the client gives up."""
        await self.reader.read()

    def reset(self) -> None:
        """Send RST instead of FIN."""
        self.writer.transport.abort()


Behaviour = Callable[[Connection], Awaitable[None]]


@dataclass
class RawServer:
    behaviour: Behaviour
    url: str = ""
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def received(self, count: int) -> None:
        """Wait until `count` requests were read whole."""
        async with asyncio.timeout(5):
            while len(self.requests) < count:
                self.news.clear()
                await self.news.wait()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.connections += 1
        try:
            await self.behaviour(Connection(self, reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        finally:
            self.tasks.discard(task)
            writer.close()


@asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncGenerator[RawServer]:
    server = RawServer(behaviour)
    listener = await asyncio.start_server(server.accept, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/api"
    try:
        yield server
    finally:
        listener.close()
        running = list(server.tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await listener.wait_closed()


def answer(
    status: int, document: Any = None, *, raw: bytes | None = None, headers: dict[str, str] | None = None
) -> bytes:
    """Return a whole HTTP answer, with its length."""
    body = raw if raw is not None else (b"" if document is None else json.dumps(document).encode())
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answering(reply: Callable[[Request], bytes]) -> Behaviour:
    """Return a well-behaved server: it answers every request of a connection with `reply`."""

    async def behave(connection: Connection) -> None:
        while True:
            await connection.write(reply(await connection.request()))

    return behave


async def is_silent(connection: Connection) -> None:
    """Take the request, and never answer."""
    await connection.request()
    await connection.until_closed()


async def trickles(connection: Connection) -> None:
    """Answer so slowly that there is always something to read, and never all of it."""
    await connection.request()
    await connection.write(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await connection.write(b" ")
        await asyncio.sleep(0.05)


async def redirects(connection: Connection) -> None:
    """Answer that what was asked for is elsewhere."""
    await connection.request()
    await connection.write(answer(307, headers={"Location": connection.server.url + "/elsewhere"}))


NOT_FOUND = answer(404, {"code": "60", "reason": "Resource not found"})


def order(number: int, marker: str | None = None) -> dict[str, str]:
    """Return a draft as a list of orders shows it."""
    return {"id": f"{number:08d}", "state": "Draft", **({"externalId": marker} if marker else {})}


PLAIN = Mapping(name="plain", api=Api(resource="productOrder"))


IMPATIENT = {"read_timeout_seconds": 0.5, "deadline_seconds": 1.0, "slot_timeout_seconds": 0.2}
"""Limits for a server that keeps its callers waiting; others get limits that a busy machine does not reach."""


@asynccontextmanager
async def client_of(url: str, mapping: Mapping = PLAIN, **options: Any) -> AsyncGenerator[UpstreamClient]:
    """Open a client with `options`; `clock`, `sleep` and `jitter` may be among them."""
    given = {name: options.pop(name) for name in ("clock", "sleep", "jitter") if name in options}
    limits = {"slot_timeout_seconds": 20.0, "scan_interval_seconds": 0.0} | options
    client = UpstreamClient(UpstreamOptions(name="test", base_url=url, mapping=mapping, **limits), **given)
    try:
        yield client
    finally:
        await client.close()


def create_step(body: bytes = b'{"externalId":"gw1-a-1"}') -> RenderedStep:
    return RenderedStep(
        sequence=1,
        kind="create",
        method="POST",
        path="productOrder",
        media_type="application/json",
        body=body,
        item_count=0,
    )


def add_step(order_id: str = "1") -> RenderedStep:
    return RenderedStep(
        sequence=2,
        kind="add",
        method="PATCH",
        path=f"productOrder/{order_id}",
        media_type="application/merge-patch+json",
        body=b"{}",
        item_count=0,
    )


async def no_sleep(_seconds: float) -> None:
    """Wait for nothing, but let others run."""
    await asyncio.sleep(0)
