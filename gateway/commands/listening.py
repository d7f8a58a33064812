"""A receiver of events on this machine: a small HTTP server that verifies what comes and hands it over."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from msgspec import Struct
from standardwebhooks import Webhook, WebhookVerificationError

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
READ_SECONDS: Final = 30.0


class Received(Struct, frozen=True, kw_only=True):
    """One delivery: its id, the event (None when it cannot be read), and why it is not what a subscriber takes, if so."""

    message_id: str
    event: dict[str, Any] | None
    problem: str | None


class Receiver:
    """Where deliveries come in: `port` it listens on, `secret` they are verified by once it is known, `deliveries` in their order."""

    def __init__(self) -> None:
        self.port = 0
        self.secret: str | None = None
        self.deliveries: queue.Queue[Received] = queue.Queue()

    def take(self, headers: dict[str, str], body: bytes) -> Received:
        """Verify a delivery (Standard Webhooks) and keep it."""
        received = verified(headers, body, self.secret)
        self.deliveries.put(received)
        return received


def verified(headers: dict[str, str], body: bytes, secret: str | None) -> Received:
    """Return a delivery with what is wrong with it; without a secret no signature is looked at."""
    message_id = headers.get("webhook-id", "")
    problem = None
    if secret is not None:
        try:
            Webhook(secret).verify(body, headers)
        except WebhookVerificationError as error:
            problem = f"its signature is not that of the secret: {error}"
        except ValueError:
            problem = "it is not JSON"
    try:
        event = json.loads(body)
    except ValueError:
        event, problem = None, problem or "it is not JSON"
    if not isinstance(event, dict):
        event, problem = None, problem or "it is not a JSON object"
    return Received(message_id=message_id, event=event, problem=problem)


@contextmanager
def receiving(host: str, port: int) -> Iterator[Receiver]:
    """Listen while this is entered. Raises OSError when the port cannot be had."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        timeout = READ_SECONDS

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
                self.send_error(411 if not length else 413)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = receiver.take(headers, self.rfile.read(int(length)))
            self.send_response(204 if received.problem is None else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: the command shows what came."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
