"""What subscribers are told of checkouts: that one was accepted, and each change of its state or its order's."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection

from gateway.carts.after_order import CHECKOUT_PATH
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reason_document import reason_of
from gateway.checkouts.row_changes import CheckoutChanges
from gateway.clock import timestamp_text
from gateway.storage.outbox import CHECKOUT_CREATED, CHECKOUT_STATE_CHANGED, Happened, publish
from gateway.tmf.json import encode_json

CARTS_PATH = "/tmf-api/shoppingCart/v4/shoppingCart"


def created(connection: Connection, record: CheckoutRecord) -> None:
    """Tell of a checkout that was accepted."""
    event = Happened(
        tenant=record.tenant,
        resource="checkout",
        resource_id=record.id,
        sequence=record.version,
        event_type=CHECKOUT_CREATED,
        document=lambda: encode_json(head(record)).decode(),
        owner=record.owner,
    )
    publish(connection, event, record.created_at)


def changed(
    connection: Connection, before: CheckoutRecord, changes: CheckoutChanges, version: int, now: datetime
) -> None:
    """Tell of a checkout's new version, if its state or its order's state is another one."""
    state_changed = changes.get("state", before.state) != before.state
    if not state_changed and changes.get("order_state", before.order_state) == before.order_state:
        return
    event = Happened(
        tenant=before.tenant,
        resource="checkout",
        resource_id=before.id,
        sequence=version,
        event_type=CHECKOUT_STATE_CHANGED,
        document=lambda: encode_json(
            head(replace(before, **{**changes, "version": version, "updated_at": now}))
        ).decode(),
        field_path="state" if state_changed else "productOrder.state",
        owner=before.owner,
    )
    publish(connection, event, now)


def head(record: CheckoutRecord) -> dict[str, Any]:
    """Return the Checkout resource without its items, steps and findings; references begin with the path."""
    document: dict[str, Any] = {
        "@type": "Checkout",
        "id": record.id,
        "href": f"{CHECKOUT_PATH}/{record.id}",
        "state": record.state,
        "statusReason": record.status_reason,
        "reason": reason_of(record),
        "creationDate": timestamp_text(record.created_at),
        "lastUpdate": timestamp_text(record.updated_at),
        "externalId": record.external_id,
        "upstream": record.upstream,
        "progress": {"stepsTotal": record.steps_total, "stepsDone": record.step},
    }
    if record.cart_id is not None:
        document["shoppingCart"] = {"id": record.cart_id}
        if record.cart_version is not None:
            href = f"{CARTS_PATH}/{record.cart_id}"
            document["shoppingCart"] |= {"href": href, "version": record.cart_version}
    if record.order_id is not None:
        document["productOrder"] = {
            "id": record.order_id,
            "href": record.order_href,
            "state": record.order_state,
            "upstreamState": record.upstream_state,
            "externalId": record.marker,
        }
    return document
