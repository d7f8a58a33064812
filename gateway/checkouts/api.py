"""The checkout resource over HTTP."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request
from litestar.handlers import patch, post, route
from sqlalchemy import Connection

from gateway.callers import caller_of
from gateway.carts.after_order import CHECKOUT_PATH
from gateway.carts.api import CART_PATH
from gateway.checkouts import openapi
from gateway.checkouts.accepting.accept import Accept, accept, accept_request, is_large
from gateway.checkouts.accepting.consulting import prepared_cart
from gateway.checkouts.accepting.prepare import preview
from gateway.checkouts.accepting.snapshot import snapshot
from gateway.checkouts.changing.changes import Cancel, Submit, cancel, not_found, submit
from gateway.checkouts.changing.draft_changes import ChangeDraft, change_draft
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reading import listing, resource, search
from gateway.checkouts.reading.filters import FILTERS, parse_filters
from gateway.checkouts.request import check_draft_change, check_request, is_by_value
from gateway.checkouts.shown.viewing import ask_again_headers, complete
from gateway.checkouts.stored import store
from gateway.documents import JsonObject
from gateway.errors import InvalidBodyError, InvalidHeaderError, Problem
from gateway.filters.parse import parse_filter
from gateway.filters.projection import Selection, parse_fields, project
from gateway.filters.sorting import parse_sort
from gateway.http.answers import Answer, AnswerInParts, json_answer
from gateway.http.bodies import MERGE_PATCH_TYPES, has_body, read_object, require_json_accepted
from gateway.http.headers import base_url, entity_tag, header_values, if_match_of, is_unmodified
from gateway.http.lists import list_answer
from gateway.http.queries import only_fields, page_of, query_pairs, refuse, report_unknown, values_of
from gateway.roles import ORDERING, READING
from gateway.security.guard import client_of
from gateway.services import Services, services_of

KEY_CHARACTERS_MAX: Final = 255
ONE: Final = f"{CHECKOUT_PATH}/{{checkout_id:str}}"


@post(CHECKOUT_PATH, status_code=202, opt={"openapi": openapi.CREATE, "roles": ORDERING})
async def create_checkout(request: Request[Any, Any, Any]) -> Answer:
    """Check a cart out: it becomes an order, submitted exactly once."""
    require_json_accepted(request)
    return await _accept(request, await _body(request))


@post(f"{CART_PATH}/checkout", status_code=202, opt={"openapi": openapi.CREATE_FOR_CART, "roles": ORDERING})
async def create_checkout_of_cart(request: Request[Any, Any, Any]) -> Answer:
    """Check this cart out; the same as POST checkout that names the cart."""
    require_json_accepted(request)
    cart_id: str = request.scope["path_params"]["cart_id"]
    document = await _body(request) if has_body(request) else {}
    given = document.get("shoppingCart")
    if given is not None and (not isinstance(given, dict) or is_by_value(given) or given.get("id") != cart_id):
        raise InvalidBodyError([Problem("shoppingCart", "is named by the path; leave it out, or give the same id")])
    return await _accept(request, {**document, "shoppingCart": {"id": cart_id}})


@post(f"{CHECKOUT_PATH}/preview", status_code=200, opt={"openapi": openapi.PREVIEW, "roles": ORDERING})
async def preview_checkout(request: Request[Any, Any, Any]) -> Answer:
    """Show what a checkout would send, and every finding; nothing is stored, nothing is sent."""
    require_json_accepted(request)
    services = services_of(request)
    traced = _wants_trace(request)
    document = await _body(request)
    caller = caller_of(request)
    await services.heavy.run(caller.tenant, is_large(document), check_request, document, services.settings)
    found = await snapshot(services, caller, document, if_match_of(request))
    # The snapshot has the cart, and what is ordered is made of that: a very large one need not be held twice or three times.
    del document["shoppingCart"]
    asked = accept_request(services, caller.tenant, document, found)
    del found
    prepared = await prepared_cart(services, asked, only_shown=True)
    cart, mapping, is_heavy = asked.cart if traced else {}, asked.mapping, asked.large
    del asked
    parts = await services.heavy.run(caller.tenant, is_heavy, preview, cart, document, mapping, prepared, traced=traced)
    return AnswerInParts(parts)


@route(CHECKOUT_PATH, http_method=["GET", "HEAD"], opt={"openapi": openapi.LIST, "roles": READING})
async def list_checkouts(request: Request[Any, Any, Any]) -> Answer:
    """List checkouts, newest first unless `sort` says otherwise, by any attribute of the checkout or its request."""
    require_json_accepted(request)
    services = services_of(request)
    server, client = services.settings.server, client_of(request)
    tenant, owner = client.tenant, client.owner_scope
    pairs = query_pairs(request)
    problems: list[Problem] = []
    selection = parse_fields(values_of(pairs, "fields"), problems)
    page = page_of(pairs, server, problems)
    filters = parse_filters(pairs, problems)
    sorts = parse_sort(values_of(pairs, "sort"), problems)
    named = {"fields", "limit", "offset", "sort", *FILTERS}
    wanted = parse_filter([pair for pair in pairs if pair[0] not in named], problems)
    search.require_answerable(wanted, sorts, problems)
    refuse(problems)
    address, caller = _address(request, services), caller_of(request)

    def function(connection: Connection) -> tuple[list[JsonObject], int]:
        asked = listing.Asked(filters, search.conditions(connection, wanted) if wanted else (), search.order(sorts))
        records, total = listing.list_page(connection, tenant, asked, offset=page.offset, limit=page.limit, owner=owner)
        documents = resource.load_all(connection, tenant, records, address, selection)
        for record, document in zip(records, documents, strict=True):
            complete(document, record, caller, services)
        return documents, total

    found, total = await services.database.read_list(tenant, function)
    shown = [_selected(document, selection) for document in found]
    return list_answer(shown, page, total, CHECKOUT_PATH, pairs)


@route(ONE, http_method=["GET", "HEAD"], opt={"openapi": openapi.RETRIEVE, "roles": READING})
async def retrieve_checkout(request: Request[Any, Any, Any]) -> Answer:
    """Retrieve a checkout: its order, each step, each item's line."""
    require_json_accepted(request)
    services = services_of(request)
    client = client_of(request)
    checkout_id = _checkout_id(request)
    selection = only_fields(request)
    caller = caller_of(request)

    def function(connection: Connection) -> tuple[CheckoutRecord, JsonObject] | None:
        record = store.get(connection, client.tenant, checkout_id, owner=client.owner_scope)
        return None if record is None else (record, resource.load(connection, record, caller))

    found = await services.database.read(function)
    if found is None:
        raise not_found()
    record, document = found
    headers = [(b"etag", entity_tag(record.version)), *ask_again_headers(record, services.clock())]
    if is_unmodified(request, record.version):
        return Answer(status=304, headers=headers)
    complete(document, record, caller, services)
    return json_answer(_selected(document, selection), headers=headers)


