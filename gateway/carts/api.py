"""TMF663 v4 `shoppingCart` over HTTP: create, list, retrieve, change, delete.

The handlers read the raw request and answer bytes: a cart is decoded once when it is written and not at all when it is read.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Request
from litestar.handlers import delete, patch, post, route

from gateway.carts import openapi, store
from gateway.carts.operations import delete_cart, not_found, patch_cart
from gateway.carts.rules import check_cart, written_cart
from gateway.errors import Problem
from gateway.http.answers import Answer, PreconditionRequiredError
from gateway.http.bodies import MERGE_PATCH_TYPES, read_object, require_json_accepted
from gateway.http.headers import base_url, entity_tag, has_if_match, if_match_of, is_unmodified
from gateway.http.queries import query_pairs, refuse, report_unknown, values_of
from gateway.security.tenancy import tenant_of
from gateway.services import Services, services_of
from gateway.tmf.json import decode_stored, encode_json
from gateway.tmf.paging import page_headers, page_status, parse_page
from gateway.tmf.projection import Selection, parse_fields, project

BASE_PATH: Final = "/tmf-api/shoppingCart/v4"
CARTS_PATH: Final = f"{BASE_PATH}/shoppingCart"
CART_PATH: Final = f"{CARTS_PATH}/{{cart_id:str}}"
# Filters of the list: equality on these. `href` ends with the id, so both come down to a look-up by key.
FILTERS: Final = ("id", "href")


@post(CARTS_PATH, opt={"openapi": openapi.CREATE})
async def create_shopping_cart(request: Request[Any, Any, Any]) -> Answer:
    """Create a shopping cart."""
    require_json_accepted(request)
    services = services_of(request)
    settings = services.settings
    tenant = tenant_of(request)
    selection = _only_fields(request)
    given = await read_object(request, bytes_max=settings.server.body_bytes_max, depth_max=settings.server.depth_max)
    cart_id = services.new_id()
    href = f"{base_url(request, settings.server.public_url)}{CARTS_PATH}/{cart_id}"
    document = {"id": cart_id, "href": href, **given}
    # What the client sent as id and href is ignored: the standard's own examples send them.
    document["id"], document["href"] = cart_id, href
    check_cart(document, settings.cart)
    written = written_cart(document, settings.cart, settings.server.body_bytes_max)
    text, now = written.decode(), services.clock()
    await services.database.write(lambda connection: store.insert(connection, tenant, cart_id, text, now))
    return Answer(
        _selected(written, selection),
        status=201,
        headers=[(b"location", href.encode("latin-1")), (b"etag", entity_tag(1))],
    )


@route(CARTS_PATH, http_method=["GET", "HEAD"], opt={"openapi": openapi.LIST})
async def list_shopping_carts(request: Request[Any, Any, Any]) -> Answer:
    """List shopping carts."""
    require_json_accepted(request)
    services = services_of(request)
    server = services.settings.server
    tenant = tenant_of(request)
    pairs = query_pairs(request)
    problems: list[Problem] = []
    selection = parse_fields(values_of(pairs, "fields"), problems)
    page = parse_page(
        values_of(pairs, "limit"),
        values_of(pairs, "offset"),
        default=server.page_items_default,
        largest=server.page_items_max,
        problems=problems,
    )
    report_unknown(pairs, {"fields", "limit", "offset", *FILTERS}, problems)
    refuse(problems)
    cart_ids = _wanted_ids(pairs)
    rows, total = await services.database.read(
        lambda connection: store.list_page(connection, tenant, limit=page.limit, offset=page.offset, cart_ids=cart_ids)
    )
    if hrefs := _alternatives(pairs, "href"):
        # The address must be the whole address, not only end alike.
        kept = [row for row in rows if decode_stored(row.document).get("href") in hrefs]
        rows, total = kept, total - len(rows) + len(kept)
    if selection is None:
        body = ("[" + ",".join(row.document for row in rows) + "]").encode()
    else:
        body = encode_json([project(decode_stored(row.document), selection) for row in rows])
    headers = page_headers(page, len(rows), total, CARTS_PATH, pairs)
    return Answer(
        body,
        status=page_status(page, len(rows), total),
        headers=[(name.encode(), value.encode("latin-1")) for name, value in headers],
    )


@route(CART_PATH, http_method=["GET", "HEAD"], opt={"openapi": openapi.RETRIEVE})
async def retrieve_shopping_cart(request: Request[Any, Any, Any]) -> Answer:
    """Retrieve a shopping cart."""
    require_json_accepted(request)
    services = services_of(request)
    tenant = tenant_of(request)
    cart_id: str = request.scope["path_params"]["cart_id"]
    selection = _only_fields(request)
    row = await services.database.read_brief(lambda connection: store.get(connection, tenant, cart_id))
    if row is None:
        raise not_found()
    tag = (b"etag", entity_tag(row.version))
    if is_unmodified(request, row.version):
        return Answer(status=304, headers=[tag])
    return Answer(_selected(row.document.encode(), selection), headers=[tag])


@patch(CART_PATH, opt={"openapi": openapi.PATCH})
async def patch_shopping_cart(request: Request[Any, Any, Any]) -> Answer:
    """Change a shopping cart by a merge patch (RFC 7396)."""
    require_json_accepted(request)
    services = services_of(request)
    settings = services.settings
    tenant = tenant_of(request)
    cart_id: str = request.scope["path_params"]["cart_id"]
    selection = _only_fields(request)
    wanted_versions = _required_versions(request, services)
    given = await read_object(
        request,
        bytes_max=settings.server.body_bytes_max,
        depth_max=settings.server.depth_max,
        media_types=MERGE_PATCH_TYPES,
    )
    address, now = base_url(request, settings.server.public_url), services.clock()
    written, version = await services.database.write(
        lambda connection: patch_cart(
            connection,
            tenant,
            cart_id,
            given,
            wanted_versions=wanted_versions,
            settings=settings,
            base_url=address,
            now=now,
        )
    )
    return Answer(_selected(written, selection), headers=[(b"etag", entity_tag(version))])


# The answer carries its own status; Litestar only refuses a 204 for a handler that returns something.
@delete(CART_PATH, status_code=200, opt={"openapi": openapi.DELETE})
async def delete_shopping_cart(request: Request[Any, Any, Any]) -> Answer:
    """Delete a shopping cart."""
    services = services_of(request)
    tenant = tenant_of(request)
    cart_id: str = request.scope["path_params"]["cart_id"]
    wanted_versions = _required_versions(request, services)
    address = base_url(request, services.settings.server.public_url)
    await services.database.write(
        lambda connection: delete_cart(connection, tenant, cart_id, wanted_versions=wanted_versions, base_url=address)
    )
    return Answer(status=204)


handlers: Final[list[Any]] = [
    create_shopping_cart,
    list_shopping_carts,
    retrieve_shopping_cart,
    patch_shopping_cart,
    delete_shopping_cart,
]


def _only_fields(request: Request[Any, Any, Any]) -> Selection | None:
    """Return the selection of a request whose only parameter may be `fields`."""
    pairs = query_pairs(request)
    if not pairs:
        return None
    problems: list[Problem] = []
    selection = parse_fields(values_of(pairs, "fields"), problems)
    report_unknown(pairs, {"fields"}, problems)
    refuse(problems)
    return selection


def _selected(written: bytes, selection: Selection | None) -> bytes:
    return written if selection is None else encode_json(project(decode_stored(written), selection))


def _required_versions(request: Request[Any, Any, Any], services: Services) -> frozenset[int] | None:
    if services.settings.cart.if_match_required and not has_if_match(request):
        raise PreconditionRequiredError("Changing a cart needs If-Match with the ETag of the version that was read.")
    return if_match_of(request)


def _wanted_ids(pairs: list[tuple[str, str]]) -> frozenset[str] | None:
    """Return the ids that the filters `id` and `href` leave; None when there is no filter.

    Values of one parameter are alternatives (also comma-separated, TMF630), different parameters must both hold.
    """
    wanted: frozenset[str] | None = None
    for name in FILTERS:
        values = _alternatives(pairs, name)
        if not values:
            continue
        ids = frozenset(value.rsplit("/", 1)[-1] for value in values) if name == "href" else frozenset(values)
        wanted = ids if wanted is None else wanted & ids
    return wanted


def _alternatives(pairs: list[tuple[str, str]], name: str) -> list[str]:
    return [part for value in values_of(pairs, name) for part in value.split(",")]
