"""What the misbehaviours of one sandbox share: what is switched on, what was drawn, and what they remember of each order."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal

from gateway.sandbox.answers import Answer, encode
from gateway.sandbox.faults import Fault
from gateway.sandbox.intake import Call, OrderIntake
from gateway.sandbox.misbehaviours import MISBEHAVIOURS, Strikes
from gateway.sandbox.orders import Order
from gateway.sandbox.wire import Request

Kind = Literal["create", "change", "submit", "read", "list", "other"]
Ending = Literal["whole", "reset", "silent", "closed", "head-cut", "drip", "endless", "raw"]
STRANGER: Final = "STRANGER"
_STRIKES: Final[dict[Kind, frozenset[Strikes]]] = {
    "create": frozenset({"create", "write"}),
    "change": frozenset({"change", "write"}),
    "submit": frozenset({"submit", "write"}),
    "read": frozenset({"read"}),
    "list": frozenset({"list"}),
    "other": frozenset(),
}


@dataclass(slots=True)
class SentAnswer:
    """What goes back for one call, and how the answer ends."""

    answer: Answer
    ending: Ending = "whole"


@dataclass(slots=True)
class Incoming:
    """One call on its way to the order intake. `perform` lets it take effect once and returns the answer to that."""

    request: Request
    kind: Kind
    number: str | None
    """The order that its path names."""
    perform: Callable[[Request], Answer]
    variant: float
    """From 0 to 1: which form the misbehaviour takes."""
    flags: frozenset[str] = frozenset()
    """What was drawn for the order that it makes, and for each copy of it."""


@dataclass(slots=True)
class Memory:
    """What is remembered of one order."""

    flags: frozenset[str] = frozenset()
    """What was drawn for its whole life."""
    views: list[tuple[float, bytes]] = field(default_factory=list)
    """When it began to look like this, oldest first."""
    hidden: list[tuple[float, float]] = field(default_factory=list)
    """From when until when it is not found."""
    shown_state: str | None = None
    """The state that is shown in the place of its own."""
    shown_as: str | None = None
    """The number of the order that is shown in its place."""
    submitted_at: float | None = None
    reads: int = 0
    shown: bool = False
    """A read by its id, or a search by its externalId, has shown it."""
    ours: bool = False
    """A call over the interface made it, or it is a copy of such an order."""
    call: int = 0
    """Which call made it, by number; copies have their original's."""
    sent_marker: str | None = None
    """The externalId of the call that made it."""


