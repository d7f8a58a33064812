"""The history of checkouts over HTTP: as a page, as CSV, as lines of JSON; and the bodies of its calls, for operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeAlias

from litestar import Request
from litestar.handlers import route
from sqlalchemy import Connection

from gateway.callers import Caller, caller_of
from gateway.carts.after_order import CHECKOUT_PATH
from gateway.checkouts.api import ONE
from gateway.checkouts.changing.changes import not_found
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reading import listing, search
from gateway.checkouts.reading.filters import FILTERS, parse_filters
from gateway.checkouts.reading.history_view import as_csv, as_lines, entries
from gateway.checkouts.stored import history, store
from gateway.correlation import openapi
from gateway.errors import NotFoundError, Problem
from gateway.filters.paging import Page, page_headers, page_status
from gateway.filters.parse import parse_filter
from gateway.filters.sorting import parse_sort
from gateway.http.answers import Answer, json_answer
from gateway.http.bodies import require_json_accepted
from gateway.http.queries import page_of, query_pairs, refuse, report_unknown, values_of
from gateway.roles import OPERATING, READING
from gateway.services import Services, services_of
from gateway.storage import audit
from gateway.tmf.json import decode_stored

Format: TypeAlias = Literal["json", "csv", "jsonl"]
Pairs: TypeAlias = Sequence[tuple[str, str]]
FORMATS: Final[tuple[Format, ...]] = ("json", "csv", "jsonl")
_MEDIA: Final[dict[Format, bytes]] = {
    "csv": b"text/csv; charset=utf-8; header=present",
    "jsonl": b"application/x-ndjson",
}
_WRITE: Final[dict[Format, Callable[[list[dict[str, Any]]], bytes]]] = {"csv": as_csv, "jsonl": as_lines}


@route(f"{ONE}/history", http_method=["GET", "HEAD"], opt={"openapi": openapi.HISTORY, "roles": READING})
async def retrieve_history(request: Request[Any, Any, Any]) -> Answer:
    """Tell what happened to a checkout, the earliest first: calls, answers, notifications, reads, what people asked for."""
    services, caller = services_of(request), caller_of(request)
    pairs = query_pairs(request)
    problems: list[Problem] = []
    form, page = _form(request, pairs, problems), _page(pairs, services, problems)
    report_unknown(pairs, {"format", "limit", "offset"}, problems)
    refuse(problems)
    checkout_id: str = request.scope["path_params"]["checkout_id"]

    def function(connection: Connection) -> list[dict[str, Any]] | None:
        record = store.get(connection, caller.tenant, checkout_id, owner=caller.owner_scope)
        return None if record is None else _of_records(connection, caller, [record])

    found = await services.database.read_list(caller.tenant, function)
    if found is None:
        raise not_found()
    if not page.asked and form != "json":
        page = page._replace(limit=max(len(found), 1))
    shown = found[page.offset : page.offset + page.limit]
    return _answer(
        shown, form, page_status(page, len(shown), len(found)), _headers(page, len(shown), len(found), request, pairs)
    )


@route(f"{CHECKOUT_PATH}/history", http_method=["GET", "HEAD"], opt={"openapi": openapi.HISTORIES, "roles": READING})
async def list_histories(request: Request[Any, Any, Any]) -> Answer:
    """Tell what happened to the checkouts that a filter finds; limit and offset count checkouts."""
    services, caller = services_of(request), caller_of(request)
    pairs = query_pairs(request)
    problems: list[Problem] = []
    form, page = _form(request, pairs, problems), _page(pairs, services, problems)
    filters = parse_filters(pairs, problems)
    sorts = parse_sort(values_of(pairs, "sort"), problems)
    wanted = parse_filter(
        [pair for pair in pairs if pair[0] not in {"format", "limit", "offset", "sort", *FILTERS}], problems
    )
    search.require_answerable(wanted, sorts, problems)
    refuse(problems)

    def function(connection: Connection) -> tuple[list[dict[str, Any]], int, int]:
        asked = listing.Asked(filters, search.conditions(connection, wanted) if wanted else (), search.order(sorts))
        records, total = listing.list_page(
            connection, caller.tenant, asked, offset=page.offset, limit=page.limit, owner=caller.owner_scope
        )
        return _of_records(connection, caller, records), len(records), total

    shown, count, total = await services.database.read_list(caller.tenant, function)
    return _answer(shown, form, page_status(page, count, total), _headers(page, count, total, request, pairs))


@route(
    f"{ONE}/history/{{entry_id:str}}/payload",
    http_method=["GET", "HEAD"],
    opt={"openapi": openapi.PAYLOAD, "roles": OPERATING},
)
async def retrieve_payload(request: Request[Any, Any, Any]) -> Answer:
    """Show what was sent with a call, or answered, without personal data."""
    require_json_accepted(request)
    services, caller = services_of(request), caller_of(request)
    given = request.scope["path_params"]

    def function(connection: Connection) -> str | None:
        record = store.get(connection, caller.tenant, given["checkout_id"], owner=caller.owner_scope)
        if record is None:
            raise not_found()
        return history.payload_of(connection, record.tenant, record.id, given["entry_id"])

    document = await services.database.read(function)
    if document is None:
        raise NotFoundError("Of this entry no body is kept: it has none, or retention.payloads_days are over.")
    return json_answer({"@type": "Payload", "id": given["entry_id"], "body": decode_stored(document)})


handlers: Final[list[Any]] = [retrieve_history, list_histories, retrieve_payload]


def _of_records(connection: Connection, caller: Caller, records: Sequence[CheckoutRecord]) -> list[dict[str, Any]]:
    ids = [record.id for record in records]
    happened = history.of_checkouts(connection, caller.tenant, ids)
    deeds: dict[str, list[audit.AuditRow]] = {}
    for row in audit.of_resource(connection, caller.tenant, "checkout", ids) if ids else ():
        deeds.setdefault(row.deed.resource_id, []).append(row)
    shown = []
    for checkout_id in ids:
        kept = history.with_payload(connection, caller.tenant, checkout_id) if caller.has_role(*OPERATING) else ()
        of_one = entries(happened.get(checkout_id, ()), deeds.get(checkout_id, ()), caller, kept)
        shown += [{**entry, "checkout": {"id": checkout_id}} for entry in of_one]
    return shown


def _form(request: Request[Any, Any, Any], pairs: Pairs, problems: list[Problem]) -> Format:
    """Return the form that `format` asks for; without it JSON, which the client must accept."""
    given = values_of(pairs, "format")
    if not given:
        require_json_accepted(request)
        return "json"
    if len(given) > 1 or given[0] not in FORMATS:
        problems.append(Problem("format", f"must be one of {', '.join(FORMATS)}"))
        return "json"
    return given[0]


def _page(pairs: Pairs, services: Services, problems: list[Problem]) -> Page:
    server = services.settings.server
    return page_of(pairs, server, problems)


def _headers(
    page: Page, count: int, total: int, request: Request[Any, Any, Any], pairs: Pairs
) -> list[tuple[bytes, bytes]]:
    return page_headers(page, count, total, request.scope["path"], pairs)


def _answer(shown: list[dict[str, Any]], form: Format, status: int, headers: list[tuple[bytes, bytes]]) -> Answer:
    if form == "json":
        return json_answer(shown, status=status, headers=headers)
    name = f'attachment; filename="history.{form}"'.encode()
    return Answer(
        _WRITE[form](shown), status=status, headers=[*headers, (b"content-disposition", name)], media_type=_MEDIA[form]
    )
