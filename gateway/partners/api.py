"""TMF622 product orders over HTTP, v4 and v5: what a partner's system and the tenant's own channels see of orders, and ask of them."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request
from litestar.handlers import delete, patch, post, route
from sqlalchemy import Connection

from gateway.callers import Caller, caller_of
from gateway.carts.patching import read_change
from gateway.checkouts.accepting.accept import Accept, accept
from gateway.checkouts.api import idempotency_key
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.orders.ready import SERVERS_OWN, ReadyOrder
from gateway.checkouts.orders.shown import DIALECTS, KINDS, OrderDialect, product_order
from gateway.checkouts.reading import listing
from gateway.checkouts.shown.viewing import ask_again_headers
from gateway.checkouts.stored import store
from gateway.errors import Problem
from gateway.filters.parse import parse_filter
from gateway.filters.projection import Selection, parse_fields, project
from gateway.filters.sorting import parse_sort
from gateway.http.answers import Answer
from gateway.http.bodies import decode_object, read_body, require_json_accepted
from gateway.http.headers import entity_tag, if_match_of, is_unmodified
from gateway.http.lists import page_answer
from gateway.http.queries import only_fields, page_of, query_pairs, refuse, refuse_json_path, values_of
from gateway.partners import openapi, search
from gateway.partners.changing import ChangeOrder, change_order, find, remove_order
from gateway.partners.reading import read_order
from gateway.roles import ADMINISTERING, ORDERING, READING, Roles
from gateway.security.guard import client_of
from gateway.services import Services, services_of
from gateway.threads import LARGE_TO_TRANSLATE_BYTES_MIN
from gateway.tmf.json import encode_json

_INSTEAD: Final = "Deleting an order is for administrators; cancel it with cancelProductOrder instead."
DIRECTIVES: Final = frozenset({"fields", "limit", "offset", "sort"})


async def create_product_order(dialect: OrderDialect, request: Request[Any, Any, Any]) -> Answer:
    """Place an order: it goes the way of a cart that is checked out, and is submitted exactly once."""
    require_json_accepted(request)
    services, caller = services_of(request), caller_of(request)
    selection = only_fields(request)
    key = idempotency_key(request, services)
    ready = await _ready_order(request, dialect)
    command = Accept(caller=caller, request=ready.request, idempotency_key=key, if_match=None, ready=ready)
    accepted = await accept(services, command)
    record = accepted.record
    location = f"{caller.base_url}{dialect.orders_path}/{record.id}"
    headers = [(b"location", location.encode("latin-1")), (b"etag", entity_tag(record.version))]
    replayed = [(b"idempotent-replayed", b"true")] if accepted.replayed else []
    body = await shown(services, caller, record, dialect, selection)
    return Answer(body, status=201, headers=[*headers, *replayed])


async def list_product_orders(dialect: OrderDialect, request: Request[Any, Any, Any]) -> Answer:
    """List product orders, newest first unless `sort` says otherwise, by any attribute of what was ordered."""
    require_json_accepted(request)
    services, caller = services_of(request), caller_of(request)
    server = services.settings.server
    pairs = query_pairs(request)
    refuse_json_path(pairs, "relatedParty.id=42 or orderDate.gt=2026-12-01")
    problems: list[Problem] = []
    selection = parse_fields(values_of(pairs, "fields"), problems)
    page = page_of(pairs, server, problems)
    translate = search.canonical_path(dialect.version)
    sorts = parse_sort(values_of(pairs, "sort"), problems, translate=translate)
    wanted = parse_filter([pair for pair in pairs if pair[0] not in DIRECTIVES], problems, translate=translate)
    search.require_answerable(wanted, sorts, dialect.version, problems)
    refuse(problems)

    def function(connection: Connection) -> tuple[list[CheckoutRecord], dict[str, dict[str, str]], int]:
        conditions = search.conditions(connection, wanted, dialect, caller.base_url)
        asked = listing.Asked(conditions=conditions, order=search.order(sorts))
        records, total = listing.list_page(
            connection, caller.tenant, asked, offset=page.offset, limit=page.limit, owner=caller.owner_scope
        )
        return records, store.documents_of(connection, caller.tenant, [each.id for each in records], KINDS), total

    records, documents, total = await services.database.read_list(caller.tenant, function)
    found = [
        await _written(services, caller, record, documents.get(record.id, {}), dialect, selection) for record in records
    ]
    return page_answer(b"[" + b",".join(found) + b"]", len(found), page, total, dialect.orders_path, pairs)


async def retrieve_product_order(dialect: OrderDialect, request: Request[Any, Any, Any]) -> Answer:
    """Retrieve a product order: what was ordered, its state and that of each item, and its id in the order system."""
    require_json_accepted(request)
    services, caller = services_of(request), caller_of(request)
    selection = only_fields(request)
    order_id = order_id_of(request)
    record = await services.database.read_brief(lambda connection: find(connection, caller, order_id))
    headers = [(b"etag", entity_tag(record.version)), *ask_again_headers(record, services.clock())]
    if is_unmodified(request, record.version):
        return Answer(status=304, headers=headers)
    return Answer(await shown(services, caller, record, dialect, selection), headers=headers)


async def patch_product_order(dialect: OrderDialect, request: Request[Any, Any, Any]) -> Answer:
    """Change an order that is a draft, or submit it (`state`: acknowledged); one that was submitted does not change (409)."""
    require_json_accepted(request)
    services, caller = services_of(request), caller_of(request)
    command = ChangeOrder(
        caller=caller,
        order_id=order_id_of(request),
        dialect=dialect,
        change=await read_change(request, SERVERS_OWN - {"id", "href", "state"}, services.settings.server),
        if_match=if_match_of(request),
    )
    selection = only_fields(request)
    record = await change_order(services, command)
    headers = [(b"etag", entity_tag(record.version))]
    return Answer(await shown(services, caller, record, dialect, selection), headers=headers)


async def delete_product_order(_dialect: OrderDialect, request: Request[Any, Any, Any]) -> Answer:
    """Delete an order that has ended: for administrators. Its checkout stays; cancel an order that has not ended."""
    await remove_order(services_of(request), caller_of(request), order_id_of(request))
    return Answer(status=204)


async def shown(
    services: Services, caller: Caller, record: CheckoutRecord, dialect: OrderDialect, selection: Selection | None
) -> bytes:
    """Return the order of a record as JSON."""
    documents = await services.database.read(
        lambda connection: store.documents(connection, record.tenant, record.id, KINDS)
    )
    return await _written(services, caller, record, documents, dialect, selection)


async def _written(
    services: Services,
    caller: Caller,
    record: CheckoutRecord,
    documents: dict[str, str],
    dialect: OrderDialect,
    selection: Selection | None,
) -> bytes:
    """Return an order as JSON, made in a thread where it is large."""
    large = sum(map(len, documents.values())) > LARGE_TO_TRANSLATE_BYTES_MIN

    def write() -> bytes:
        document = product_order(record, documents, caller.base_url, dialect)
        if selection is None:
            return encode_json(document)
        # What v5 makes mandatory on every object is not left out by a selection.
        return encode_json(project(document, {**selection, "@type": None} if dialect.version == "v5" else selection))

    return await services.heavy.run(caller.tenant, large, write)


def order_id_of(request: Request[Any, Any, Any]) -> str:
    """Return the id in the path."""
    order_id: str = request.scope["path_params"]["order_id"]
    return order_id


async def _ready_order(request: Request[Any, Any, Any], dialect: OrderDialect) -> ReadyOrder:
    """Return what the order in the body becomes; a large one is worked on in a turn of its tenant. Errors as `read_order`."""
    services, tenant = services_of(request), client_of(request).tenant
    server, limits = services.settings.server, services.settings.cart
    raw = await read_body(request, bytes_max=server.body_bytes_max)

    def read() -> ReadyOrder:
        return read_order(decode_object(raw, depth_max=server.depth_max), dialect, limits)

    return await services.heavy.run(tenant, len(raw) > LARGE_TO_TRANSLATE_BYTES_MIN, read)


def handler_of(perform: Any, dialect: OrderDialect) -> Any:
    """Return the handler of an operation in a version, with the operation's name and words."""

    async def handle(request: Request[Any, Any, Any]) -> Answer:
        answer: Answer = await perform(dialect, request)
        return answer

    handle.__name__ = f"{perform.__name__}_{dialect.version}"
    handle.__doc__ = perform.__doc__
    return handle


def _handlers(dialect: OrderDialect) -> list[Any]:
    """Return the handlers of one version."""
    one = f"{dialect.orders_path}/{{order_id:str}}"

    def handler(perform: Any) -> Any:
        return handler_of(perform, dialect)

    def told(operation: str, roles: Roles) -> dict[str, Any]:
        return {"openapi": openapi.operation(operation, dialect.version), "roles": roles}

    return [
        post(dialect.orders_path, opt=told("create", ORDERING))(handler(create_product_order)),
        route(dialect.orders_path, http_method=["GET", "HEAD"], opt=told("list", READING))(
            handler(list_product_orders)
        ),
        route(one, http_method=["GET", "HEAD"], opt=told("retrieve", READING))(handler(retrieve_product_order)),
        patch(one, opt=told("patch", ORDERING))(handler(patch_product_order)),
        # The answer carries its own status; Litestar only refuses a 204 for a handler that returns something.
        delete(one, status_code=200, opt={**told("delete", ADMINISTERING), "advice": _INSTEAD})(
            handler(delete_product_order)
        ),
    ]


handlers: Final[list[Any]] = [handler for dialect in DIALECTS for handler in _handlers(dialect)]
