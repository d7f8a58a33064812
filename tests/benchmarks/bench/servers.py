"""Servers of a benchmark, each a process of its own on a loopback port, and the load that they are put under."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import uvicorn

from gateway.commands.common import calm_collector

STARTED_SECONDS_MAX = 60.0


class Server(NamedTuple):
    """A running server process."""

    port: int
    process_id: int

    def processor_seconds(self) -> float:
        """Return the processor time that the process has used, all threads together, by its own clock (clock_getcpuclockid of Linux)."""
        return time.clock_gettime((~self.process_id << 3) | 2)


def serve_here(app: Any) -> None:
    """Serve an ASGI application in this process, as `gateway serve` does, and print its port."""
    calm_collector()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="warning", access_log=False, log_config=None)
    uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def serving(*command: str) -> Iterator[Server]:
    """Run a program of Python that calls `serve_here` in another process, until the end."""
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        deadline = time.monotonic() + STARTED_SECONDS_MAX
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        try:
            yield Server(port, process.pid)
        finally:
            process.terminate()


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends the next request as soon as the answer is complete."""

    def __init__(self, next_request: Callable[[], bytes], status: bytes) -> None:
        self.next_request = next_request
        self.status = status
        self.answered = 0
        self.bodies: list[bytes] = []
        self.buffer = b""
        self.running = True

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.next_request())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head_end = self.buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        start = self.buffer.find(b"content-length: ", 0, head_end) + 16
        length = int(self.buffer[start : self.buffer.find(b"\r\n", start)])
        if len(self.buffer) < head_end + 4 + length:
            return
        if not self.buffer[9:12].startswith(self.status):
            raise RuntimeError(self.buffer[:2000])
        self.last = self.buffer[head_end + 4 :]
        self.buffer = b""
        self.answered += 1
        if self.running:
            self.transport.write(self.next_request())
        else:
            self.transport.close()


class Rate(NamedTuple):
    """What one round showed."""

    per_second: float
    processor_microseconds: float


async def load(server: Server, requests: Iterator[bytes], status: bytes, connections: int, seconds: float) -> Rate:
    """Return the answers a second of `connections` that send `requests` for `seconds`, and what each cost the server."""
    loop = asyncio.get_running_loop()
    protocols = [
        (await loop.create_connection(lambda: Connection(requests.__next__, status), "127.0.0.1", server.port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(0.2)
    before, started = sum(protocol.answered for protocol in protocols), time.perf_counter()
    used = server.processor_seconds()
    await asyncio.sleep(seconds)
    answered = sum(protocol.answered for protocol in protocols) - before
    used = server.processor_seconds() - used
    rate = Rate(answered / (time.perf_counter() - started), used / max(answered, 1) * 1e6)
    for protocol in protocols:
        protocol.running = False
    await asyncio.sleep(0.1)
    return rate


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """Return a whole HTTP request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:8663\r\nAccept: */*\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body
