"""The outbox: an event is written in the transaction of the change it tells of, or not at all.

Nothing is written while nobody subscribes to that kind of resource; asking costs one look at an index. What becomes of an
event afterwards is the business of `gateway/hub`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from uuid import uuid4

from sqlalchemy import Connection

from gateway.logs import correlation
from gateway.storage.statements import run
from gateway.storage.tables import EPOCH

Resource = Literal["shoppingCart", "checkout", "productOrder"]

# The names of the events, as TMF663 v4 and v5 have them; other versions' names are derived from these.
CART_CREATED: Final = "ShoppingCartCreateEvent"
CART_CHANGED: Final = "ShoppingCartAttributeValueChangeEvent"
CART_DELETED: Final = "ShoppingCartDeleteEvent"
CHECKOUT_CREATED: Final = "CheckoutCreateEvent"
CHECKOUT_STATE_CHANGED: Final = "CheckoutStateChangeEvent"
CHECKOUT_INFORMATION_REQUIRED: Final = "CheckoutInformationRequiredEvent"
CHECKOUT_DRAFT_EXPIRED: Final = "CheckoutDraftExpiredEvent"
CHECKOUT_LIVE_ORDER_FOUND: Final = "CheckoutLiveOrderFoundEvent"
# And as TMF622 v5 has them; v4 has all but the last three of an order.
ORDER_CREATED: Final = "ProductOrderCreateEvent"
ORDER_CHANGED: Final = "ProductOrderAttributeValueChangeEvent"
ORDER_STATE_CHANGED: Final = "ProductOrderStateChangeEvent"
ORDER_DELETED: Final = "ProductOrderDeleteEvent"
ORDER_INFORMATION_REQUIRED: Final = "ProductOrderInformationRequiredEvent"
ORDER_ERROR: Final = "ProductOrderErrorMessageEvent"
ORDER_JEOPARDY: Final = "ProductOrderJeopardyAlertEvent"
ORDER_MILESTONE: Final = "ProductOrderMilestoneEvent"
CANCELLATION_CREATED: Final = "CancelProductOrderCreateEvent"
CANCELLATION_STATE_CHANGED: Final = "CancelProductOrderStateChangeEvent"
CANCELLATION_INFORMATION_REQUIRED: Final = "CancelProductOrderInformationRequiredEvent"
CANCELLATIONS: Final = frozenset({CANCELLATION_CREATED, CANCELLATION_STATE_CHANGED, CANCELLATION_INFORMATION_REQUIRED})

_MICROSECOND: Final = timedelta(microseconds=1)
# Every write of a cart runs the first.
_WANTED: Final = "SELECT 1 FROM hub_subscription WHERE tenant = ? AND resource = ? AND state = 'active' LIMIT 1"
_INSERT: Final = (
    "INSERT INTO hub_event (tenant, id, resource, resource_id, sequence, position, event_type, field_path,"
    " correlation_id, document_bytes, document, created_at, v4_complete, owner)"
    " VALUES (?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def wanted(connection: Connection, tenant: str, resource: Resource) -> bool:
    """Return whether anybody subscribes to events of this kind of resource."""
    return run(connection, _WANTED, (tenant, resource)) is not None


class Happened(NamedTuple):
    """A change that subscribers are told of.

    `sequence` is the version that the change gives the resource: it orders its events, whatever the clocks of replicas say.
    `document` is the resource after the change as JSON text (of a removed one `@type`, `id` and `href`), or what makes it;
    `field_path` names the attributes that changed, or is what finds out. `v4_complete` tells of a cart that v4 shows the
    document as it is (None: nobody has looked). `owner` is the client that made the resource.
    """

    tenant: str
    resource: Resource
    resource_id: str
    sequence: int
    event_type: str
    document: str | Callable[[], str]
    field_path: str | Callable[[], str | None] | None = None
    v4_complete: bool | None = None
    owner: str | None = None


def publish(connection: Connection, event: Happened, now: datetime) -> bool:
    """Write an event, if anybody wants it; return whether one was written."""
    if not wanted(connection, event.tenant, event.resource):
        return False
    document, field_path = event.document, event.field_path
    text = document if isinstance(document, str) else document()
    caused_by = correlation.get()
    values = (
        event.tenant,
        uuid4().hex,
        event.resource,
        event.resource_id,
        event.sequence,
        event.event_type,
        field_path() if callable(field_path) else field_path,
        caused_by.decode("latin-1") if caused_by is not None else None,
        len(text.encode()),
        text,
        (now - EPOCH) // _MICROSECOND,
        event.v4_complete,
        event.owner,
    )
    run(connection, _INSERT, values)
    return True