@patch(ONE, opt={"openapi": openapi.PATCH, "roles": ORDERING})
async def patch_checkout(request: Request[Any, Any, Any]) -> Answer:
    """Change customer, place, payment, dates or texts of a draft."""
    require_json_accepted(request)
    services = services_of(request)
    document = await _body(request, media_types=MERGE_PATCH_TYPES)
    check_draft_change(document, services.settings)
    command = ChangeDraft(
        caller=caller_of(request), checkout_id=_checkout_id(request), patch=document, if_match=if_match_of(request)
    )
    record = await change_draft(services, command)
    return await _answer(request, services, record, status=200)


@post(f"{ONE}/submit", status_code=202, opt={"openapi": openapi.SUBMIT, "roles": ORDERING})
async def submit_checkout(request: Request[Any, Any, Any]) -> Answer:
    """Submit a draft, or one that is held for its price; asking twice is the same as asking once."""
    require_json_accepted(request)
    services = services_of(request)
    record = await submit(services, Submit(caller=caller_of(request), checkout_id=_checkout_id(request)))
    return await _answer(request, services, record, status=202)


@post(f"{ONE}/cancel", status_code=202, opt={"openapi": openapi.CANCEL, "roles": ORDERING})
async def cancel_checkout(request: Request[Any, Any, Any]) -> Answer:
    """Cancel a checkout; a live order is asked to be cancelled, where its order system takes such requests."""
    require_json_accepted(request)
    services = services_of(request)
    record = await cancel(services, Cancel(caller=caller_of(request), checkout_id=_checkout_id(request)))
    return await _answer(request, services, record, status=202)


