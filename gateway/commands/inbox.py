"""`gateway inbox`: the notifications of order systems that a running gateway could not deal with; over its own API."""

from __future__ import annotations

import json
from typing import Any, Final

import click
from rich.markup import escape

from gateway.commands.client import (
    call,
    client_options,
    path_of,
    print_table,
    printed_as_json,
    reason_option,
    say,
    table,
    with_options,
)
from gateway.commands.groups import CommandGroup

INBOX: Final = "/tmf-api/checkoutManagement/v1/inbox"
STATES: Final = ("received", "waiting", "done", "dead")
_PAYLOAD_CHARACTERS_MAX: Final = 4_000


@click.group(
    cls=CommandGroup,
    epilog="""
\b
Examples:
  gateway inbox list
  gateway inbox replay 3f1c0b7a4d1e4b0f9a6c8d7e5f4a3b2c --reason "the mapping is corrected"
  gateway inbox replay --upstream crm --reason "the mapping is corrected" --yes
""",
)
def inbox() -> None:
    """Look at notifications that were not dealt with, replay them, or set them aside."""


def filter_options(function: Any) -> Any:
    """Add what notifications are found by, passed as `upstream`, `event_type`, `order_id`, `since` and `until`."""
    options = (
        click.option("--upstream", metavar="NAME", help="Only those of this order system."),
        click.option("--event-type", metavar="NAME", help="Only this event, as it names itself."),
        click.option("--order", "order_id", metavar="ID", help="Only those about this order."),
        click.option("--since", metavar="TIME", help="Only those that came not before it (2026-12-01T08:00:00Z)."),
        click.option("--until", metavar="TIME", help="Only those that came before it."),
    )
    return with_options(options, function)


state_option = click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="Only those in this state; may be repeated."
)


@inbox.command(
    "list",
    epilog="""
\b
Examples:
  gateway inbox list
  gateway inbox list --state dead --upstream crm --format json
""",
)
@state_option
@filter_options
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most, the newest first."
)
@client_options
def list_inbox(*, limit: int, form: str, **given: Any) -> None:
    """List notifications, newest first; those that were dealt with only when --state asks for them."""
    query: dict[str, str | None] = {**_filter(given), "limit": str(limit)}
    found = call("GET", INBOX, query, **given)
    if printed_as_json(form, found):
        return
    rows = table("id", "upstream", "event", "order", "its state", "state", "received", "reason")
    for each in found:
        order = each.get("productOrder") or {}
        cells = (order.get("id"), order.get("state"), each["state"], each["receivedDate"], each.get("statusReason"))
        named = (each["id"], each["upstream"], each.get("eventType"))
        rows.add_row(*("" if cell is None else escape(str(cell)) for cell in (*named, *cells)))
    print_table(rows)


@inbox.command(
    "show",
    epilog="""
\b
Examples:
  gateway inbox show 3f1c0b7a4d1e4b0f9a6c8d7e5f4a3b2c
""",
)
@click.argument("notification_id", metavar="ID")
@client_options
def show(*, notification_id: str, form: str, **where: Any) -> None:
    """Show one notification with its body."""
    _show(call("GET", _path(notification_id), {}, **where), form)


@inbox.command(
    "replay",
    epilog="""
\b
Examples:
  gateway inbox replay 3f1c0b7a4d1e4b0f9a6c8d7e5f4a3b2c --reason "the mapping is corrected"
  gateway inbox replay --upstream crm --reason "the mapping is corrected"
  gateway inbox replay --upstream crm --reason "the mapping is corrected" --yes
""",
)
@click.argument("notification_id", metavar="[ID]", required=False)
@state_option
@filter_options
@reason_option
@click.option("--yes", is_flag=True, help="Without an ID: do it. Otherwise they are only counted.")
@client_options
def replay(*, notification_id: str | None, reason: str, form: str, **given: Any) -> None:
    """Let a notification be looked at as if it had come just now; without ID all dead ones that the filter finds."""
    _act("replay", notification_id, reason, form, given)


@inbox.command(
    "dismiss",
    epilog="""
\b
Examples:
  gateway inbox dismiss 3f1c0b7a4d1e4b0f9a6c8d7e5f4a3b2c --reason "an order of another system"
  gateway inbox dismiss --upstream crm --until 2026-12-01T00:00:00Z --reason "known, CRM case 77" --yes
""",
)
@click.argument("notification_id", metavar="[ID]", required=False)
@state_option
@filter_options
@reason_option
@click.option("--yes", is_flag=True, help="Without an ID: do it. Otherwise they are only counted.")
@client_options
def dismiss(*, notification_id: str | None, reason: str, form: str, **given: Any) -> None:
    """Set a notification aside as dealt with; without ID all dead ones that the filter finds."""
    _act("dismiss", notification_id, reason, form, given)


def _act(action: str, notification_id: str | None, reason: str, form: str, given: dict[str, Any]) -> None:
    query = _filter(given)
    yes: bool = given.pop("yes")
    if notification_id is not None:
        if query or yes:
            raise click.UsageError("An ID is one notification: leave the filter and --yes out.")
        _show(call("POST", f"{_path(notification_id)}/{action}", {}, body={"reason": reason}, **given), form)
        return
    body = {**query, "reason": reason, "dryRun": not yes}
    result = call("POST", f"{INBOX}/{action}", {}, body=body, **given)
    if form == "json":
        click.echo(json.dumps(result, indent=2))
    elif not yes:
        say(f"{result['matched']} notifications; repeat with --yes to {action} them")
    else:
        done = result["replayed"] + result["dismissed"]
        nameless = f", {result['namesNoOrder']} name no order" if result["namesNoOrder"] else ""
        did = {"replay": "replayed", "dismiss": "dismissed"}[action]
        say(f"{done} of {result['matched']} {did}{nameless}")
        if result["left"]:
            say(f"{result['left']} are left; repeat the command")


def _filter(given: dict[str, Any]) -> dict[str, str]:
    """Take what notifications are found by out of the options; return it as the API calls it."""
    query = {
        "state": ",".join(given.pop("states")) or None,
        "upstream": given.pop("upstream"),
        "eventType": given.pop("event_type"),
        "productOrder.id": given.pop("order_id"),
        "since": given.pop("since"),
        "until": given.pop("until"),
    }
    return {name: value for name, value in query.items() if value is not None}


def _path(notification_id: str) -> str:
    return path_of(INBOX, notification_id, "gateway inbox list")


def _show(notification: dict[str, Any], form: str) -> None:
    if printed_as_json(form, notification):
        return
    order = notification.get("productOrder") or {}
    reason = f": {notification['statusReason']}" if notification.get("statusReason") else ""
    lines = {
        "notification": notification["id"],
        "state": notification["state"] + reason,
        "upstream": notification["upstream"],
        "event": f"{notification.get('eventType') or ''} {notification['eventId']}".strip(),
        "order": f"{order.get('id') or ''} {order.get('state') or ''}".strip(),
        "received": notification["receivedDate"],
        "next attempt": notification.get("nextAttemptAt") or "",
    }
    for label, value in lines.items():
        say(f"{label:<14}{value}".rstrip())
    for note in notification.get("note", []):
        say(f"{note['kind']:<14}{note['text']}")
    click.echo(json.dumps(notification["payload"], indent=2, ensure_ascii=False)[:_PAYLOAD_CHARACTERS_MAX])
