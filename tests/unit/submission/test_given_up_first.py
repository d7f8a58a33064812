"""Before a draft is submitted it is looked whether one that was given up is live; before another is begun, live orders are searched."""

from __future__ import annotations

import pytest
from checkout_work import NOW, PLAIN, POLICY, SPLIT, drafted, lost, seconds, work_of
from fake_upstream import FakeUpstream
from msgspec.structs import replace
from test_submission_turn import RunContext

from gateway.checkouts.stored.abandoned import GivenUp
from gateway.ordering import Marker
from gateway.submission.checkout_run import GIVEN_UP_READ_MAX, CheckoutRun
from gateway.submission.decisions.actions import FindMarker, LookAtGivenUp, ReadOrder, Save
from gateway.submission.decisions.after_search import after_search, wants_live
from gateway.submission.decisions.before_submit import after_given_up_look
from gateway.submission.decisions.next_action import next_action
from gateway.submission.given_up import find_alive
from gateway.upstream.evidence import FindResult
from gateway.upstream.port import AnotherOrder, ReadFailed

FIRST = "gw1-abcdefghijklmnop-0"


def submitting(**columns):
    """Return a checkout whose second draft is whole."""
    return work_of(step="submit", order_id="00000002", **{"generation": 1, **columns})


# -- decided -----------------------------------------------------------------------------------------------------------------


def test_it_is_looked_for_where_a_draft_was_given_up_and_nothing_was_submitted_yet():
    assert next_action(submitting(), NOW) == LookAtGivenUp()
    assert next_action(submitting(generation=0), NOW) == ReadOrder("00000002")
    assert next_action(submitting(submit_intent_order="00000002"), NOW) == ReadOrder("00000002")


def test_a_live_one_holds_the_checkout_before_it_makes_a_second():
    live = drafted(work_of(), 2, state="In Progress")
    save = after_given_up_look(submitting(), [live])
    assert isinstance(save, Save)
    assert (save.changes["state"], save.changes["reason_code"]) == ("held", "duplicate_orders")
    assert save.finding is not None
    assert (save.finding.code, save.finding.severity) == ("abandoned_live", "error")
    assert {"00000001", "00000002"} == {
        word.strip(",.") for word in save.changes["status_reason"].split() if "000" in word
    }
    assert after_given_up_look(submitting(), []) == ReadOrder("00000002")


@pytest.mark.parametrize(
    ("ago", "columns", "wanted"),
    [
        (44, {}, False),
        (45, {}, True),
        (1, {"awaiting": "turned_away_order"}, True),
        (45, {"order_id": "1", "step": "add"}, True),
    ],
)
def test_live_orders_are_searched_when_a_call_would_be_sent_again_or_another_draft_begun(ago, columns, wanted):
    work = lost(work_of(SPLIT, **columns), seconds_ago=ago)
    assert wants_live(work, NOW) is wanted
    # A search that shows everything has seen them already.
    everything = replace(SPLIT, recovery=replace(SPLIT.recovery, scan_parameters={}))
    assert not wants_live(replace(work, mapping=everything), NOW)
    assert not wants_live(lost(work_of(PLAIN), seconds_ago=ago), NOW)


def test_a_draft_that_is_live_under_another_id_is_not_followed_by_a_second():
    work = work_of(SPLIT, step="add", order_id="1", answered_order="1", sent_at=NOW - seconds(60.0))
    one, two = (replace(drafted(work, 1, state="In Progress"), id=number) for number in ("00000001", "00000002"))
    for found, code in (((one,), "contents_differ"), ((one, two), "duplicate_orders")):
        save = after_search(work, FindResult(found), NOW, NOW)
        assert isinstance(save, Save)
        assert (save.changes["state"], save.changes["reason_code"]) == ("held", code)


# -- looked for --------------------------------------------------------------------------------------------------------------


class Shop(FakeUpstream):
    """An order system whose searches show drafts only until they are asked for more."""

    def __init__(self) -> None:
        super().__init__(SPLIT)
        self.asked: list[object] = []

    def put(self, number="00000001", *, marker=FIRST, state="In Progress"):
        self.orders[number] = {"id": number, "state": state, "externalId": marker, "productOrderItem": []}

    async def get_order(self, order_id):
        self.asked.append(order_id)
        return await super().get_order(order_id)

    async def find(self, marker, *, since, doubt=None, live=False):
        self.asked.append((marker, live))
        found = await super().find(marker, since=since, doubt=doubt)
        shown = tuple(order for order in found.orders if live or order.state == "Draft")
        return replace_orders(found, shown)


