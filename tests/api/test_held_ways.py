"""Every reason that a checkout is held for has its ways out, and each of them works: it goes on or ends, with one live order at most."""

from __future__ import annotations

from datetime import timedelta

import pytest
from checkout_gateway import CHECKOUTS, act, live_orders, set_columns
from structlog.testing import capture_logs

from gateway.checkouts.reasons import ASKED, MEANING, WAYS
from gateway.clock import utc_now
from gateway.upstream.outcome import Accepted

pytestmark = pytest.mark.asyncio(loop_scope="module")
WHY = {"reason": "looked at in the order system"}
OF_ORDERS = sorted((code, way) for code, ways in WAYS.items() for way in ways if code != "price_differs")


async def test_every_reason_says_what_it_asks_for():
    assert ASKED.keys() == MEANING.keys()
    for code, ways in WAYS.items():
        assert any(f"`{way}`" in ASKED[code] for way in ways), code


@pytest.mark.parametrize("upstream", ["shop", "plain"])
@pytest.mark.parametrize(("code", "way"), OF_ORDERS)
async def test_each_way_out_of_a_reason_works(gateway, code, way, upstream):
    checkout = await gateway.check_out(upstream=upstream)
    await gateway.work()
    order_id = (await gateway.get(checkout))["productOrder"]["id"]
    await set_columns(
        gateway,
        checkout,
        state="held",
        reason_code=code,
        status_reason="a person decides",
        due_at=None,
        track_due_at=None,
    )
    fake = getattr(gateway, upstream)
    body = {"retry": WHY, "adopt": {**WHY, "productOrder": {"id": order_id}}, "close": {**WHY, "outcome": "rejected"}}
    if way == "close":
        fake.orders[order_id]["state"] = "Cancelled" if upstream == "shop" else "cancelled"
    answer = await gateway.post(body[way], f"{CHECKOUTS}/{checkout['id']}/{way}")
    assert answer.is_success, answer.text
    await gateway.work()
    await gateway.look_at_orders()
    found = await gateway.get(checkout)
    assert found["state"] in ({"rejected"} if way == "close" else {"submitted", "completed"})
    assert list(fake.orders) == [order_id]
    assert [
        (deed["action"], WHY["reason"] in deed["detail"]) for deed in found["history"] if deed["kind"] == "action"
    ] == [(way, True)]


@pytest.mark.parametrize(("way", "state", "orders"), [("submit", "submitted", 1), ("cancel", "cancelled", 0)])
async def test_a_price_is_decided_about_by_submitting_or_cancelling(gateway, way, state, orders):
    assert WAYS["price_differs"] == ("submit", "cancel")
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    columns = {
        "reason_code": "price_differs",
        "status_reason": "does not cost what the cart did",
        "price_drift": "1 EUR",
    }
    await set_columns(gateway, checkout, state="held", due_at=None, **columns)
    await act(gateway, checkout, way)
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == state
    assert len(live_orders(gateway.shop)) == orders


async def test_a_submission_that_was_answered_and_did_nothing_is_made_once_more(gateway):
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    order_id = (await gateway.get(checkout))["productOrder"]["id"]
    gateway.shop.script([ANSWERED])
    await act(gateway, checkout, "submit")
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitted"
    await stay_a_draft(gateway, checkout)
    assert (await gateway.get(checkout))["state"] == "submitting"
    await gateway.work()
    await gateway.look_at_orders()
    found = await gateway.get(checkout)
    assert (found["state"], found["productOrder"]["id"]) == ("completed", order_id)
    assert [call.order_id for call in gateway.shop.calls if call.kind == "submit"] == [order_id, order_id]
    assert len(gateway.shop.orders) == 1


async def test_one_that_never_does_anything_is_held_and_retry_tries_once_more(gateway):
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    gateway.shop.script([ANSWERED, ANSWERED])
    await act(gateway, checkout, "submit")
    await gateway.work()
    await stay_a_draft(gateway, checkout)
    await gateway.work()
    await stay_a_draft(gateway, checkout)
    found = await gateway.get(checkout)
    assert (found["state"], found["reason"]["code"]) == ("held", "not_verifiable")
    assert (await gateway.post(WHY, f"{CHECKOUTS}/{checkout['id']}/retry")).status_code == 202
    await stay_a_draft(gateway, checkout)
    await gateway.work()
    await gateway.look_at_orders()
    assert (await gateway.get(checkout))["state"] == "completed"
    assert len(live_orders(gateway.shop)) == 1


ANSWERED = Accepted(200)


async def stay_a_draft(gateway, checkout):
    """Let the order be seen as a draft for longer than it may take to show its submission."""
    await gateway.look_at_orders()
    before = await gateway.services.database.read(gateway.services.database.now)
    await set_columns(gateway, checkout, awaiting_since=before - timedelta(hours=1))
    await gateway.look_at_orders()


def held_logs(logs):
    return [
        (each["log_level"], each["code"], bool(each["reason"])) for each in logs if each["event"] == "checkout.held"
    ]


async def test_whoever_holds_a_checkout_logs_its_code_and_its_sentence_as_a_warning(gateway):
    first = await gateway.check_out(upstream="plain")
    await set_columns(gateway, first, claims_without_progress=99)
    with capture_logs() as by_the_worker:
        await gateway.work()
    second = await gateway.check_out()
    await gateway.work()
    gateway.shop.orders.clear()
    await gateway.look_at_orders()
    await set_columns(gateway, second, awaiting_since=utc_now() - timedelta(hours=1))
    with capture_logs() as by_the_tracker:
        await gateway.look_at_orders()
    assert held_logs(by_the_worker) == [("warning", "no_progress", True)]
    assert held_logs(by_the_tracker) == [("warning", "not_verifiable", True)]
    assert [(await gateway.get(each))["state"] for each in (first, second)] == ["held", "held"]
