"""A sample of every event of every API: written by what writes the real ones, from the examples of the reference. Pure.

The pages of the reference show them, `webhooks` of the OpenAPI document has them as examples, and a test event is one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gateway.documents import JsonObject
from gateway.http.reference.examples import example
from gateway.hub.cart_shape import cart_in_version
from gateway.hub.envelope import Renderer
from gateway.hub.model import Api, Event
from gateway.hub.query import Query, parse_query
from gateway.storage.outbox import (
    CANCELLATION_INFORMATION_REQUIRED,
    CANCELLATION_STATE_CHANGED,
    CANCELLATIONS,
    CART_CHANGED,
    CHECKOUT_CREATED,
    CHECKOUT_DRAFT_EXPIRED,
    CHECKOUT_INFORMATION_REQUIRED,
    CHECKOUT_LIVE_ORDER_FOUND,
    CHECKOUT_STATE_CHANGED,
    ORDER_CHANGED,
    ORDER_CREATED,
    ORDER_DELETED,
    ORDER_ERROR,
    ORDER_INFORMATION_REQUIRED,
    ORDER_JEOPARDY,
    ORDER_MILESTONE,
    ORDER_STATE_CHANGED,
)
from gateway.tmf.json import decode_json, encode_json

SAMPLE_ID: Final = "019a3c601a2b7c3d8e4f5a6b7c8d9e0f"
SAMPLE_MOMENT: Final = datetime(2026, 12, 1, 8, 30, tzinfo=UTC)
SAMPLE_CORRELATION: Final = "shop-4711"
_CART_ATTRIBUTES: Final = "cartItem"
_SHOWN_OF_CART: Final = ("id", "href", "@type", "relatedParty", "validFor")
_SHOWN_OF_ITEM: Final = ("id", "@type", "action", "quantity", "status", "productOffering")
# What a checkout shows beyond what its events carry.
_NOT_TOLD: Final = frozenset({"item", "step", "finding", "abandonedOrder", "history", "actions", "upstreamCapability"})


def _reason(code: str, message: str) -> dict[str, Any]:
    return {
        "statusReason": message,
        "reason": {"code": code, "message": message, "nextAttemptAt": None},
    }


_NOTHING_SENT: Final[dict[str, Any]] = {"productOrder": None, "progress": {"stepsTotal": 1, "stepsDone": 0}}
# What differs from the example of the reference when each event is sent, and the attribute that it is about.
_CHECKOUTS: Final[Mapping[str, tuple[str | None, dict[str, Any]]]] = {
    CHECKOUT_CREATED: (
        None,
        {
            "state": "accepted",
            "statusReason": None,
            "reason": {
                "code": "queued",
                "message": "accepted; it is worked on as soon as there is room",
                "nextAttemptAt": "2026-12-01T08:30:00.000Z",
            },
            **_NOTHING_SENT,
        },
    ),
    CHECKOUT_STATE_CHANGED: ("state", {}),
    CHECKOUT_INFORMATION_REQUIRED: (
        "relatedParty",
        {
            "state": "draft",
            "submit": False,
            **_reason(
                "waiting_party",
                "the order system takes no order without its party: give relatedParty once the customer is known",
            ),
            **_NOTHING_SENT,
        },
    ),
    CHECKOUT_DRAFT_EXPIRED: (
        "state",
        {
            "state": "cancelled",
            "submit": False,
            "cancelRequested": True,
            **_reason(
                "expired",
                "the draft was not touched since 2026-09-01T08:30:00.000Z, longer than drafts are kept here "
                "(checkout.draft_days)",
            ),
            **_NOTHING_SENT,
        },
    ),
    CHECKOUT_LIVE_ORDER_FOUND: (
        "productOrder",
        {
            "state": "held",
            **_reason(
                "live_after_end",
                "this checkout was told as rejected, and its order 00000001 is live (acknowledged); cancel the order in the "
                "order system, or take it over here",
            ),
        },
    ),
}


def _small_cart() -> dict[str, Any]:
    """Return the example cart with one item and what every cart has: an event carries the whole cart, however large."""
    whole = example("cart.v4")
    item = {name: whole["cartItem"][0][name] for name in _SHOWN_OF_ITEM}
    kept = {name: whole[name] for name in _SHOWN_OF_CART if name in whole}
    return {**kept, "cartItem": [item], "checkoutState": "open"}


_ORDER_ERROR: Final = {
    "@type": "ProductOrderErrorMessage",
    "code": "refused",
    "reason": "the order system refused the order",
    "message": "productOrderItem[0].productOffering.id: is not sold any more",
    "timestamp": "2026-12-01T08:30:00.000Z",
}
# What differs from the example order when each event is sent, and the attribute that it is about.
_ORDERS: Final[Mapping[str, tuple[str | None, dict[str, Any]]]] = {
    ORDER_CREATED: (None, {}),
    ORDER_CHANGED: ("description", {"state": "draft"}),
    ORDER_STATE_CHANGED: ("state", {"state": "inProgress"}),
    ORDER_DELETED: (None, {"state": "completed"}),
    ORDER_INFORMATION_REQUIRED: ("relatedParty", {"state": "draft"}),
    ORDER_ERROR: ("productOrderErrorMessage", {"state": "rejected", "productOrderErrorMessage": [_ORDER_ERROR]}),
    ORDER_JEOPARDY: ("productOrderJeopardyAlert", {"state": "inProgress"}),
    ORDER_MILESTONE: ("productOrderMilestone", {"state": "inProgress"}),
}


def _of_order(event_type: str) -> tuple[str | None, dict[str, Any]]:
    """Return what an event about an order, or a request to cancel it, is about, and the document in the canonical form."""
    if event_type in CANCELLATIONS:
        request = {**example("cancellation.v4"), "creationDate": "2026-12-01T08:30:00.000Z"}
        if event_type == CANCELLATION_STATE_CHANGED:
            return "state", {**request, "state": "done"}
        return "cancellationReason" if event_type == CANCELLATION_INFORMATION_REQUIRED else None, request
    field_path, changes = _ORDERS[event_type]
    return field_path, {**example("order.v4"), **changes}


def sample_event(api: Api, event_type: str) -> Event:
    """Return a sample of an event (`event_type` is the canonical name), as it is stored."""
    field_path: str | None
    if api.resource == "checkout":
        field_path, changes = _CHECKOUTS[event_type]
        shown = {name: value for name, value in example("checkout").items() if name not in _NOT_TOLD}
        document = {**shown, **changes}
    elif api.resource == "productOrder":
        field_path, document = _of_order(event_type)
    else:
        field_path = _CART_ATTRIBUTES if event_type == CART_CHANGED else None
        document = _small_cart()
    text = encode_json(document).decode()
    return Event(
        position=0,
        id=SAMPLE_ID,
        resource_id=str(document["id"]),
        event_type=event_type,
        field_path=field_path,
        correlation_id=SAMPLE_CORRELATION,
        document_bytes=len(text.encode()),
        document=text,
        created_at=SAMPLE_MOMENT,
    )


def body_of(api: Api, event: Event, query: Query) -> bytes:
    """Return an event as a subscriber gets it: JSON, with the attributes that `query` selects."""
    return Renderer(api, query, cart_in_version).body(event)


def sample(api: Api, event_type: str) -> JsonObject:
    """Return a sample as a subscriber without a query gets it."""
    whole = parse_query(None, api, [])
    document: dict[str, Any] = decode_json(body_of(api, sample_event(api, event_type), whole))
    return document
