"""What is exchanged with a sandbox in the same loop: whole answers as they are, everything else as the bytes that it is.

A whole answer costs no connection and no parsing of HTTP. How an answer breaks off, drips or lies about itself is the matter of the
gateway's HTTP client: there the sandbox's own server writes the bytes, and the real client reads them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

from gateway.sandbox.application import Reply
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.wire import Request
from gateway.upstream import client, reads
from gateway.upstream.options import UpstreamOptions, port_of
from gateway.upstream.transport import Answer, ExchangeFailed, HttpPort

PREPARED: Final = "x-prepared"
ENCODED: Final = "content-encoding"


class Wire:
    """In the place of the application behind a server: what it replies is there already."""

    def __init__(self) -> None:
        self.server = SandboxServer(SandboxOptions())
        self.server.application = self  # type: ignore[assignment]
        self.notifier = self
        self.replies: dict[str, Reply] = {}
        self._numbers = count()

    def keep(self, reply: Reply) -> str:
        """Keep a reply; return the name that its request is to carry."""
        name = str(next(self._numbers))
        self.replies[name] = reply
        return name

    async def reply(self, request: Request) -> Reply:
        """Return what was kept for a request."""
        return self.replies.pop(request.headers[PREPARED])

    def after_answer(self, events: list[Any]) -> None:
        """Tell nobody: the real application's notifier does."""


@dataclass
class DirectPort:
    """In the place of `HttpPort`."""

    options: UpstreamOptions
    keep_alive: bool
    world: Callable[[], Any]
    _wire: HttpPort | None = None

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
        """See `HttpPort.exchange`."""
        world, sent = self.world(), False
        loop = asyncio.get_running_loop()
        began = loop.time()
        parts = urlsplit(url)
        request = Request(
            method=method,
            path=unquote(parts.path),
            query=tuple((parameters or {}).items()),
            headers={name.lower(): value for name, value in (headers or {}).items()},
            body=body or b"",
            keep_alive=True,
        )
        try:
            async with asyncio.timeout(within_seconds):
                await world.gate()
                sent = True
                reply = await world.server.application.reply(request)
        except TimeoutError:
            raise ExchangeFailed(f"no complete answer within {within_seconds:.1f} s", sent=sent) from None
        world.server.application.notifier.after_answer(reply.events)
        answer, names = reply.answer, [name.lower() for name, _ in reply.answer.headers]
        if reply.ending == "whole" and ENCODED not in names:
            shown = {name: value for name, (_, value) in zip(names, answer.headers, strict=True)}
            if answer.body:
                shown["content-type"] = answer.content_type
            return Answer(answer.status, shown, answer.body)
        left = max(0.0, within_seconds - (loop.time() - began))
        name = world.host.wire.keep(reply)
        if self._wire is None:
            self._wire = port_of(self.options, keep_alive=self.keep_alive)
        return await self._wire.exchange(method, url, within_seconds=left, body=body, headers={PREPARED: name})

    async def close(self) -> None:
        """Close what is open."""
        if self._wire is not None:
            await self._wire.close()


@contextmanager
def direct_exchanges(world: Callable[[], Any]) -> Iterator[None]:
    """Let every client of an order system that is made in here ask the sandbox of `world()`."""

    def made(options: UpstreamOptions, *, keep_alive: bool) -> DirectPort:
        return DirectPort(options, keep_alive, world)

    with patch.object(client, "port_of", made), patch.object(reads, "port_of", made):
        yield
