"""Whole runs of the worker against an order system in memory: whatever happens to whichever call, never two live orders.

Time is the test's own: the worker does what is due, then the clock goes to the next due moment.
"""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
import pytest_asyncio
from checkout_gateway import CHECKOUTS, live_orders
from checkout_work import request
from fake_upstream import FakeUpstream
from msgspec.structs import replace
from worker_runs import (
    CASES,
    LOST,
    REFUSED,
    Killed,
    assert_content,
    assert_one_truth,
    clocked,
    fill,
    run,
    work_once,
)

from gateway.ordering import read_order
from gateway.settings import SubmissionSettings
from gateway.upstream.evidence import FindResult, incomplete
from gateway.upstream.outcome import Accepted, Duplicate, NotExecuted, NotSent, Rejected, Unknown
from gateway.upstream.port import ReadFailed

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def application(tmp_path_factory):
    async with clocked(tmp_path_factory.mktemp("worker")) as started:
        yield started


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("number", range(5))
async def test_every_outcome_of_every_call_ends_in_one_live_order_or_none(gateway, number, name):
    checkout = await gateway.check_out()
    fill(gateway.shop, number, CASES[name])
    record = await run(gateway, checkout)
    gateway.shop.apply_late()
    orders = assert_one_truth(gateway.shop, record)
    kind = ("create", "add", "add", "price", "submit")[number]
    refused = name == "refused" or (name == "conflict" and kind == "create")
    refused = refused or (name == "gone" and kind in {"create", "submit"})
    # Before a refused submit is believed, the order is looked at.
    refused = refused or (name == "refused but done" and kind != "submit")
    # What can be cut goes in smaller calls; the third call has one item.
    refused = refused or (name == "too large" and number >= 2)
    assert record.state == ("rejected" if refused else "submitted"), record.status_reason
    if record.state == "submitted" and number != 3:
        priced = [line for line in orders[0]["productOrderItem"] if line.get("itemPrice")]
        assert len(priced) == 1


@pytest.mark.parametrize("name", CASES)
async def test_every_outcome_of_a_live_post_ends_in_one_live_order_or_none(gateway, name):
    checkout = await gateway.check_out(upstream="plain")
    fill(gateway.plain, 0, CASES[name])
    record = await run(gateway, checkout, at_each=gateway.plain.apply_late)
    orders = [order["id"] for order in gateway.plain.orders.values()]
    assert len(orders) <= 1
    refused = name in {"refused", "gone", "too large", "conflict"}
    assert record.state == ("rejected" if refused else "submitted"), record.status_reason
    assert orders == ([] if refused else [record.order_id])


@pytest.mark.parametrize("status", ["429", "401", "503"])
async def test_c4_a_live_post_that_was_turned_away_and_done_all_the_same_is_not_sent_again(gateway, status):
    kind = {"429": "throttled", "401": "unauthorised", "503": "busy"}[status]
    checkout = await gateway.check_out(upstream="plain")
    send, turned_away = FakeUpstream.send, []

    async def sending(rendered, **_):
        outcome = await send(gateway.plain, rendered)
        if turned_away:
            return outcome
        turned_away.append(outcome)
        return NotExecuted(status, 7.0, kind)

    gateway.plain.send = sending
    record = await run(gateway, checkout)
    assert (record.state, list(gateway.plain.orders)) == ("submitted", [record.order_id])
    assert len(turned_away) == 1


async def test_c3_an_unknown_product_code_is_refused_at_once_on_a_fresh_order_system(gateway):
    checkout = await gateway.check_out(upstream="plain")
    fill(gateway.plain, 0, CASES["refused"])
    await work_once(gateway)
    record = await gateway.record(checkout["id"])
    assert (record.state, record.reason_code) == ("rejected", "refused")
    assert "422 1004: no" in record.status_reason
    shown = await gateway.get(checkout)
    assert shown["reason"] == {"code": "refused", "message": record.status_reason, "nextAttemptAt": None}


