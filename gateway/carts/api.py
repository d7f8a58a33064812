"""TMF663 `shoppingCart` over HTTP: create, list, retrieve, change, delete, the same in every version.

The handlers read the raw request and answer bytes: in v4, the form that is stored, a cart is decoded once when it is written
and not at all when it is read. Handlers are made once for each dialect (`cart_handlers`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

from litestar import Request
from litestar.handlers import HTTPRouteHandler, delete, patch, post, route

from gateway.callers import Caller, caller_of
from gateway.carts import openapi, store
from gateway.carts.after_order import shown_state, tag_beside, with_state
from gateway.carts.dialects import DIALECTS, V1, V4, Dialect
from gateway.carts.dialects.openapi import in_version
from gateway.carts.listing import find, read_query
from gateway.carts.operations import (
    GUEST_PATH,
    ChangeCart,
    CreateCart,
    DeleteCart,
    MergeCarts,
    change_cart,
    create_cart,
    delete_cart,
    merge_carts,
    not_found,
)
from gateway.carts.patching import read_change
from gateway.carts.writing import Reader, shown_text, written, written_list
from gateway.clock import timestamp_text
from gateway.errors import InvalidBodyError, PreconditionRequiredError, Problem
from gateway.http.answers import Answer
from gateway.http.bodies import read_body, read_object, require_json_accepted
from gateway.http.headers import entity_tag, has_if_match, if_match_of, is_unmodified
from gateway.http.lists import page_answer
from gateway.http.queries import only_fields
from gateway.roles import ADMINISTERING, ORDERING, READING, Roles
from gateway.security.guard import client_of
from gateway.services import Services, services_of

CARTS_PATH: Final = V4.carts_path
CART_PATH: Final = V4.cart_path


async def create_shopping_cart(dialect: Dialect, request: Request[Any, Any, Any]) -> Answer:
    """Create a shopping cart."""
    require_json_accepted(request)
    services, caller = services_of(request), caller_of(request)
    selection = only_fields(request)
    body = await read_body(request, bytes_max=services.settings.server.body_bytes_max)
    row = await create_cart(services, CreateCart(caller=caller, body=body, dialect=dialect))
    location = f"{caller.base_url}{dialect.carts_path}/{row.id}"
    return Answer(
        await written(_reader(services, caller), dialect, row, selection),
        status=201,
        headers=[
            (b"location", location.encode("latin-1")),
            (b"etag", entity_tag(1)),
            *_expiry_headers(row.expires_at, services),
        ],
    )


def _reader(services: Services, caller: Caller) -> Reader:
    return Reader(caller.tenant, caller.base_url, services.heavy)


async def list_shopping_carts(dialect: Dialect, request: Request[Any, Any, Any]) -> Answer:
    """List shopping carts."""
    require_json_accepted(request)
    services = services_of(request)
    query = read_query(request, dialect, services.settings.server)
    rows, total = await find(services, client_of(request), dialect, query)
    body = await written_list(_reader(services, caller_of(request)), dialect, rows, query.selection)
    return page_answer(body, len(rows), query.page, total, dialect.carts_path, query.pairs)


async def retrieve_shopping_cart(dialect: Dialect, request: Request[Any, Any, Any]) -> Answer:
    """Retrieve a shopping cart."""
    require_json_accepted(request)
    services = services_of(request)
    client = client_of(request)
    tenant, owner = client.tenant, client.owner_scope
    cart_id: str = request.scope["path_params"]["cart_id"]
    selection = only_fields(request)
    found: store.CartRow | store.ShownCart | None
    if dialect.is_canonical and selection is None:
        found = await services.database.read_brief(
            lambda connection: store.get_document(connection, tenant, cart_id, owner=owner)
        )
    else:
        found = await services.database.read_brief(
            lambda connection: store.get(connection, tenant, cart_id, owner=owner)
        )
    if found is None:
        raise not_found()
    beside = tag_beside(found.checkout_id, ordered=found.ordered)
    headers = [(b"etag", entity_tag(found.version, beside)), *_expiry_headers(found.expires_at, services)]
    if is_unmodified(request, found.version, beside):
        return Answer(status=304, headers=headers)
    if isinstance(found, store.CartRow):
        return Answer(await written(_reader(services, caller_of(request)), dialect, found, selection), headers=headers)
    # Only the checkout that holds a cart has an address to be told.
    base_url = "" if found.checkout_id is None else caller_of(request).base_url
    told = shown_state(found.checkout_id, base_url, ordered=found.ordered)
    if found.v4_complete:
        return Answer(with_state(found.document.encode(), told), headers=headers)
    return Answer(await shown_text(Reader(tenant, base_url, services.heavy), found.document, told), headers=headers)


async def patch_shopping_cart(dialect: Dialect, request: Request[Any, Any, Any]) -> Answer:
    """Change a shopping cart by a merge patch (RFC 7396), a JSON patch (RFC 6902) or a JSON patch with queries (TMF630)."""
    require_json_accepted(request)
    services = services_of(request)
    settings = services.settings
    command = ChangeCart(
        caller=caller_of(request),
        cart_id=request.scope["path_params"]["cart_id"],
        dialect=dialect,
        wanted_versions=_required_versions(request, services),
        change=await read_change(request, dialect.read_only, settings.server),
    )
    selection = only_fields(request)
    row = await change_cart(services, command)
    return Answer(
        await written(_reader(services, command.caller), dialect, row, selection),
        status=settings.cart.v1_patch_status if dialect is V1 else 200,
        headers=[(b"etag", entity_tag(row.version)), *_expiry_headers(row.expires_at, services)],
    )


def _expiry_headers(expires_at: datetime | None, services: Services) -> list[tuple[bytes, bytes]]:
    """Return the headers that tell a client of an expired cart: that it is one, and from when on it may be gone (RFC 8594).

    A cart may be made expired: its client hears of it at once, not when it wants to change it or to check out.
    """
    if expires_at is None or expires_at > services.clock():
        return []
    gone = expires_at + timedelta(days=services.settings.cart.expired_kept_days)
    told = f'299 - "the shopping cart expired at {timestamp_text(expires_at)}; it is neither changed nor checked out any more"'
    return [(b"sunset", format_datetime(gone, usegmt=True).encode()), (b"warning", told.encode())]


async def merge_shopping_carts(dialect: Dialect, request: Request[Any, Any, Any]) -> Answer:
    """Merge another cart, such as the one a customer filled before the log-in, into this one; the other is gone then."""
    require_json_accepted(request)
    services = services_of(request)
    settings = services.settings
    selection = only_fields(request)
    wanted_versions = _required_versions(request, services)
    given = await read_object(request, bytes_max=settings.server.body_bytes_max, depth_max=settings.server.depth_max)
    command = MergeCarts(
        caller=caller_of(request),
        cart_id=request.scope["path_params"]["cart_id"],
        guest_id=_guest_of(given),
        wanted_versions=wanted_versions,
    )
    row = await merge_carts(services, command)
    return Answer(
        await written(_reader(services, command.caller), dialect, row, selection),
        headers=[(b"etag", entity_tag(row.version))],
    )


async def delete_shopping_cart(request: Request[Any, Any, Any]) -> Answer:
    """Delete a shopping cart: for administrators; anybody else empties it by a PATCH."""
    services = services_of(request)
    command = DeleteCart(
        caller=caller_of(request),
        cart_id=request.scope["path_params"]["cart_id"],
        wanted_versions=_required_versions(request, services),
    )
    now = services.clock()
    await services.database.write(lambda connection: delete_cart(connection, command, now))
    return Answer(status=204)


def cart_handlers(dialect: Dialect) -> list[HTTPRouteHandler]:
    """Return the handlers of one version."""

    async def create(request: Request[Any, Any, Any]) -> Answer:
        return await create_shopping_cart(dialect, request)

    async def list_(request: Request[Any, Any, Any]) -> Answer:
        return await list_shopping_carts(dialect, request)

    async def retrieve(request: Request[Any, Any, Any]) -> Answer:
        return await retrieve_shopping_cart(dialect, request)

    async def change(request: Request[Any, Any, Any]) -> Answer:
        return await patch_shopping_cart(dialect, request)

    async def merge(request: Request[Any, Any, Any]) -> Answer:
        return await merge_shopping_carts(dialect, request)

    async def remove(request: Request[Any, Any, Any]) -> Answer:
        return await delete_shopping_cart(request)

    described: list[tuple[Any, Any, dict[str, Any], Roles]] = [
        (create, create_shopping_cart, openapi.CREATE, ORDERING),
        (list_, list_shopping_carts, openapi.LIST, READING),
        (retrieve, retrieve_shopping_cart, openapi.RETRIEVE, READING),
        (change, patch_shopping_cart, openapi.PATCH, ORDERING),
        (remove, delete_shopping_cart, openapi.DELETE, ADMINISTERING),
        (merge, merge_shopping_carts, openapi.MERGE, ORDERING),
    ]
    for handler, source, _, _ in described:
        # The OpenAPI document takes the operation's id and words from the handler.
        handler.__name__ = source.__name__ if dialect.is_canonical else f"{source.__name__}_{dialect.version}"
        handler.__doc__ = source.__doc__
    opts = [{"openapi": in_version(words, dialect.version), "roles": roles} for _, _, words, roles in described]
    opts[4]["advice"] = "Deleting a cart is for administrators; empty it with PATCH and cartItem [] instead."
    return [
        post(dialect.carts_path, opt=opts[0])(create),
        route(dialect.carts_path, http_method=["GET", "HEAD"], opt=opts[1])(list_),
        route(dialect.cart_path, http_method=["GET", "HEAD"], opt=opts[2])(retrieve),
        patch(dialect.cart_path, opt=opts[3])(change),
        # The answer carries its own status; Litestar only refuses a 204 for a handler that returns something.
        delete(dialect.cart_path, status_code=200, opt=opts[4])(remove),
        post(dialect.merge_path, opt=opts[5])(merge),
    ]


handlers: Final[list[Any]] = [handler for dialect in DIALECTS.values() for handler in cart_handlers(dialect)]


def _guest_of(given: dict[str, Any]) -> str:
    """Return the id of the cart that a merge takes in: `{"shoppingCart": {"id": ...}}`."""
    reference = given.get("shoppingCart")
    guest_id = reference.get("id") if isinstance(reference, dict) else None
    if not isinstance(guest_id, str) or not guest_id:
        message = 'must be the id of the cart to merge: {"shoppingCart": {"id": "..."}}'
        raise InvalidBodyError([Problem(GUEST_PATH, message)])
    return guest_id


def _required_versions(request: Request[Any, Any, Any], services: Services) -> frozenset[int] | None:
    if services.settings.cart.if_match_required and not has_if_match(request):
        what = "is needed to change a cart: the ETag of the version that was read"
        raise PreconditionRequiredError.about("If-Match", what)
    return if_match_of(request)
