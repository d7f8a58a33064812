"""The audit over HTTP: who did what in a tenant, found by client, resource, action and time; as a list, or as lines of JSON to keep."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from litestar import Request
from litestar.handlers import route

from gateway.callers import caller_of
from gateway.carts.after_order import CHECKOUT_PATH
from gateway.clock import timestamp_text
from gateway.documents import JsonObject
from gateway.errors import Problem
from gateway.filters.paging import page_headers, page_status
from gateway.http.answers import Answer
from gateway.http.bodies import require_json_accepted
from gateway.http.lists import list_answer
from gateway.http.queries import page_of, query_pairs, refuse, report_unknown, values_of
from gateway.operators import openapi
from gateway.roles import OPERATING
from gateway.security.refusals import NO_TENANT
from gateway.services import services_of
from gateway.storage import audit
from gateway.storage.audit import AuditRow, Wanted
from gateway.tmf.json import encode_json
from gateway.tmf.moments import parse_date_time

AUDIT: Final = f"{CHECKOUT_PATH.rpartition('/')[0]}/audit"
UNKNOWN: Final = f"{AUDIT}/unknownCredentials"
LINES_TYPE: Final = b"application/x-ndjson"
# The parameter of the query, and what it is called where it is kept.
EQUAL: Final = {
    "client": "client",
    "resource": "resource",
    "resourceId": "resource_id",
    "action": "action",
    "correlationId": "correlation_id",
    "outcome": "outcome",
}
MOMENTS: Final = ("since", "until")


@route(AUDIT, http_method=["GET", "HEAD"], opt={"openapi": openapi.AUDIT, "roles": OPERATING})
async def list_audit(request: Request[Any, Any, Any]) -> Answer:
    """List who did what, the latest first; as lines of JSON for `Accept: application/x-ndjson`."""
    return await _listed(request, caller_of(request).tenant, AUDIT)


@route(UNKNOWN, http_method=["GET", "HEAD"], opt={"openapi": openapi.UNKNOWN, "roles": frozenset({"platform"})})
async def list_unknown(request: Request[Any, Any, Any]) -> Answer:
    """List credentials that let nobody in and belong to no tenant: unknown tokens, refused logins; otherwise as the audit."""
    return await _listed(request, NO_TENANT, UNKNOWN)


async def _listed(request: Request[Any, Any, Any], tenant: str, path: str) -> Answer:
    as_lines = any(name == b"accept" and value == LINES_TYPE for name, value in request.scope["headers"])
    if not as_lines:
        require_json_accepted(request)
    services = services_of(request)
    server, pairs = services.settings.server, query_pairs(request)
    problems: list[Problem] = []
    page = page_of(pairs, server, problems)
    report_unknown(pairs, {"limit", "offset", *EQUAL, *MOMENTS}, problems)
    wanted = _wanted(pairs, problems)
    refuse(problems)
    rows, total = await services.database.read_list(
        tenant,
        lambda connection: audit.find(connection, tenant, wanted, offset=page.offset, limit=page.limit),
    )
    shown = [entry(row) for row in rows]
    if not as_lines:
        return list_answer(shown, page, total, path, pairs)
    lines = b"".join(encode_json(each) + b"\n" for each in shown)
    headers = page_headers(page, len(rows), total, path, pairs)
    return Answer(lines, status=page_status(page, len(rows), total), headers=headers, media_type=LINES_TYPE)


def entry(row: AuditRow) -> JsonObject:
    """Return what was done as operators see it."""
    deed = row.deed
    shown = {
        "@type": "AuditEntry",
        "id": row.id,
        "at": timestamp_text(row.at),
        "client": deed.client,
        "roles": list(deed.roles),
        "action": deed.action,
        "resource": deed.resource,
        "resourceId": deed.resource_id,
        "reason": deed.reason,
        "versionBefore": deed.version_before,
        "versionAfter": deed.version_after,
        "outcome": deed.outcome,
        "detail": deed.detail,
        "correlationId": row.correlation_id,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _wanted(pairs: list[tuple[str, str]], problems: list[Problem]) -> Wanted:
    given: dict[str, Any] = {}
    for name in (*EQUAL, *MOMENTS):
        values = values_of(pairs, name)
        if len(values) > 1:
            problems.append(Problem(name, "is given more than once"))
        elif values and name in EQUAL:
            given[EQUAL[name]] = values[0]
        elif values:
            given[name] = _moment(name, values[0], problems)
    return Wanted(**given)


def _moment(name: str, text: str, problems: list[Problem]) -> datetime | None:
    # A plus sign of an offset is a blank in a query.
    moment = parse_date_time(text.replace(" ", "+"))
    if moment is None:
        problems.append(Problem(name, "must be a date-time such as 2026-12-01T00:00:00Z"))
    return moment


handlers: Final[list[Any]] = [list_audit, list_unknown]