async def test_c6_a_submission_that_is_refused_and_done_later_is_seen(gateway):
    checkout = await gateway.check_out()
    fill(gateway.shop, 4, (REFUSED, "later"))
    began = gateway.clock.moment

    def late():
        if gateway.clock.moment - began > timedelta(seconds=3):
            gateway.shop.apply_late()

    record = await run(gateway, checkout, at_each=late)
    assert record.state == "submitted", record.status_reason
    assert_one_truth(gateway.shop, record)


async def test_one_order_of_two_checkouts_is_followed_by_one_of_them_only(gateway):
    first, second = [await gateway.check_out(upstream="plain") for _ in range(2)]
    send = FakeUpstream.send

    async def merging(rendered, **_):
        if gateway.plain.orders:
            return Accepted(201, {"id": next(iter(gateway.plain.orders))})
        return await send(gateway.plain, rendered)

    gateway.plain.send = merging
    records = [await run(gateway, each) for each in (first, second)]
    assert sorted(record.state for record in records) == ["held", "submitted"]
    held = next(record for record in records if record.state == "held")
    assert (held.reason_code, held.order_id) == ("foreign_order", None)


@pytest.mark.parametrize("name", ["lost before", "lost after", "lost and late"])
@pytest.mark.parametrize("blind", [True, False])
async def test_a_live_post_is_repeated_only_after_proof(gateway, name, blind):
    gateway.plain.absence = incomplete("page_failed") if blind else None
    checkout = await gateway.check_out(upstream="plain")
    fill(gateway.plain, 0, CASES[name])
    record = await run(gateway, checkout)
    creates = [call for call in gateway.plain.calls if call.kind == "create"]
    if name == "lost after":
        assert (record.state, len(creates)) == ("submitted", 1)
    elif blind:
        assert (record.state, len(creates)) == ("held", 1)
        assert record.reason_code == "not_verifiable"
        assert "a page of the list could not be read" in record.status_reason
    else:
        assert (record.state, len(creates)) == ("submitted", 2)
        assert gateway.clock.moment - record.created_at > timedelta(seconds=665)


async def test_a_live_post_that_takes_effect_within_the_quiet_time_is_found(gateway):
    checkout = await gateway.check_out(upstream="plain")
    fill(gateway.plain, 0, CASES["lost and late"])
    began = gateway.clock.moment

    def late():
        if gateway.clock.moment - began > timedelta(seconds=590):
            gateway.plain.apply_late()

    record = await run(gateway, checkout, at_each=late)
    assert record.state == "submitted"
    assert len(gateway.plain.orders) == 1


async def test_a_search_that_decides_about_a_live_post_knows_what_was_sent(gateway):
    find, doubts = gateway.plain.find, []

    async def noting(marker, **options):
        doubts.append(options.get("doubt"))
        return await find(marker, **options)

    gateway.plain.find = noting
    checkout = await gateway.check_out(upstream="plain")
    fill(gateway.plain, 0, CASES["lost before"])
    record = await run(gateway, checkout)
    assert record.state == "submitted"
    asked = [doubt for doubt in doubts if doubt is not None]
    assert asked
    (order,) = gateway.plain.orders.values()
    same = read_order(order, gateway.plain.mapping)
    for doubt in asked:
        assert doubt.offerings == {line.offering for line in same.lines}
        assert doubt.is_alike(same)
        assert doubt.is_alike(replace(same, lines=same.lines[1:])), "most of it may be ours, too"
        assert not doubt.is_alike(replace(same, lines=same.lines[:1]))


async def test_the_cases_cover_every_outcome():
    kinds = {type(outcome) for outcome, _ in CASES.values()}
    assert kinds == {Accepted, Duplicate, NotExecuted, NotSent, Rejected, Unknown}
    assert request()
    assert replace(SubmissionSettings(), concurrency_max=16) == SubmissionSettings()


