"""Whole runs of the worker in the time of a test: what may happen to a call, and what must be true in the end."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta

from checkout_gateway import Clock, live_orders, running, settings_of

from gateway.settings import StorageSettings, SubmissionSettings
from gateway.upstream.outcome import Accepted, Duplicate, NotExecuted, NotSent, Rejected, Unknown

FINAL = {"submitted", "completed", "rejected", "cancelled", "held"}
REFUSED = Rejected(422, "1004", "422 1004: no")
LOST = Unknown("504")
# (outcome, what really happened): everything an order system may do with a call.
CASES = {
    "not sent": (NotSent("refused"), "none"),
    "throttled": (NotExecuted("429", 7.0), "none"),
    "token expired": (NotExecuted("401", kind="unauthorised"), "none"),
    "lost before": (LOST, "none"),
    "lost after": (LOST, "applied"),
    "lost and late": (LOST, "later"),
    "refused": (REFUSED, "none"),
    "refused but done": (REFUSED, "applied"),
    "gone": (Rejected(404, "", "404"), "none"),
    "too large": (Rejected(413, "", "413", too_large=True), "none"),
    "conflict": (Duplicate(409, "409"), "none"),
    "conflict with itself": (Duplicate(409, "409"), "applied"),
    "no id": (Accepted(202), "applied"),
}


class Killed(BaseException):
    """The process dies here."""


@asynccontextmanager
async def clocked(folder):
    """Start a gateway whose time is the test's own."""
    storage = StorageSettings(url=f"sqlite:///{folder / 'gateway.db'}", readers_max=2)
    submission = SubmissionSettings(claims_without_progress_max=5)
    async with running(settings_of(storage, submission=submission), clock=Clock()) as started:
        yield started


async def run(gateway, checkout, *, hours=48.0, at_each=lambda: None):
    """Let the worker work, and time pass, until the checkout rests for good; return its record."""
    ends_at = gateway.clock.moment + timedelta(hours=hours)
    while gateway.clock.moment < ends_at:
        await work_once(gateway)
        at_each()
        record = await gateway.record(checkout["id"])
        if record.state in FINAL or record.due_at is None:
            return record
        due_at = await gateway.next_due()
        gateway.clock.advance(max(0.0, (due_at - gateway.clock.moment).total_seconds()) + 0.001)
    raise AssertionError(f"still {record.state} after {hours} hours: {record}")


async def work_once(gateway):
    """Work on what is due. A killed worker is gone; its lease runs out."""
    worker = gateway.worker()
    while claimed := await worker._claim():
        for record in claimed:
            try:
                await worker._guarded(record, worker.monotonic())
            except Killed:
                return


def fill(fake, number, case):
    """Script the calls so that the one with this number (from 0) goes as the case says."""
    outcome, effect = case
    fake.script([None] * number)
    fake.script([outcome], effect=effect)


def assert_one_truth(fake, record, *, found=None):
    """At most one live order, and the checkout says the truth about it."""
    orders = live_orders(fake)
    assert len(orders) <= 1, [order["id"] for order in orders]
    if record.state in {"submitted", "completed"}:
        assert [order["id"] for order in orders] == [record.order_id]
        assert_content(orders[0])
    if record.state in {"rejected", "cancelled"}:
        assert orders == []
    if record.state == "held":
        assert record.status_reason
    assert record.due_at is None
    return orders


def assert_content(order):
    lines = sorted(
        (line["productOffering"]["id"], line["quantity"], line["product"]["productCharacteristic"][0]["value"])
        for line in order["productOrderItem"]
    )
    assert lines == [(f"P{n}", n, f"c{n}") for n in range(1, 6)]
