"""What operators do: look again, read again, name an order; none of it can make a second live order. Closing and pausing stand beside."""

from __future__ import annotations

import pytest
from checkout_gateway import act, assert_conflict, assert_error, live_orders, set_columns
from operator_actions import WHY, do, held, show

from gateway.upstream.outcome import NotExecuted
from gateway.upstream.port import AnotherOrder

pytestmark = pytest.mark.asyncio(loop_scope="module")
# -- retry ------------------------------------------------------------------------------------------------------------------


async def test_retry_goes_on_where_no_attempt_had_success_and_makes_one_order(gateway):
    gateway.shop.script([None, NotExecuted("429", 900.0)])
    checkout = await gateway.check_out()
    await gateway.work()
    await set_columns(
        gateway, checkout, state="held", status_reason="no success", reason_code="waiting_retry", attempt=99
    )
    answer = await do(gateway, checkout, "retry")
    assert (answer.status_code, answer.json()["reason"]) == (202, None)
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitted"
    assert len(live_orders(gateway.shop)) == 1


async def test_retry_of_a_live_post_looks_before_it_sends(gateway):
    checkout = await held(gateway, upstream="plain", step=0, step_state="PLANNED", order_id=None)
    assert len(gateway.plain.orders) == 1
    assert (await do(gateway, checkout, "retry")).status_code == 202
    await gateway.work()
    found = await gateway.get(checkout)
    assert len(gateway.plain.orders) == 1
    assert (found["state"], found["productOrder"]["id"]) == ("submitted", next(iter(gateway.plain.orders)))


async def test_retry_of_what_was_live_follows_its_order_again(gateway):
    checkout = await held(gateway, reason_code="not_verifiable")
    assert (await do(gateway, checkout, "retry")).json()["state"] == "submitted"
    gateway.shop.orders[checkout["productOrder"]["id"]]["state"] = "Completed"
    await gateway.look_at_orders()
    assert (await gateway.get(checkout))["state"] == "completed"


@pytest.mark.parametrize("action", ["retry", "poll", "adopt", "close"])
async def test_what_has_ended_is_left_alone(gateway, action):
    checkout = await gateway.check_out()
    await act(gateway, checkout, "cancel")
    await gateway.work()
    body = {
        "retry": WHY,
        "poll": {},
        "adopt": {**WHY, "productOrder": {"id": "1"}},
        "close": {**WHY, "outcome": "rejected"},
    }
    assert_conflict(await do(gateway, checkout, action, body[action]), "cancelled")


# -- poll -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("upstream", ["shop", "plain"])
async def test_what_was_found_live_after_its_end_is_decided_about_and_not_tried_again(gateway, upstream):
    checkout = await held(gateway, upstream=upstream, reason_code="live_after_end", step=0)
    assert_conflict(await do(gateway, checkout, "retry"), "found live", "adopt", "close")
    assert (await gateway.get(checkout))["reason"]["code"] == "live_after_end"


async def test_poll_has_the_order_read_now(gateway):
    checkout = await gateway.check_out()
    await gateway.work()
    gateway.shop.orders[(await gateway.get(checkout))["productOrder"]["id"]]["state"] = "Completed"
    assert (await do(gateway, checkout, "poll", {})).status_code == 202
    await gateway.tracker().once()
    assert (await gateway.get(checkout))["state"] == "completed"


# -- adopt ------------------------------------------------------------------------------------------------------------------


async def test_an_order_that_holds_what_was_ordered_is_adopted_and_followed(gateway):
    checkout = await held(gateway, upstream="plain")
    show(gateway, "plain", "4711", externalId="written by hand")
    answer = await do(gateway, checkout, "adopt", {**WHY, "productOrder": {"id": "4711"}})
    assert answer.status_code == 202, answer.text
    assert (answer.json()["state"], answer.json()["productOrder"]["id"]) == ("submitted", "4711")
    gateway.plain.orders = {"4711": {**gateway.plain.orders["4711"], "state": "completed"}}
    await gateway.look_at_orders()
    assert (await gateway.get(checkout))["state"] == "completed"


async def test_an_order_that_holds_something_else_is_adopted_only_on_purpose(gateway):
    checkout = await held(gateway, upstream="plain")
    show(gateway, "plain", "4712", productOrderItem=[])
    body = {**WHY, "productOrder": {"id": "4712"}}
    assert_error(await do(gateway, checkout, "adopt", body), 422, "does not hold what was ordered", "override")
    assert (await gateway.get(checkout))["state"] == "held"
    assert (await do(gateway, checkout, "adopt", {**body, "override": True})).json()["state"] == "submitted"


