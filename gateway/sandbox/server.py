"""The process: sockets, the ready line, and a clean end on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator

from gateway.sandbox.application import Application, Reply, error_answer
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.wire import (
    STREAM_BUFFER_BYTES,
    BadRequestError,
    Request,
    hold_silent,
    read_request,
    reset,
    write_answer,
    write_cut_answer,
    write_cut_head,
    write_dripping_answer,
    write_raw,
)


class SandboxServer:
    """A sandbox that listens. `async with serving(options) as server:` is the way to run one inside a test."""

    def __init__(self, options: SandboxOptions) -> None:
        self.options = options
        self.application = Application(options)
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.address = ""
        """`http://127.0.0.1:PORT` once it listens."""

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(
            self._accept,
            self.options.host,
            self.options.port,
            limit=STREAM_BUFFER_BYTES,
        )
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self.application.intake.instance_url = self.address

    async def stop(self) -> None:
        """Close every connection and end."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self.application.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until either side ends it."""
        try:
            while True:
                try:
                    request = await read_request(reader, writer)
                except BadRequestError as error:
                    await write_answer(writer, error_answer(error.status, str(error)), keep_alive=False)
                    return
                if request is None or not await self._exchange(request, reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _exchange(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection goes on."""
        started = time.perf_counter()
        reply = await self.application.reply(request)
        goes_on = False
        try:
            if reply.ending == "reset":
                reset(writer)
            elif reply.ending == "silent":
                self.application.notifier.after_answer(reply.events)
                reply.events = []
                self._log(request, reply, started)
                await hold_silent(reader)
            elif reply.ending in ("drip", "endless"):
                await write_dripping_answer(writer, reply.answer, endless=reply.ending == "endless")
            elif reply.ending == "raw":
                await write_raw(writer, reply.answer.body)
            elif reply.ending == "head-cut":
                await write_cut_head(writer, reply.answer)
            elif reply.ending == "closed":
                writer.close()
            elif reply.ending in ("cut", "cut-without-length"):
                await write_cut_answer(writer, reply.answer, with_length=reply.ending == "cut")
            else:
                await write_answer(writer, reply.answer, keep_alive=request.keep_alive)
                goes_on = request.keep_alive
        finally:
            self.application.notifier.after_answer(reply.events)
        if reply.ending != "silent":
            self._log(request, reply, started)
        return goes_on

    def _log(self, request: Request, reply: Reply, started: float) -> None:
        if self.options.call_log:
            outcome = str(reply.answer.status) if reply.ending == "whole" else f"{reply.answer.status} {reply.ending}"
            milliseconds = (time.perf_counter() - started) * 1000
            sys.stderr.write(f"{request.method} {request.path} {outcome} {milliseconds:.1f} ms\n")


@contextlib.asynccontextmanager
async def serving(options: SandboxOptions) -> AsyncIterator[SandboxServer]:
    """Run a sandbox inside the running event loop; `server.address` says where."""
    server = SandboxServer(options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def _run(options: SandboxOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(options) as server:
        sys.stdout.write(f"sandbox ready on {server.address}\n")
        sys.stdout.flush()
        await stop.wait()


def run_sandbox(options: SandboxOptions) -> None:
    """Run a sandbox until SIGTERM or SIGINT; prints `sandbox ready on http://127.0.0.1:PORT` once it listens.

    OSError when the port is taken, ValueError when the catalogue file is wrong.
    """
    asyncio.run(_run(options))
