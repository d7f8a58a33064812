"""`gateway checkouts`: look at the checkouts of a running gateway, and decide about them, over its own API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import click
from rich.markup import escape

from gateway.clock import timestamp_text, utc_now
from gateway.commands.checkout_printing import show_checkout
from gateway.commands.client import (
    call,
    call_list,
    client_options,
    optional_reason_option,
    path_of,
    print_table,
    printed_as_json,
    reason_body,
    reason_option,
    table,
)
from gateway.commands.groups import CommandGroup
from gateway.commands.times import Since, age
from gateway.commands.tracing import history, trace

CHECKOUTS: Final = "/tmf-api/checkoutManagement/v1/checkout"


@click.group(
    cls=CommandGroup,
    epilog="""
\b
Examples:
  gateway checkouts list --state held
  gateway checkouts show 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c
""",
)
def checkouts() -> None:
    """Look at the checkouts of a running gateway."""


@checkouts.command(
    "list",
    epilog="""
\b
Examples:
  gateway checkouts list
  gateway checkouts list --state held --format json
  gateway checkouts list --order 00004122 --url https://gateway.example.com
  gateway checkouts list --external-id WEB-1
  gateway checkouts list --upstream crm --since 2h
""",
)
@click.option("--state", "states", multiple=True, help="Only checkouts in this state; may be repeated.")
@click.option("--cart", "cart_id", metavar="ID", help="Only those of this cart.")
@click.option("--order", "order_id", metavar="ID", help="Only those of this product order, also one that was given up.")
@click.option("--external-id", metavar="ID", help="Only those of this id of the channel's own.")
@click.option("--upstream", metavar="NAME", help="Only those of this order system.")
@click.option(
    "--since", metavar="TIME", type=Since(), help="Only those made since then: a time, or how long ago (30m, 2h, 7d)."
)
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most, the newest first."
)
@client_options
def list_checkouts(  # noqa: PLR0913 - each option of a command is a parameter
    *,
    states: tuple[str, ...],
    cart_id: str | None,
    order_id: str | None,
    external_id: str | None,
    upstream: str | None,
    since: datetime | None,
    limit: int,
    form: str,
    **where: Any,
) -> None:
    """List checkouts, newest first; how many more there are is told on stderr."""
    query = {
        "state": ",".join(states) if states else None,
        "shoppingCart.id": _quoted(cart_id),
        "productOrder.id": _quoted(order_id),
        "externalId": _quoted(external_id),
        "upstream": _quoted(upstream),
        "creationDate.gte": timestamp_text(since) if since is not None else None,
        "limit": str(limit),
    }
    page = call_list(CHECKOUTS, {key: value for key, value in query.items() if value is not None}, **where)
    if page.more:
        click.echo(page.more, err=True)
    if printed_as_json(form, page.found):
        return
    now = utc_now()
    rows = table("checkout", "state", "age", "steps", "upstream", "external id", "order", "order state", "reason")
    for each in page.found:
        order, progress = each.get("productOrder") or {}, each["progress"]
        rows.add_row(
            each["id"],
            each["state"],
            age(each.get("creationDate"), now),
            f"{progress['stepsDone']}/{progress['stepsTotal']}",
            each["upstream"],
            escape(each.get("externalId") or ""),
            order.get("id") or "",
            order.get("state") or "",
            escape(each["statusReason"] or ""),
        )
    print_table(rows)


def _quoted(value: str | None) -> str | None:
    """Return a value as the list takes it whole, whatever characters it holds."""
    return f'"{value}"' if value and ("," in value or value != value.strip()) else value


@checkouts.command(
    "show",
    epilog="""
\b
Examples:
  gateway checkouts show 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c
  gateway checkouts show 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c --format json
""",
)
@click.argument("checkout_id", metavar="ID")
@client_options
def show(*, checkout_id: str, form: str, **where: Any) -> None:
    """Show one checkout: its state and why, each call and its outcome, each item and its order line, the findings."""
    show_checkout(call("GET", _path(checkout_id), {}, **where), form)


@checkouts.command(
    "submit",
    epilog="""
