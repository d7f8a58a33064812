"""`gateway checkouts trace` and `history`: from any id to everything around it, and what happened to a checkout."""

from __future__ import annotations

import json
from typing import Any, Final

import click
from rich.markup import escape

from gateway.commands.client import (
    call,
    call_bytes,
    call_list,
    client_options,
    path_of,
    print_table,
    printed_as_json,
    say,
    table,
    where_options,
)

ROOT: Final = "/tmf-api/checkoutManagement/v1"
CHECKOUTS: Final = f"{ROOT}/checkout"
PAGE_ITEMS: Final = 1_000
_COLUMNS: Final = ("at", "kind", "by", "action", "outcome", "ms", "bytes", "times", "detail")


@click.command(
    "trace",
    epilog="""
\b
Examples:
  gateway checkouts trace 00004122
  gateway checkouts trace shop-request-77
  gateway checkouts trace 7f3a0b7a4d1e4b0f9a6c8d7e5f4a3b2c --cart-item 2
  gateway checkouts trace CD000001 --limit 5 --format json
""",
)
@click.argument("any_id", metavar="ANYID")
@click.option("--cart-item", metavar="ID", help="An item of the cart that ANYID names.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most, the latest first."
)
@client_options
def trace(*, any_id: str, cart_item: str | None, limit: int, form: str, **where: Any) -> None:
    """Tell everything around one id: of a cart, a checkout, an order, a line, a customer or a request."""
    query: dict[str, str | None] = {
        "id": any_id,
        "limit": str(limit),
        **({"cartItem.id": cart_item} if cart_item else {}),
    }
    found = call("GET", f"{ROOT}/trace", query, **where)
    if printed_as_json(form, found):
        return
    say(f"{found['id']} is known as {', '.join(found['foundBy'])}")
    carts = table("cart", "version", "state", "checkout", "last update")
    for cart in found["shoppingCart"]:
        cells = (
            cart["id"],
            cart["version"],
            cart["checkoutState"],
            (cart.get("checkout") or {}).get("id"),
            cart["lastUpdate"],
        )
        carts.add_row(*map(_cell, cells))
    print_table(carts)
    checkouts = table(
        "checkout", "state", "external id", "correlation id", "order", "order state", "next attempt", "reason"
    )
    for each in found["checkout"]:
        order, reason = each.get("productOrder") or {}, each.get("reason") or {}
        told = (
            *(each["id"], each["state"], each["externalId"], each["correlationId"]),
            *(order.get("id"), order.get("state"), reason.get("nextAttemptAt"), each["statusReason"]),
        )
        checkouts.add_row(*map(_cell, told))
    print_table(checkouts)
    for order in found["abandonedOrder"]:
        say(
            f"given up      {order['id'] or order['externalId']} ({order['state']}) of checkout {order['checkout']['id']}"
        )
    for item in found["item"]:
        line = item["orderLineItemId"] or "no line yet"
        say(f"item          {item['cartItemId']} is {line} ({item['state'] or 'no state'})")
    for event in found["event"]:
        say(f"event         {event['receivedAt']} {event['eventType'] or ''} {event['state']}: {event['detail'] or ''}")


@click.command(
    "history",
    epilog="""
\b
Examples:
  gateway checkouts history 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c
  gateway checkouts history 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c --format csv > history.csv
  gateway checkouts history --state held --format jsonl > held.jsonl
  gateway checkouts history 0f3c2b7a4d1e4b0f9a6c8d7e5f4a3b2c --payload 0006618340118952c1dabf4dbda6437e
""",
)
@click.argument("checkout_id", metavar="[ID]", required=False)
@click.option("--state", "states", multiple=True, help="Of all checkouts in this state; may be repeated.")
@click.option("--upstream", metavar="NAME", help="Of all checkouts of this order system.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=PAGE_ITEMS,
    show_default=True,
    help="How many checkouts at most, the newest first.",
)
@click.option(
    "--payload", metavar="ENTRY", help="The body of this entry, without personal data (role operator or admin)."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "jsonl"]),
    default="table",
    show_default=True,
    help="Output; csv and jsonl are for files.",
)
@where_options
def history(
    *,
    checkout_id: str | None,
    states: tuple[str, ...],
    upstream: str | None,
    limit: int,
    payload: str | None,
    form: str,
    **where: Any,
) -> None:
    """Tell what happened to a checkout, or to all that a filter finds: calls, answers, notifications, reads, what people asked for."""
    filters = {"state": ",".join(states) if states else None, "upstream": upstream}
    query: dict[str, str | None] = {name: value for name, value in filters.items() if value is not None}
    if (checkout_id is None) == (not query) or (payload and checkout_id is None):
        raise click.UsageError("Give the ID of one checkout, or --state or --upstream for those of several.")
    if checkout_id is None:
        path, query = f"{CHECKOUTS}/history", {**query, "limit": str(limit)}
    else:
        path = f"{path_of(CHECKOUTS, checkout_id, 'gateway checkouts list')}/history"
    if payload:
        entry = path_of(path, payload, "gateway checkouts history ID --format json")
        click.echo(json.dumps(call("GET", f"{entry}/payload", {}, **where), indent=2))
        return
    if form in {"csv", "jsonl"}:
        click.echo(call_bytes(path, {**query, "format": form}, **where), nl=False)
        return
    found = _whole(path, where) if checkout_id is not None else call("GET", path, query, **where)
    if printed_as_json(form, found):
        return
    rows = table(*(() if checkout_id is not None else ("checkout",)), *_COLUMNS)
    for happened in found:
        cells = [
            happened.get(name)
            for name in ("at", "kind", "by", "action", "outcome", "milliseconds", "byteCount", "times", "detail")
        ]
        rows.add_row(*map(_cell, cells if checkout_id is not None else [happened["checkout"]["id"], *cells]))
    print_table(rows)


def _whole(path: str, where: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every entry of one history."""
    found: list[dict[str, Any]] = []
    while True:
        page = call_list(path, {"limit": str(PAGE_ITEMS), "offset": str(len(found))}, **where)
        found += page.found
        if not page.found or len(found) >= page.total:
            return found


def _cell(value: Any) -> str:
    return "" if value is None else escape(str(value))
