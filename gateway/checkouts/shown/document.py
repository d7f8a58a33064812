"""What every view of a checkout begins with, answers and events alike: where it is and why, its cart, its order, the request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.carts.after_order import CARTS_PATH, CHECKOUT_PATH
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.shown.reason_document import reason_of
from gateway.clock import timestamp_text
from gateway.documents import Json, JsonObject

# Attributes that stand in the record, with what the selection of a list may name besides.
OF_THE_RECORD: Final = frozenset(
    {
        *("@type", "id", "href", "state", "statusReason", "reason", "creationDate", "lastUpdate", "externalId"),
        *("correlationId", "traceparent"),
        *("submit", "cancelRequested", "upstream", "mapping", "mappingHash"),
        *("source", "shoppingCart", "productOrder"),
        *("abandonedOrder", "item", "progress", "step", "finding", "history", "upstreamCapability", "actions"),
    }
)


def head(record: CheckoutRecord, asked: Mapping[str, Json], base_url: str) -> JsonObject:
    """Return the Checkout resource without its abandoned orders, items, steps and findings.

    `asked` is the request as it is stored; `base_url` stands before the references ("": they begin with the path).
    """
    return {
        **{name: value for name, value in asked.items() if name not in OF_THE_RECORD},
        "@type": "Checkout",
        "id": record.id,
        "href": f"{base_url}{CHECKOUT_PATH}/{record.id}",
        "state": record.state,
        "statusReason": record.status_reason,
        "reason": reason_of(record),
        "creationDate": timestamp_text(record.created_at),
        "lastUpdate": timestamp_text(record.updated_at),
        "externalId": record.external_id,
        "correlationId": record.correlation_id,
        "traceparent": record.trace_parent,
        "submit": record.submit,
        "cancelRequested": record.cancel_requested,
        "upstream": record.upstream,
        "mapping": record.mapping,
        "mappingHash": record.mapping_hash,
        "source": record.source,
        "shoppingCart": _cart(record, base_url),
        "productOrder": _order(record),
        "progress": {"stepsTotal": record.steps_total, "stepsDone": record.step},
    }


def _cart(record: CheckoutRecord, base_url: str) -> dict[str, Any] | None:
    """Return the reference to the cart, None for an order that came ready.

    `remainder` is the cart in which the items go on that were saved for later.
    """
    if record.source != "shoppingCart":
        return None
    cart: dict[str, Any] = {"id": record.cart_id}
    if record.cart_version is not None:
        cart |= {"href": f"{base_url}{CARTS_PATH}/{record.cart_id}", "version": record.cart_version}
    if record.remainder_cart_id is not None:
        href = f"{base_url}{CARTS_PATH}/{record.remainder_cart_id}"
        cart["remainder"] = {"id": record.remainder_cart_id, "href": href}
    return cart


def _order(record: CheckoutRecord) -> dict[str, Any] | None:
    """Return what is known of the order; None before the first call was sent."""
    if record.first_sent_at is None:
        return None
    return {
        "id": record.order_id,
        "href": record.order_href,
        "state": record.order_state,
        "upstreamState": record.upstream_state,
        "externalId": record.marker,
    }
