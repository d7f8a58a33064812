"""`gateway serve`: the API in one process, with the submission worker unless the settings say otherwise."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click
import uvicorn

from gateway.commands.common import calm_collector, config_option, configuration, progress, share_interpreter
from gateway.commands.protocol import protocol_with
from gateway.commands.recovering import recover, recover_option
from gateway.commands.schema import ready_schema
from gateway.errors import OperatorError
from gateway.logs import configure_logging
from gateway.runtime import gateway_app
from gateway.settings import ServerSettings
from gateway.upstream.reloading import note_hangups

BACKLOG: Final = 2048
# What a stop may take beyond drain_seconds: closing the database and the sockets.
CLOSING_SECONDS: Final = 10.0


class GatewayServer(uvicorn.Server):
    """uvicorn, which tells when it listens, and for which being asked to stop is a good end (exit code 0)."""

    drain_seconds: float = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, listen, and say so: one line on stdout that a script can wait for."""
        try:
            await super().startup(sockets)
        except SystemExit:
            # The application did not start, and logged why; uvicorn's own exit code is another.
            raise SystemExit(1) from None
        if self.started and sockets:
            click.echo(f"gateway ready on {address_of(sockets[0])}")
            sys.stdout.flush()
            progress("Ctrl-C stops it, after the calls in flight.")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT while serving; uvicorn would send itself the signal again at the end."""
        signals = (signal.SIGTERM, signal.SIGINT)
        before = {each: signal.signal(each, self.handle_exit) for each in signals}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second signal does not wait for calls in flight (they are found again at the next start)."""
        if self.should_exit:
            self.force_exit = True
            return
        super().handle_exit(sig, frame)
        # A call that does not end must not keep the process: what is in flight was recorded before it was sent.
        timer = threading.Timer(self.drain_seconds + CLOSING_SECONDS, os._exit, (0,))
        timer.daemon = True
        timer.start()


def server_config(app: Any, settings: ServerSettings, *, proxy_headers: bool = True) -> uvicorn.Config:
    """Return how uvicorn serves the application.

    Without `proxy_headers` nothing that a proxy says of its client replaces who connected.
    """
    return uvicorn.Config(
        app,
        http=protocol_with(settings.head_bytes_max, settings.receive_seconds),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=proxy_headers,
        lifespan="on",
        backlog=BACKLOG,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
    )


def address_of(listener: socket.socket) -> str:
    """Return `http://HOST:PORT` of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(settings: ServerSettings) -> socket.socket:
    """Take the port, before anything else is done. Raises OperatorError when that cannot be."""
    listener: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise OperatorError(
            f"server: cannot listen on {settings.host} port {settings.port}: {error.strerror}"
        ) from None
    return listener


@click.command(
    epilog="""
\b
Examples:
  gateway serve
  gateway serve --config config/examples/salesforce-postgresql.toml
  gateway serve --port 0
  GATEWAY_UPSTREAMS__LOCAL__BASE_URL=http://127.0.0.1:8622/tmf-api/productOrderingManagement/v4 \\
  GATEWAY_UPSTREAMS__LOCAL__MAPPING=tmf622-v4 gateway serve
"""
)
@config_option
@recover_option
@click.option("--host", help="Address to listen on.  [default: server.host, 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 picks a free one.  [default: server.port, 8663]")
def serve(config_path: Path | None, host: str | None, port: int | None, recover_since: datetime | None) -> None:
    """Run the API, and the submission worker with it.

    Prints `gateway ready on http://HOST:PORT` when it listens. Ends on SIGTERM or Ctrl-C, after the calls in flight,
    within server.drain_seconds. Refuses to start (exit code 1) with unsafe settings, mistakes in a mapping file, or a
    database whose schema is behind; an embedded SQLite file gets its schema by itself.
    """
    note_hangups()
    settings, mappings = configuration(config_path, host=host, port=port)
    configure_logging(settings.log)
    ready_schema(settings.storage)
    recover(settings, mappings, recover_since)
    app = gateway_app(settings, mappings)
    calm_collector()
    share_interpreter()
    listener = listen(settings.server)
    # Whose header of certificates is believed is known by who connected.
    behind_proxy = bool(settings.security.client_certificate.subject_header)
    server = GatewayServer(server_config(app, settings.server, proxy_headers=not behind_proxy))
    server.drain_seconds = settings.server.drain_seconds
    server.run(sockets=[listener])
