"""Lets the misbehaviours that are switched on happen to the calls, orders and events of one sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.sandbox.answers import Answer, decode, encode
from gateway.sandbox.faults import Fault
from gateway.sandbox.hostile.answers import answer_to, perform
from gateway.sandbox.hostile.documents import shown
from gateway.sandbox.hostile.later import follow
from gateway.sandbox.hostile.reading import SLOW_SECONDS, listed, read
from gateway.sandbox.hostile.requests import sent_marker
from gateway.sandbox.hostile.state import Incoming, Kind, SentAnswer, State
from gateway.sandbox.intake import OrderIntake
from gateway.sandbox.ledger import Effect
from gateway.sandbox.notifications import Event
from gateway.sandbox.orders import Order
from gateway.sandbox.wire import Request

_VIEWED: Final = ("stale-read", "stale-replica", "stale-submit", "late-lines")


class Hostility:
    """See the module. `state.met` counts how often each misbehaviour struck."""

    def __init__(self, intake: OrderIntake, faults: tuple[Fault, ...], seed: int) -> None:
        self.state = State(intake, faults, seed)
        self._intake = intake
        intake.watch = self._watch
        intake.posted = self.events

    def replace(self, faults: tuple[Fault, ...]) -> None:
        """Switch on exactly these from now on."""
        self.state.replace(faults)

    def pass_over(self) -> None:
        """Let a call go by that something else disturbs."""
        self.state.drawn("create")

    def events(self, events: list[Event]) -> list[Event]:
        """Return the events that are posted for those that a call caused."""
        state = self.state
        copies = max(1, int(state.seconds("events-repeat"))) if events and state.strikes("events-repeat") else 1
        posted = [event for event in events for _ in range(copies)]
        for event in events:
            order = self._intake.book.orders.get(event.order)
            if order is None:
                continue
            if state.strikes("event-other"):
                posted.insert(0, self._intake.event_of(order, {"id": "99999999", "state": "completed"}))
            if state.strikes("event-lies"):
                posted.append(self._intake.event_of(order, self._intake.view(order) | {"state": "completed"}))
            if state.strikes("event-changed"):
                lie = self._intake.event_of(order, self._intake.view(order) | {"state": "rejected"})
                posted.append(Event(lie.order, lie.path_suffix, lie.document | {"eventId": event.document["eventId"]}))
        return posted

    async def answer(
        self, request: Request, tail: tuple[str, ...], perform_it: Callable[[Request], Answer]
    ) -> SentAnswer:
        """Answer one call to the order resource; `perform_it` lets a request take effect and returns its answer."""
        state = self.state
        kind = _kind(request, tail)
        if kind == "other":
            return SentAnswer(perform_it(request))
        number = tail[1] if len(tail) > 1 else None
        names = state.drawn(kind)
        variant = state.random("variant").random()
        if kind not in ("read", "list"):
            return self._write(Incoming(request, kind, number, perform_it, variant), names)
        if "read-slow" in names:
            await asyncio.sleep(SLOW_SECONDS)
        incoming = Incoming(request, kind, number, perform_it, variant)
        return read(state, incoming, names) if kind == "read" else listed(state, incoming, names)

    def late(self, request: Request, tail: tuple[str, ...], perform_it: Callable[[Request], Answer]) -> None:
        """Let a call that was never answered take effect."""
        number = tail[1] if len(tail) > 1 else None
        self._write(Incoming(request, _kind(request, tail), number, perform_it, 0.0), [])

    def close(self) -> None:
        """Let nothing more happen."""
        self.state.close()

    def _write(self, call: Incoming, names: list[str]) -> SentAnswer:
        """Let a call take effect in the way of the first misbehaviour that strikes it."""
        state = self.state
        if call.number is not None and any(
            since <= state.clock.monotonic() < until for since, until in state.memory(call.number).hidden
        ):
            names = []
        marker = sent_marker(call.request)
        flags = state.drawn_for_order() if call.kind == "create" else frozenset()
        take_effect = call.perform
        state.calls += call.kind == "create"
        number = state.calls

        def performed(request: Request) -> Answer:
            state.pending, state.pending_marker, state.pending_call = flags, marker, number
            try:
                return take_effect(request)
            finally:
                state.pending, state.pending_marker = frozenset(), None

        call.perform = performed
        call.flags = state.pending = flags
        try:
            result = answer_to(state, call, names[0]) if names else SentAnswer(perform(state, call))
        finally:
            state.pending = frozenset()
        return SentAnswer(self._shown(result.answer), result.ending) if result.ending != "raw" else result

    def _shown(self, answer: Answer) -> Answer:
        """Return the answer to a call with the order in it shown as its misbehaviours show it."""
        if not answer.body.startswith(b'{"') or not any(memory.flags for memory in self.state.memories.values()):
            return answer
        try:
            document = decode(answer.body)
        except (ValueError, RecursionError):
            return answer
        order = self._intake.book.orders.get(str(document.get("id")))
        if order is None or "productOrderItem" not in document:
            return answer
        return Answer(answer.status, encode(shown(self.state, order, document)), answer.headers, answer.content_type)

    def _watch(self, effect: Effect, order: Order) -> None:
        state = self.state
        memory = state.memory(order.number)
        if effect == "created" and state.pending_marker is not None:
            memory.flags, memory.ours, memory.sent_marker = state.pending, True, state.pending_marker
            memory.call = state.pending_call
        if effect == "submitted":
            memory.submitted_at = state.clock.monotonic()
        if any(state.seconds(name) or state.on(name) for name in _VIEWED):
            memory.views.append((state.clock.monotonic(), encode(self._intake.view(order))))
        follow(state, effect, order)


def _kind(request: Request, tail: tuple[str, ...]) -> Kind:
    if tail[0].lower() != "productorder" or len(tail) > 2:  # noqa: PLR2004 - the resource and an id
        return "other"
    if request.method == "GET":
        return "read" if len(tail) > 1 else "list"
    if request.method == "POST":
        return "create"
    if request.method != "PATCH":
        return "other"
    try:
        body = decode(request.body)
    except (ValueError, RecursionError):
        return "change"
    entries = body if isinstance(body, list) else [body]
    submits = any(isinstance(entry, dict) and (entry.get("state") or entry.get("submitCart")) for entry in entries)
    return "submit" if submits or any(_sets_state(entry) for entry in entries) else "change"


def _sets_state(entry: object) -> bool:
    return isinstance(entry, dict) and entry.get("path") == "/state"