handlers: Final[list[Any]] = [
    create_checkout,
    create_checkout_of_cart,
    preview_checkout,
    list_checkouts,
    retrieve_checkout,
    patch_checkout,
    submit_checkout,
    cancel_checkout,
]


async def _body(request: Request[Any, Any, Any], media_types: frozenset[str] | None = None) -> dict[str, Any]:
    server = services_of(request).settings.server
    options = {} if media_types is None else {"media_types": media_types}
    return await read_object(request, bytes_max=server.body_bytes_max, depth_max=server.depth_max, **options)


async def _accept(request: Request[Any, Any, Any], document: dict[str, Any]) -> Answer:
    services = services_of(request)
    key = idempotency_key(request, services)
    caller = caller_of(request)
    await services.heavy.run(caller.tenant, is_large(document), check_request, document, services.settings)
    command = Accept(caller=caller, request=document, idempotency_key=key, if_match=if_match_of(request))
    accepted = await accept(services, command)
    headers = [(b"idempotent-replayed", b"true")] if accepted.replayed else []
    return await _answer(request, services, accepted.record, status=202, headers=headers)


def _checkout_id(request: Request[Any, Any, Any]) -> str:
    checkout_id: str = request.scope["path_params"]["checkout_id"]
    return checkout_id


async def _answer(
    request: Request[Any, Any, Any],
    services: Services,
    record: CheckoutRecord,
    *,
    status: int,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> Answer:
    caller = caller_of(request)
    document = await services.database.read(lambda connection: resource.load(connection, record, caller))
    complete(document, record, caller, services)
    location = [(b"location", document["href"].encode("latin-1"))] if status == 202 else []  # noqa: PLR2004 - HTTP
    return json_answer(
        document,
        status=status,
        headers=[
            *location,
            (b"etag", entity_tag(record.version)),
            *ask_again_headers(record, services.clock()),
            *(headers or []),
        ],
    )


def _selected(document: dict[str, Any], selection: Selection | None) -> dict[str, Any]:
    """Return what was asked for; the type, which the schema demands, is never left out."""
    return document if selection is None else project(document, {**selection, "@type": None})


def _address(request: Request[Any, Any, Any], services: Services) -> str:
    """Return what clients put before the paths."""
    return base_url(request, services.settings.server.public_url)


def idempotency_key(request: Request[Any, Any, Any], services: Services) -> str | None:
    """Return the Idempotency-Key; the IETF draft makes it a quoted string, clients often leave the quotes out."""
    value = header_values(request.scope["headers"], b"idempotency-key")
    if value is None:
        if services.settings.checkout.idempotency_key_required:
            raise _wrong_key("is missing; send a new random key for each new checkout")
        return None
    text = value.decode("latin-1").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    usable = 0 < len(text) <= KEY_CHARACTERS_MAX and text.isascii() and text.isprintable() and '"' not in text
    if not usable or _occurrences(request, b"idempotency-key") > 1:
        raise _wrong_key(
            f"must be there once, with 1 to {KEY_CHARACTERS_MAX} printable ASCII characters, in quotes or not"
        )
    return text


def _wrong_key(what: str) -> InvalidHeaderError:
    return InvalidHeaderError.about("Idempotency-Key", what)


def _occurrences(request: Request[Any, Any, Any], name: bytes) -> int:
    return sum(key == name for key, _ in request.scope["headers"])


def _wants_trace(request: Request[Any, Any, Any]) -> bool:
    pairs = query_pairs(request)
    problems: list[Problem] = []
    report_unknown(pairs, {"trace"}, problems)
    values = values_of(pairs, "trace")
    if any(value not in {"true", "false"} for value in values):
        problems.append(Problem("trace", "must be true or false"))
    refuse(problems)
    return "true" in values
