"""Subscriptions and events as data, and the names that events have in each version of an API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from msgspec import Struct

from gateway.storage.outbox import (
    CANCELLATION_CREATED,
    CANCELLATIONS,
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
    Resource,
)

ACTIVE, DISABLED = "active", "disabled"
CANCELLATION: Final = "cancelProductOrder"


class Api(NamedTuple):
    """One API that has a hub. `names` maps the canonical event to this version's; an event without a name is not sent."""

    resource: Resource
    version: str
    path: str
    names: Mapping[str, str]
    # TMF663 from v4 on, and what follows its style: `{callback}/listener/{event}`. R17: the callback itself.
    posts_to_listener: bool = True
    # v5 names the class of every object and spells timeOccurred with two r.
    typed: bool = True

    @property
    def subjects(self) -> tuple[str, ...]:
        """What its events are about, as they name it: the resource, and requests to cancel it, where it has these."""
        return (self.resource, CANCELLATION) if CANCELLATION_CREATED in self.names else (self.resource,)

    def subject(self, event_type: str) -> str:
        """Return what a canonical event is about, as it is named in `event`."""
        return CANCELLATION if event_type in CANCELLATIONS else self.resource


_CART_NAMES: Final = {name: name for name in (CART_CREATED, CART_CHANGED, CART_DELETED)}
CART_V1: Final = Api(
    "shoppingCart",
    "v1",
    "/shoppingCart/v1/hub",
    {CART_CREATED: "ShoppingCartCreationNotification", CART_CHANGED: "ShoppingCartChangeNotification"},
    posts_to_listener=False,
    typed=False,
)
CART_V4: Final = Api("shoppingCart", "v4", "/tmf-api/shoppingCart/v4/hub", _CART_NAMES, typed=False)
CART_V5: Final = Api("shoppingCart", "v5", "/tmf-api/shoppingCart/v5/hub", _CART_NAMES)
CHECKOUT_V1: Final = Api(
    "checkout",
    "v1",
    "/tmf-api/checkoutManagement/v1/hub",
    {
        name: name
        for name in (
            CHECKOUT_CREATED,
            CHECKOUT_STATE_CHANGED,
            CHECKOUT_INFORMATION_REQUIRED,
            CHECKOUT_DRAFT_EXPIRED,
            CHECKOUT_LIVE_ORDER_FOUND,
        )
    },
)
_ORDER_NAMES: Final = {
    name: name
    for name in (
        ORDER_CREATED,
        ORDER_CHANGED,
        ORDER_STATE_CHANGED,
        ORDER_DELETED,
        ORDER_INFORMATION_REQUIRED,
        *sorted(CANCELLATIONS),
    )
}
ORDER_V4: Final = Api("productOrder", "v4", "/tmf-api/productOrderingManagement/v4/hub", _ORDER_NAMES, typed=False)
ORDER_V5: Final = Api(
    "productOrder",
    "v5",
    "/tmf-api/productOrderingManagement/v5/hub",
    {**_ORDER_NAMES, **{name: name for name in (ORDER_ERROR, ORDER_JEOPARDY, ORDER_MILESTONE)}},
)
APIS: Final = (CART_V1, CART_V4, CART_V5, CHECKOUT_V1, ORDER_V4, ORDER_V5)
API_BY_KEY: Final[Mapping[tuple[str, str], Api]] = {(api.resource, api.version): api for api in APIS}


class Subscription(Struct, frozen=True, kw_only=True):
    """One row of the table `hub_subscription`; see `gateway.storage.tables` for what the columns mean."""

    tenant: str
    id: str
    resource: Resource
    version: str
    callback: str
    query: str | None
    fingerprint: str
    secrets: str
    state: str
    state_reason: str | None
    position: int
    failures: int
    failing_since: datetime | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_failure: str | None
    events_dropped: int
    due_at: datetime
    blocked_due_at: datetime | None
    fence: int
    lease_owner: str | None
    lease_until: datetime
    created_at: datetime
    owner: str | None = None
    owner_scope: str | None = None
    base_url: str | None = None

    @property
    def api(self) -> Api:
        """The API whose hub it was made at."""
        return API_BY_KEY[self.resource, self.version]


class Event(Struct, frozen=True):
    """One event with its number among the tenant's events of that kind of resource. `document` is JSON text."""

    position: int
    id: str
    resource_id: str
    event_type: str
    field_path: str | None
    correlation_id: str | None
    document_bytes: int
    document: str
    created_at: datetime
    # Of a cart: whether v4 shows the document as it is; otherwise (None: nobody has looked) it is looked at.
    v4_complete: bool | None = None
    owner: str | None = None


class Blocked(Struct, frozen=True, kw_only=True):
    """A resource whose events wait: the event at `position` was not taken (`attempts` times since `since`)."""

    position: int
    attempts: int
    since: datetime
    due_at: datetime
