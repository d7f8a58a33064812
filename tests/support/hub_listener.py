"""A subscriber for tests: a small HTTP server of its own on a loopback port that keeps what it is sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from gateway.settings import HubSettings

# What lets a listener on loopback subscribe, by http, on whichever port it has.
LOOPBACK_ALLOWED: Final[dict[str, Any]] = {
    "allow_http": True,
    "allowed_ports": (),
    "allowed_networks": ("127.0.0.0/8",),
}
# The same, and deliveries are made and repeated at once.
QUICK_ON_LOOPBACK: Final = HubSettings(**LOOPBACK_ALLOWED, poll_seconds=0.05, retry_seconds=(0.0, 0.05))

Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(eq=False)
class Delivery:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Listener:
    """What came, and how it is answered: `answer` returns (status, headers, body, seconds before the answer)."""

    answer: Callable[[Delivery], tuple[int, dict[str, str], bytes, float]] = lambda _delivery: (204, {}, b"", 0.0)
    deliveries: list[Delivery] = field(default_factory=list)
    port: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def until(self, count: int, seconds: float = 60.0, *, distinct: bool = False) -> list[Delivery]:
        """Return what came once there are `count` deliveries (or messages); TimeoutError names how many there were."""

        def number() -> int:
            return len({each.message_id for each in self.deliveries}) if distinct else len(self.deliveries)

        try:
            async with asyncio.timeout(seconds):
                while number() < count:
                    self.came.clear()
                    await self.came.wait()
        except TimeoutError:
            raise TimeoutError(f"{number()} of {count} deliveries came") from None
        return self.deliveries

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            delivery = Delivery(head[0].split(" ")[1], headers, body)
            status, extra, content, wait = self.answer(delivery)
            self.deliveries.append(delivery)
            self.came.set()
            await asyncio.sleep(wait)
            lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in extra.items())]
            if status != 204:
                lines.append(f"content-length: {len(content)}")
            writer.write("\r\n".join([*lines, "", ""]).encode() + content)
            await writer.drain()


@asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve connections with `handler` on a loopback port; yield the port, and leave no connection behind."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def listening(context: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Listener]:
    """Run a listener."""
    listener = Listener(**options)
    async with serving(listener.serve, context) as listener.port:
        yield listener
