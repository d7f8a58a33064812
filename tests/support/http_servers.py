"""Small HTTP servers on a free port of loopback, in a thread: what answers the code under test over a real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class SilentHandler(BaseHTTPRequestHandler):
    """A handler that answers JSON and logs nothing."""

    def answer(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        """Answer with `document` as JSON."""
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve with `handler` and give the server's URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def answering(document: Any, at: str) -> Iterator[str]:
    """Answer each GET of a path that ends in `at` with `document`, any other one with 404; give the server's URL."""

    class Handler(SilentHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            self.answer(200 if path.endswith(at) else 404, document)

    with served(Handler) as url:
        yield url
