"""`gateway events`: see what a subscriber gets, send it again, try a subscriber out; over the API of a running gateway."""

from __future__ import annotations

import json
import queue
import signal
import sys
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import click

from gateway.clock import timestamp_text
from gateway.commands.client import call, client_options, path_of, printed_as_json
from gateway.commands.common import progress
from gateway.commands.groups import CommandGroup
from gateway.commands.listening import Received, Receiver, receiving
from gateway.commands.subscriptions import SUBSCRIPTIONS
from gateway.commands.times import Since
from gateway.errors import OperatorError
from gateway.hub.model import APIS, CHECKOUT_V1

WAIT_SECONDS: Final = 0.2
_HUBS: Final = {
    f"{api.resource}-{'r17' if api.path.startswith('/shoppingCart/v1') else api.version}": api for api in APIS
}
_HINT: Final = (
    "A gateway posts to addresses that its settings allow: for a receiver on this machine set hub.allow_http = true, hub.allowed_ports = []"
    ' and hub.allowed_networks = ["127.0.0.0/8"] there; or give --callback the https address of a tunnel that leads to this port.'
)


@click.group(
    cls=CommandGroup,
    epilog="""
\b
Examples:
  gateway events listen
  gateway events resend 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c --since 2h
  gateway events test 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c
""",
)
def events() -> None:
    """See what a subscriber of a running gateway gets, send events again, try a subscriber out."""


@events.command(
    "listen",
    epilog="""
\b
Examples:
  gateway events listen
  gateway events listen --hub shoppingCart-v4 --query "eventType=ShoppingCartCreateEvent" --count 1
  gateway events listen --port 9000 --callback https://abc.tunnel.example.com --url https://gateway.example.com
""",
)
@click.option(
    "--hub",
    type=click.Choice(list(_HUBS)),
    default=f"{CHECKOUT_V1.resource}-{CHECKOUT_V1.version}",
    show_default=True,
    help="Whose events.",
)
@click.option("--query", metavar="QUERY", help="Which events, and what of them, as a subscription says it.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on.  [default: a free one]")
@click.option(
    "--callback", metavar="URL", help="What the gateway posts to.  [default: http, with the address and the port]"
)
@click.option(
    "--count", type=click.IntRange(1), metavar="N", help="End after this many events.  [default: Ctrl-C ends it]"
)
@client_options
def listen(
    *,
    hub: str,
    query: str | None,
    host: str,
    port: int,
    callback: str | None,
    count: int | None,
    form: str,
    **where: Any,
) -> None:
    """Print and verify events as a subscriber gets them.

    Listens on this machine, subscribes, prints each event once its signature was verified (Standard Webhooks), and unsubscribes at
    the end. With `--format json` an event is a line. Exits 1 when a delivery could not be verified.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    path = _HUBS[hub].path
    try:
        with receiving(host, port) as receiver:
            address = callback or f"http://{f'[{host}]' if ':' in host else host}:{receiver.port}"
            body = {"callback": address} | ({"query": query} if query else {})
            made = _subscribe(path, body, where)
            try:
                receiver.secret = made["secret"]
                progress(f"Subscribed as {made['id']}: {address} is told. Ctrl-C ends this.")
                is_good = _follow(receiver, count, form)
            finally:
                call("DELETE", f"{path}/{made['id']}", {}, **where)
    except OSError as error:
        raise OperatorError(f"{host}:{port}: cannot be listened on: {error.strerror}") from None
    sys.exit(0 if is_good else 1)


def _subscribe(path: str, body: dict[str, str], where: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(call("POST", path, {}, body=body, **where))
    except OperatorError as error:
        is_local = urlsplit(body["callback"]).scheme == "http"
        raise OperatorError(f"{error}\n{_HINT}" if "callback" in str(error) and is_local else str(error)) from None


def _follow(receiver: Receiver, count: int | None, form: str) -> bool:
    """Print what comes until there were `count` events, or Ctrl-C; return whether everything was verified."""
    seen: set[str] = set()
    is_good = True
    try:
        while count is None or len(seen) < count:
            try:
                received = receiver.deliveries.get(timeout=WAIT_SECONDS)
            except queue.Empty:
                continue
            if received.problem is not None:
                click.echo(f"not verified: {received.message_id or 'without webhook-id'}: {received.problem}", err=True)
                is_good = False
            else:
                _print(received, form, is_again=received.message_id in seen)
                seen.add(received.message_id)
    except KeyboardInterrupt:
        # The way out when no count was given.
        pass
    return is_good


def _print(received: Received, form: str, *, is_again: bool) -> None:
    event = received.event or {}
    if form == "json":
        click.echo(json.dumps(event, ensure_ascii=False))
    else:
        inside: dict[str, Any] = event.get("event") or {"": {}}
        name, about = next(iter(inside.items()))
        state = about.get("state") or about.get("checkoutState") or ""
        again = "  (again)" if is_again else ""
        click.echo(
            f"{event.get('eventTime', '')}  {event.get('eventType', '')}  {name} {about.get('id', '')}  {state}".rstrip()
            + again
        )
    sys.stdout.flush()


@events.command(
    "resend",
    epilog="""
\b
Examples:
  gateway events resend 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c --since 2h
  gateway events resend 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c --since 2026-12-01T00:00:00Z
""",
)
@click.argument("subscription_id", metavar="SUBSCRIPTION")
@click.option(
    "--since", metavar="TIME", type=Since(), required=True, help="From when on: a time, or how long ago (30m, 2h, 7d)."
)
@client_options
def resend(*, subscription_id: str, since: datetime, form: str, **where: Any) -> None:
    """Send a subscriber the events since a time again, as far as they are kept (hub.kept_days).

    What comes again has the `webhook-id` that it had. A subscription that was switched off goes on from that time.
    """
    path = f"{path_of(SUBSCRIPTIONS, subscription_id, 'gateway subscriptions list')}/resend"
    resent = call("POST", path, {}, body={"since": timestamp_text(since)}, **where)
    if printed_as_json(form, resent):
        return
    first = f", the first of {resent['firstEvent']}" if "firstEvent" in resent else ""
    click.echo(f"{resent['events']} events are sent again{first}")


@events.command(
    "test",
    epilog="""
\b
Examples:
  gateway events test 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c
  gateway events test 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c --event CheckoutStateChangeEvent
""",
)
@click.argument("subscription_id", metavar="SUBSCRIPTION")
@click.option("--event", "event_type", metavar="NAME", help="Which event.  [default: the first that its hub has]")
@client_options
def test(*, subscription_id: str, event_type: str | None, form: str, **where: Any) -> None:
    """Post a sample of an event to a subscriber now, and tell what it answered; exits 1 when it was not taken."""
    path = f"{path_of(SUBSCRIPTIONS, subscription_id, 'gateway subscriptions list')}/test"
    told = call("POST", path, {}, body={"eventType": event_type} if event_type else {}, **where)
    if form == "json":
        click.echo(json.dumps(told, indent=2))
    else:
        why = f": {told['detail']}" if "detail" in told else ""
        click.echo(
            f"{told['eventType']} {told['eventId']} {told['outcome']} in {told['milliseconds']:g} ms by {told['callback']}{why}"
        )
    sys.exit(0 if told["outcome"] == "taken" else 1)
