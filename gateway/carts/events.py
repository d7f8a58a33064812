"""What subscribers are told of carts: written in the transaction of the change, wherever in the gateway a cart changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from gateway.storage.outbox import CART_CHANGED, CART_CREATED, CART_DELETED, publish
from gateway.tmf.json import decode_stored, encode_json

# Of a cart that is gone only these are told (IG1353).
_IDENTITY: Final = ("@type", "id", "href")


def created(connection: Connection, tenant: str, cart_id: str, document: str, now: datetime) -> None:
    """Tell of a new cart, which is at version 1."""
    _publish(connection, tenant, cart_id, 1, CART_CREATED, document, now)


def changed(connection: Connection, tenant: str, cart_id: str, version: int, document: str, now: datetime) -> None:
    """Tell of a cart's new version."""
    _publish(connection, tenant, cart_id, version, CART_CHANGED, document, now)


def deleted(connection: Connection, tenant: str, cart_id: str, version: int, document: str, now: datetime) -> None:
    """Tell that a cart is gone; `document` is what it was, `version` comes after its last."""

    def identity() -> str:
        cart = decode_stored(document)
        return encode_json(
            {"@type": "ShoppingCart"} | {name: cart[name] for name in _IDENTITY if name in cart}
        ).decode()

    _publish(connection, tenant, cart_id, version, CART_DELETED, identity, now)


def _publish(
    connection: Connection,
    tenant: str,
    cart_id: str,
    version: int,
    event_type: str,
    document: str | Callable[[], str],
    now: datetime,
) -> None:
    publish(
        connection,
        tenant,
        resource="shoppingCart",
        resource_id=cart_id,
        sequence=version,
        event_type=event_type,
        document=document,
        now=now,
    )