def replace_orders(found, orders):
    return FindResult(orders, found.absence, found.hints)


async def alive(shop, order_id):
    return [order.id for order in await find_alive(shop, SPLIT, FIRST, order_id, NOW)]


@pytest.mark.parametrize("state", ["In Progress", "Draft", "Rejected"])
async def test_one_whose_id_is_known_takes_one_read(state):
    shop = Shop()
    shop.put(state=state)
    assert await alive(shop, "00000001") == (["00000001"] if state == "In Progress" else [])
    assert shop.asked == ["00000001"]


@pytest.mark.parametrize("marker", [FIRST, FIRST.upper(), f"void-{FIRST}", f"WEB/{FIRST}", FIRST[:18]])
@pytest.mark.parametrize("order_id", [None, "00000001", "00000007", "00000009"])
async def test_it_is_found_by_its_marker_in_any_spelling_where_its_id_is_not_known_or_leads_elsewhere(marker, order_id):
    shop = Shop()
    shop.put(marker=marker)
    shop.put("00000007", marker="CRM-1")
    shop.put("00000008", marker="gw1-abcdefghijklmnop-1")
    assert await alive(shop, order_id) == ["00000001"]


async def test_what_goes_by_another_id_now_is_told_by_its_marker():
    shop = Shop()
    shop.put()
    moved = await shop.get_order("00000001")

    async def another(order_id):
        raise AnotherOrder(moved)

    shop.get_order = another
    assert await alive(shop, "00000005") == ["00000001"]
    shop.orders.clear()
    moved = replace(moved, marker=Marker(("CRM-1",)))
    assert await alive(shop, "00000005") == []


# -- one claim ---------------------------------------------------------------------------------------------------------------


class Context(RunContext):
    """A worker's context with drafts that were given up."""

    def __init__(self, given_up) -> None:
        super().__init__()
        self.drafts = given_up

    async def given_up(self, record):
        return self.drafts


def run_of(context, shop, **columns):
    work = replace(submitting(**columns), policy=replace(POLICY, lease_seconds=60.0))
    return CheckoutRun(context, work, shop, 0.0)


async def test_the_last_ones_are_looked_at_and_the_clean_up_has_seen_the_others():
    shop = Shop()
    given_up = [GivenUp(order_id=f"{number:08}", marker=FIRST, state="abandoned") for number in range(10, 20)]
    for each in given_up:
        shop.put(each.order_id, state="Draft")
    await run_of(Context(given_up), shop)._given_up_alive()
    assert shop.asked == [each.order_id for each in given_up[-GIVEN_UP_READ_MAX:]]


async def test_one_that_cannot_be_read_is_looked_at_again_and_in_the_end_passed_over():
    shop = Shop()
    shop.put()
    context = Context([GivenUp(order_id="00000001", marker=FIRST, state="abandoned")])
    for probe in range(len(POLICY.probe_seconds)):
        shop.script_reads([ReadFailed("503", status=503)])
        decision = await run_of(context, shop, probe=probe)._perform(LookAtGivenUp())
        assert (decision.rest, decision.changes["probe"]) == (True, probe + 1)
    shop.script_reads([ReadFailed("503", status=503)])
    assert await run_of(context, shop, probe=len(POLICY.probe_seconds))._given_up_alive() == []
    assert [order.id for order in await run_of(context, shop)._given_up_alive()] == ["00000001"]


async def test_a_lost_call_is_looked_for_among_live_orders_before_another_draft_is_begun():
    shop = Shop()
    shop.put()
    work = lost(work_of(SPLIT), seconds_ago=45, probe=2)
    run = CheckoutRun(Context([]), work, shop, 0.0)
    decision = await run._perform(FindMarker(FIRST))
    assert shop.asked[:2] == [(FIRST, False), (FIRST, True)]
    assert "generation" not in decision.changes
    assert decision.changes.get("state") == "held" or decision.changes["awaiting"] == "accepted_order"
