from __future__ import annotations

from datetime import timedelta

import pytest
from checkout_gateway import CARTS, act, assert_conflict, live_orders, set_columns

from gateway.upstream.outcome import Accepted, NotExecuted, Rejected, Unknown

pytestmark = pytest.mark.asyncio(loop_scope="module")


# -- cancel -----------------------------------------------------------------------------------------------------------------


async def assert_cancelled(gateway, checkout):
    found = await gateway.get(checkout)
    assert (found["state"], found["statusReason"]) == ("cancelled", "cancelled by the client")
    assert live_orders(gateway.shop) == []
    assert (await gateway.client.delete(f"{CARTS}/{checkout['shoppingCart']['id']}")).status_code == 204
    assert (await act(gateway, checkout, "cancel")).status_code == 202
    refused = await act(gateway, checkout, "submit")
    assert_conflict(refused, "cancelled")
    # The type of it in the official files is an address, not a path.
    assert refused.json()["referenceError"] == found["href"]


async def test_what_was_only_accepted_is_cancelled_without_a_call(gateway):
    checkout = await gateway.check_out()
    answer = await act(gateway, checkout, "cancel")
    assert answer.status_code == 202
    await gateway.work()
    await assert_cancelled(gateway, checkout)
    assert not gateway.shop.calls
    assert await gateway.due_drafts() == []


async def test_a_draft_is_cancelled_and_cleaned_up(gateway):
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    await act(gateway, checkout, "cancel")
    await gateway.work()
    await assert_cancelled(gateway, checkout)
    assert [row.order_id for row in await gateway.due_drafts()] == ["00000001"]


async def test_a_checkout_whose_call_is_put_off_is_cancelled_at_once(gateway):
    gateway.shop.script([None, NotExecuted("429", 900.0)])
    checkout = await gateway.check_out()
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "drafting"
    await act(gateway, checkout, "cancel")
    await gateway.work()
    await assert_cancelled(gateway, checkout)


async def while_calling(gateway, upstream, kind, action):
    """Do `action` while the first call of this kind is under way."""
    send = upstream.send

    async def interrupted(rendered, **_):
        if rendered.kind == kind:
            upstream.send = send
            await action()
        return await send(rendered)

    upstream.send = interrupted


async def test_a_cancellation_during_a_call_is_heard_after_it(gateway):
    checkout = await gateway.check_out()

    async def cancel():
        assert (await act(gateway, checkout, "cancel")).status_code == 202

    await while_calling(gateway, gateway.shop, "add", cancel)
    await gateway.work()
    await assert_cancelled(gateway, checkout)
    assert [call.kind for call in gateway.shop.calls] == ["create", "add"]


async def test_a_cancellation_that_comes_just_before_the_submit_wins_over_it(gateway):
    checkout = await gateway.check_out()
    read = gateway.shop.get_order
    reads = 0

    async def slow(order_id):
        nonlocal reads
        reads += 1
        if reads == 4:  # the look before the submit; the worker has decided on an older record
            assert (await act(gateway, checkout, "cancel")).status_code == 202
        return await read(order_id)

    gateway.shop.get_order = slow
    await gateway.work()
    assert [call.kind for call in gateway.shop.calls] == ["create", "add", "add", "price"]
    await assert_cancelled(gateway, checkout)


async def test_a_cancellation_during_the_submit_is_too_late_and_says_where_to_go(gateway):
    checkout = await gateway.check_out()
    answers = []

    async def cancel():
        answers.append(await act(gateway, checkout, "cancel"))

    await while_calling(gateway, gateway.shop, "submit", cancel)
    await gateway.work()
    assert_conflict(answers[0], "submitting", "takes no cancellations from here", "00000001", "cancel it there")
    assert (await gateway.get(checkout))["state"] == "submitted"
    assert_conflict(await act(gateway, checkout, "cancel"), "submitted", "cancel it there")


async def test_a_submission_asked_for_during_the_last_call_is_not_forgotten(gateway):
    checkout = await gateway.check_out(submit=False)

    async def submit():
        assert (await act(gateway, checkout, "submit")).status_code == 202

    await while_calling(gateway, gateway.shop, "price", submit)
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitted"


async def test_a_submission_asked_for_while_the_draft_is_put_to_rest_is_not_forgotten(gateway):
    checkout = await gateway.check_out(submit=False)
    worker = gateway.worker()
    save = worker.save
    spoke = False

    async def saving(record, decision, work=None):
        nonlocal spoke
        if decision.changes.get("state") == "draft" and not spoke:
            spoke = True
            await act(gateway, checkout, "submit")
        return await save(record, decision, work)

    worker.save = saving
    await gateway.work(worker)
    assert spoke
    assert (await gateway.get(checkout))["state"] == "submitted"


async def test_a_cancellation_asked_for_while_a_call_is_put_off_is_not_put_off(gateway):
    gateway.shop.script([NotExecuted("429", 900.0)])
    checkout = await gateway.check_out()

    async def cancel():
        await act(gateway, checkout, "cancel")

    await while_calling(gateway, gateway.shop, "create", cancel)
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "cancelled"