class State:
    """See the module. Each misbehaviour draws from a generator of its own: one rate does not move the strikes of another."""

    def __init__(self, intake: OrderIntake, faults: tuple[Fault, ...], seed: int) -> None:
        self.intake = intake
        self.clock = intake.options.clock
        self.seed = seed
        self.memories: dict[str, Memory] = {}
        self.met: dict[str, int] = {}
        self.cached: dict[tuple[tuple[str, str], ...], tuple[float, Answer]] = {}
        self.turns = 0
        self.renumbered: dict[str, str] = {}
        """Line ids as they were shown, and what they are."""
        self.pending: frozenset[str] = frozenset()
        """The flags of the order that the call under way makes."""
        self.pending_marker: str | None = None
        self.pending_call = 0
        self.calls = 0
        self._random: dict[str, Random] = {}
        self._queue: deque[str] = deque()
        self._timers: list[asyncio.TimerHandle] = []
        self._on: dict[str, Fault] = {}
        self.replace(faults)

    def replace(self, faults: tuple[Fault, ...]) -> None:
        """Switch on exactly these from now on."""
        self._on = {fault.name: fault for fault in faults if fault.name in MISBEHAVIOURS}

    @property
    def queued(self) -> bool:
        """Whether something was put before the dice."""
        return bool(self._queue)

    def queue(self, name: str) -> None:
        """Let the next call that changes something suffer this, or nothing (`none`)."""
        self._queue.append(name)

    def random(self, name: str) -> Random:
        """Return the generator of one misbehaviour."""
        if name not in self._random:
            self._random[name] = Random(f"{self.seed}:{name}")
        return self._random[name]

    def seconds(self, name: str) -> float:
        """Return the time or the number that a misbehaviour was given; 0 while it is switched off."""
        fault = self._on.get(name)
        return 0.0 if fault is None else fault.seconds

    def on(self, name: str) -> bool:
        """Tell whether a misbehaviour is switched on."""
        return name in self._on

    def strikes(self, name: str) -> bool:
        """Draw whether a misbehaviour strikes now."""
        fault = self._on.get(name)
        if fault is None:
            return False
        struck = fault.rate >= 1.0 or self.random(name).random() < fault.rate
        if struck:
            self.met[name] = self.met.get(name, 0) + 1
        return struck

    def drawn(self, kind: Kind) -> list[str]:
        """Draw which misbehaviours strike a call of this kind, in the order of the table."""
        kinds = _STRIKES[kind]
        if kind in ("create", "change", "submit") and self._queue:
            name = self._queue.popleft()
            if name == "none" or MISBEHAVIOURS[name].strikes not in kinds:
                return []
            self.met[name] = self.met.get(name, 0) + 1
            return [name]
        return [name for name in self._on if MISBEHAVIOURS[name].strikes in kinds and self.strikes(name)]

    def drawn_for_order(self) -> frozenset[str]:
        """Draw which misbehaviours an order keeps for its life."""
        names = [name for name in self._on if MISBEHAVIOURS[name].strikes == "order"]
        return frozenset(name for name in names if self.strikes(name))

    def memory(self, number: str) -> Memory:
        """Return what is remembered of an order."""
        memory = self.memories.get(number)
        if memory is None:
            memory = self.memories[number] = Memory()
        return memory

    def flagged(self, number: str, name: str) -> bool:
        """Whether this was drawn for the order."""
        memory = self.memories.get(number)
        return memory is not None and name in memory.flags

    def later(self, seconds: float, function: Callable[..., object], *arguments: Any) -> None:
        """Let something happen in a while."""
        self._timers.append(asyncio.get_running_loop().call_later(seconds, function, *arguments))

    def close(self) -> None:
        """Let nothing more happen."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    # -- orders of others ----------------------------------------------------------------------------------------

    def stranger(self) -> Order:
        """Return an order that somebody else made; it is made when there is none."""
        for order in self.intake.book.orders.values():
            if not self.memory(order.number).ours:
                return order
        return self.make_stranger("CRM-1")

    def make_stranger(self, external_id: str) -> Order:
        """Make an order as somebody else would."""
        body: dict[str, Any] = {
            "@type": "ProductOrder",
            "externalId": external_id,
            "requestedStartDate": "2026-12-01T00:00:00.000Z",
            "relatedParty": [{"@type": "RelatedParty", "id": "CD9", "role": "customer", "@referredType": "Individual"}],
            "productOrderItem": [
                {
                    "@type": "ProductOrderItem",
                    "id": "1",
                    "action": "add",
                    "quantity": 1,
                    "productOffering": {"id": STRANGER},
                }
            ],
        }
        if self.intake.options.mapping == "tmf622-v5":
            body = _as_v5(body)
        resource = "productorder" if self.intake.options.mapping == "salesforce-v4" else "productOrder"
        request = Request("POST", "", (), {"content-type": "application/json"}, encode(body), keep_alive=False)
        before = set(self.intake.book.orders)
        pending, self.pending = self.pending, frozenset()
        self.intake.handle(Call(request, (resource,)))
        self.pending = pending
        (number,) = set(self.intake.book.orders) - before
        memory = self.memory(number)
        memory.ours, memory.sent_marker = False, None
        return self.intake.book.orders[number]

    def copy_of(self, order: Order) -> Order:
        """Put a second order like this one into the book."""
        self.intake.walk.stop(order)
        twin = copy.deepcopy(order)
        twin.number = self.intake.book.next_number()
        self.intake.book.orders[twin.number] = twin
        memory = self.memory(twin.number)
        original = self.memory(order.number)
        memory.ours, memory.call, memory.sent_marker = True, original.call, original.sent_marker
        self.intake.record("created", twin)
        if not twin.is_draft:
            self.intake.record("submitted", twin)
        return twin


def _as_v5(body: dict[str, Any]) -> dict[str, Any]:
    """Return the order of a stranger in the words of v5: every object with its type, the party wrapped, external ids in a list."""
    party = {"@type": "PartyRef", "id": "CD9", "@referredType": "Individual"}
    item = body["productOrderItem"][0]
    offering = item["productOffering"] | {"@type": "ProductOfferingRef"}
    return body | {
        "externalId": [{"@type": "ExternalIdentifier", "id": body["externalId"], "owner": "crm"}],
        "relatedParty": [{"@type": "RelatedPartyOrPartyRole", "role": "customer", "partyOrPartyRole": party}],
        "productOrderItem": [item | {"productOffering": offering}],
    }
