"""The list of shopping carts: filters, order, page and selection of a query string, answered from the database (TMF630)."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from litestar import Request

from gateway.carts import search, store
from gateway.carts.dialects import Dialect
from gateway.carts.dialects.paths import stored_path
from gateway.errors import Problem
from gateway.filters.paging import Page
from gateway.filters.parse import Filter, parse_filter
from gateway.filters.projection import Selection, parse_fields
from gateway.filters.sorting import Sort, parse_sort
from gateway.http.queries import page_of, query_pairs, refuse, refuse_json_path, values_of
from gateway.security.tokens import Client
from gateway.services import Services
from gateway.settings import ServerSettings

# Everything else in the query string is a condition on an attribute.
DIRECTIVES: Final = frozenset({"fields", "limit", "offset", "sort", "filter"})


class ListQuery(NamedTuple):
    """What a list was asked for; `pairs` is the query string as it was read."""

    pairs: list[tuple[str, str]]
    selection: Selection | None
    page: Page
    wanted: Filter
    sorts: tuple[Sort, ...]


def read_query(request: Request[Any, Any, Any], dialect: Dialect, settings: ServerSettings) -> ListQuery:
    """Return the parts of the query string.

    Raises InvalidQueryError (400) with every problem, NotSupportedError (501) for a JSONPath filter.
    """
    pairs = query_pairs(request)
    refuse_json_path(pairs, "relatedParty.id=42 or validFor.endDateTime.gt=2026-12-01")
    problems: list[Problem] = []
    selection = parse_fields(values_of(pairs, "fields"), problems)
    page = page_of(pairs, settings, problems)
    translate = stored_path(dialect.version)
    sorts = parse_sort(values_of(pairs, "sort"), problems, translate=translate)
    conditions = [pair for pair in pairs if pair[0] not in DIRECTIVES]
    wanted = parse_filter(conditions, problems, translate=translate)
    search.require_answerable(wanted, problems)
    refuse(problems)
    return ListQuery(pairs, selection, page, wanted, sorts)


async def find(services: Services, client: Client, dialect: Dialect, query: ListQuery) -> store.CartPage:
    """Return the carts that were asked for, of those that the client sees."""
    tenant = client.tenant
    return await services.database.read_list(
        tenant,
        lambda connection: search.find_page(
            connection,
            tenant,
            dialect,
            query.wanted,
            query.sorts,
            query.page,
            client.owner_scope,
        ),
    )
