"""What is done early: the read after a step while its outcome is committed, the next call while that read is under way."""

from __future__ import annotations

import asyncio
import gc

import pytest
from checkout_work import NOW, SPLIT, work_of
from fake_upstream import FakeUpstream
from msgspec.structs import replace

from gateway.errors import StaleLeaseError
from gateway.submission import checkout_run
from gateway.submission.checkout_run import CheckoutRun
from gateway.submission.decisions import next_action as machine
from gateway.submission.decisions.actions import ReadHead, ReadOrder, Save, Send
from gateway.submission.decisions.next_action import next_action
from gateway.submission.decisions.records import completed_step
from gateway.submission.prefetch import CallAhead, foreseen, rendered_step
from gateway.upstream.outcome import Rejected, Unknown
from gateway.upstream.port import ReadFailed

ORDER = "00000001"


class Story:
    """A worker's context and an order system in one, which tells what happens in which order.

    The outcome of an `add` or `price` is committed no earlier than its read has been begun; `before_commit` comes between.
    """

    stopping = False
    guard_seconds = 0.0

    def __init__(self, work, before_commit=lambda _decision: None):
        self.told, self.saved = [], []
        self.record = work.record
        self.fake = FakeUpstream(work.mapping)
        self.cancelled_reads = 0
        self.let_go = asyncio.Event()
        self.let_go.set()
        self._before_commit = before_commit
        self._reading = asyncio.Event()

    def monotonic(self):
        return asyncio.get_running_loop().time()

    def lease_left(self, leased_at):
        return 1_000.0

    def count(self, upstream, kind, outcome):
        pass

    async def save(self, record, decision, work=None):
        state = decision.step_changes.get("state", "")
        if state == "done" and work.current.kind in {"create", "add", "price"}:
            async with asyncio.timeout(10):
                await self._reading.wait()
            self._before_commit(decision)
        self.saved.append(decision)
        self.told.append(f"{state} {work.current.sequence}" if state else "saved")
        self.record = replace(self.record, **decision.changes)
        return self.record, NOW

    async def send(self, rendered, *, answered=None):
        self._reading.clear()
        self.told.append(f"call {rendered.sequence}")
        return await self.fake.send(rendered, answered=answered)

    async def get_order(self, order_id):
        return await self._read("order", self.fake.get_order(order_id))

    async def get_head(self, order_id):
        return await self._read("head", self.fake.get_head(order_id))

    async def _read(self, what, reading):
        self.told.append(what)
        self._reading.set()
        try:
            await self.let_go.wait()
            return await reading
        except asyncio.CancelledError:
            self.cancelled_reads += 1
            reading.close()
            raise

    async def play(self, work):
        async with asyncio.timeout(10):
            await CheckoutRun(self, work, self, 0.0).run()


@pytest.fixture
def heads(monkeypatch):
    """Every order is as a large one: before a call that adds or prices only the head is read."""
    monkeypatch.setattr(machine, "WHOLE_LINES_MAX", 0)


@pytest.fixture
def large(monkeypatch, heads):
    """What a large order is compared with is worked out while it is read."""
    monkeypatch.setattr(checkout_run, "LARGE_LINES_MIN", 0)


# A create and two adds of two items each, the price of one, the submission. The price needs a line id: the order is read whole.
WHOLE = "sending 1,call 1,order,done 1,sending 2,call 2,order,done 2,sending 3,call 3,order,done 3,sending 4,call 4,order,done 4"
STORY = [*WHOLE.split(","), "sending 5", "call 5", "done 5"]


async def test_each_outcome_is_committed_while_the_next_read_is_under_way_and_each_intent_before_its_call():
    work = work_of(state="accepted")
    story = Story(work)
    await story.play(work)
    assert story.told == STORY
    assert story.record.state == "submitted"


async def test_a_large_order_is_sent_in_the_same_order_of_things(large):
    work = work_of(state="accepted")
    story = Story(work)
    await story.play(work)
    assert [each.replace("head", "order") for each in story.told] == STORY
    assert [each for each in story.told if each in {"head", "order"}] == ["head", "head", "order", "order"]
    assert story.record.state == "submitted"
    assert [len(lines["productOrderItem"]) for lines in story.fake.orders.values()] == [5]


async def test_no_call_follows_when_the_lease_is_lost_before_the_outcome_is_committed(caplog):
    def lose(decision):
        raise StaleLeaseError("gone")

    work = work_of(state="accepted")
    story = Story(work, lose)
    story.let_go.clear()
    with pytest.raises(StaleLeaseError):
        await story.play(work)
    assert story.told == ["sending 1", "call 1", "order"]
    assert story.cancelled_reads == 1


async def test_a_cancellation_that_is_heard_with_the_outcome_comes_before_what_was_read():
    work = work_of(state="accepted")
    story = Story(work)

    def cancel(decision):
        story.record = replace(story.record, cancel_requested=True)

    story._before_commit = cancel
    story.let_go.clear()
    await story.play(work)
    assert story.told == ["sending 1", "call 1", "order", "done 1", "abandoned 2"]
    assert (story.record.state, story.cancelled_reads) == ("cancelled", 1)


