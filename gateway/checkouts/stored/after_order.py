"""What a checkout does with its stored cart when the order is live, or when it lets the cart go again.

Once the order is live the cart counts as ordered, and what was saved for later goes on in a new cart, the remainder. That is
prepared when the checkout is accepted, from the very cart that is ordered, and stored with it. Functions over a connection, but for
`remainder_of`, which is pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, select

from gateway.carts import holding
from gateway.carts import store as carts
from gateway.carts.after_order import remainder, top_ids, without_any_item, without_items
from gateway.carts.completion import Earlier, complete_cart
from gateway.carts.dialects.dialect import CANONICAL_CARTS_PATH
from gateway.carts.totals import write_totals
from gateway.carts.validity import moved_to
from gateway.checkouts.model import CheckoutRecord
from gateway.documents import JsonObject
from gateway.errors import BodyTooLargeError, InvalidBodyError
from gateway.ordering import Finding
from gateway.settings import Settings
from gateway.storage.tables import ORDERED_STATES, checkout_document
from gateway.tmf.json import decode_stored, encode_json

REMAINDER: Final = "remainder"
# States in which the order is live or has come to its end.
LIVE: Final = frozenset({"submitted", *ORDERED_STATES})


def remainder_of(
    cart: JsonObject, findings: Iterable[Finding], cart_id: str, base_url: str, settings: Settings, now: datetime
) -> bytes | None:
    """Return the cart in which the items go on that were left behind, as the document REMAINDER; None when there are none.

    `cart_id` becomes its id. It is kept with how long it is to be valid, because it is made later. With
    `checkout.ordered_cart = "reopen"` it is the cart itself, without what is ordered, also when nothing was left behind.
    """
    paths = [finding.path for finding in findings if finding.code == "left_behind"]
    if settings.checkout.ordered_cart == "reopen":
        document = {"id": cart["id"], "href": cart["href"], **(remainder(cart, paths) or without_any_item(cart))}
    else:
        left = remainder(cart, paths) if paths else None
        if left is None:
            return None
        document = {"id": cart_id, "href": f"{base_url}{CANONICAL_CARTS_PATH}/{cart_id}", **left}
    try:
        content = complete_cart(document, settings, now=now, earlier=Earlier(cart, now, expiry_given=False))
    except (InvalidBodyError, BodyTooLargeError):
        # A cart of an earlier release that could not be made today: its items stay where they are.
        return None
    kept = {"cart": decode_stored(content.text), "validDays": settings.cart.valid_days}
    return encode_json(kept)


def cart_is_ordered(connection: Connection, record: CheckoutRecord, now: datetime) -> str | None:
    """Note that the cart of a checkout has been ordered; return the id of the cart in which what was saved for later goes on.

    That is a new one, or the cart itself, which is open again then (`checkout.ordered_cart`).
    """
    assert record.cart_id is not None, "asked for a cart that is stored"
    text = _stored_remainder(connection, record) if record.remainder_cart_id is None else None
    if text is None:
        holding.mark_ordered(connection, record.tenant, record.cart_id, record.id, now=now)
        return None
    kept = decode_stored(text)
    document: dict[str, Any] = kept["cart"]
    expires_at = moved_to(document, now, timedelta(days=float(kept["validDays"])))
    cart_id: str = document["id"]
    content = carts.CartContent(encode_json(document).decode(), expires_at)
    if cart_id == record.cart_id:
        return _reopened(connection, record, content, now)
    holding.mark_ordered(connection, record.tenant, record.cart_id, record.id, now=now)
    ordered = carts.get(connection, record.tenant, record.cart_id)
    owner = ordered.owner if ordered is not None else record.owner
    carts.insert(connection, record.tenant, cart_id, content, now, owner=owner)
    return cart_id


def _reopened(connection: Connection, record: CheckoutRecord, content: carts.CartContent, now: datetime) -> str | None:
    """Take out of the cart what was ordered, and let go of it; None when the checkout does not hold it."""
    assert record.cart_id is not None, "asked for a cart that is stored"
    row = carts.get(connection, record.tenant, record.cart_id, for_change=True)
    if row is None or not holding.release(connection, record.tenant, row.id, record.id, now=now):
        return None
    carts.update(connection, record.tenant, row.id, row.version, content, now, before=row.document)
    return row.id


def cart_is_free(connection: Connection, record: CheckoutRecord, now: datetime) -> None:
    """Let go of the cart; what went on in a cart of its own meanwhile is taken out of it, so that nothing is there twice.

    A cart that is open again already gets back what was ordered, unless it is checked out by now.
    """
    assert record.cart_id is not None, "asked for a cart that is stored"
    if record.cart_is_reopened:
        _put_back(connection, record, now)
        return
    if (
        not holding.release(connection, record.tenant, record.cart_id, record.id, now=now)
        or record.remainder_cart_id is None
    ):
        return
    row = carts.get(connection, record.tenant, record.cart_id, for_change=True)
    text = _stored_remainder(connection, record)
    if row is None or text is None:
        return
    before = decode_stored(row.document)
    after = without_items(before, top_ids(decode_stored(text)["cart"]))
    write_totals(after, before)
    content = carts.CartContent(encode_json(after).decode())
    carts.update(connection, record.tenant, row.id, row.version, content, now, before=row.document)


def _put_back(connection: Connection, record: CheckoutRecord, now: datetime) -> None:
    """Put what was ordered back into the cart that is open again: items whose ids it has by now stay out."""
    assert record.cart_id is not None, "asked for a cart that is stored"
    row = carts.get(connection, record.tenant, record.cart_id, for_change=True)
    text = _stored_remainder(connection, record)
    ordered = _stored(connection, record, "cart")
    if row is None or row.checkout_id is not None or text is None or ordered is None:
        return
    before = decode_stored(row.document)
    given_up = without_items(decode_stored(ordered), [*top_ids(decode_stored(text)["cart"]), *top_ids(before)])
    after = {**before, "cartItem": [*given_up["cartItem"], *before.get("cartItem", [])]}
    write_totals(after, before)
    content = carts.CartContent(encode_json(after).decode())
    carts.update(connection, record.tenant, row.id, row.version, content, now, before=row.document)


def _stored_remainder(connection: Connection, record: CheckoutRecord) -> str | None:
    return _stored(connection, record, REMAINDER)


def _stored(connection: Connection, record: CheckoutRecord, kind: str) -> str | None:
    query = select(checkout_document.c.document).where(
        checkout_document.c.tenant == record.tenant,
        checkout_document.c.checkout_id == record.id,
        checkout_document.c.kind == kind,
    )
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found
