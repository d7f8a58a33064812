"""A checkout as `gateway checkouts` prints it."""

from __future__ import annotations

import click
from rich.markup import escape

from gateway.commands.client import (
    print_table,
    printed_as_json,
    say,
    table,
)
from gateway.documents import JsonObject


def _show_head(checkout: JsonObject) -> None:
    for label, name in (("created", "creationDate"), ("external id", "externalId")):
        if checkout.get(name):
            say(f"{label:<14}{checkout[name]}")
    parties = [f"{each.get('id')} ({each.get('role')})" for each in checkout.get("relatedParty") or []]
    if parties:
        say(f"party         {', '.join(parties)}")
    if next_attempt := (checkout.get("reason") or {}).get("nextAttemptAt"):
        say(f"next attempt  {next_attempt}")
    if checkout.get("cancelRequested") and checkout["state"] != "cancelled":
        click.echo("asked         to cancel")
    elif checkout.get("submit") and checkout["state"] == "draft":
        click.echo("asked         to submit")


def _show_other_ids(checkout: JsonObject) -> None:
    if remainder := (checkout["shoppingCart"] or {}).get("remainder"):
        say(f"remainder     {remainder['id']} (the cart of what was saved for later)")
    for given_up in checkout.get("abandonedOrder", []):
        say(f"given up      {given_up['id'] or given_up['externalId']} ({given_up['state']})")


def show_checkout(checkout: JsonObject, form: str) -> None:
    """Print a checkout as the person asked for it: as JSON, or what it is and what was done for it."""
    if printed_as_json(form, checkout):
        return
    order = checkout.get("productOrder") or {}
    say(f"checkout      {checkout['id']}")
    say(f"state         {checkout['state']}{_because(checkout)}")
    _show_head(checkout)
    say(f"cart          {(checkout['shoppingCart'] or {}).get('id') or ''}")
    _show_other_ids(checkout)
    say(f"upstream      {checkout['upstream']}")
    say(f"order         {order.get('id') or ''} {order.get('state') or ''}".rstrip())
    say(f"marker        {order.get('externalId') or ''}")
    steps = table("step", "generation", "kind", "state", "attempts", "items", "started", "ended", "detail")
    for step in checkout["step"]:
        steps.add_row(*_cells(step, "sequence generation kind state attempts itemCount startedAt endedAt detail"))
    print_table(steps)
    items = table("cart item", "order item", "order line", "state")
    for item in checkout["item"]:
        items.add_row(*_cells(item, "cartItemId productOrderItemId orderLineItemId state"))
    print_table(items)
    for deed in checkout.get("history") or []:
        # Calls stand in the table of steps; `gateway checkouts history` shows everything.
        if deed["kind"] not in {"action", "event"}:
            continue
        say(f"{deed['at']}  {deed['by']}  {deed.get('action') or deed['kind']}  {deed.get('detail') or ''}".rstrip())
    measured = checkout.get("upstreamCapability")
    if measured:
        say(f"measured      {measured['measuredAt']} by gateway {measured['release']}")
        for each in measured["contradiction"]:
            say(f"  {each['name']} {each['verdict']}: {escape(each['detail'])}")
    for finding in checkout["finding"]:
        say(f"{finding['severity']}: {finding['path']}: {finding['message']} [{finding['code']}]")


def _because(checkout: JsonObject) -> str:
    return f": {checkout['statusReason']}" if checkout.get("statusReason") else ""


def _cells(row: JsonObject, names: str) -> list[str]:
    return ["" if row.get(name) is None else escape(str(row[name])) for name in names.split()]
