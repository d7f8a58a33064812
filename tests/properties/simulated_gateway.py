"""The submission of one checkout in virtual time: the real turn and the real decisions, two processes, crashes and stops.

A turn is a coroutine that is stepped by hand. Between any two steps its process may be killed, or be stopped for most of an
hour and go on as if nothing had happened, while the other process takes the checkout over.
"""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from msgspec.structs import replace
from simulated_upstream import ModelOrder, ModelUpstream, Pause

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import SENDING
from gateway.checkouts.states import CART_RELEASED, FINAL, OPEN, may_follow
from gateway.checkouts.stored.abandoned import GivenUp
from gateway.errors import StaleLeaseError
from gateway.ordering.model import ObservedOrder, OrderLine
from gateway.submission.checkout_run import CheckoutRun
from gateway.submission.decisions.actions import Save, Work
from gateway.submission.prefetch import ReadAhead
from gateway.submission.store import SupersededError
from gateway.upstream.cancel_task import CancelWish
from gateway.upstream.evidence import KnownOrder, NotifiedOrder
from gateway.upstream.port import ReadFailed

BEGIN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
GUARD_SECONDS = 5.0
CRASHES = 0.05
STOPS = 0.02
STOP_SECONDS_MAX = 3000.0
RESTART_SECONDS = 3.0
CLAIMS_WITHOUT_PROGRESS_MAX = 50
STEPS_MAX = 20_000
CALM_AFTER_SECONDS = 6 * 3600.0
READS_BEFORE_COMMITS = 0.5


class SteppedRead:
    """A read that is stepped by hand: when somebody waits for it, or before that by `finish`."""

    def __init__(self, reading: Coroutine[Any, Any, ObservedOrder | None]) -> None:
        self._reading = reading
        self._ended: tuple[ObservedOrder | None, ReadFailed | None] | None = None

    @property
    def ended(self) -> bool:
        return self._ended is not None

    async def finish(self) -> None:
        if self._ended is None:
            try:
                self._ended = (await self._reading, None)
            except ReadFailed as error:
                self._ended = (None, error)

    async def _result(self) -> ObservedOrder | None:
        await self.finish()
        assert self._ended is not None
        observed, error = self._ended
        if error is not None:
            raise error
        return observed

    def __await__(self) -> Generator[Any, Any, ObservedOrder | None]:
        return self._result().__await__()

    def close(self) -> None:
        self._reading.close()


class SteppedReads(ReadAhead):
    """Reads that go on when they are stepped, not by themselves."""

    def _start(self, reading: Coroutine[Any, Any, ObservedOrder | None]) -> SteppedRead:
        return SteppedRead(reading)

    def begun(self) -> SteppedRead | None:
        return None if self._begun is None else self._begun[1]  # type: ignore[return-value]

    async def let_leave(self) -> None:
        pass

    async def drop(self) -> None:
        if (reading := self.begun()) is not None:
            reading.close()
            self._begun = None


class SteppedRun(CheckoutRun):
    """A turn that can be stepped by hand: it waits for a read itself, and does not renew its lease meanwhile.

    A read that was begun before a commit comes to its end before the commit is begun, or is begun after it.
    """

    def __init__(self, context: RunContext, work: Work, upstream: ModelUpstream, claimed_at: float) -> None:
        super().__init__(context, work, upstream, claimed_at)  # type: ignore[arg-type]
        self._reads: SteppedReads = SteppedReads(upstream)  # type: ignore[arg-type]
        self._random = context.simulation.random

    async def save(self, decision: Save) -> None:
        begun = self._reads.begun()
        if begun is not None and self._random.random() < READS_BEFORE_COMMITS:
            await begun.finish()
        await super().save(decision)

    async def _renewing(self, reading: Awaitable[Any]) -> Any:
        return await reading


