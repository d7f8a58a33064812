"""The resource Trace: everything around an id as one document. Pure but for `complete`, which says what may be done."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from gateway.callers import Caller
from gateway.carts.after_order import CARTS_PATH, CHECKOUT_PATH, checkout_state
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reading.resource import resource
from gateway.checkouts.shown.viewing import complete
from gateway.checkouts.stored.abandoned import GivenUp
from gateway.clock import timestamp_text
from gateway.correlation.around import Around, CartHead, SeenEvent
from gateway.services import Services

TRACE_PATH = f"{CHECKOUT_PATH.rpartition('/')[0]}/trace"


def trace_document(
    asked_id: str,
    kinds: Collection[str],
    around: Around,
    caller: Caller,
    services: Services,
    *,
    cart_item: str | None = None,
) -> dict[str, Any]:
    """Return the Trace of an id: what it is, then carts, checkouts, orders, orders given up, the lines that it names, and events.

    `cart_item` is the item of a cart that is asked for.
    """
    base_url = caller.base_url
    checkouts, orders, given_up, items = [], [], [], []
    for record in around.records:
        abandoned = around.given_up.get(record.id, [])
        shown = resource(
            record, around.documents.get(record.id, {}), around.steps.get(record.id, ()), base_url, abandoned
        )
        complete(shown, record, caller, services)
        checkouts.append(shown)
        of_checkout = {"upstream": record.upstream, "checkout": _reference(record, base_url)}
        if shown["productOrder"] is not None:
            orders.append({**shown["productOrder"], **of_checkout})
        given_up += [{**_abandoned(each), **of_checkout} for each in abandoned]
        wanted, name = (asked_id, "orderLineItemId") if cart_item is None else (cart_item, "cartItemId")
        items += [{**item, "checkout": of_checkout["checkout"]} for item in shown["item"] if item[name] == wanted]
    if cart_item is not None and not items:
        items = [_open_item(cart_item, head, base_url) for head in around.carts if cart_item in head.item_ids]
    return {
        "@type": "Trace",
        "id": asked_id,
        "foundBy": [*([] if cart_item is None else ["cartItem"]), *kinds],
        "shoppingCart": [_cart(head, base_url) for head in around.carts],
        "checkout": checkouts,
        "productOrder": orders,
        "abandonedOrder": given_up,
        "item": items,
        "event": [_event(event) for event in around.events],
    }


def _reference(record: CheckoutRecord, base_url: str) -> dict[str, str]:
    return {"id": record.id, "href": f"{base_url}{CHECKOUT_PATH}/{record.id}"}


def _abandoned(order: GivenUp) -> dict[str, Any]:
    return {"id": order.order_id, "externalId": order.marker, "state": order.state}


def _cart(head: CartHead, base_url: str) -> dict[str, Any]:
    shown = {
        "id": head.id,
        "href": f"{base_url}{CARTS_PATH}/{head.id}",
        "version": head.version,
        "checkoutState": checkout_state(head.checkout_id, ordered=head.ordered),
        "creationDate": timestamp_text(head.created_at),
        "lastUpdate": timestamp_text(head.updated_at),
    }
    if head.checkout_id is not None:
        shown["checkout"] = {"id": head.checkout_id, "href": f"{base_url}{CHECKOUT_PATH}/{head.checkout_id}"}
    return shown


def _open_item(cart_item: str, head: CartHead, base_url: str) -> dict[str, Any]:
    """Return an item of a cart that was not checked out."""
    cart = {"id": head.id, "href": f"{base_url}{CARTS_PATH}/{head.id}"}
    return {
        "cartItemId": cart_item,
        "productOrderItemId": None,
        "orderLineItemId": None,
        "state": None,
        "shoppingCart": cart,
    }


def _event(event: SeenEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "eventType": event.event_type,
        "upstream": event.upstream,
        "productOrder": {"id": event.order_id},
        "state": event.state,
        "attempts": event.attempts,
        "receivedAt": timestamp_text(event.received_at),
        "detail": event.detail,
    }
