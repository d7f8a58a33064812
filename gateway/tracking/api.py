"""Inbound notifications: recorded, answered, and only then looked at."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request
from litestar.handlers import post
from sqlalchemy import Connection

from gateway.errors import MalformedBodyError, NotFoundError, Problem
from gateway.http.answers import Answer
from gateway.http.bodies import decoded, read_body
from gateway.logs import get_logger
from gateway.roles import NOTIFYING
from gateway.security.guard import client_of
from gateway.services import services_of
from gateway.tmf.shapes import json_kind
from gateway.tracking import store
from gateway.tracking.events import read_event

log = get_logger(__name__)
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
    services = services_of(request)
    client = client_of(request)
    upstream: str = request.scope["path_params"]["upstream"]
    settings = services.settings.upstreams.get(upstream)
    if settings is None or not (client.of_upstream or settings.serves(client.tenant)):
        raise NotFoundError("There is no such upstream.", problems=[Problem("upstream", "names no upstream")])
    raw = await read_body(request, bytes_max=services.settings.tracking.body_bytes_max)
    document = await decoded(request, raw, depth_max=services.settings.server.depth_max)
    if not isinstance(document, dict):
        what = f"must be a JSON object, not {json_kind(document)}"
        raise MalformedBodyError.about("A notification", what, "")
    event = read_event(document, raw, services.mappings[settings.mapping])
    text, database = raw.decode(), services.database
    tenants = (settings.tenants if client.of_upstream else ()) or (client.tenant,)

    def record(connection: Connection) -> list[str]:
        now, concerned = database.now(connection), store.tenants_of_order(connection, tenants, upstream, event)
        return [tenant for tenant in concerned if store.record_event(connection, tenant, upstream, event, text, now)]

    is_new = await database.write(record)
    for tenant in is_new if event.order_id is None else ():
        # The sender is told nothing, and nobody looks at it again: only this line says that its shape is not understood.
        log.warning("notification.dead", tenant=tenant, upstream=upstream, event_key=event.key, reason="names no order")
    services.events_due.notify()
    return Answer(status=services.mappings[settings.mapping].api.notification_status)


handlers: Final[list[Any]] = [receive_notification]
