"""An event as it is sent: TMF663 4.0 and 5.0 notifications, the two of R17, and the checkout's in the style of 5.0."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import urlsplit, urlunsplit

from msgspec import Raw

from gateway.checkouts.orders.told import order_in_version
from gateway.clock import timestamp_text
from gateway.filters.projection import project
from gateway.hub.model import Api, Event
from gateway.hub.query import Interest, Query
from gateway.storage.outbox import (
    CANCELLATION_CREATED,
    CANCELLATION_INFORMATION_REQUIRED,
    CANCELLATION_STATE_CHANGED,
    CART_CHANGED,
    CART_CREATED,
    CART_DELETED,
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
from gateway.tmf.json import decode_stored, encode_json


class Shape(Protocol):
    """Turns a stored cart into the shape of a version."""

    def __call__(
        self, version: str, document: dict[str, Any], *, created: datetime | None, updated: datetime | None
    ) -> dict[str, Any]:
        """Return it; `created` and `updated` where the event tells them."""


DOMAIN: Final = "Commercial"
PRIORITY: Final = "3"
DESCRIPTIONS: Final = {
    CART_CREATED: "A shopping cart was created.",
    CART_CHANGED: "A shopping cart was changed.",
    CART_DELETED: "A shopping cart was deleted.",
    CHECKOUT_CREATED: "A checkout was accepted.",
    CHECKOUT_STATE_CHANGED: "The state of a checkout or of its order changed.",
    CHECKOUT_INFORMATION_REQUIRED: "A checkout or its order needs information; fieldPath names what.",
    CHECKOUT_DRAFT_EXPIRED: "A draft ended because it, its cart or its prices were not valid any more.",
    CHECKOUT_LIVE_ORDER_FOUND: "A checkout had been told as rejected or cancelled, and its order was found live.",
    ORDER_CREATED: "A product order was placed, or a cart was checked out.",
    ORDER_CHANGED: "A draft was changed, or the order system gave the order its id; fieldPath names what.",
    ORDER_STATE_CHANGED: "The state of a product order changed.",
    ORDER_DELETED: "A product order was deleted.",
    ORDER_INFORMATION_REQUIRED: "A product order needs information; fieldPath names what.",
    ORDER_ERROR: "A product order was refused, failed or is held; productOrderErrorMessage says why.",
    ORDER_JEOPARDY: "The order system says that a product order is in jeopardy.",
    ORDER_MILESTONE: "The order system says that a product order has reached a milestone.",
    CANCELLATION_CREATED: "It was asked to cancel a product order.",
    CANCELLATION_STATE_CHANGED: "What became of a request to cancel a product order.",
    CANCELLATION_INFORMATION_REQUIRED: "A request to cancel a product order needs information.",
}
# What v5 names by `informationRequired` beside the resource: its events have no fieldPath.
_ASKING: Final = frozenset({ORDER_INFORMATION_REQUIRED, CANCELLATION_INFORMATION_REQUIRED})
# Of a resource that is gone only these are told (IG1353).
_IDENTITY: Final = ("@type", "id", "href")


class Renderer:
    """Makes the body of an event for one subscriber, or says that it was not asked for."""

    def __init__(
        self, api: Api, query: Query, shape: Shape | None, public_url: str = "", *, owner_scope: str | None = None
    ) -> None:
        self._api = api
        self._owner_scope = owner_scope
        self._interest = Interest(query)
        self._selection = query.selection
        self._shape = shape if api.resource == "shoppingCart" else None
        self._public_url = public_url.rstrip("/")

    def is_wanted(self, event: Event) -> bool:
        """Return whether the subscriber asked for the event, and may know of it."""
        if self._owner_scope is not None and event.owner != self._owner_scope:
            return False
        return self._interest.is_in(event.event_type, lambda: self._decoded(event))

    def judging_work(self, event: Event) -> int:
        """Return how much work it is to say whether an event is wanted: bytes of the document times comparisons."""
        return event.document_bytes * self._interest.cost

    def writing_work(self, event: Event) -> int:
        """Return how much work the body of an event is: bytes of a document that is decoded for it, 0 when it is not."""
        return 0 if self._is_sent_as_stored(event) else event.document_bytes

    def _is_sent_as_stored(self, event: Event) -> bool:
        return (
            self._selection is None
            and self._shape_of(event) is None
            and event.event_type != CART_DELETED
            and self._api.resource == "shoppingCart"
        )

    def _shape_of(self, event: Event) -> Shape | None:
        """Return what turns the event's cart into the version's form: nothing for v4 when it lacks nothing, as it is stored so."""
        return None if event.v4_complete and self._api.version == "v4" else self._shape

    def body(self, event: Event) -> bytes:
        """Return the event as JSON."""
        if self._is_sent_as_stored(event):
            return encode_json(self._envelope(event, Raw(event.document.encode())))
        document = self._decoded(event)
        return encode_json(document if self._selection is None else project(document, self._selection))

    def _decoded(self, event: Event) -> dict[str, Any]:
        document = decode_stored(event.document)
        if (shape := self._shape_of(event)) is not None:
            created = event.created_at if event.event_type == CART_CREATED else None
            document = shape(self._api.version, document, created=created, updated=event.created_at)
        if self._api.resource == "productOrder":
            document = order_in_version(event.event_type, document, self._api.version)
        if event.event_type == CART_DELETED:
            document = {name: document[name] for name in _IDENTITY if name in document}
        if self._public_url:
            _make_absolute(document, self._public_url)
        return self._envelope(event, document)

    def _envelope(self, event: Event, document: Any) -> dict[str, Any]:
        name = self._api.names[event.event_type]
        moment = timestamp_text(event.created_at)
        head: dict[str, Any] = {"eventId": event.id, "eventTime": moment, "eventType": name}
        if self._api.posts_to_listener:
            if event.correlation_id is not None:
                head["correlationId"] = event.correlation_id
            head |= {
                "domain": DOMAIN,
                "title": name,
                "description": DESCRIPTIONS[event.event_type],
                "priority": PRIORITY,
                "timeOccurred" if self._api.typed else "timeOcurred": moment,
            }
            if event.field_path is not None:
                head["fieldPath"] = event.field_path
        if self._api.typed:
            head |= {"@type": name, "@baseType": "Event"}
        head["event"] = {self._api.subject(event.event_type): document}
        if event.event_type in _ASKING and event.field_path is not None and self._api.version == "v5":
            head["event"]["informationRequired"] = {"op": "add", "path": _pointer(event.field_path)}
        return head


def _pointer(field_path: str) -> str:
    """Return a path of an attribute as the JSON Pointer that v5 names it by (RFC 6901); one that is a pointer stays as it is."""
    if field_path.startswith("/"):
        return field_path
    return "/" + field_path.replace("[", ".").replace("]", "").replace(".", "/")


def _make_absolute(document: dict[str, Any], public_url: str) -> None:
    """Put the public address before references that were stored without one (a worker knows of no request)."""
    cart = document.get("shoppingCart")
    remainder = cart.get("remainder") if isinstance(cart, dict) else None
    for holder in (document, cart, remainder, document.get("checkout"), document.get("productOrder")):
        if isinstance(holder, dict) and isinstance(holder.get("href"), str) and holder["href"].startswith("/"):
            holder["href"] = public_url + holder["href"]


def address(callback: str, api: Api, event_type: str) -> str:
    """Return where an event is posted: `{callback}/listener/shoppingCartCreateEvent`, or the callback itself (R17)."""
    if not api.posts_to_listener:
        return callback
    parts = urlsplit(callback)
    name = api.names[event_type]
    path = f"{parts.path.rstrip('/')}/listener/{name[:1].lower()}{name[1:]}"
    return urlunsplit(parts._replace(path=path))
