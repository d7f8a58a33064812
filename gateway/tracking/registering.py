"""Keeps the gateway registered at the hubs of order systems that have one: registers, renews, takes back; one process of all does it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from gateway.background import Loop
from gateway.logs import get_logger
from gateway.services import Services
from gateway.settings import NotificationSettings
from gateway.storage import hub_registrations
from gateway.storage.hub_registrations import Registration
from gateway.upstream.building import upstream_options
from gateway.upstream.hub import HubClient, NotRegistered

log = get_logger(__name__)
ROUND_SECONDS: Final = 60.0
# A registration that was not taken is asked for again after this.
RETRY: Final = timedelta(minutes=5)


def callback_of(public_url: str, upstream: str) -> str:
    """Return where an order system is asked to send its notifications; it may add `/listener/EVENT`."""
    return f"{public_url.rstrip('/')}/notifications/{upstream}"


def is_due(seen: Registration | None, callback: str, wanted: NotificationSettings, now: datetime) -> bool:
    """Tell whether a registration is to be asked for: there is none, it failed a while ago, is old, or is for another address. Pure.

    One of a time to come was dated by a clock that was ahead, and says nothing.
    """
    if seen is None or seen.callback != callback or seen.checked_at > now + RETRY:
        return True
    went_well = seen.registered_at == seen.checked_at
    return now - seen.checked_at >= (timedelta(hours=wanted.renew_hours) if went_well else RETRY)


class RegistrationLoop:
    """Looks every minute which registrations are due, and which are not wanted any more."""

    def __init__(self, services: Services, hub_of: Callable[[str], HubClient] | None = None) -> None:
        self._services = services
        self._hub_of = hub_of or self._hub
        self.loop = Loop("registration", self.once, seconds=ROUND_SECONDS)

    async def once(self) -> bool:
        """Do what is due; tell that there is nothing more to do at once."""
        services = self._services
        seen = await services.database.read(hub_registrations.registrations)
        now = await services.database.read(services.database.now) if seen or self._wants_any() else None
        for name, upstream in services.settings.upstreams.items():
            callback, known = callback_of(services.settings.server.public_url, name), seen.get(name)
            if now is None or services.mappings.get(upstream.mapping) is None:
                continue
            if upstream.notifications.register:
                if is_due(known, callback, upstream.notifications, now):
                    await self._register(name, known, callback, now)
            elif known is not None:
                await self._take_back(known)
        return False

    def _wants_any(self) -> bool:
        return any(each.notifications.register for each in self._services.settings.upstreams.values())

    async def _register(self, name: str, seen: Registration | None, callback: str, now: datetime) -> None:
        """Register again, then take the registration before it back: no notification falls between the two."""
        database = self._services.database
        begun = Registration(upstream=name, callback=callback, checked_at=now, detail="is being asked for")
        if not await database.write(lambda connection: hub_registrations.claim(connection, seen, begun)):
            return
        hub = self._hub_of(name)
        try:
            query = self._services.settings.upstreams[name].notifications.register_query
            outcome = await hub.register(callback, query)
            before = seen.hub_id if seen is not None else None
            if isinstance(outcome, NotRegistered):
                log.warning("hub.not_registered", upstream=name, reason=outcome.detail)
                result = replace(seen or begun, callback=callback, checked_at=now, detail=outcome.detail)
            else:
                hub_id = outcome.hub_id or before
                log.info("hub.registered", upstream=name, hub=hub_id)
                result = replace(begun, hub_id=hub_id, registered_at=now, detail=None)
                if before is not None and before != hub_id:
                    await hub.unregister(before)
        finally:
            await hub.close()
        await database.write(lambda connection: hub_registrations.keep(connection, result))

    async def _take_back(self, seen: Registration) -> None:
        """Take a registration back that is not wanted any more; one whose id is not known is only told."""
        failure: NotRegistered | None = None
        if seen.hub_id is not None:
            hub = self._hub_of(seen.upstream)
            try:
                failure = await hub.unregister(seen.hub_id)
            finally:
                await hub.close()
        elif seen.registered_at is not None:
            log.warning("hub.left", upstream=seen.upstream, reason="the hub never named the id of the registration")
        if failure is not None:
            log.warning("hub.not_unregistered", upstream=seen.upstream, hub=seen.hub_id, reason=failure.detail)
            return
        await self._services.database.write(lambda connection: hub_registrations.forget(connection, seen.upstream))
        log.info("hub.unregistered", upstream=seen.upstream)

    def _hub(self, name: str) -> HubClient:
        settings = self._services.settings
        mapping = self._services.mappings[settings.upstreams[name].mapping]
        return HubClient(upstream_options(settings, name, mapping))
