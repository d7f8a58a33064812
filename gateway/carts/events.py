"""What subscribers are told of carts: written in the transaction of the change, wherever in the gateway a cart changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from gateway.carts.dialects.forms import MARKS
from gateway.storage.outbox import CART_CHANGED, CART_CREATED, CART_DELETED, publish
from gateway.tmf.json import decode_stored, encode_json

# Of a cart that is gone only these are told (IG1353).
_IDENTITY: Final = ("@type", "id", "href")
_ABSENT: Final = object()


def created(
    connection: Connection, tenant: str, cart_id: str, document: str, now: datetime, *, v4_complete: bool | None = None
) -> None:
    """Tell of a new cart, which is at version 1; `v4_complete` as in `gateway.carts.store.CartRow`."""
    _publish(connection, tenant, cart_id, 1, CART_CREATED, document, now, v4_complete=v4_complete)


def changed(
    connection: Connection,
    tenant: str,
    cart_id: str,
    version: int,
    document: str,
    now: datetime,
    *,
    field_path: Callable[[], str | None] | None = None,
    v4_complete: bool | None = None,
) -> None:
    """Tell of a cart's new version; `field_path` finds out which attributes changed, and runs when somebody is to be told."""
    _publish(connection, tenant, cart_id, version, CART_CHANGED, document, now, field_path, v4_complete=v4_complete)


def changed_attributes(before: str, after: str, *, expiry_given: bool = False) -> str | None:
    """Return the `fieldPath` of a change: the names of the first-level attributes that differ, sorted, with commas between.

    That is the form of `fields`, so what changed can be asked for as it is told. Not named are attributes that only follow:
    `cartTotalPrice` beside `cartItem`, and `validFor` beside anything when the server moved it on (not `expiry_given`).
    None when only the digits of a number changed. Both documents are the JSON text of a stored cart.
    """
    old, new = decode_stored(before), decode_stored(after)
    names = {
        name
        for name in old.keys() | new.keys()
        if name not in MARKS and old.get(name, _ABSENT) != new.get(name, _ABSENT)
    }
    if "cartItem" in names:
        names.discard("cartTotalPrice")
    if len(names) > 1 and not expiry_given:
        names.discard("validFor")
    return ",".join(sorted(names)) or None


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
    field_path: Callable[[], str | None] | None = None,
    *,
    v4_complete: bool | None = None,
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
        field_path=field_path,
        v4_complete=v4_complete,
    )
