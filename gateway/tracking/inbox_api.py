"""The inbox over HTTP: what order systems told that is not dealt with, dead letters above all; look at it, replay it, set it aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from litestar import Request
from litestar.handlers import post, route
from sqlalchemy import Row

from gateway.callers import caller_of
from gateway.carts.after_order import CHECKOUT_PATH
from gateway.clock import timestamp_text
from gateway.errors import InvalidBodyError, MalformedBodyError, Problem
from gateway.http.answers import Answer, json_answer
from gateway.http.bodies import read_object, require_json_accepted
from gateway.http.lists import list_answer
from gateway.http.queries import page_of, query_pairs, refuse, report_unknown, values_of
from gateway.roles import LOOKING, OPERATING
from gateway.services import services_of
from gateway.storage.audit import REASON_CHARACTERS_MAX
from gateway.tmf.json import decode_json, decode_stored
from gateway.tmf.moments import parse_date_time
from gateway.tmf.schema import is_one_line
from gateway.tracking import inbox_openapi as openapi
from gateway.tracking import letters
from gateway.tracking.inbox import STATES, State
from gateway.tracking.inbox_commands import Acted, Action, ActOnMany, ActOnOne, act_on_many, act_on_one, not_found
from gateway.tracking.letters import Wanted

HttpRequest: TypeAlias = Request[Any, Any, Any]
INBOX: Final = f"{CHECKOUT_PATH.rpartition('/')[0]}/inbox"
# The parameter of the query (of the body, for many), and what it is called in `Wanted`.
EQUAL: Final = {
    "upstream": "upstream",
    "eventType": "event_type",
    "eventId": "event_id",
    "productOrder.id": "order_id",
}
MOMENTS: Final = ("since", "until")
_DEPTH_MAX: Final = 200
_ADDRESS_OF_MANY: Final = ("state", *EQUAL, *MOMENTS)


@route(INBOX, http_method=["GET", "HEAD"], opt={"openapi": openapi.LIST, "roles": LOOKING})
async def list_inbox(request: HttpRequest) -> Answer:
    """List notifications that are not dealt with, the latest first; `state` asks for others."""
    require_json_accepted(request)
    services, caller = services_of(request), caller_of(request)
    server, pairs = services.settings.server, query_pairs(request)
    problems: list[Problem] = []
    page = page_of(pairs, server, problems)
    report_unknown(pairs, {"limit", "offset", *_ADDRESS_OF_MANY}, problems)
    wanted = _wanted({name: values_of(pairs, name) for name in _ADDRESS_OF_MANY}, problems)
    refuse(problems)
    rows, total = await services.database.read_list(
        caller.tenant,
        lambda connection: letters.find(connection, caller.tenant, wanted, offset=page.offset, limit=page.limit),
    )
    return list_answer([_shown(row, caller.base_url) for row in rows], page, total, INBOX, pairs)


@route(f"{INBOX}/{{notification_id:str}}", http_method=["GET", "HEAD"], opt={"openapi": openapi.GET, "roles": LOOKING})
async def get_notification(request: HttpRequest) -> Answer:
    """Show one notification with its body."""
    require_json_accepted(request)
    caller = caller_of(request)
    row = await services_of(request).database.read(
        lambda connection: letters.get(connection, caller.tenant, _id(request))
    )
    if row is None:
        raise not_found()
    return json_answer(_whole(row, caller.base_url))


@post(f"{INBOX}/{{notification_id:str}}/replay", status_code=202, opt={"openapi": openapi.REPLAY, "roles": OPERATING})
async def replay_notification(request: HttpRequest) -> Answer:
    """Let a notification be looked at as if it had come just now."""
    return await _one(request, "replay", 202)


@post(f"{INBOX}/{{notification_id:str}}/dismiss", status_code=200, opt={"openapi": openapi.DISMISS, "roles": OPERATING})
async def dismiss_notification(request: HttpRequest) -> Answer:
    """Set a notification aside as dealt with."""
    return await _one(request, "dismiss", 200)


@post(f"{INBOX}/replay", status_code=200, opt={"openapi": openapi.REPLAY_MANY, "roles": OPERATING})
async def replay_notifications(request: HttpRequest) -> Answer:
    """Replay all dead letters that a filter finds; with `dryRun` only count them."""
    return await _many(request, "replay")


@post(f"{INBOX}/dismiss", status_code=200, opt={"openapi": openapi.DISMISS_MANY, "roles": OPERATING})
async def dismiss_notifications(request: HttpRequest) -> Answer:
    """Set all dead letters aside that a filter finds; with `dryRun` only count them."""
    return await _many(request, "dismiss")


handlers: Final[list[Any]] = [
    list_inbox,
    get_notification,
    replay_notification,
    dismiss_notification,
    replay_notifications,
    dismiss_notifications,
]


async def _one(request: HttpRequest, action: Action, status: Literal[200, 202]) -> Answer:
    caller = caller_of(request)
    body = await _body(request, {"reason"})
    problems: list[Problem] = []
    reason = _reason(body, problems)
    _refuse(problems)
    command = ActOnOne(caller=caller, action=action, notification_id=_id(request), reason=reason)
    row = await act_on_one(services_of(request), command)
    return json_answer(_whole(row, caller.base_url), status=status)


async def _many(request: HttpRequest, action: Action) -> Answer:
    body = await _body(request, {"reason", "dryRun", *_ADDRESS_OF_MANY})
    problems: list[Problem] = []
    given: dict[str, list[str]] = {}
    for name in _ADDRESS_OF_MANY:
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            problems.append(Problem(name, "must be a text"))
        given[name] = [value] if isinstance(value, str) else []
    wanted = _wanted({**given, "state": given["state"] or ["dead"]}, problems)
    dry_run = body.get("dryRun", False)
    if not isinstance(dry_run, bool):
        problems.append(Problem("dryRun", "must be true or false"))
    reason = "" if dry_run is True and "reason" not in body else _reason(body, problems)
    _refuse(problems)
    command = ActOnMany(caller=caller_of(request), action=action, wanted=wanted, reason=reason, dry_run=dry_run is True)
    return json_answer(_result(await act_on_many(services_of(request), command)))


def _result(acted: Acted) -> dict[str, Any]:
    return {
        "@type": "InboxResult",
        "matched": acted.matched,
        "replayed": acted.moves.get("replayed", 0),
        "dismissed": acted.moves.get("dismissed", 0),
        "namesNoOrder": acted.moves.get("names_no_order", 0),
        "left": acted.left,
    }


def _wanted(given: dict[str, list[str]], problems: list[Problem]) -> Wanted:
    for name, values in given.items():
        if len(values) > 1:
            problems.append(Problem(name, "is given more than once"))
    first = {name: values[0] for name, values in given.items() if values}
    return Wanted(
        states=_states(first["state"], problems) if "state" in first else letters.OPEN_STATES,
        upstream=first.get("upstream"),
        event_type=first.get("eventType"),
        event_id=first.get("eventId"),
        order_id=first.get("productOrder.id"),
        since=_moment("since", first, problems),
        until=_moment("until", first, problems),
    )


def _states(text: str, problems: list[Problem]) -> Sequence[State]:
    found = [state for state in STATES if state in text.split(",")]
    if len(found) != len(set(text.split(","))):
        problems.append(Problem("state", f"must be one or more of {', '.join(STATES)}, separated by commas"))
    return found


def _moment(name: str, given: dict[str, str], problems: list[Problem]) -> datetime | None:
    if name not in given:
        return None
    # A plus sign of an offset is a blank in a query.
    moment = parse_date_time(given[name].replace(" ", "+"))
    if moment is None:
        problems.append(Problem(name, "must be a date-time such as 2026-12-01T00:00:00Z"))
    return moment


def _shown(row: Row[Any], base_url: str) -> dict[str, Any]:
    """Return a notification as operators see it in a list."""
    shown = {
        "@type": "Notification",
        "id": row.id,
        "href": f"{base_url}{INBOX}/{row.id}",
        "upstream": row.upstream,
        "eventId": row.dedup_key,
        "eventType": row.event_type,
        "eventTime": None if row.occurred_at is None else timestamp_text(row.occurred_at),
        "state": row.state,
        "statusReason": row.detail,
        "receivedDate": timestamp_text(row.received_at),
        "nextAttemptAt": None if row.due_at is None else timestamp_text(row.due_at),
        "attempts": row.attempts,
        "productOrder": None if row.order_id is None else {"id": row.order_id, "state": row.order_state},
        "externalId": row.marker,
        "note": None if row.notes is None else decode_stored(row.notes),
        "byteCount": row.raw_bytes,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _whole(row: Row[Any], base_url: str) -> dict[str, Any]:
    """Return a notification with its body, as JSON where it can be read as such."""
    try:
        payload = decode_json(row.raw.encode(), depth_max=_DEPTH_MAX)
    except MalformedBodyError:
        payload = row.raw
    return {**_shown(row, base_url), "payload": payload}


async def _body(request: HttpRequest, names: set[str]) -> dict[str, Any]:
    require_json_accepted(request)
    server = services_of(request).settings.server
    body = await read_object(request, bytes_max=server.body_bytes_max, depth_max=server.depth_max)
    listed = ", ".join(sorted(names))
    _refuse([Problem(name, f"is not known here; there are: {listed}") for name in sorted(body.keys() - names)])
    return body


def _reason(body: dict[str, Any], problems: list[Problem]) -> str:
    value = body.get("reason")
    if isinstance(value, str) and len(value) <= REASON_CHARACTERS_MAX and is_one_line(value):
        return value.strip()
    problems.append(Problem("reason", f"must say why: 1 to {REASON_CHARACTERS_MAX} printable characters"))
    return ""


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise InvalidBodyError(problems)


def _id(request: HttpRequest) -> str:
    notification_id: str = request.scope["path_params"]["notification_id"]
    return notification_id
