"""What subscribers are told of carts: written in the transaction of the change, wherever in the gateway a cart changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import Connection

from gateway.carts.after_order import CARTS_PATH, shown_state, with_state
from gateway.carts.dialects.forms import MARKS
from gateway.storage.outbox import CART_CHANGED, CART_CREATED, CART_DELETED, Happened, publish
from gateway.tmf.json import decode_stored, encode_json

# Of a cart that is gone only these are told (IG1353).
_IDENTITY: Final = ("@type", "id", "href")
_ABSENT: Final = object()


class CartVersion(NamedTuple):
    """A cart as a change left it: its JSON text, whether v4 shows that as it is (`gateway.carts.store.CartRow`), and who made it.

    Of a cart that is gone `document` is what it was, and `version` comes after its last.
    """

    tenant: str
    cart_id: str
    version: int
    document: str
    v4_complete: bool | None = None
    owner: str | None = None


class CartHold(NamedTuple):
    """Which checkout holds a cart (None: none does), and whether its order is live or has come to its end."""

    checkout_id: str | None = None
    ordered: bool = False


def created(connection: Connection, cart: CartVersion, now: datetime) -> None:
    """Tell of a new cart."""
    _publish(connection, cart, CART_CREATED, now, document=partial(_open, cart))


def changed(
    connection: Connection, cart: CartVersion, now: datetime, *, field_path: Callable[[], str | None] | None = None
) -> None:
    """Tell of a cart's new version; `field_path` finds out which attributes changed, and runs when somebody is to be told."""
    _publish(connection, cart, CART_CHANGED, now, document=partial(_open, cart), field_path=field_path)


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


def _open(cart: CartVersion) -> str:
    """Return the cart as it is told: what changes is open."""
    return with_state(cart.document.encode(), shown_state(None, "", ordered=False)).decode()


def state_changed(connection: Connection, cart: CartVersion, before: CartHold, after: CartHold, now: datetime) -> None:
    """Tell that a checkout took the cart, ordered it or let it go: nothing else of it changed, its version neither."""
    if before == after:
        return

    def document() -> str:
        href = str(decode_stored(cart.document).get("href") or "")
        base_url = href.removesuffix(f"{CARTS_PATH}/{cart.cart_id}") if href.endswith(cart.cart_id) else ""
        told = shown_state(after.checkout_id, base_url, ordered=after.ordered)
        return with_state(cart.document.encode(), told).decode()

    names = ["checkoutState"] if before.checkout_id == after.checkout_id else ["checkout", "checkoutState"]
    _publish(connection, cart, CART_CHANGED, now, document=document, field_path=lambda: ",".join(names))


def deleted(connection: Connection, cart: CartVersion, now: datetime) -> None:
    """Tell that a cart is gone."""

    def identity() -> str:
        document = decode_stored(cart.document)
        return encode_json(
            {"@type": "ShoppingCart"} | {name: document[name] for name in _IDENTITY if name in document}
        ).decode()

    _publish(connection, cart, CART_DELETED, now, document=identity)


def _publish(
    connection: Connection,
    cart: CartVersion,
    event_type: str,
    now: datetime,
    *,
    document: Callable[[], str],
    field_path: Callable[[], str | None] | None = None,
) -> None:
    event = Happened(
        tenant=cart.tenant,
        resource="shoppingCart",
        resource_id=cart.cart_id,
        sequence=cart.version,
        event_type=event_type,
        document=document,
        field_path=field_path,
        v4_complete=cart.v4_complete,
        owner=cart.owner,
    )
    publish(connection, event, now)
