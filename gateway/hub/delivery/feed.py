"""The events of one subscription, in the order in which they are to be sent: loaded by the page, the blocked ones looked up.

A subscriber that is failing gets one event at a time, the one that it did not take first.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from gateway.hub import events
from gateway.hub.delivery.lease import Hold
from gateway.hub.delivery.queue import Window
from gateway.hub.delivery.reader import EventReader
from gateway.hub.model import Event, Subscription
from gateway.settings import HubSettings
from gateway.storage import Database


class Feed:
    """What a lane sends next. `window` holds what is loaded, and what becomes of it."""

    def __init__(
        self,
        subscription: Subscription,
        window: Window,
        hold: Hold,
        *,
        settings: HubSettings,
        database: Database,
        reader: EventReader,
        is_failing: Callable[[], bool],
    ) -> None:
        self.window = window
        self._subscription = subscription
        self._hold = hold
        self._settings = settings
        self._database = database
        self._reader = reader
        self._is_failing = is_failing

    async def load(self) -> bool:
        """Load the next page, if there is room for it; tell whether there was one. A failing subscriber needs only one event."""
        window, settings = self.window, self._settings
        events_max = 1 if self._is_failing() else settings.page_events_max
        room = events_max - window.loaded_events
        if (
            room < max(1, events_max // 2)
            or window.loaded_bytes * 2 > settings.page_bytes_max
            or len(window.blocked) >= (1 if self._is_failing() else settings.blocked_resources_max)
        ):
            return False
        found = await self._database.read(
            lambda connection: events.page(
                connection,
                self._subscription.tenant,
                self._subscription.resource,
                window.fetched,
                events_max=room,
                bytes_max=settings.page_bytes_max - window.loaded_bytes,
            )
        )
        if found:
            window.take(await self._reader.judged(found))
        return bool(found)

    def has_work(self) -> bool:
        """Tell whether an event may be sent now."""
        return self.window.has_ready or self._next_blocked() is not None

    def _next_blocked(self) -> str | None:
        if not self.window.blocked:
            return None
        return self.window.next_blocked(None if self._is_failing() else self._hold.now())

    async def next_event(self) -> Event | None:
        """Return the next event to send, counted as on its way: one that waited long enough, or the next of the page."""
        window, subscription = self.window, self._subscription
        while (resource := self._next_blocked()) is not None:
            first, last = window.blocked[resource].position, window.last_passed(resource)
            # Nobody else may take this resource while its event is looked up.
            window.begin(resource)

            def look_up(
                connection: Connection, resource: str = resource, first: int = first, last: int = last
            ) -> Event | None:
                return events.next_of_resource(
                    connection, subscription.tenant, subscription.resource, resource, first=first, last=last
                )

            event = await self._database.read(look_up)
            if event is None:
                window.nothing_waits(resource, last)
            elif await self._reader.is_wanted(event):
                return event
            else:
                window.settle(event, self._hold.now())
        return None if self._is_failing() and window.blocked else window.next_ready()