@pytest.mark.parametrize("state", ["completed", "partial", "failed", "rejected"])
async def test_what_has_ended_cannot_be_cancelled(gateway, state):
    checkout = await gateway.check_out()
    await set_columns(gateway, checkout, state=state, due_at=None)
    assert_conflict(await act(gateway, checkout, "cancel"), state, "has ended")


async def test_what_is_held_is_a_persons_business(gateway):
    checkout = await gateway.check_out()
    await set_columns(gateway, checkout, state="held", due_at=None)
    assert_conflict(await act(gateway, checkout, "cancel"), "held", "person")


# -- cancelling a live order --------------------------------------------------------------------------------------------------


async def live(gateway):
    checkout = await gateway.check_out(upstream="plain")
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitted"
    return checkout


async def test_a_live_order_is_cancelled_by_the_order_system_and_the_checkout_follows(gateway):
    checkout = await live(gateway)
    answer = await act(gateway, checkout, "cancel")
    assert answer.status_code == 202
    assert answer.json()["state"] == "submitted"
    assert "is asked to cancel it" in answer.json()["statusReason"]
    assert (await act(gateway, checkout, "cancel")).status_code == 202
    assert await gateway.work() == 1
    assert [call.kind for call in gateway.plain.calls] == ["create", "cancel"]
    asked = await gateway.get(checkout)
    assert asked["state"] == "submitted"
    step = asked["step"][-1]
    assert (step["sequence"], step["kind"], step["state"], step["detail"]) == (2, "cancel", "done", "answered 200")
    await gateway.look_at_orders()
    done = await gateway.get(checkout)
    assert (done["state"], done["productOrder"]["state"]) == ("cancelled", "cancelled")
    assert (await gateway.client.delete(f"{CARTS}/{checkout['shoppingCart']['id']}")).status_code == 204


async def test_a_refused_cancellation_is_told_and_can_be_asked_for_again(gateway):
    checkout = await live(gateway)
    gateway.plain.script([Rejected(422, "", "422 too late")])
    await act(gateway, checkout, "cancel")
    await gateway.work()
    refused = await gateway.get(checkout)
    assert refused["state"] == "submitted"
    assert "422 too late" in refused["statusReason"]
    assert refused["step"][-1]["state"] == "refused"
    assert await gateway.work() == 0
    assert (await act(gateway, checkout, "cancel")).status_code == 202
    await gateway.work()
    assert [call.kind for call in gateway.plain.calls] == ["create", "cancel", "cancel"]


async def test_a_cancellation_that_does_not_get_through_is_durable(gateway):
    checkout = await live(gateway)
    gateway.plain.script([Unknown("504")])
    await act(gateway, checkout, "cancel")
    await gateway.work()
    record = await gateway.record(checkout["id"])
    assert (record.state, record.cancel_requested) == ("submitted", True)
    assert record.due_at is not None
    await set_columns(gateway, checkout, due_at=record.due_at - timedelta(hours=1))
    await gateway.work()
    steps = (await gateway.get(checkout))["step"]
    assert (steps[-1]["kind"], steps[-1]["state"], steps[-1]["attempts"]) == ("cancel", "done", 1)


async def test_a_cancellation_while_a_live_post_is_in_doubt_is_heard_when_it_is_found(gateway):
    checkout = await gateway.check_out(upstream="plain")
    gateway.plain.script([Unknown("504")], effect="applied")
    await gateway.work()
    assert (await act(gateway, checkout, "cancel")).status_code == 202
    await gateway.work()
    assert [call.kind for call in gateway.plain.calls] == ["create", "cancel"]
    await gateway.look_at_orders()
    assert (await gateway.get(checkout))["state"] == "cancelled"


async def test_an_order_that_ends_before_it_could_be_cancelled_has_ended(gateway):
    checkout = await live(gateway)
    await act(gateway, checkout, "cancel")
    (order,) = gateway.plain.orders.values()
    order["state"] = "completed"
    await gateway.look_at_orders()
    await gateway.work()
    done = await gateway.get(checkout)
    assert (done["state"], done["statusReason"]) == ("completed", None)
    assert [call.kind for call in gateway.plain.calls] == ["create"]


async def test_an_order_that_ends_while_it_is_being_cancelled_stays_ended(gateway):
    checkout = await live(gateway)
    await act(gateway, checkout, "cancel")

    async def completes(order_id, _reason):
        gateway.plain.orders[order_id]["state"] = "completed"
        await gateway.look_at_orders()
        return Accepted(201)

    gateway.plain.cancel = completes
    await gateway.work()
    done = await gateway.get(checkout)
    assert (done["state"], done["statusReason"]) == ("completed", None)
    record = await gateway.record(checkout["id"])
    assert (record.due_at, record.track_due_at) == (None, None)