class RunContext:
    """What a turn needs of the worker of its process; all offices share the simulation's one row."""

    stopping = False
    guard_seconds = GUARD_SECONDS

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    def monotonic(self) -> float:
        return self.simulation.time

    def lease_left(self, leased_at: float) -> float:
        return self.simulation.template.policy.lease_seconds - (self.simulation.time - leased_at)

    def count(self, upstream: str, kind: str, outcome: str) -> None:
        pass

    async def known_orders(self, record: CheckoutRecord) -> tuple[KnownOrder, ...]:
        del record
        return ()

    async def notified_orders(self, record: CheckoutRecord) -> tuple[NotifiedOrder, ...]:
        del record
        return ()

    async def given_up(self, record: CheckoutRecord) -> list[GivenUp]:
        del record
        return self.simulation.given_up

    async def cancel_wish(self, record: CheckoutRecord) -> CancelWish:
        raise AssertionError("no live order is cancelled in the simulation")

    async def save(
        self, record: CheckoutRecord, decision: Save, work: Work | None = None
    ) -> tuple[CheckoutRecord, datetime]:
        del work
        await Pause(self.simulation.random.uniform(0.0, 0.02))
        fresh, now = self.simulation.save(record, decision)
        await Pause(self.simulation.random.uniform(0.0, 0.02))
        return fresh, now


