"""A refused submit is believed only after a look at the order: what is live already refuses to be submitted, too."""

from __future__ import annotations

from datetime import datetime

import pytest
from checkout_work import NOW, drafted, work_of
from msgspec.structs import replace

from gateway.checkouts.model import CheckoutRecord
from gateway.ordering.model import ObservedOrder, RenderedStep
from gateway.submission.actions import Save, Work
from gateway.submission.outcomes import after_send
from gateway.submission.turn import Turn
from gateway.upstream.outcome import Outcome, Rejected
from gateway.upstream.port import ReadFailed

REFUSED = Rejected(400, "1006", "400 1006: only a draft can be submitted")
DONE = len(work_of().plan.steps) - 1


def submitting(**columns):
    return work_of(step="submit", state="submitting", submit_intent_order="00000001", **columns)


@pytest.mark.parametrize("unknowns", [0, 1])
@pytest.mark.parametrize("state", ["In Progress", "Activated", "Cancelled"])
def test_an_order_that_is_live_was_submitted(unknowns, state):
    work = submitting(step_state="SENDING", sent_at=NOW, unknowns=unknowns)
    save = after_send(work, REFUSED, NOW, read_back=drafted(work, DONE, state=state))
    assert save.changes["state"] == "submitted"
    assert save.changes["upstream_state"] == state
    assert save.abandoned == ()


@pytest.mark.parametrize("state", ["Draft", ""])
def test_a_draft_was_refused_for_good(state):
    work = submitting(step_state="SENDING", sent_at=NOW)
    shown = replace(drafted(work, DONE), state=state)
    assert after_send(work, REFUSED, NOW, read_back=shown).changes["state"] == "rejected"
    assert after_send(work, REFUSED, NOW, read_back=None).changes["state"] == "rejected"


class Refusing:
    """An order system that refuses the submit and then shows an order, or cannot be read."""

    def __init__(self, shown: ObservedOrder | ReadFailed) -> None:
        self.shown = shown
        self.reads = 0

    async def send(self, rendered: RenderedStep) -> Outcome:
        assert rendered.kind == "submit"
        return REFUSED

    async def get_order(self, order_id: str) -> ObservedOrder | None:
        self.reads += 1
        if self.reads == 1:
            return drafted(submitting(), DONE)
        if isinstance(self.shown, ReadFailed):
            raise self.shown
        return self.shown


class Office:
    stopping = False
    guard_seconds = 5.0

    def __init__(self) -> None:
        self.saved: list[Save] = []

    def monotonic(self) -> float:
        return 0.0

    def lease_left(self, leased_at: float) -> float:
        return 60.0

    def count(self, upstream: str, kind: str, outcome: str) -> None:
        pass

    async def save(
        self, record: CheckoutRecord, decision: Save, work: Work | None = None
    ) -> tuple[CheckoutRecord, datetime]:
        self.saved.append(decision)
        return replace(record, **decision.changes), NOW


async def turn_to_the_end(shown: ObservedOrder | ReadFailed) -> Save:
    office = Office()
    await Turn(office, submitting(), Refusing(shown), 0.0).run()
    assert office.saved[0].changes["step_state"] == "SENDING"
    return office.saved[-1]


async def test_the_turn_looks_before_it_believes():
    live = await turn_to_the_end(drafted(submitting(), DONE, state="In Progress"))
    assert live.changes["state"] == "submitted"
    draft = await turn_to_the_end(drafted(submitting(), DONE))
    assert draft.changes["state"] == "rejected"


async def test_when_it_cannot_look_it_asks_again_later():
    put_off = await turn_to_the_end(ReadFailed("503", retry_after_seconds=20.0))
    assert put_off.changes["step_state"] == "PLANNED"
    assert put_off.rest
    assert (put_off.changes["due_at"] - NOW).total_seconds() >= 20.0
