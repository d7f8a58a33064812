"""`gateway upstreams`: the order systems of a running gateway: which are paused, pause one, resume it; over its own API."""

from __future__ import annotations

from typing import Any, Final

import click

from gateway.commands.client import (
    call,
    client_options,
    optional_reason_option,
    print_table,
    printed_as_json,
    reason_body,
    reason_option,
    table,
)
from gateway.commands.groups import CommandGroup

UPSTREAMS: Final = "/tmf-api/checkoutManagement/v1/upstream"


@click.group(
    cls=CommandGroup,
    epilog="""
\b
Examples:
  gateway upstreams list
  gateway upstreams pause salesforce --reason "release night"
  gateway upstreams resume salesforce
""",
)
def upstreams() -> None:
    """Look at the order systems of a running gateway, pause and resume them."""


@upstreams.command(
    "list",
    epilog="""
\b
Examples:
  gateway upstreams list
""",
)
@client_options
def list_upstreams(*, form: str, **where: Any) -> None:
    """List the order systems, and who paused which of them and why."""
    found = call("GET", UPSTREAMS, {}, **where)
    if printed_as_json(form, found):
        return
    rows = table("upstream", "mapping", "state", "since", "by", "reason")
    for each in found:
        paused = each.get("pause") or {}
        rows.add_row(
            each["id"],
            each["mapping"],
            each["state"],
            *(paused.get(name, "") for name in ("since", "by", "reason")),
        )
    print_table(rows)


@upstreams.command(
    "pause",
    epilog="""
\b
Examples:
  gateway upstreams pause salesforce --reason "release night until six"
""",
)
@click.argument("name", metavar="NAME")
@reason_option
@client_options
def pause(*, name: str, reason: str, form: str, **where: Any) -> None:
    """Call an order system no more until it is resumed. Calls under way come to their end; checkouts are taken as before."""
    _told(call("POST", f"{UPSTREAMS}/{name}/pause", {}, body={"reason": reason}, **where), form)


@upstreams.command(
    "resume",
    epilog="""
\b
Examples:
  gateway upstreams resume salesforce --reason "the release is done"
""",
)
@click.argument("name", metavar="NAME")
@optional_reason_option
@client_options
def resume(*, name: str, reason: str | None, form: str, **where: Any) -> None:
    """Call an order system again; what waited for it goes on at once."""
    _told(call("POST", f"{UPSTREAMS}/{name}/resume", {}, body=reason_body(reason), **where), form)


def _told(upstream: dict[str, Any], form: str) -> None:
    if printed_as_json(form, upstream):
        return
    paused = upstream.get("pause")
    click.echo(
        f"{upstream['id']} is {upstream['state']}"
        + (f" since {paused['since']}, by {paused['by']}: {paused['reason']}" if paused else "")
    )