@dataclass
class Simulation:
    """One checkout from its acceptance to the end of everything that was set going for it."""

    template: Work
    seed: int
    late_seconds_max: float
    cancels: float = 0.0
    processes: int = 2
    calm_after: float = CALM_AFTER_SECONDS  # nothing is disturbed any more, and who was stopped goes on
    pages: int = 1  # of a search
    time: float = 0.0
    ended_at: float | None = None
    crashes: int = 0
    stops: int = 0
    told: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.upstream = ModelUpstream(self.template.mapping, self.random, lambda: self.time, self.late_seconds_max)
        self.upstream.pages = self.pages
        self.row = replace(self.template.record, due_at=BEGIN, lease_until=BEGIN, fence=0, claims_without_progress=0)
        self.known: dict[str, str] = {}
        self.given_up: list[GivenUp] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = 0

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.time)

    def at(self, time: float, event: Callable[[], None]) -> None:
        self._numbers += 1
        heapq.heappush(self._events, (time, self._numbers, event))

    def run(self) -> Simulation:
        """Go on until nothing is left to happen, late effects included."""
        for _ in range(self.processes):
            self.at(self.random.uniform(0.0, 1.0), self._look)
        if self.random.random() < self.cancels:
            self.at(self.random.uniform(0.0, 120.0), self._cancel)
        for _ in range(STEPS_MAX):
            if not self._events:
                self.upstream.apply_late(float("inf"))
                return self
            self.time, _, event = heapq.heappop(self._events)
            if self.time > self.calm_after:
                self.upstream.disturbed = False
            self.upstream.apply_late(self.time)
            event()
        raise AssertionError(f"seed {self.seed}: there is no end to it, the checkout is {self.row.state}")

    # -- the processes ---------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Claim the checkout if it is due and free; look again when it may be."""
        row = self.row
        if row.due_at is None:
            return
        free_at = (max(row.due_at, row.lease_until) - BEGIN).total_seconds()
        if free_at > self.time:
            self.at(free_at + self.random.uniform(0.0, 1.0), self._look)
            return
        if row.claims_without_progress > CLAIMS_WITHOUT_PROGRESS_MAX:
            self._change({"state": "held"})
            return
        policy = self.template.policy
        self.row = replace(
            row,
            fence=row.fence + 1,
            lease_until=self.now() + timedelta(seconds=policy.lease_seconds),
            claims_without_progress=row.claims_without_progress + 1,
            version=row.version + 1,
        )
        work = replace(self.template, record=self.row, known=dict(self.known))
        turn = SteppedRun(RunContext(self), work, self.upstream, self.time)
        self._step(turn.run())

    def _step(self, running: Coroutine[Any, Any, None]) -> None:
        """Let a turn go on to its next pause; there its process may be killed or stopped."""
        try:
            pause: Pause = running.send(None)
        except (StopIteration, StaleLeaseError):
            self.at(self.time + self.random.uniform(0.0, 1.0), self._look)
            return
        except Exception as error:  # noqa: BLE001 - as in the worker: what goes wrong with a checkout stays with it
            self.broken.append(f"{type(error).__name__}: {error}")
            self.at(self.time + RESTART_SECONDS, self._look)
            return
        seconds = pause.seconds
        drawn = self.random.random() if self.upstream.disturbed else 1.0
        if drawn < CRASHES:
            self.crashes += 1
            running.close()
            self.at(self.time + RESTART_SECONDS, self._look)
            return
        if drawn < CRASHES + STOPS and not pause.brief:
            self.stops += 1
            seconds += min(self.random.uniform(0.0, STOP_SECONDS_MAX), max(0.0, self.calm_after - self.time))
        self.at(self.time + seconds, lambda: self._step(running))

    def _cancel(self) -> None:
        """What the client may do: ask for the cancellation of what is not submitted yet."""
        if self.row.state in OPEN and self.row.submit_intent_order is None:
            self._change({"cancel_requested": True, "due_at": self.now()})
            self.at(self.time, self._look)

    # -- the store -------------------------------------------------------------------------------------------------------

    def save(self, record: CheckoutRecord, decision: Save) -> tuple[CheckoutRecord, datetime]:
        """Record a decision as `gateway.submission.store.save` does."""
        current = self.row
        if self.fenced_off(record):
            raise StaleLeaseError("another worker's")
        wish_changed = current.cancel_requested != record.cancel_requested
        if wish_changed and decision.changes.get("step_state") == SENDING:
            raise SupersededError("decide anew")
        if decision.lines is None:
            self.known = {}
        else:
            self.known |= decision.lines
        lease = timedelta(seconds=self.template.policy.lease_seconds)
        self.given_up += [
            GivenUp(order_id=each.order_id, marker=each.marker, state="abandoned") for each in decision.abandoned
        ]
        dated = {"sent_at": self.now()} if decision.changes.get("step_state") == SENDING else {}
        changes = {
            "claims_without_progress": 0,
            "lease_until": self.now() if decision.rest else self.now() + lease,
            **({**decision.changes, **dated} if current.state not in FINAL else {"due_at": None}),
        }
        if decision.rest and wish_changed:
            changes["due_at"] = self.now()
        self._change(changes)
        return self.row, self.now()

    def fenced_off(self, record: CheckoutRecord) -> bool:
        return self.row.fence != record.fence

    def _change(self, changes: dict[str, Any]) -> None:
        state = changes.get("state", self.row.state)
        assert may_follow(self.row.state, state), f"{self.row.state} cannot become {state}"
        intent = changes.get("submit_intent_order", self.row.submit_intent_order)
        assert self.row.submit_intent_order in {None, intent}, "the order to be submitted is write-once"
        if state in CART_RELEASED:
            changes = {**changes, "cart_live": False}
        if state not in OPEN:
            changes = {**changes, "due_at": None}
            self.ended_at = self.time if self.ended_at is None else self.ended_at
        if state != self.row.state:
            self.told.append(state)
        self.row = replace(self.row, **changes, version=self.row.version + 1, updated_at=self.now())

    # -- the verdict -----------------------------------------------------------------------------------------------------

    def verdict(self) -> str:  # noqa: PLR0911 - one return for each verdict, the worst first
        """Return what became of it in one word: right, doubled, wrong, phantom, broken, held, open or lost."""
        live = [order for order in self.upstream.orders.values() if order.live]
        submissions = sum(order.submissions for order in live)
        if live and set(self.told) & CART_RELEASED:
            return "phantom"
        if submissions > 1:
            return "doubled"
        if live and _contents(live[0]) != _wanted(self.template.order.lines):
            return "wrong"
        if self.broken:
            return "broken"
        if self.row.state in {"held", *OPEN}:
            return "held" if self.row.state == "held" else "open"
        if self.row.state == "cancelled" and not live:
            return "right"
        if not live or self.row.order_id != live[0].id:
            return "lost"
        return "right"


def _wanted(lines: tuple[OrderLine, ...]) -> list[tuple[Any, ...]]:
    by_id = {line.id: line for line in lines}
    rows = []
    for line in lines:
        entries = line.item.get("product", {}).get("productCharacteristic", ())
        inline = [each for price in line.item.get("itemPrice", ()) for each in price.get("priceAlteration", ())]
        rows.append(
            (
                line.id,
                by_id[line.parent_id].id if line.parent_id else "",
                line.item["productOffering"]["id"],
                line.item["quantity"],
                sorted((entry["name"], str(entry["value"])) for entry in entries),
                sorted(each["name"] for each in (*line.alterations, *inline)),
            )
        )
    return sorted(rows)


def _contents(order: ModelOrder) -> list[tuple[Any, ...]]:
    by_id = {line.id: line for line in order.lines}
    return sorted(
        (
            line.item_id,
            by_id[line.parent].item_id if line.parent else "",
            line.offering,
            line.quantity,
            sorted((name, str(value)) for name, value in line.characteristics.items()),
            sorted(each["name"] for each in line.alterations),
        )
        for line in order.lines
    )
