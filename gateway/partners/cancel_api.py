"""Requests to cancel an order over HTTP: cancelProductOrder of TMF622, v4 and v5."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request
from litestar.handlers import post, route
from sqlalchemy import ColumnElement, Connection

from gateway.callers import caller_of
from gateway.checkouts.orders import cancellations
from gateway.checkouts.orders.cancellations import Cancellation
from gateway.checkouts.orders.shown import DIALECTS, OrderDialect
from gateway.documents import JsonObject
from gateway.errors import NotFoundError, Problem
from gateway.filters.projection import Selection, parse_fields, project
from gateway.filters.values import split_outside_quotes, unquoted
from gateway.http.answers import Answer, json_answer
from gateway.http.bodies import read_object, require_json_accepted
from gateway.http.lists import list_answer
from gateway.http.queries import only_fields, page_of, query_pairs, refuse, report_unknown, values_of
from gateway.partners import openapi
from gateway.partners.api import handler_of
from gateway.partners.cancelling import CancelOrder, cancel_order, read_cancellation
from gateway.roles import ORDERING, READING
from gateway.services import services_of
from gateway.storage.tables import order_cancellation

_FILTERS: Final = {"id": "id", "productOrder.id": "checkout_id", "state": "state"}


async def create_cancel_product_order(dialect: OrderDialect, request: Request[Any, Any, Any]) -> Answer:
    """Ask for an order to be cancelled; asking again is the same request again."""
    require_json_accepted(request)
    services, caller = services_of(request), caller_of(request)
    server = services.settings.server
    selection = only_fields(request)
    given = await read_object(request, bytes_max=server.body_bytes_max, depth_max=server.depth_max)
    asked = read_cancellation(given, dialect, services.settings.cart)
    cancellation, again = await cancel_order(services, CancelOrder(caller=caller, request=asked))
    document = _shown(cancellation, caller.base_url, dialect, None)
    headers = [(b"location", str(document["href"]).encode("latin-1"))]
    replayed = [(b"idempotent-replayed", b"true")] if again else []
    return json_answer(_selected(document, selection, dialect), status=201, headers=[*headers, *replayed])


async def list_cancel_product_orders(dialect: OrderDialect, request: Request[Any, Any, Any]) -> Answer:
    """List the requests to cancel an order, newest first."""
    require_json_accepted(request)
    services, caller = services_of(request), caller_of(request)
    server = services.settings.server
    pairs = query_pairs(request)
    problems: list[Problem] = []
    selection = parse_fields(values_of(pairs, "fields"), problems)
    page = page_of(pairs, server, problems)
    report_unknown(pairs, {"fields", "limit", "offset", *_FILTERS}, problems)
    conditions: list[ColumnElement[bool]] = []
    for name, column in _FILTERS.items():
        if given := values_of(pairs, name):
            values = [unquoted(part) for value in given for part in split_outside_quotes(value, ",")]
            if any("\0" in value for value in values):
                problems.append(Problem(name, "holds the character U+0000"))
            conditions.append(order_cancellation.c[column].in_(values))
    refuse(problems)

    def function(connection: Connection) -> tuple[list[Cancellation], int]:
        return cancellations.list_page(
            connection, caller.tenant, conditions, offset=page.offset, limit=page.limit, owner=caller.owner_scope
        )

    found, total = await services.database.read_list(caller.tenant, function)
    return list_answer(
        [_shown(each, caller.base_url, dialect, selection) for each in found],
        page,
        total,
        dialect.cancellations_path,
        pairs,
    )


async def retrieve_cancel_product_order(dialect: OrderDialect, request: Request[Any, Any, Any]) -> Answer:
    """Retrieve a request to cancel an order: what became of it."""
    require_json_accepted(request)
    services, caller = services_of(request), caller_of(request)
    selection = only_fields(request)
    cancellation_id: str = request.scope["path_params"]["cancellation_id"]
    found = await services.database.read_brief(
        lambda connection: cancellations.get(connection, caller.tenant, cancellation_id, owner=caller.owner_scope)
    )
    if found is None:
        raise NotFoundError(
            "There is no such request to cancel an order.",
            problems=[Problem("id", "names no request to cancel an order")],
        )
    return json_answer(_shown(found, caller.base_url, dialect, selection))


def _shown(
    cancellation: Cancellation, base_url: str, dialect: OrderDialect, selection: Selection | None
) -> dict[str, Any]:
    document = cancellations.in_version(cancellations.canonical(cancellation, base_url), dialect)
    return _selected(document, selection, dialect)


def _selected(document: dict[str, Any], selection: Selection | None, dialect: OrderDialect) -> dict[str, Any]:
    if selection is None:
        return document
    return project(document, {**selection, "@type": None} if dialect.version == "v5" else selection)


def _handlers(dialect: OrderDialect) -> list[Any]:
    """Return the handlers of one version."""
    path = dialect.cancellations_path

    def told(operation: str, roles: object) -> JsonObject:
        return {"openapi": openapi.operation(operation, dialect.version), "roles": roles}

    return [
        post(path, opt=told("cancel", ORDERING))(handler_of(create_cancel_product_order, dialect)),
        route(path, http_method=["GET", "HEAD"], opt=told("cancellations", READING))(
            handler_of(list_cancel_product_orders, dialect)
        ),
        route(f"{path}/{{cancellation_id:str}}", http_method=["GET", "HEAD"], opt=told("cancellation", READING))(
            handler_of(retrieve_cancel_product_order, dialect)
        ),
    ]


handlers: Final[list[Any]] = [handler for dialect in DIALECTS for handler in _handlers(dialect)]
