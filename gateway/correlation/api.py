"""From any id to everything around it, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from litestar import Request
from litestar.handlers import route
from sqlalchemy import Connection

from gateway.callers import Caller, caller_of
from gateway.correlation import openapi
from gateway.correlation.around import Around, events_of_order, load
from gateway.correlation.document import TRACE_PATH, trace_document
from gateway.correlation.lookup import Asked, Found, find
from gateway.errors import NotFoundError, Problem
from gateway.filters.paging import Page, page_headers, page_status
from gateway.http.answers import Answer, json_answer
from gateway.http.bodies import require_json_accepted
from gateway.http.queries import page_of, query_pairs, refuse, report_unknown, values_of
from gateway.roles import LOOKING, READING
from gateway.services import Services, services_of

# What has more than this is put together in a thread, on the tenant's share of the readers.
BRIEF_MAX: Final = 3
# A checkout of more calls is large.
STEPS_FEW: Final = 20
# An id with slashes in it may be that of a cart and of an item in it; so many places to part it are looked at.
PARTS_MAX: Final = 8


class _Place(NamedTuple):
    """What is looked for: an id, and the item of the cart that it names, if one is asked for."""

    id: str
    cart_item: str | None


class _Looked(NamedTuple):
    """Where something was found, and what; `around` is None where it is still to be read, because it is much."""

    place: _Place
    found: Found
    around: Around | None


@route(TRACE_PATH, http_method=["GET", "HEAD"], opt={"openapi": openapi.TRACE, "roles": READING})
async def trace(request: Request[Any, Any, Any]) -> Answer:
    """Tell everything that is known around one id, no matter who gave it: carts, checkouts, orders, lines, calls and events."""
    require_json_accepted(request)
    services, caller = services_of(request), caller_of(request)
    pairs = query_pairs(request)
    place, page = _asked(pairs, services)
    looked = await services.database.read_brief(lambda connection: _look(connection, caller, place, page))
    if looked is None and place.cart_item is None and caller.has_role(*LOOKING):
        looked = await _only_told(services, caller, place)
    if looked is None:
        raise _unknown()
    place, found, around = looked
    if around is None:
        around = await services.database.read_list(
            caller.tenant, lambda connection: load(connection, caller.tenant, found.page)
        )
    large = len(around.records) > BRIEF_MAX or any(record.steps_total > STEPS_FEW for record in around.records)
    document = await services.heavy.run(
        caller.tenant, large, trace_document, place.id, found.kinds, around, caller, services, cart_item=place.cart_item
    )
    if place.cart_item is not None and not document["item"]:
        raise _unknown()
    if page.offset == 0 and len(found.page) == found.total:
        # Nearly every id leads to one checkout: its answer needs no links to other pages.
        headers = [(b"x-total-count", b"%d" % found.total), (b"x-result-count", b"%d" % found.total)]
    else:
        headers = page_headers(page, len(found.page), found.total, TRACE_PATH, pairs)
    return json_answer(document, status=page_status(page, len(found.page), found.total), headers=headers)


handlers: Final[list[Any]] = [trace]


async def _only_told(services: Services, caller: Caller, place: _Place) -> _Looked | None:
    """Return what an order system told of an order that no checkout has, to those who may look into the inbox; None when nothing."""
    upstreams = sorted(services.settings.upstreams)
    events = await services.database.read_brief(
        lambda connection: events_of_order(connection, caller.tenant, upstreams, place.id)
    )
    return _Looked(place, Found(("productOrder",), (), 0), Around(events=events)) if events else None


def _unknown() -> NotFoundError:
    problem = Problem("id", "leads to no checkout and to no cart")
    return NotFoundError("Nothing is known of this id here.", problems=[problem])


def _asked(pairs: list[tuple[str, str]], services: Services) -> tuple[_Place, Page]:
    """Return what is looked for and which page of it. Raises InvalidQueryError (400) with every problem."""
    server, problems = services.settings.server, list[Problem]()
    page = page_of(pairs, server, problems)
    report_unknown(pairs, {"id", "cartItem.id", "limit", "offset"}, problems)
    ids, items = values_of(pairs, "id"), values_of(pairs, "cartItem.id")
    if len(ids) != 1 or not ids[0]:
        problems.append(
            Problem("id", "must be given once, with any id: of a cart, a checkout, an order, a line, a customer ...")
        )
    if len(items) > 1 or items == [""]:
        problems.append(
            Problem("cartItem.id", "must be given once, with the id of an item of the cart that `id` names")
        )
    problems += [Problem("id", "holds the character U+0000") for text in (*ids, *items) if "\0" in text]
    refuse(problems)
    return _Place(ids[0], items[0] if items else None), page


def _look(connection: Connection, caller: Caller, place: _Place, page: Page) -> _Looked | None:
    """Return what is found at the id, or else where it is parted into those of a cart and of an item; None when nothing is."""
    for each in _places(place):
        found = find(connection, Asked(caller.tenant, caller.owner_scope, each.id, page.offset, page.limit))
        if each.cart_item is not None and "shoppingCart" not in found.kinds:
            continue
        if found.total:
            brief = len(found.page) <= BRIEF_MAX
            return _Looked(each, found, load(connection, caller.tenant, found.page) if brief else None)
    return None


def _places(place: _Place) -> Iterator[_Place]:
    yield place
    if place.cart_item is None:
        parts = place.id.split("/")
        for index in range(1, min(len(parts), PARTS_MAX)):
            cart_id, item_id = "/".join(parts[:index]), "/".join(parts[index:])
            if cart_id and item_id:
                yield _Place(cart_id, item_id)
