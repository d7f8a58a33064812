"""`gateway subscriptions`: who is told of events, how far each is, what failed last; over the API of a running gateway."""

from __future__ import annotations

from typing import Any, Final

import click
from rich.markup import escape

from gateway.clock import utc_now
from gateway.commands.client import call, call_list, client_options, path_of, print_table, printed_as_json, say, table
from gateway.commands.groups import CommandGroup
from gateway.commands.times import age

SUBSCRIPTIONS: Final = "/tmf-api/checkoutManagement/v1/subscription"


@click.group(
    cls=CommandGroup,
    epilog="""
\b
Examples:
  gateway subscriptions list
  gateway subscriptions show 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c
""",
)
def subscriptions() -> None:
    """Look at the subscriptions of a running gateway: who is told, how far each is, what failed last."""


@subscriptions.command(
    "list",
    epilog="""
\b
Examples:
  gateway subscriptions list
  gateway subscriptions list --format json --url https://gateway.example.com
""",
)
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most, the oldest first."
)
@client_options
def list_subscriptions(*, limit: int, form: str, **where: Any) -> None:
    """List the subscriptions at the hubs of every API, oldest first."""
    page = call_list(SUBSCRIPTIONS, {"limit": str(limit)}, **where)
    if page.more:
        click.echo(page.more, err=True)
    if printed_as_json(form, page.found):
        return
    now = utc_now()
    rows = table("subscription", "hub", "client", "callback", "state", "waiting", "oldest", "dropped", "last failure")
    for each in page.found:
        rows.add_row(
            each["id"],
            each["hub"],
            escape(each.get("client") or ""),
            escape(each["callback"]),
            each["state"],
            str(each["eventsWaiting"]),
            age(each.get("oldestEventWaiting"), now),
            str(each["eventsDropped"]),
            escape(_failure(each)),
        )
    print_table(rows)


@subscriptions.command(
    "show",
    epilog="""
\b
Examples:
  gateway subscriptions show 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c
  gateway subscriptions show 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c --format json
""",
)
@click.argument("subscription_id", metavar="ID")
@client_options
def show(*, subscription_id: str, form: str, **where: Any) -> None:
    """Show one subscription: what it asked for, how far it is, and which carts and checkouts are held up."""
    found = call("GET", path_of(SUBSCRIPTIONS, subscription_id, "gateway subscriptions list"), {}, **where)
    if printed_as_json(form, found):
        return
    told = {
        "subscription": found["id"],
        "hub": found["hub"],
        "client": found.get("client"),
        "told of": f"what {found['ownerScope']} made" if "ownerScope" in found else None,
        "callback": found["callback"],
        "query": found.get("query"),
        "state": found["state"] + (f": {found['statusReason']}" if found.get("statusReason") else ""),
        "created": found.get("creationDate"),
        "waiting": f"{found['eventsWaiting']} events",
        "oldest": found.get("oldestEventWaiting"),
        "dropped": f"{found['eventsDropped']} events",
        "last success": found.get("lastSuccess"),
        "last failure": _failure(found) or None,
        "failing since": found.get("failingSince"),
    }
    for label, value in told.items():
        if value:
            say(f"{label:<15}{value}")
    if found["waitingResource"]:
        rows = table("held up", "attempts", "since", "next attempt")
        for each in found["waitingResource"]:
            rows.add_row(each["id"], str(each["attempts"]), each["since"], each["nextAttemptAt"])
        print_table(rows)


def _failure(found: dict[str, Any]) -> str:
    return f"{found['lastFailure']}: {found.get('lastFailureReason') or ''}" if found.get("lastFailure") else ""