async def test_a_worker_that_is_stopping_reads_nothing_more():
    work = work_of(state="accepted")
    story = Story(work)
    story.let_go.clear()

    def stop(decision):
        story.stopping = True

    story._before_commit = stop
    await story.play(work)
    assert story.told == ["sending 1", "call 1", "order", "done 1", "saved"]
    assert (story.saved[-1].rest, story.cancelled_reads) == (True, 1)


async def test_a_read_that_fails_early_is_a_failed_read_after_the_outcome():
    work = work_of(state="accepted")
    story = Story(work)
    story.fake.script_reads([ReadFailed("503")])
    await story.play(work)
    assert story.told == ["sending 1", "call 1", "order", "done 1", "saved"]
    assert story.saved[-1].step_changes == {"detail": "reading back failed: 503"}
    assert (story.saved[-1].rest, story.saved[-1].changes["probe"]) == (True, 1)


async def test_a_read_that_fails_early_and_is_not_wanted_any_more_is_no_stray_exception():
    strays = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: strays.append(context["message"]))

    def lose(decision):
        raise StaleLeaseError("gone")

    work = work_of(state="accepted")
    story = Story(work, lose)
    story.fake.script_reads([ReadFailed("503")])
    with pytest.raises(StaleLeaseError):
        await story.play(work)
    gc.collect()
    assert strays == []


class TwoFaced(Story):
    """An order system whose answer to a step looks like a success until it is looked into."""

    outcome = Unknown("200 with a body that is not acceptable JSON")

    async def send(self, rendered, *, answered=None):
        outcome = await super().send(rendered, answered=answered)
        return self.outcome if rendered.kind == "add" else outcome


@pytest.mark.parametrize(
    ("outcome", "ended"),
    [(Unknown("200 with a page"), "unknown 2"), (Rejected(400, "bad", "400 bad"), "refused 2")],
)
async def test_what_was_read_after_an_answer_that_is_no_success_is_not_looked_at(outcome, ended):
    work = work_of(state="accepted")
    story = TwoFaced(work)
    story.outcome = outcome
    await story.play(work)
    assert story.told[-4:] == ["sending 2", "call 2", "order", ended]


# -- what is foreseen -------------------------------------------------------------------------------------------------------


def test_the_read_that_is_foreseen_is_the_one_that_is_decided_on(heads):
    work = work_of(step="add")
    done = completed_step(work, NOW, "answered 200")
    after = replace(work, record=replace(work.record, **done.changes))
    assert foreseen(work, done, NOW) == next_action(after, NOW) == ReadHead(ORDER)


@pytest.mark.parametrize(
    "decision",
    [
        Save(changes={}),
        Save(changes={"step_state": "UNKNOWN"}, step_changes={"state": "unknown"}),
        Save(changes={"state": "submitted", "step": 5}, step_changes={"state": "done"}, rest=True),
    ],
)
def test_nothing_is_foreseen_but_after_a_step_that_is_done(decision):
    assert foreseen(work_of(step="add"), decision, NOW) is None


def test_nothing_is_foreseen_without_an_order_to_read():
    work = work_of()
    assert foreseen(work, completed_step(work, NOW, "answered 201"), NOW) is None
    assert foreseen(work, completed_step(work, NOW, "answered 201", changes={"order_id": ORDER}), NOW) == ReadOrder(
        ORDER
    )


def test_no_read_is_foreseen_where_the_draft_waits_for_the_client():
    work = work_of(step="price", submit=False)
    assert foreseen(work, completed_step(work, NOW, "answered 200"), NOW) is None


# -- the call that is made early --------------------------------------------------------------------------------------------


def made(work):
    calls = CallAhead()
    calls.make(work)
    return calls


def test_the_call_is_the_one_that_would_be_made_later():
    work = work_of(step="add")
    later = replace(work, record=replace(work.record, version=2, lease_until=NOW))
    calls = made(work)
    assert calls.take(later, Send(later.current, {})) == rendered_step(work, {})
    assert calls.take(later, Send(later.current, {})) is None


@pytest.mark.parametrize(
    "later",
    [
        lambda work: replace(work, record=replace(work.record, step=work.record.step + 1)),
        lambda work: replace(work, record=replace(work.record, generation=1)),
        lambda work: replace(work, record=replace(work.record, order_id="00000002")),
        lambda work: replace(work, known={"1": "8021"}),
        lambda work: replace(work, plan=replace(work.plan, version=9)),
        lambda work: replace(work, mapping=replace(SPLIT, hash="another")),
    ],
    ids=["another step", "another draft", "another order", "a line id", "another plan", "another mapping"],
)
def test_a_call_that_was_made_of_something_else_is_not_sent(later):
    work = work_of(step="add")
    changed = later(work)
    assert made(work).take(changed, Send(changed.current, {})) is None


def test_a_call_that_was_made_before_the_lines_were_read_is_not_sent():
    work = work_of(step="add")
    assert made(work).take(work, Send(work.current, {}, {"1": "8021"})) is None


def test_a_call_that_cannot_be_made_yet_is_left_for_later():
    assert made(work_of(step="price")).take(work_of(step="price"), Send(work_of(step="price").current, {})) is None
