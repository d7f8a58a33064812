"""The cart that a checkout orders, as it is at that moment: stored here, or sent whole with the request."""

from __future__ import annotations

from typing import NamedTuple

from gateway.callers import Caller
from gateway.carts import store as carts
from gateway.carts.dialects.forms import unmarked_text
from gateway.carts.validity import require_valid
from gateway.checkouts.request import is_by_value
from gateway.documents import JsonObject
from gateway.errors import (
    NotFoundError,
    PreconditionError,
    Problem,
)
from gateway.services import Services
from gateway.tmf.json import encode_json


class Snapshot(NamedTuple):
    """The cart to be ordered: its id and version when it is stored here, and its document.

    `scope` is the partner whose id it is, when a partner sends a whole cart; otherwise empty.
    """

    cart_id: str | None
    version: int | None
    document: str
    scope: str = ""
    # The text that is stored, with what the dialects keep for their clients; None for a cart that is sent whole.
    stored: str | None = None


async def snapshot(
    services: Services, caller: Caller, request: JsonObject, if_match: frozenset[int] | None
) -> Snapshot:
    """Return the cart that a request names or carries. Errors: 404 unknown cart, 409 expired, 412 another version."""
    tenant, owner = caller.tenant, caller.owner_scope
    given = request["shoppingCart"]
    if is_by_value(given):
        if if_match is not None:
            raise PreconditionError(
                "If-Match is for a stored cart; a cart that is sent whole has no version here: leave the header out.",
                problems=[Problem("If-Match", "belongs to a stored cart; this one is sent whole")],
            )
        copied = given.get("id")
        return Snapshot(copied, None, encode_json(given).decode(), await _scope_of_copy(services, caller, copied))
    cart_id = given["id"]
    row = await services.database.read_brief(lambda connection: carts.get(connection, tenant, cart_id, owner=owner))
    if row is None:
        raise NotFoundError(
            "There is no such cart; give the id of a stored cart, or a whole cart.",
            problems=[Problem("shoppingCart.id", "names no cart")],
        )
    if if_match is not None and row.version not in if_match:
        raise PreconditionError(
            "If-Match does not name the cart's current version: somebody changed it. Show it again before checking out.",
            problems=[Problem("If-Match", f'the current version is "{row.version}"')],
            headers={"ETag": f'"{row.version}"'},
        )
    require_valid(row.expires_at, services.clock())
    # What the dialects of carts keep for their own clients is nothing to an order system.
    return Snapshot(row.id, row.version, unmarked_text(row.document), stored=row.document)


async def _scope_of_copy(services: Services, caller: Caller, cart_id: str | None) -> str:
    """Return whose id the id of a whole cart is: a partner's own, unless it is a copy of a stored cart that it made.

    So what a partner sends never holds a cart of somebody else, and never tells whether there is one.
    """
    scope = caller.owner_scope
    if scope is None or cart_id is None:
        return ""
    own = await services.database.read_brief(
        lambda connection: carts.get_document(connection, caller.tenant, cart_id, owner=scope)
    )
    return scope if own is None else ""
