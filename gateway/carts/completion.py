"""From a document to a cart that can be stored: checked, with its ids, totals and validity. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from gateway.carts.parties import party_ids
from gateway.carts.rules import check_cart, item_ids, written_cart
from gateway.carts.store import CartContent
from gateway.carts.totals import write_totals
from gateway.carts.validity import set_validity
from gateway.documents import JsonObject
from gateway.settings import Settings


class Earlier(NamedTuple):
    """The cart before a change: its document, when it was made, and whether its client said when it expires.

    `others` are the documents of stored carts that were merged into it.
    """

    document: dict[str, Any]
    created_at: datetime
    expiry_given: bool
    others: tuple[dict[str, Any], ...] = ()


def complete_cart(
    document: JsonObject,
    settings: Settings,
    *,
    now: datetime,
    earlier: Earlier | None = None,
    mandatory: bool = False,
) -> CartContent:
    """Complete a new or changed cart (`earlier`: what it was) in the canonical form, in place.

    `mandatory`: ask for what v4 makes mandatory, as of a v4 client.
    Raises InvalidBodyError (400) with every problem, BodyTooLargeError (413) when it is too large with what was added.
    """
    before = earlier.document if earlier is not None else None
    taken_ids = item_ids(before) if before is not None else ()
    befores = (earlier.document, *earlier.others) if earlier is not None else ()
    v4_complete = check_cart(document, settings.cart, taken_ids=taken_ids, before=befores, mandatory=mandatory)
    write_totals(document, before)
    validity = set_validity(
        document,
        settings.cart,
        created=earlier.created_at if earlier is not None else now,
        now=now,
        before=before,
        was_given=earlier is not None and earlier.expiry_given,
    )
    written = written_cart(document, settings.cart, settings.server.body_bytes_max)
    parties = party_ids(document.get("relatedParty"))
    return CartContent(written.decode(), validity.expires_at, validity.given, parties, v4_complete)