# -- reads ------------------------------------------------------------------------------------------------------------------


async def test_an_order_system_that_is_away_for_a_day_is_waited_for(gateway):
    checkout = await gateway.check_out()
    began = gateway.clock.moment
    get_order, send = FakeUpstream.get_order, FakeUpstream.send

    def away():
        return timedelta(minutes=1) < gateway.clock.moment - began < timedelta(hours=20)

    async def reading(order_id):
        if away():
            raise ReadFailed("503", status=503)
        return await get_order(gateway.shop, order_id)

    async def sending(rendered, **_):
        if gateway.clock.moment - began < timedelta(minutes=1):
            gateway.clock.advance(61)
            return LOST
        return NotSent("circuit open") if away() else await send(gateway.shop, rendered)

    gateway.shop.get_order, gateway.shop.send = reading, sending
    record = await run(gateway, checkout)
    assert record.state == "submitted", record.status_reason
    assert len(live_orders(gateway.shop)) == 1


@pytest.mark.parametrize("upstream", ["shop", "plain"])
async def test_checkouts_that_come_while_the_order_system_is_away_for_days_wait_and_say_so(gateway, upstream):
    checkout = await gateway.check_out(upstream=upstream)
    fake = getattr(gateway, upstream)
    back_at = gateway.clock.moment + timedelta(days=3)
    told = set()

    async def sending(rendered, **_):
        away = gateway.clock.moment < back_at
        return NotSent("circuit open") if away else await FakeUpstream.send(fake, rendered)

    async def note():
        told.add((await gateway.get(checkout))["statusReason"])

    fake.send = sending
    while gateway.clock.moment < back_at:
        await work_once(gateway)
        await note()
        gateway.clock.advance((await gateway.next_due() - gateway.clock.moment).total_seconds() + 0.001)
    record = await run(gateway, checkout)
    assert told == {
        "waits for the order system: the create step could not be sent (circuit open); it is tried until it can"
    }
    assert (record.state, record.status_reason) == ("submitted", None)
    assert len(live_orders(fake)) == 1


async def test_a_draft_that_is_shown_late_is_not_given_up(gateway):
    checkout = await gateway.check_out()
    get_order = FakeUpstream.get_order
    shown_from = {}

    async def late(order_id):
        shown_from.setdefault(order_id, gateway.clock.moment + timedelta(seconds=20))
        if gateway.clock.moment < shown_from[order_id]:
            return None
        return await get_order(gateway.shop, order_id)

    gateway.shop.get_order = late
    record = await run(gateway, checkout)
    assert record.state == "submitted", record.status_reason
    assert len(gateway.shop.orders) == 1


async def test_u12_a_draft_that_somebody_deletes_is_made_anew(gateway):
    checkout = await gateway.check_out()
    send = FakeUpstream.send

    async def deleting(rendered, **_):
        outcome = await send(gateway.shop, rendered)
        if rendered.kind == "price" and "00000001" in gateway.shop.orders:
            del gateway.shop.orders["00000001"]
        return outcome

    gateway.shop.send = deleting
    record = await run(gateway, checkout)
    assert (record.state, record.order_id) == ("submitted", "00000002")


async def test_u11_a_draft_that_somebody_submits_is_never_touched_again(gateway):
    checkout = await gateway.check_out()
    send = FakeUpstream.send

    async def meddling(rendered, **_):
        outcome = await send(gateway.shop, rendered)
        if rendered.kind == "add":
            gateway.shop.orders["00000001"]["state"] = "Submitted"
        return outcome

    gateway.shop.send = meddling
    record = await run(gateway, checkout)
    assert record.state == "held"
    assert "00000001" in record.status_reason
    assert [call.kind for call in gateway.shop.calls] == ["create", "add"]


