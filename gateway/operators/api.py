"""What operators do, over HTTP: retry, poll, adopt and close a checkout, pause and resume an order system."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from litestar import Request
from litestar.handlers import post, route

from gateway.callers import Caller, caller_of
from gateway.carts.after_order import CHECKOUT_PATH
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reading import resource
from gateway.checkouts.shown.viewing import complete
from gateway.errors import InvalidBodyError, Problem
from gateway.http.answers import Answer, json_answer
from gateway.http.bodies import has_body, read_object, require_json_accepted
from gateway.http.headers import entity_tag
from gateway.operators import audit_api, openapi
from gateway.operators.adopting import Adopt, adopt
from gateway.operators.closing import CLOSED_AS, Close, close
from gateway.operators.commands import Poll, Retry, poll, retry
from gateway.operators.upstreams import (
    PauseUpstream,
    ResumeUpstream,
    listed,
    pause_upstream,
    resume_upstream,
)
from gateway.roles import OPERATING
from gateway.services import services_of
from gateway.storage.audit import REASON_CHARACTERS_MAX
from gateway.tmf.schema import is_one_line

HttpRequest: TypeAlias = Request[Any, Any, Any]
ONE: Final = f"{CHECKOUT_PATH}/{{checkout_id:str}}"
UPSTREAMS: Final = f"{CHECKOUT_PATH.rpartition('/')[0]}/upstream"
ORDER_ID_CHARACTERS_MAX: Final = 255


@post(f"{ONE}/retry", status_code=202, opt={"openapi": openapi.RETRY, "roles": OPERATING})
async def retry_checkout(request: HttpRequest) -> Answer:
    """Look at the order of a checkout and go on with it now."""
    caller, body = await _asked(request, {"reason"})
    problems: list[Problem] = []
    command = Retry(caller=caller, checkout_id=_id(request), reason=_text(body, "reason", problems))
    _refuse(problems)
    return await _answer(request, await retry(services_of(request), command), 202)


@post(f"{ONE}/poll", status_code=202, opt={"openapi": openapi.POLL, "roles": OPERATING})
async def poll_checkout(request: HttpRequest) -> Answer:
    """Read the order of a checkout now."""
    caller, body = await _asked(request, {"reason"}, may_be_empty=True)
    problems: list[Problem] = []
    reason = _text(body, "reason", problems) if "reason" in body else None
    _refuse(problems)
    command = Poll(caller=caller, checkout_id=_id(request), reason=reason)
    return await _answer(request, await poll(services_of(request), command), 202)


@post(f"{ONE}/adopt", status_code=202, opt={"openapi": openapi.ADOPT, "roles": OPERATING})
async def adopt_order(request: HttpRequest) -> Answer:
    """Take an order of the order system as that of a held checkout, once it was read and compared."""
    caller, body = await _asked(request, {"productOrder", "reason", "override"})
    problems: list[Problem] = []
    order = body.get("productOrder")
    if not isinstance(order, dict):
        problems.append(Problem("productOrder", 'must be {"id": "..."}: the order that is this checkout\'s'))
        order = {"id": "-"}
    command = Adopt(
        caller=caller,
        checkout_id=_id(request),
        order_id=_text(order, "id", problems, path="productOrder.id", characters_max=ORDER_ID_CHARACTERS_MAX),
        reason=_text(body, "reason", problems),
        override=_flag(body, "override", problems),
    )
    _refuse(problems)
    return await _answer(request, await adopt(services_of(request), command), 202)


@post(f"{ONE}/close", status_code=200, opt={"openapi": openapi.CLOSE, "roles": OPERATING})
async def close_checkout(request: HttpRequest) -> Answer:
    """End a checkout that was settled elsewhere."""
    caller, body = await _asked(request, {"outcome", "reason", "override"})
    problems: list[Problem] = []
    outcome = next((each for each in CLOSED_AS if each == body.get("outcome")), None)
    if outcome is None:
        problems.append(Problem("outcome", f"must be one of {', '.join(CLOSED_AS)}"))
    command = Close(
        caller=caller,
        checkout_id=_id(request),
        outcome=outcome or "rejected",
        reason=_text(body, "reason", problems),
        override=_flag(body, "override", problems),
    )
    _refuse(problems)
    return await _answer(request, await close(services_of(request), command), 200)


@route(UPSTREAMS, http_method=["GET", "HEAD"], opt={"openapi": openapi.UPSTREAMS, "roles": OPERATING})
async def list_upstreams(request: HttpRequest) -> Answer:
    """List the order systems, and which of them are paused."""
    require_json_accepted(request)
    return json_answer(await listed(services_of(request), caller_of(request)))


@post(f"{UPSTREAMS}/{{upstream:str}}/pause", status_code=200, opt={"openapi": openapi.PAUSE, "roles": OPERATING})
async def pause_calls(request: HttpRequest) -> Answer:
    """Call an order system no more until it is resumed; what waits for it says so."""
    caller, body = await _asked(request, {"reason"})
    problems: list[Problem] = []
    name: str = request.scope["path_params"]["upstream"]
    command = PauseUpstream(caller=caller, upstream=name, reason=_text(body, "reason", problems))
    _refuse(problems)
    return json_answer(await pause_upstream(services_of(request), command))


@post(f"{UPSTREAMS}/{{upstream:str}}/resume", status_code=200, opt={"openapi": openapi.RESUME, "roles": OPERATING})
async def resume_calls(request: HttpRequest) -> Answer:
    """Call an order system again, and go on with all that waited for it."""
    caller, body = await _asked(request, {"reason"}, may_be_empty=True)
    problems: list[Problem] = []
    reason = _text(body, "reason", problems) if "reason" in body else None
    _refuse(problems)
    name: str = request.scope["path_params"]["upstream"]
    return json_answer(
        await resume_upstream(services_of(request), ResumeUpstream(caller=caller, upstream=name, reason=reason))
    )


handlers: Final[list[Any]] = [
    retry_checkout,
    poll_checkout,
    adopt_order,
    close_checkout,
    list_upstreams,
    pause_calls,
    resume_calls,
    *audit_api.handlers,
]


async def _asked(request: HttpRequest, names: set[str], *, may_be_empty: bool = False) -> tuple[Caller, dict[str, Any]]:
    """Return who asks, an operator, and the body; InvalidBodyError (400) when it has other attributes than these."""
    require_json_accepted(request)
    caller, server = caller_of(request), services_of(request).settings.server
    if may_be_empty and not has_body(request):
        return caller, {}
    body = await read_object(request, bytes_max=server.body_bytes_max, depth_max=server.depth_max)
    _refuse(
        [
            Problem(name, f"is not known here; there are: {', '.join(sorted(names))}")
            for name in sorted(body.keys() - names)
        ]
    )
    return caller, body


def _id(request: HttpRequest) -> str:
    checkout_id: str = request.scope["path_params"]["checkout_id"]
    return checkout_id


def _text(
    body: dict[str, Any],
    name: Literal["reason", "id"],
    problems: list[Problem],
    *,
    path: str | None = None,
    characters_max: int = REASON_CHARACTERS_MAX,
) -> str:
    value = body.get(name)
    if isinstance(value, str) and len(value) <= characters_max and is_one_line(value):
        return value.strip()
    what = "must say why" if name == "reason" else "must be there"
    problems.append(Problem(path or name, f"{what}: 1 to {characters_max} printable characters"))
    return ""


def _flag(body: dict[str, Any], name: str, problems: list[Problem]) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        problems.append(Problem(name, "must be true or false"))
    return value is True


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise InvalidBodyError(problems)


async def _answer(request: HttpRequest, record: CheckoutRecord, status: int) -> Answer:
    services = services_of(request)
    caller = caller_of(request)
    document = await services.database.read(lambda connection: resource.load(connection, record, caller))
    complete(document, record, caller, services)
    headers = [(b"etag", entity_tag(record.version))]
    if status == 202:  # noqa: PLR2004 - HTTP
        headers.insert(0, (b"location", document["href"].encode("latin-1")))
    return json_answer(document, status=status, headers=headers)
