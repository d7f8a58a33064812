"""Inbound notifications: recorded, answered, and only then looked at."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from litestar import Request
from litestar.handlers import post

from gateway.errors import ClientGoneError, MalformedBodyError, NotFoundError, Problem
from gateway.fair_shares import rest_before_more
from gateway.http.answers import Answer
from gateway.http.bodies import decoded, read_body
from gateway.logs import get_logger
from gateway.roles import NOTIFYING
from gateway.security.guard import client_of
from gateway.security.notifiers import require_signature
from gateway.services import Services, services_of
from gateway.settings import UpstreamSettings
from gateway.tmf.shapes import json_kind
from gateway.tracking.events import read_event
from gateway.tracking.inbox import NAMES_NO_ORDER, Arrived
from gateway.tracking.intake import Intake

log = get_logger(__name__)
# A body that takes longer is not waited for: it keeps a place.
BODY_SECONDS_MAX: Final = 30.0
BASE_PATH: Final = "/notifications/{upstream:str}"
_OPENAPI: Final[dict[str, Any]] = {
    "tags": ["notification"],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "description": "An event in whatever form the order system has."},
                "example": {
                    "eventId": "42",
                    "eventType": "ProductOrderStateChangeEvent",
                    "event": {"productOrder": {"id": "00000001", "state": "completed"}},
                },
            }
        },
    },
    "responses": {
        status: {"description": "Recorded; which of these is the mapping's `api.notification_status`"}
        for status in ("200", "201", "202", "204")
    },
}


@post([BASE_PATH, f"{BASE_PATH}/listener/{{event_name:str}}"], opt={"openapi": _OPENAPI, "roles": NOTIFYING})
async def receive_notification(request: Request[Any, Any, Any]) -> Answer:
    """Take in an order-state event of an order system.

    An event of an order that nobody knows is answered like any other: the answer tells nothing about which orders exist.
    One that names no order is kept, dead, and told in the log, once.
    """
    services, client = services_of(request), client_of(request)
    upstream: str = request.scope["path_params"]["upstream"]
    settings = services.settings.upstreams.get(upstream)
    if settings is None or not (client.of_upstream or settings.serves(client.tenant)):
        raise NotFoundError("There is no such upstream.", problems=[Problem("upstream", "names no upstream")])
    intake: Intake = request.app.state.intake
    tenants = (settings.tenants if client.of_upstream else ()) or (client.tenant,)
    async with intake.place():
        raw = await _body(request, services.settings.tracking.body_bytes_max)
        async with intake.turn(len(raw)):
            await rest_before_more()
            message_id = require_signature(request.scope, raw, settings)
            arrived = await _arrived(request, raw, services, settings, message_id)
            outcomes = await intake.record(tenants, arrived)
    event = arrived.event
    if event.order_id is None:
        for tenant in (tenant for tenant, outcome in outcomes.items() if outcome == "recorded"):
            # The sender is told nothing, and nobody looks at it again: only this line says that its shape is not understood.
            reason = {"upstream": upstream, "event_key": event.key, "reason": NAMES_NO_ORDER}
            log.warning("notification.dead", tenant=tenant, **reason)
    services.events_due.notify()
    return Answer(status=services.mappings[settings.mapping].api.notification_status)


async def _body(request: Request[Any, Any, Any], bytes_max: int) -> bytes:
    """Return the body. Raises as `read_body`, and ClientGoneError (400) when it does not come to its end in time."""
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            return await read_body(request, bytes_max=bytes_max)
    except TimeoutError:
        raise ClientGoneError(
            f"The body did not come within {BODY_SECONDS_MAX:g} s.", headers={"Connection": "close"}
        ) from None


async def _arrived(
    request: Request[Any, Any, Any], raw: bytes, services: Services, settings: UpstreamSettings, message_id: str | None
) -> Arrived:
    """Return the notification of a body. Raises MalformedBodyError (400) for what is not a JSON object."""
    document = await decoded(request, raw, depth_max=services.settings.server.depth_max)
    if not isinstance(document, dict):
        what = f"must be a JSON object, not {json_kind(document)}"
        raise MalformedBodyError.about("A notification", what, "")
    parameters = request.scope["path_params"]
    name = parameters.get("event_name", "")
    event = read_event(document, raw, services.mappings[settings.mapping], name=name, message_id=message_id)
    return Arrived(upstream=parameters["upstream"], event=event, raw=raw.decode(), raw_bytes=len(raw))


handlers: Final[list[Any]] = [receive_notification]
