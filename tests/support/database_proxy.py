"""A door between the gateway and a PostgreSQL server that can be shut, hold its breath, or lose the answer to a COMMIT."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit, urlunsplit

PORT: Final = 5432
Cut = Literal["before", "after"]


class DatabaseProxy:
    """Listens on a Unix socket of its own, in a thread of its own, and passes everything on until it is told otherwise.

    `shut()` ends every connection and refuses new ones, as a server that stops does; `open()` is the server being back. With `hang()`
    connections stay, and nothing passes. `cut_commit("after")` passes the next COMMIT on and ends the connection without its
    answer; with "before" the server never sees it. `cuts` counts the COMMITs that were cut.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        port = int(query.get("port", [str(parts.port or PORT)])[0])
        # A folder with the server's socket, or a host.
        self._server = query.get("host", [parts.hostname or "127.0.0.1"])[0], port
        self._folder = Path(tempfile.mkdtemp(prefix="gwdoor"))
        self.url = urlunsplit(
            parts._replace(netloc=f"{parts.username or ''}:{parts.password or ''}@", query=f"host={self._folder}")
        )
        self.cuts = 0
        self._cut: Cut | None = None
        self._is_shut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._do(self._begin())

    def shut(self) -> None:
        """End every connection and refuse new ones."""
        self._is_shut = True
        self._do(self._end_connections())

    def open(self) -> None:
        """Let new connections in, and let everything flow."""
        self._is_shut = False
        self._loop.call_soon_threadsafe(self._flows.set)

    def hang(self) -> None:
        """Take connections and what is sent over them, and answer nothing."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def cut_commit(self, when: Cut) -> None:
        """Lose the next COMMIT, or the answer to it."""
        self._cut = when

    def close(self) -> None:
        """End everything."""
        self.shut()
        self.open()
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type]

    async def _begin(self) -> None:
        self._flows.set()
        self._listener = await asyncio.start_unix_server(self._serve, self._folder / f".s.PGSQL.{PORT}")

    async def _stop(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for task in asyncio.all_tasks(self._loop) - {asyncio.current_task()}:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _end_connections(self) -> None:
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_shut:
            writer.close()
            return
        host, port = self._server
        server_reader, server_writer = await (
            asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            if host.startswith("/")
            else asyncio.open_connection(host, port)
        )
        cut = asyncio.Event()
        both = {writer, server_writer}
        self._writers |= both
        try:
            await asyncio.wait(
                [
                    asyncio.ensure_future(self._asked(reader, server_writer, cut)),
                    asyncio.ensure_future(self._answered(server_reader, writer, cut)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self._writers -= both
            for each in both:
                each.close()

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._flows.wait()
                if self._cut is not None and b"COMMIT" in data:
                    when, self._cut = self._cut, None
                    cut.set()
                    if when == "after":
                        writer.write(data)
                        await writer.drain()
                    self.cuts += 1
                    return
                writer.write(data)

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._flows.wait()
                if cut.is_set():
                    return
                writer.write(data)


@contextmanager
def door_to(url: str) -> Iterator[DatabaseProxy]:
    """Open a door to the database of `url`, which names the folder of the server's socket."""
    proxy = DatabaseProxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
