"""Order events: their shape per mapping, and their delivery, which is fire-and-forget and can be disturbed."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from gateway.sandbox.answers import encode
from gateway.sandbox.faults import FaultDice
from gateway.sandbox.options import Mapping, SandboxOptions, SandboxProfile

DELIVERY_SECONDS = 10.0
REORDER_SECONDS = 2.0
"""How long a notification is held back at most for the next one of its order to overtake it."""

Happening = Literal["create", "change", "state"]

_EVENT_NAMES: dict[Happening, str] = {
    "create": "productOrderCreateEvent",
    "change": "productOrderAttributeValueChangeEvent",
    "state": "productOrderStateChangeEvent",
}
_SALESFORCE_STATE_EVENT = "productOrderStatusChangeEvent"


@dataclass(frozen=True, slots=True)
class Event:
    """One event, ready to be posted."""

    order: str
    path_suffix: str
    document: dict[str, Any]


class EventMaker:
    """Writes events; their ids count up, so that a run can be repeated."""

    def __init__(self, mapping: Mapping, profile: SandboxProfile) -> None:
        self._mapping = mapping
        self._profile = profile
        self._sequence = 0

    def make(self, happening: Happening, number: str, view: dict[str, Any]) -> Event:
        """Return the event about one order, of which `view` is what a GET would show."""
        self._sequence += 1
        name = _EVENT_NAMES[happening]
        if self._mapping == "salesforce-v4" and happening == "state":
            name = _SALESFORCE_STATE_EVENT
        about = view
        if self._profile.notification_order == "reference":
            wanted = ("id", "state") if self._profile.notification_shape == "bare" else _REFERENCE
            about = {key: view[key] for key in wanted if view.get(key) is not None}
        document: dict[str, Any] = {
            "eventId": str(UUID(int=self._sequence)),
            "eventType": name if self._mapping == "salesforce-v4" else name[0].upper() + name[1:],
            "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if self._mapping == "tmf622-v5":
            document["@type"] = document["eventType"]
        if self._profile.notification_shape == "bare":
            document["productOrder"] = about
        else:
            document["event"] = {"productOrder": about}
        suffix = "" if self._mapping == "salesforce-v4" else f"/listener/{name}"
        return Event(number, suffix, document)


_REFERENCE = ("id", "href", "state", "externalId", "@type")


class Notifier:
    """Posts events, in order per order, unless a fault says otherwise. Failures of the receiver are not repeated."""

    def __init__(self, options: SandboxOptions, dice: FaultDice) -> None:
        self._url = options.notify_url
        # Those who registered at the hub, by the ids of their registrations.
        self.callbacks: dict[str, str] = {}
        self._token = options.notify_token
        self._dice = dice
        self._last: dict[str, asyncio.Task[None]] = {}
        self._held: dict[str, tuple[Event, asyncio.TimerHandle]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def before_answer(self, events: list[Event]) -> list[tuple[Event, frozenset[str]]]:
        """Draw the faults of these events, deliver the early ones now and return the rest for `after_answer`."""
        if not self._addresses():
            return []
        rest = []
        for event in events:
            faults = self._dice.strikes_notification()
            if "notify-early" in faults and "notify-lost" not in faults:
                for _ in range(2 if "notify-double" in faults else 1):
                    await self._deliver(event)
            else:
                rest.append((event, faults))
        return rest

    def after_answer(self, rest: list[tuple[Event, frozenset[str]]]) -> None:
        """Send what `before_answer` left."""
        for event, faults in rest:
            self._dispatch(event, faults)

    def send(self, event: Event) -> None:
        """Send an event that no call caused."""
        if self._addresses():
            self._dispatch(event, self._dice.strikes_notification())

    async def close(self) -> None:
        """Give up everything that is under way."""
        for _, handle in self._held.values():
            handle.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _dispatch(self, event: Event, faults: frozenset[str]) -> None:
        if "notify-lost" in faults:
            return
        copies = [event, event] if "notify-double" in faults else [event]
        held = self._held.pop(event.order, None)
        if held is not None:
            overtaken, handle = held
            handle.cancel()
            self._queue(event.order, [*copies, overtaken])
        elif "notify-reorder" in faults:
            loop = asyncio.get_running_loop()
            self._held[event.order] = (event, loop.call_later(REORDER_SECONDS, self._release, event.order))
        else:
            self._queue(event.order, copies)

    def _release(self, order: str) -> None:
        event, _ = self._held.pop(order)
        self._queue(order, [event])

    def _queue(self, order: str, events: list[Event]) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver_after(self._last.get(order), events))
        self._last[order] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._forget(order, done))

    def _forget(self, order: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._last.get(order) is task:
            del self._last[order]

    async def _deliver_after(self, earlier: asyncio.Task[None] | None, events: list[Event]) -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        for event in events:
            await self._deliver(event)

    async def _deliver(self, event: Event) -> None:
        """Post one event; a receiver that refuses, is slow or absent is nobody's concern here."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        for address in self._addresses():
            with contextlib.suppress(OSError, TimeoutError, EOFError, ValueError):
                async with asyncio.timeout(DELIVERY_SECONDS):
                    await _post(address + event.path_suffix, encode(event.document), headers)

    def _addresses(self) -> list[str]:
        return [*([self._url] if self._url is not None else []), *self.callbacks.values()]


async def _post(address: str, body: bytes, headers: dict[str, str]) -> None:
    """Post JSON on a connection of its own and wait for the status line."""
    url = urlsplit(address)
    host = url.hostname or ""
    context = ssl.create_default_context() if url.scheme == "https" else None
    port = url.port or (443 if context else 80)
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = [
            f"POST {target} HTTP/1.1",
            f"Host: {url.netloc.rpartition('@')[2]}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        await writer.drain()
        await reader.readline()
    finally:
        writer.close()
