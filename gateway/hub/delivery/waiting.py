"""The part of a subscriber's events that is in memory, and in which order they may be sent. No I/O, no clock.

Events come in by position. Those of one resource are sent one after the other, in order; different resources do not wait
for each other. `watermark` is what may be recorded as done: everything up to it was taken, was not asked for, or belongs to
a resource in `blocked`, which has a position of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime

from gateway.hub.model import Blocked, Event


class WaitingEvents:
    """Loaded events of one subscriber, by resource, and the resources that wait."""

    def __init__(self, position: int, blocked: Mapping[str, Blocked]) -> None:
        self.fetched = position
        self.blocked = dict(blocked)
        self.loaded_events = 0
        self.loaded_bytes = 0
        # Resources whose row of hub_blocked must be written or removed.
        self.changed: set[str] = set()
        self._queues: dict[str, deque[Event]] = {}
        self._ready: deque[str] = deque()
        # Resources of which an event is on its way, with the number of its sending.
        self._numbers: dict[str, int] = {}
        self.sent = 0
        # The last event that was passed over because its resource is blocked; before we came, perhaps any up to `position`.
        self._passed: dict[str, int] = dict.fromkeys(blocked, position)
        self._settled = position

    def take(self, events: Iterable[tuple[Event, bool]]) -> None:
        """Take the next events in; each with whether the subscriber asked for it."""
        for event, wanted in events:
            self.fetched = event.position
            resource = event.resource_id
            if resource in self.blocked:
                self._passed[resource] = max(self._passed.get(resource, 0), event.position)
                self._settled = event.position
            elif not wanted:
                self._settled = event.position
            else:
                self._append(event)

    def _append(self, event: Event) -> None:
        queue = self._queues.setdefault(event.resource_id, deque())
        queue.append(event)
        self.loaded_events += 1
        self.loaded_bytes += event.document_bytes
        if len(queue) == 1:
            self._ready.append(event.resource_id)

    def next_ready(self) -> Event | None:
        """Return an event that may be sent now, and count it as on its way; None when there is none."""
        if not self._ready:
            return None
        event = self._queues[self._ready.popleft()][0]
        self.begin(event.resource_id)
        return event

    @property
    def has_ready(self) -> bool:
        """Whether an event may be sent now."""
        return bool(self._ready)

    @property
    def is_empty(self) -> bool:
        """Whether no event is loaded or on its way."""
        return not self._queues and not self._numbers

    def next_blocked(self, now: datetime | None) -> str | None:
        """Return the blocked resource that is due at `now` and waits for the earliest event; None: any is due."""
        due = [
            (blocked.position, resource)
            for resource, blocked in self.blocked.items()
            if resource not in self._numbers and (now is None or blocked.due_at <= now)
        ]
        return min(due)[1] if due else None

    def begin(self, resource: str) -> None:
        """Count a resource's event as on its way; a blocked one's is loaded by itself."""
        self._numbers[resource] = self.sent
        self.sent += 1

    def last_passed(self, resource: str) -> int:
        """Return up to which position a blocked resource may have events that wait."""
        return self._passed.get(resource, 0)

    def is_blocked_at(self, event: Event) -> Blocked | None:
        """Return what is known of an event that was not taken before."""
        blocked = self.blocked.get(event.resource_id)
        return blocked if blocked is not None and blocked.position == event.position else None

    def settle(self, event: Event, now: datetime) -> None:
        """Be done with an event: it was taken, or given up."""
        resource = event.resource_id
        self._numbers.pop(resource, None)
        self._settled = max(self._settled, event.position)
        queue = self._queues.get(resource)
        if queue:
            self._drop_head(queue)
            if queue:
                self._ready.append(resource)
            else:
                del self._queues[resource]
        if resource in self.blocked:
            self._advance(resource, event.position + 1, now)

    def _advance(self, resource: str, position: int, now: datetime) -> None:
        """Let a blocked resource go on with its next event, or go free when none waits."""
        self.changed.add(resource)
        if position > self._passed.get(resource, 0):
            self.blocked.pop(resource)
            self._passed.pop(resource, None)
        else:
            self.blocked[resource] = Blocked(position=position, attempts=0, since=now, due_at=now)

    def nothing_waits(self, resource: str, up_to: int) -> None:
        """Free a blocked resource: a look for its next event found none up to that position."""
        self._numbers.pop(resource, None)
        if self._passed.get(resource, 0) <= up_to:
            self.blocked.pop(resource, None)
            self._passed.pop(resource, None)
            self.changed.add(resource)

    def block(self, event: Event, blocked: Blocked) -> None:
        """Let an event that was not taken wait, and every later one of its resource."""
        resource = event.resource_id
        self._numbers.pop(resource, None)
        self._settled = max(self._settled, event.position)
        queue = self._queues.get(resource)
        if queue:
            self._passed[resource] = queue[-1].position
            self._settled = max(self._settled, queue[-1].position)
            self._forget(resource)
        else:
            self._passed.setdefault(resource, event.position)
        self.blocked[resource] = blocked
        self.changed.add(resource)

    def put_back(self, event: Event) -> None:
        """Keep an event that was not sent after all."""
        self._numbers.pop(event.resource_id, None)
        if event.resource_id in self._queues:
            self._ready.appendleft(event.resource_id)

    def make_all_due(self, now: datetime) -> None:
        """Let nothing wait longer: the subscriber takes events again."""
        for resource, blocked in self.blocked.items():
            if blocked.due_at > now:
                self.blocked[resource] = Blocked(
                    position=blocked.position, attempts=blocked.attempts, since=blocked.since, due_at=now
                )
                self.changed.add(resource)

    def detach(self, sent_before: int, now: datetime) -> None:
        """Let the watermark pass what is on its way since before `sent_before` (a number of `next_ready`).

        The resource becomes blocked although its event may yet be taken: should this process die, the event is sent again,
        and not all those that overtook it.
        """
        for resource, number in list(self._numbers.items()):
            queue = self._queues.get(resource)
            if number < sent_before and queue is not None and queue[0].position < self._settled:
                self._passed[resource] = queue[-1].position
                self._settled = max(self._settled, queue[-1].position)
                self.blocked[resource] = Blocked(position=queue[0].position, attempts=0, since=now, due_at=now)
                self.changed.add(resource)
                self._forget(resource)

    def close(self, now: datetime) -> None:
        """Forget what is loaded; nothing is on its way. What was overtaken by later events becomes blocked, and is due."""
        reached = self._settled
        for resource, queue in list(self._queues.items()):
            if queue[0].position < reached:
                self._passed[resource] = queue[-1].position
                self.blocked[resource] = Blocked(position=queue[0].position, attempts=0, since=now, due_at=now)
                self.changed.add(resource)
            self._forget(resource)
        self._ready.clear()
        self.fetched = reached

    @property
    def watermark(self) -> int:
        """The position up to which everything is done with, but for the resources in `blocked`."""
        waiting = min((queue[0].position for queue in self._queues.values()), default=self.fetched + 1)
        return min(waiting - 1, self.fetched)

    def _drop_head(self, queue: deque[Event]) -> None:
        event = queue.popleft()
        self.loaded_events -= 1
        self.loaded_bytes -= event.document_bytes

    def _forget(self, resource: str) -> None:
        queue = self._queues.pop(resource)
        while queue:
            self._drop_head(queue)