async def test_the_order_of_another_checkout_is_nobody_elses(gateway):
    first = await gateway.check_out(upstream="plain")
    await gateway.work()
    order_id = (await gateway.get(first))["productOrder"]["id"]
    second = await held(gateway, upstream="plain")
    answer = await do(gateway, second, "adopt", {**WHY, "productOrder": {"id": order_id}, "override": True})
    assert answer.status_code in {409, 422}
    assert (await gateway.get(second))["state"] == "held"
    # With another marker it is still another checkout's.
    gateway.plain.orders[order_id]["externalId"] = "lost"
    answer = await do(gateway, second, "adopt", {**WHY, "productOrder": {"id": order_id}, "override": True})
    assert_conflict(answer, first["id"])


async def test_the_order_that_another_was_merged_into_is_named_and_can_be_adopted(gateway, monkeypatch):
    checkout = await held(gateway, upstream="plain", reason_code="foreign_order")
    merged = checkout["productOrder"]["id"]
    show(gateway, "plain", "W", externalId="CRM-1")
    read = gateway.plain.get_order

    async def get_order(order_id):
        if order_id == merged:
            raise AnotherOrder(await read("W"))
        return await read(order_id)

    monkeypatch.setattr(gateway.plain, "get_order", get_order)
    answer = await do(gateway, checkout, "adopt", {**WHY, "productOrder": {"id": merged}})
    assert (answer.status_code, "is answered with order W" in answer.json()["message"]) == (422, True), answer.text
    answer = await do(gateway, checkout, "adopt", {**WHY, "productOrder": {"id": "W"}})
    assert (answer.status_code, answer.json()["productOrder"]["id"]) == (202, "W"), answer.text


async def test_what_is_not_there_or_a_draft_is_not_adopted(gateway):
    checkout = await held(gateway)
    assert_error(
        await do(gateway, checkout, "adopt", {**WHY, "productOrder": {"id": "nothing"}}), 422, "names no order"
    )
    show(gateway, "shop", "77", state="Draft")
    assert_error(await do(gateway, checkout, "adopt", {**WHY, "productOrder": {"id": "77"}}), 422, "is a draft")


# -- who, and why -----------------------------------------------------------------------------------------------------------


async def test_who_asked_for_what_and_why_stands_on_the_checkout(gateway):
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    await act(gateway, checkout, "submit")
    await act(gateway, checkout, "cancel")
    await gateway.work()
    done = [each for each in (await gateway.get(checkout))["history"] if each["kind"] == "action"]
    assert [(each["kind"], each["action"], each["by"]) for each in done] == [
        ("action", "submit", "anonymous"),
        ("action", "cancel", "anonymous"),
    ]
    other = await held(gateway)
    await do(gateway, other, "retry")
    (deed,) = [each for each in (await gateway.get(other))["history"] if each["kind"] == "action"]
    assert (deed["action"], deed["detail"]) == ("retry", WHY["reason"])


@pytest.mark.parametrize(
    ("action", "body", "path"),
    [
        ("retry", {}, "reason"),
        ("retry", {"reason": " "}, "reason"),
        ("retry", {"reason": "x" * 1001}, "reason"),
        ("retry", {"reason": ["x"]}, "reason"),
        ("retry", {**WHY, "force": True}, "force"),
        ("poll", {"reason": 1}, "reason"),
        ("adopt", WHY, "productOrder"),
        ("adopt", {**WHY, "productOrder": {"id": 7}}, "productOrder.id"),
        ("adopt", {**WHY, "productOrder": {"id": "7"}, "override": "yes"}, "override"),
        ("close", WHY, "outcome"),
        ("close", {**WHY, "outcome": "held"}, "outcome"),
    ],
)
async def test_a_wrong_request_is_told_with_its_path(gateway, action, body, path):
    checkout = await held(gateway)
    refused = assert_error(await do(gateway, checkout, action, body), 400)
    assert [problem["path"] for problem in refused["problem"]] == [path]


async def test_an_unknown_checkout_is_not_found(gateway):
    for action, body in {"retry": WHY, "poll": {}, "close": {**WHY, "outcome": "rejected"}}.items():
        assert_error(await do(gateway, {"id": "nothing"}, action, body), 404)