\b
Examples:
  gateway checkouts submit 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c
""",
)
@click.argument("checkout_id", metavar="ID")
@client_options
def submit(*, checkout_id: str, form: str, **where: Any) -> None:
    """Submit a draft; for one that is held for its price, accept the figures of its reason (role operator or admin)."""
    show_checkout(call("POST", f"{_path(checkout_id)}/submit", {}, **where), form)


@checkouts.command(
    "cancel",
    epilog="""
\b
Examples:
  gateway checkouts cancel 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c
""",
)
@click.argument("checkout_id", metavar="ID")
@client_options
def cancel(*, checkout_id: str, form: str, **where: Any) -> None:
    """Ask to cancel a checkout: before its order is submitted, or where the order system can cancel a live one."""
    show_checkout(call("POST", f"{_path(checkout_id)}/cancel", {}, **where), form)


@checkouts.command(
    "retry",
    epilog="""
\b
Examples:
  gateway checkouts retry 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c --reason "the order system is repaired"
""",
)
@click.argument("checkout_id", metavar="ID")
@reason_option
@client_options
def retry(*, checkout_id: str, reason: str, form: str, **where: Any) -> None:
    """Go on with a checkout that is held or waits: its order is looked at before anything is sent."""
    show_checkout(call("POST", f"{_path(checkout_id)}/retry", {}, body={"reason": reason}, **where), form)


@checkouts.command(
    "poll",
    epilog="""
\b
Examples:
  gateway checkouts poll 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c --reason "the customer is on the phone"
""",
)
@click.argument("checkout_id", metavar="ID")
@optional_reason_option
@client_options
def poll(*, checkout_id: str, reason: str | None, form: str, **where: Any) -> None:
    """Have the order of a checkout read now."""
    show_checkout(call("POST", f"{_path(checkout_id)}/poll", {}, body=reason_body(reason), **where), form)


@checkouts.command(
    "adopt",
    epilog="""
\b
Examples:
  gateway checkouts adopt 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c 00004122 --reason "made by hand after the outage"
""",
)
@click.argument("checkout_id", metavar="ID")
@click.argument("order_id", metavar="ORDER")
@reason_option
@click.option("--override", is_flag=True, help="Although the order does not hold what was ordered.")
@client_options
def adopt(*, checkout_id: str, order_id: str, reason: str, override: bool, form: str, **where: Any) -> None:
    """Say that ORDER, in the order system, is the order of a held checkout: it is read, compared and followed."""
    body = {"productOrder": {"id": order_id}, "reason": reason, "override": override}
    show_checkout(call("POST", f"{_path(checkout_id)}/adopt", {}, body=body, **where), form)


@checkouts.command(
    "close",
    epilog="""
\b
Examples:
  gateway checkouts close 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c --outcome rejected --reason "ordered by phone, CRM case 77"
""",
)
@click.argument("checkout_id", metavar="ID")
@click.option(
    "--outcome",
    type=click.Choice(["rejected", "cancelled", "completed"]),
    required=True,
    help="How it ended. `rejected` and `cancelled` let go of its cart, after a search for a live order.",
)
@reason_option
@click.option("--override", is_flag=True, help="Although no search can prove that no order of it is live.")
@client_options
def close(*, checkout_id: str, outcome: str, reason: str, override: bool, form: str, **where: Any) -> None:
    """End a checkout that was settled elsewhere."""
    body = {"outcome": outcome, "reason": reason, "override": override}
    show_checkout(call("POST", f"{_path(checkout_id)}/close", {}, body=body, **where), form)


checkouts.add_command(trace)
checkouts.add_command(history)


def _path(checkout_id: str) -> str:
    return path_of(CHECKOUTS, checkout_id, "gateway checkouts list")
