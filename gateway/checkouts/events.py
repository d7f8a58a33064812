"""What subscribers are told of checkouts: written in the transaction of the change, wherever in the gateway a checkout changes.

Which events a change is, is decided by the record before and after it, and by nothing else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.orders import cancellations
from gateway.checkouts.orders import events as orders
from gateway.checkouts.shown.document import head
from gateway.checkouts.states import CART_RELEASED
from gateway.storage.outbox import (
    CHECKOUT_CREATED,
    CHECKOUT_DRAFT_EXPIRED,
    CHECKOUT_INFORMATION_REQUIRED,
    CHECKOUT_LIVE_ORDER_FOUND,
    CHECKOUT_STATE_CHANGED,
    Happened,
    publish,
)
from gateway.storage.tables import checkout_document
from gateway.tmf.json import decode_stored, encode_json

# The state of an order that waits for something from the customer (TMF622).
_PENDING: Final = "pending"


class EventOfChange(NamedTuple):
    """One event of a change: its canonical name, and the attribute that it is about."""

    event_type: str
    field_path: str | None = None


def events_of_new(record: CheckoutRecord) -> list[EventOfChange]:
    """Return the events of a checkout that was just accepted."""
    return [EventOfChange(CHECKOUT_CREATED), *_information_required(None, record)]


def events_of_change(before: CheckoutRecord, after: CheckoutRecord) -> list[EventOfChange]:
    """Return the events of a change, none when neither the state nor the order's is another one and nothing is asked for."""
    told: list[EventOfChange] = []
    if after.state != before.state:
        told.append(EventOfChange(CHECKOUT_STATE_CHANGED, "state"))
        if after.state in CART_RELEASED and after.reason_code == "expired":
            told.append(EventOfChange(CHECKOUT_DRAFT_EXPIRED, "state"))
        if before.state in CART_RELEASED and after.reason_code == "live_after_end":
            told.append(EventOfChange(CHECKOUT_LIVE_ORDER_FOUND, "productOrder"))
    elif after.order_state != before.order_state:
        told.append(EventOfChange(CHECKOUT_STATE_CHANGED, "productOrder.state"))
    return [*told, *_information_required(before, after)]


def _information_required(before: CheckoutRecord | None, after: CheckoutRecord) -> list[EventOfChange]:
    """Return the event that something is asked of the channel or the customer, when that is new."""
    if after.awaiting == "party" and (before is None or before.awaiting != "party"):
        return [EventOfChange(CHECKOUT_INFORMATION_REQUIRED, "relatedParty")]
    # A draft may be pending, too: it waits for the submission alone.
    if before is None or not before.state == after.state == "submitted":
        return []
    if after.order_state == _PENDING != before.order_state:
        return [EventOfChange(CHECKOUT_INFORMATION_REQUIRED, "productOrder")]
    if cancellations.starts_to_wait(before, after):
        return [EventOfChange(CHECKOUT_INFORMATION_REQUIRED, cancellations.RESOURCE)]
    return []


def created(connection: Connection, record: CheckoutRecord) -> None:
    """Tell of a checkout that was accepted; its documents are stored already."""
    _publish(connection, record, events_of_new(record), record.created_at)
    orders.created(connection, record)


def changed(connection: Connection, before: CheckoutRecord, after: CheckoutRecord, now: datetime) -> None:
    """Tell of a checkout's new version what subscribers are told of it."""
    _publish(connection, after, events_of_change(before, after), now)
    orders.changed(connection, before, after, now)


def information_required(connection: Connection, record: CheckoutRecord, field_path: str | None, now: datetime) -> None:
    """Tell that the order system asks for something; `field_path` names what, where it said so."""
    _publish(connection, record, [EventOfChange(CHECKOUT_INFORMATION_REQUIRED, field_path or "productOrder")], now)
    orders.information_required(connection, record, field_path, now)


def cancellation_information_required(
    connection: Connection, record: CheckoutRecord, field_path: str | None, now: datetime
) -> None:
    """Tell that the order system asks for something before it cancels the order; `field_path` names what, where it said so."""
    named = cancellations.RESOURCE if field_path is None else f"{cancellations.RESOURCE}.{field_path}"
    _publish(connection, record, [EventOfChange(CHECKOUT_INFORMATION_REQUIRED, named)], now)
    orders.cancellation_information_required(connection, record, field_path, now)


def _publish(connection: Connection, record: CheckoutRecord, told: list[EventOfChange], now: datetime) -> None:
    def document() -> str:
        return encode_json(head(record, _asked(connection, record), "")).decode()

    for each in told:
        event = Happened(
            tenant=record.tenant,
            resource="checkout",
            resource_id=record.id,
            sequence=record.version,
            event_type=each.event_type,
            document=document,
            field_path=each.field_path,
            owner=record.owner,
        )
        publish(connection, event, now)


def _asked(connection: Connection, record: CheckoutRecord) -> dict[str, object]:
    """Return the request as it is stored: what was set of it is told as GET shows it."""
    query = select(checkout_document.c.document).where(
        checkout_document.c.tenant == record.tenant,
        checkout_document.c.checkout_id == record.id,
        checkout_document.c.kind == "request",
    )
    found: str | None = connection.execute(query).scalar_one_or_none()
    return decode_stored(found) if found is not None else {}