@pytest.mark.parametrize("doubled", ["create", "add", "price", "submit"])
async def test_u16_an_intermediary_that_repeats_calls_makes_no_second_live_order(gateway, doubled):
    checkout = await gateway.check_out()
    send = FakeUpstream.send

    async def repeating(rendered, **_):
        if rendered.kind == doubled:
            await send(gateway.shop, rendered)
        return await send(gateway.shop, rendered)

    gateway.shop.send = repeating
    record = await run(gateway, checkout)
    assert len(live_orders(gateway.shop)) == (0 if doubled == "add" else 1)
    if doubled == "add":
        assert record.state == "held"
        assert "3 drafts in a row were not what was sent" in record.status_reason
    else:
        assert record.state == "submitted"
        assert_content(live_orders(gateway.shop)[0])


async def test_the_effect_of_a_lost_call_on_a_draft_that_was_given_up_hurts_nobody(gateway):
    checkout = await gateway.check_out()
    fill(gateway.shop, 1, (LOST, "later"))
    record = await run(gateway, checkout)
    assert record.state == "submitted"
    before = {line["productOffering"]["id"] for line in live_orders(gateway.shop)[0]["productOrderItem"]}
    gateway.shop.apply_late()
    assert {line["productOffering"]["id"] for line in live_orders(gateway.shop)[0]["productOrderItem"]} == before
    assert len(live_orders(gateway.shop)) == 1


# -- storms -----------------------------------------------------------------------------------------------------------------


class Storm:
    """An order system at which, for three hours, every second call goes wrong in some way."""

    def __init__(self, gateway, seed):
        self.fake, self.clock, self.draw = gateway.shop, gateway.clock, random.Random(seed)
        self.calm_after = gateway.clock.moment + timedelta(hours=3)
        refusals = {"refused but done", "refused", "gone", "too large"}
        self.wrong = [case for name, case in CASES.items() if name not in refusals]
        self.fake.send, self.fake.get_order, self.fake.find = self.send, self.get_order, self.find

    def strikes(self, rate):
        return self.clock.moment < self.calm_after and self.draw.random() < rate

    async def send(self, rendered, **_):
        if self.strikes(0.06):
            if self.draw.random() < 0.5:
                await FakeUpstream.send(self.fake, rendered)
            raise Killed
        if self.strikes(0.4):
            outcome, effect = self.draw.choice(self.wrong)
            self.fake.script([outcome], effect=effect)
        return await FakeUpstream.send(self.fake, rendered)

    async def get_order(self, order_id):
        if self.strikes(0.2):
            raise ReadFailed("503", status=503)
        return await FakeUpstream.get_order(self.fake, order_id)

    async def find(self, marker, *, since, doubt=None, live=False):
        if self.strikes(0.2):
            return FindResult((), incomplete("page_failed"))
        return await FakeUpstream.find(self.fake, marker, since=since)

    def apply_some(self):
        if self.draw.random() < 0.2:
            self.fake.apply_late()


@pytest.mark.parametrize("seed", range(8))
async def test_a_storm_over_many_checkouts_loses_and_doubles_nothing(gateway, seed):
    storm = Storm(gateway, seed)
    checkouts = [await gateway.check_out() for _ in range(8)]
    await work_once(gateway)
    await gateway.client.post(f"{CHECKOUTS}/{checkouts[0]['id']}/cancel")
    for checkout in checkouts:
        await run(gateway, checkout, at_each=storm.apply_some)
    gateway.shop.apply_late()
    for checkout in checkouts:
        record = await gateway.record(checkout["id"])
        mine = [order for order in live_orders(gateway.shop) if record.marker_root in order["externalId"]]
        expected = {"submitted": [record.order_id], "cancelled": [], "rejected": []}
        assert record.state in expected, (seed, record.state, record.status_reason)
        assert [order["id"] for order in mine] == expected[record.state], (seed, record.status_reason)
    for order in live_orders(gateway.shop):
        assert_content(order)
