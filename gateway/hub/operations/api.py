"""Subscriptions of every API in one place: who is told, how far each is, what failed last; sending again, and a test event."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeAlias

from litestar import Request
from litestar.handlers import post, route
from sqlalchemy import Connection

from gateway.callers import Caller, caller_of
from gateway.clock import timestamp_text
from gateway.documents import JsonObject
from gateway.errors import ForbiddenError, InvalidBodyError, NotFoundError, Problem
from gateway.http.answers import Answer, json_answer
from gateway.http.bodies import has_body, read_object, require_json_accepted
from gateway.http.lists import list_answer
from gateway.http.queries import page_of, query_pairs, refuse, report_unknown
from gateway.hub.delivery.sender import Sender
from gateway.hub.model import Subscription
from gateway.hub.operations import openapi, progress
from gateway.hub.operations.progress import Progress
from gateway.hub.operations.trial import try_out
from gateway.hub.subscriptions.resource import resource
from gateway.logs import correlation
from gateway.roles import ORDERING, READING
from gateway.security.callbacks import CallbackGuard, policy_of
from gateway.services import Services, services_of
from gateway.storage import audit
from gateway.tmf.moments import parse_date_time
from gateway.upstream import tls_context

HttpRequest: TypeAlias = Request[Any, Any, Any]
SUBSCRIPTIONS: Final = "/tmf-api/checkoutManagement/v1/subscription"
ONE: Final = f"{SUBSCRIPTIONS}/{{subscription_id:str}}"


@route(SUBSCRIPTIONS, http_method=["GET", "HEAD"], opt={"openapi": openapi.LIST, "roles": READING})
async def list_subscriptions(request: HttpRequest) -> Answer:
    """List the subscriptions at the hubs of every API: who is told, how far each is, what failed last."""
    require_json_accepted(request)
    services, caller = services_of(request), caller_of(request)
    server, pairs = services.settings.server, query_pairs(request)
    problems: list[Problem] = []
    page = page_of(pairs, server, problems)
    report_unknown(pairs, {"limit", "offset"}, problems)
    refuse(problems)
    found, total = await services.database.read_list(
        caller.tenant,
        lambda connection: progress.page(
            connection, caller.tenant, owner=caller.owner_scope, limit=page.limit, offset=page.offset
        ),
    )
    return list_answer([shown(each, caller.base_url) for each in found], page, total, SUBSCRIPTIONS, pairs)


@route(ONE, http_method=["GET", "HEAD"], opt={"openapi": openapi.RETRIEVE, "roles": READING})
async def retrieve_subscription(request: HttpRequest) -> Answer:
    """Look at a subscription of any API, and at what holds it up."""
    require_json_accepted(request)
    services, caller, subscription_id = services_of(request), caller_of(request), _id(request)

    def function(connection: Connection) -> Progress:
        found = _found(connection, caller, subscription_id)
        return progress.progress_of(connection, found, with_resources=True)

    return json_answer(shown(await services.database.read(function), caller.base_url))


@post(f"{ONE}/resend", status_code=202, opt={"openapi": openapi.RESEND, "roles": ORDERING})
async def resend_events(request: HttpRequest) -> Answer:
    """Send the events since a moment again, as far as they are kept; a subscription that was switched off goes on."""
    require_json_accepted(request)
    services, caller, subscription_id = services_of(request), caller_of(request), _id(request)
    since = _since(await _body(request, {"since"}), services.clock())

    def function(connection: Connection) -> progress.Resent:
        found = _changeable(connection, caller, subscription_id)
        now = services.database.now(connection)
        resent = progress.resend(connection, found, since, now)
        deed = caller.deed("resend", "subscription", subscription_id)
        audit.record(connection, deed, now)
        return resent

    resent = await services.database.write(function)
    return json_answer(
        {
            "@type": "EventResend",
            "since": timestamp_text(since),
            "events": resent.events,
            **_moments(firstEvent=resent.first_at, keptSince=resent.kept_since),
        },
        status=202,
    )


@post(f"{ONE}/test", status_code=200, opt={"openapi": openapi.TEST, "roles": ORDERING})
async def send_test_event(request: HttpRequest) -> Answer:
    """Post a sample of an event to the callback now, signed as the real ones are, and tell what came of it."""
    require_json_accepted(request)
    services, caller, subscription_id = services_of(request), caller_of(request), _id(request)
    body = await _body(request, {"eventType"}) if has_body(request) else {}
    found = await services.database.read(lambda connection: _changeable(connection, caller, subscription_id))
    event_type = _event_type(body, found)
    sender = _sender(services)
    caused_by = (correlation.get() or b"").decode("latin-1")
    try:
        trial = await try_out(
            found,
            event_type,
            sender,
            event_id=services.new_id(),
            correlation_id=caused_by,
            now=services.clock(),
        )
    finally:
        await sender.close()
    deed = caller.deed("test", "subscription", subscription_id)
    await services.database.write(lambda connection: audit.record(connection, deed, services.clock()))
    told = {
        "@type": "EventTest",
        "eventType": trial.event_type,
        "eventId": trial.event_id,
        "callback": trial.url,
        "outcome": trial.outcome,
        "detail": trial.detail,
        "milliseconds": trial.milliseconds,
    }
    return json_answer({name: value for name, value in told.items() if value is not None})


def shown(found: Progress, base_url: str) -> JsonObject:
    """Return a subscription as operators see it: the hub resource, whose it is, since when the oldest event waits, what is held up."""
    subscription = found.subscription
    document = resource(subscription, base_url, found.waiting)
    whose = {"client": subscription.owner, "ownerScope": subscription.owner_scope}
    return {
        **document,
        "@type": "Subscription",
        "hub": subscription.api.path,
        **{name: value for name, value in whose.items() if value is not None},
        **_moments(oldestEventWaiting=found.oldest_at),
        "waitingResource": [
            {
                "id": each.resource_id,
                "attempts": each.attempts,
                "since": timestamp_text(each.since),
                "nextAttemptAt": timestamp_text(each.next_attempt_at),
            }
            for each in found.resources
        ],
    }


def _moments(**moments: datetime | None) -> dict[str, str]:
    return {name: timestamp_text(moment) for name, moment in moments.items() if moment is not None}


def _id(request: HttpRequest) -> str:
    subscription_id: str = request.scope["path_params"]["subscription_id"]
    return subscription_id


def _found(connection: Connection, caller: Caller, subscription_id: str) -> Subscription:
    found = progress.find(connection, caller.tenant, subscription_id, owner=caller.owner_scope)
    if found is None:
        raise NotFoundError("There is no such subscription.", problems=[Problem("id", "names no subscription")])
    return found


def _changeable(connection: Connection, caller: Caller, subscription_id: str) -> Subscription:
    """Return a subscription that the caller may send something to: its own, or any with the role operator or admin."""
    found = _found(connection, caller, subscription_id)
    if not caller.has_role("operator", "admin") and caller.client != found.owner:
        raise ForbiddenError(
            "Another client made this subscription: it, or a client with the role operator or admin, sends to it."
        )
    return found


async def _body(request: HttpRequest, known: set[str]) -> dict[str, Any]:
    server = services_of(request).settings.server
    body = await read_object(request, bytes_max=server.body_bytes_max, depth_max=server.depth_max)
    unknown = [
        Problem(str(name)[:100], f"is not known here; there is: {', '.join(sorted(known))}")
        for name in body
        if name not in known
    ]
    if unknown:
        raise InvalidBodyError(unknown)
    return body


def _since(body: dict[str, Any], now: datetime) -> datetime:
    given = body.get("since")
    moment = parse_date_time(given) if isinstance(given, str) else None
    if moment is None:
        raise InvalidBodyError([Problem("since", "must be a date-time such as 2026-12-01T00:00:00Z")])
    if moment > now:
        raise InvalidBodyError([Problem("since", "lies in the future: there is nothing to send again")])
    return moment


def _event_type(body: dict[str, Any], subscription: Subscription) -> str:
    """Return the canonical name of the event that is asked for; by default the first that the subscription's API has."""
    names = subscription.api.names
    wanted = body.get("eventType")
    if wanted is None:
        return next(iter(names))
    found = next((event for event, name in names.items() if name == wanted), None)
    if found is None:
        raise InvalidBodyError(
            [Problem("eventType", f"is not an event of this API; there are: {', '.join(names.values())}")]
        )
    return found


def _sender(services: Services) -> Sender:
    hub = services.settings.hub
    return Sender(
        CallbackGuard(policy_of(hub), services.resolver),
        tls=tls_context(ca_file=hub.ca_file or None),
        timeout_seconds=hub.timeout_seconds,
        connections_max=1,
    )


handlers: Final[list[Any]] = [list_subscriptions, retrieve_subscription, resend_events, send_test_event]
