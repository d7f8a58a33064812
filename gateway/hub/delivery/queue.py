"""The queue of one subscriber: events loaded by the page, the blocked ones looked up, each handed out when it may be sent.

A subscriber that is failing gets one event at a time, the one that it did not take first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from gateway.hub import events
from gateway.hub.delivery.reader import EventReader
from gateway.hub.delivery.waiting import WaitingEvents
from gateway.hub.model import Blocked, Event, Subscription
from gateway.settings import HubSettings
from gateway.storage import Database


class DeliveryQueue(WaitingEvents):
    """What a subscriber is sent next: the events in memory, filled from the database."""

    def __init__(
        self,
        subscription: Subscription,
        blocked: Mapping[str, Blocked],
        *,
        settings: HubSettings,
        database: Database,
        reader: EventReader,
    ) -> None:
        super().__init__(subscription.position, blocked)
        self._subscription = subscription
        self._settings = settings
        self._database = database
        self._reader = reader

    async def load(self, *, failing: bool) -> bool:
        """Load the next page, if there is room for it; tell whether there was one. A failing subscriber needs only one event."""
        settings = self._settings
        events_max = 1 if failing else settings.page_events_max
        room = events_max - self.loaded_events
        if (
            room < max(1, events_max // 2)
            or self.loaded_bytes * 2 > settings.page_bytes_max
            or len(self.blocked) >= (1 if failing else settings.blocked_resources_max)
        ):
            return False
        found = await self._database.read(
            lambda connection: events.page(
                connection,
                self._subscription.tenant,
                self._subscription.resource,
                self.fetched,
                events_max=room,
                bytes_max=settings.page_bytes_max - self.loaded_bytes,
            )
        )
        if found:
            self.take(await self._reader.judged(found))
        return bool(found)

    def has_work(self, now: datetime, *, failing: bool) -> bool:
        """Tell whether an event may be sent now."""
        return self.has_ready or self._due(now, failing=failing) is not None

    def _due(self, now: datetime, *, failing: bool) -> str | None:
        """Return the blocked resource whose event is to be sent next. Those of a failing subscriber are all due."""
        return self.next_blocked(None if failing else now) if self.blocked else None

    async def next_event(self, now: datetime, *, failing: bool) -> Event | None:
        """Return the next event to send, counted as on its way: one that waited long enough, or the next of the page."""
        subscription = self._subscription
        while (resource := self._due(now, failing=failing)) is not None:
            first, last = self.blocked[resource].position, self.last_passed(resource)
            # Nobody else may take this resource while its event is looked up.
            self.begin(resource)

            def look_up(
                connection: Connection, resource: str = resource, first: int = first, last: int = last
            ) -> Event | None:
                return events.next_of_resource(
                    connection, subscription.tenant, subscription.resource, resource, first=first, last=last
                )

            event = await self._database.read(look_up)
            if event is None:
                self.nothing_waits(resource, last)
            elif await self._reader.is_wanted(event):
                return event
            else:
                self.settle(event, now)
        return None if failing and self.blocked else self.next_ready()
