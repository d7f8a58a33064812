"""Pausing and resuming order systems: for their maintenance, or to stop everything towards them at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from gateway.callers import Caller
from gateway.checkouts.stored.due import first_and_last_tenant
from gateway.checkouts.stored.pauses import Pause, pause, pauses, resume
from gateway.clock import timestamp_text
from gateway.documents import JsonObject
from gateway.errors import ForbiddenError, NotFoundError, Problem
from gateway.logs import get_logger
from gateway.services import Services
from gateway.storage import audit

log = get_logger(__name__)
RESOURCE: Final = "upstream"


class PauseUpstream(Struct, frozen=True, kw_only=True):
    """Call an order system no more until it is resumed."""

    caller: Caller
    upstream: str
    reason: str


class ResumeUpstream(Struct, frozen=True, kw_only=True):
    """Call an order system again, and go on with all that waited for it."""

    caller: Caller
    upstream: str
    reason: str | None = None


async def pause_upstream(services: Services, command: PauseUpstream) -> JsonObject:
    """Pause an order system and return it as a resource; pausing twice changes nothing.

    404 when the caller's tenant has none of that name, 403 when it serves other tenants as well.
    """
    _require_served(services, command.caller, command.upstream)

    def function(connection: Connection) -> Pause:
        _require_own(connection, services, command.caller, command.upstream)
        now = services.database.now(connection)
        wanted = Pause(upstream=command.upstream, since=now, client=command.caller.client, reason=command.reason)
        held = pause(connection, wanted)
        if held is wanted:
            deed = command.caller.deed("pause", RESOURCE, command.upstream)
            audit.record(connection, replace(deed, reason=command.reason, outcome="paused"), now)
        return held

    held = await services.database.write(function)
    log.warning("upstream.paused", upstream=command.upstream, by=held.client)
    return resource(services, command.upstream, {command.upstream: held})


async def resume_upstream(services: Services, command: ResumeUpstream) -> JsonObject:
    """Resume an order system and return it as a resource; resuming twice changes nothing. Errors as `pause_upstream`."""
    _require_served(services, command.caller, command.upstream)

    def function(connection: Connection) -> int | None:
        _require_own(connection, services, command.caller, command.upstream)
        now = services.database.now(connection)
        waiting = resume(connection, command.upstream, now)
        if waiting is not None:
            said = f"{waiting} checkouts go on"
            deed = command.caller.deed("resume", RESOURCE, command.upstream)
            audit.record(connection, replace(deed, reason=command.reason, outcome="resumed", detail=said), now)
        return waiting

    waiting = await services.database.write(function)
    if waiting is not None:
        log.warning("upstream.resumed", upstream=command.upstream, by=command.caller.client, checkouts=waiting)
    services.work_due.notify()
    services.events_due.notify()
    return resource(services, command.upstream, {})


async def listed(services: Services, caller: Caller) -> list[JsonObject]:
    """Return every order system that the caller's tenant orders at, with its pause."""
    held = await services.database.read(pauses)
    upstreams = services.settings.upstreams
    return [resource(services, name, held) for name in sorted(upstreams) if upstreams[name].serves(caller.tenant)]


def resource(services: Services, upstream: str, held: Mapping[str, Pause]) -> dict[str, Any]:
    """Return an order system as clients see it: {"@type", "id", "mapping", "state", "pause": {"since", "by", "reason"}}."""
    paused = held.get(upstream)
    document: dict[str, Any] = {
        "@type": "Upstream",
        "id": upstream,
        "mapping": services.settings.upstreams[upstream].mapping,
        "state": "active" if paused is None else "paused",
    }
    if paused is not None:
        document["pause"] = {"since": timestamp_text(paused.since), "by": paused.client, "reason": paused.reason}
    return document


def _require_served(services: Services, caller: Caller, upstream: str) -> None:
    found = services.settings.upstreams.get(upstream)
    if found is None or not found.serves(caller.tenant):
        raise NotFoundError("There is no such upstream.", problems=[Problem("id", "names no upstream")])


def _require_own(connection: Connection, services: Services, caller: Caller, upstream: str) -> None:
    """Raise ForbiddenError where other tenants order as well: where none is named, every tenant that ever checked out may."""
    if caller.has_role("platform"):
        return
    named = services.settings.upstreams[upstream].tenants
    others = set(named or first_and_last_tenant(connection)) - {caller.tenant}
    if others:
        advice = "" if named else f" Where one tenant alone orders there, name it in upstreams.{upstream}.tenants."
        raise ForbiddenError(
            f"Other tenants order there as well; only a client that also has the role platform may do this.{advice}"
        )
