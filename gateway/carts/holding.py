"""A checkout's hold on its cart: it is locked, let go, or noted as ordered. Plain functions over a connection."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select
from sqlalchemy import update as update_table

from gateway.callers import Caller
from gateway.carts import events
from gateway.carts.after_order import CHECKOUT_PATH, go_on, remainder_reference
from gateway.carts.events import CartHold
from gateway.carts.store import get
from gateway.clock import utc_now
from gateway.errors import ConflictError
from gateway.storage.outbox import wanted
from gateway.storage.tables import ORDERED_STATES, cart, checkout


def lock(
    connection: Connection,
    tenant: str,
    cart_id: str,
    checkout_id: str,
    expected_version: int | None = None,
    *,
    now: datetime | None = None,
) -> bool:
    """Let `checkout_id` hold the cart, so that it does not change. `now` is the machine's unless given.

    Returns False when the cart is gone, another checkout holds it, or it is not at `expected_version` (None: any).
    Taking it twice for the same checkout is True both times. The version does not move: the document did not change.
    """
    free = cart.c.checkout_id.is_(None) | (cart.c.checkout_id == checkout_id)
    if expected_version is not None:
        free &= cart.c.version == expected_version
    return _hold(connection, (tenant, cart_id), free, CartHold(checkout_id), now)


def release(
    connection: Connection, tenant: str, cart_id: str, checkout_id: str, *, now: datetime | None = None
) -> bool:
    """Let go of the cart; False when `checkout_id` did not hold it. `now` is the machine's unless given."""
    return _hold(connection, (tenant, cart_id), cart.c.checkout_id == checkout_id, CartHold(), now)


def mark_ordered(
    connection: Connection, tenant: str, cart_id: str, checkout_id: str, *, now: datetime | None = None
) -> bool:
    """Note that the order of the checkout that holds the cart is live; False when `checkout_id` does not hold it."""
    held = cart.c.checkout_id == checkout_id
    return _hold(connection, (tenant, cart_id), held, CartHold(checkout_id, ordered=True), now)


def _hold(
    connection: Connection, key: tuple[str, str], condition: ColumnElement[bool], hold: CartHold, now: datetime | None
) -> bool:
    """Let the cart of `key` (tenant, id) be held so, under a condition on it; subscribers are told when that is new."""
    tenant, cart_id = key
    before = get(connection, tenant, cart_id) if wanted(connection, tenant, "shoppingCart") else None
    done = connection.execute(
        update_table(cart)
        .where(cart.c.tenant == tenant, cart.c.id == cart_id, condition)
        .values(checkout_id=hold.checkout_id, ordered=hold.ordered)
    )
    if done.rowcount != 1:
        return False
    if before is not None:
        told = events.CartVersion(tenant, cart_id, before.version, before.document, before.v4_complete, before.owner)
        events.state_changed(connection, told, CartHold(before.checkout_id, before.ordered), hold, now or utc_now())
    return True


def held_by_checkout(connection: Connection, caller: Caller, checkout_id: str) -> ConflictError:
    """Return the error for a cart that a checkout holds, with a reference to it where the caller sees it.

    An ordered cart is held for good.
    """
    href = f"{caller.base_url}{CHECKOUT_PATH}/{checkout_id}"
    row = connection.execute(
        select(checkout.c.state, checkout.c.owner, checkout.c.remainder_cart_id).where(
            checkout.c.tenant == caller.tenant, checkout.c.id == checkout_id
        )
    ).one_or_none()
    state = None if row is None else row.state
    remainder_id = None if row is None else row.remainder_cart_id
    if state == "submitted":
        message = (
            "The shopping cart has been ordered, and its order is live: it is neither changed, merged nor deleted."
        )
    elif state in ORDERED_STATES:
        message = "The shopping cart has been ordered and does not change any more; it is neither merged nor deleted."
    else:
        message = "The shopping cart is being checked out and does not change until that ends; cancel the checkout to change the cart."
    if state == "submitted" or state in ORDERED_STATES:
        message = f"{message} {go_on(remainder_id)}"
    if row is not None and caller.owner_scope not in {None, row.owner}:
        return ConflictError(message)
    told = {"checkout": {"id": checkout_id, "href": href}, **remainder_reference(remainder_id, caller.base_url)}
    return ConflictError(message, extension={"referenceError": href, **told})
