"""What operators do: look again, read again, name an order, close, pause and resume; none of it can make a second live order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from checkout_gateway import CARTS, CHECKOUTS, act, assert_conflict, assert_error, live_orders, set_columns
from sqlalchemy import update

from gateway.clock import utc_now
from gateway.storage.tables import abandoned_draft
from gateway.upstream.evidence import FindResult, incomplete, uncontrolled
from gateway.upstream.outcome import NotExecuted, Unknown
from gateway.upstream.port import AnotherOrder

pytestmark = pytest.mark.asyncio(loop_scope="module")
WHY = {"reason": "the order system is repaired"}


async def do(gateway, checkout, action, body=WHY):
    return await gateway.post(body, f"{CHECKOUTS}/{checkout['id']}/{action}")


async def held(gateway, *, upstream="shop", reason_code="outcome_unknown", **columns):
    """Return a checkout that was worked on and is held."""
    checkout = await gateway.check_out(upstream=upstream)
    await gateway.work()
    columns = {"status_reason": "nobody knows", "due_at": None, "track_due_at": None, **columns}
    await set_columns(gateway, checkout, state="held", reason_code=reason_code, **columns)
    return await gateway.get(checkout)


def show(gateway, upstream, order_id, **attributes):
    """Put an order into an order system as if somebody had made it there."""
    fake = getattr(gateway, upstream)
    template = next(iter(fake.orders.values()))
    fake.orders[order_id] = {**template, "id": order_id, **attributes}


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


# -- close ------------------------------------------------------------------------------------------------------------------


async def test_closing_as_rejected_lets_go_of_the_cart_when_no_live_order_is_found(gateway):
    checkout = await held(gateway, upstream="plain")
    gateway.plain.orders[checkout["productOrder"]["id"]]["state"] = "cancelled"
    answer = await do(gateway, checkout, "close", {**WHY, "outcome": "rejected"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["state"], found["reason"]["code"]) == ("rejected", "closed")
    assert "the order system is repaired" in found["statusReason"]
    assert (await gateway.client.delete(f"{CARTS}/{checkout['shoppingCart']['id']}")).status_code == 204


@pytest.mark.parametrize("override", [False, True])
async def test_no_cart_is_let_go_whose_order_is_live(gateway, override):
    checkout = await held(gateway, upstream="plain")
    answer = await do(gateway, checkout, "close", {**WHY, "outcome": "cancelled", "override": override})
    assert_conflict(answer, "is live", "adopt")
    assert (await gateway.get(checkout))["state"] == "held"


async def test_where_no_search_proves_anything_a_cart_is_let_go_on_purpose_only(gateway, monkeypatch):
    checkout = await held(gateway, upstream="plain")

    async def sees_little(_marker, *, since, doubt=None, live=False):
        return FindResult((), incomplete("page_failed"))

    monkeypatch.setattr(gateway.plain, "find", sees_little, raising=False)
    body = {**WHY, "outcome": "cancelled"}
    assert_conflict(await do(gateway, checkout, "close", body), "saw less than everything", "override")
    answer = await do(gateway, checkout, "close", {**body, "override": True})
    assert answer.json()["state"] == "cancelled"
    assert "overridden" in answer.json()["history"][-1]["detail"]


async def test_no_cart_is_let_go_unasked_whose_order_is_shown_under_another_marker(gateway):
    """No search for our marker finds it; the answer to our call named it."""
    checkout = await held(gateway, upstream="plain")
    order_id = checkout["productOrder"]["id"]
    show(gateway, "plain", order_id, externalId="SRV-1")
    body = {**WHY, "outcome": "rejected"}
    assert_conflict(
        await do(gateway, checkout, "close", body), f"order {order_id}, which it names, is there", "override"
    )
    answer = await do(gateway, checkout, "close", {**body, "override": True})
    assert answer.json()["state"] == "rejected"


@pytest.mark.parametrize("upstream", ["shop", "plain"])
@pytest.mark.parametrize("shown", ["as it was before", "not at all", "without a state"])
async def test_no_cart_is_let_go_unasked_whose_order_was_sent_and_has_not_ended(gateway, upstream, shown):
    """An order system that shows late what it did: a look that finds nothing, or a draft, proves nothing of an order that was accepted."""
    checkout = await held(gateway, upstream=upstream)
    order_id, orders = checkout["productOrder"]["id"], getattr(gateway, upstream).orders
    if shown == "not at all":
        orders.clear()
    elif upstream == "shop":
        orders[order_id]["state"] = "Draft" if shown == "as it was before" else ""
    else:
        orders[order_id]["state"] = "draft" if shown == "as it was before" else ""
    body = {**WHY, "outcome": "rejected"}
    counts_as_live = (upstream, shown) == ("plain", "without a state")
    told = "is live" if counts_as_live else "override"
    assert_conflict(await do(gateway, checkout, "close", body), f"order {order_id}", told)
    assert (await gateway.get(checkout))["state"] == "held"
    if not counts_as_live:  # it is to be ended there first
        answer = await do(gateway, checkout, "close", {**body, "override": True})
        assert answer.json()["state"] == "rejected"


@pytest.mark.parametrize(
    ("awaiting", "absence", "hours", "is_let_go"),
    [
        (None, uncontrolled(), 9, False),
        (None, None, 9, True),
        (None, None, 0, False),
        ("order_id", None, 9, False),
    ],
)
async def test_after_a_lost_live_post_a_proof_of_absence_lets_a_cart_go(
    gateway, monkeypatch, awaiting, absence, hours, is_let_go
):
    """A filter that never finds anything finds nothing of it either; and one that was accepted without an id is there somewhere.

    What a proxy keeps may still come until the quiet time is over.
    """
    lost = {"step": 0, "step_state": "UNKNOWN", "order_id": None, "answered_order": None, "awaiting": awaiting}
    lost["sent_at"] = utc_now() - timedelta(hours=hours)
    checkout = await held(gateway, upstream="plain", reason_code="not_verifiable", **lost)
    gateway.plain.orders.clear()
    monkeypatch.setattr(gateway.plain, "absence", absence)
    body = {**WHY, "outcome": "cancelled"}
    answer = await do(gateway, checkout, "close", body)
    if is_let_go:
        assert answer.json()["state"] == "cancelled"
    else:
        assert_conflict(answer, "override")
        assert (await do(gateway, checkout, "close", {**body, "override": True})).json()["state"] == "cancelled"


async def test_closing_searches_live_orders_where_a_lost_draft_is_searched_among_drafts(gateway, monkeypatch):
    checkout = await held(gateway, order_id=None, submit_intent_order=None)
    find = gateway.shop.find

    async def of_drafts(marker, *, since, doubt=None, live=False):
        found = await find(marker, since=since, doubt=doubt, live=live)
        return found if live else FindResult((), found.absence)

    monkeypatch.setattr(gateway.shop, "find", of_drafts, raising=False)
    assert_conflict(
        await do(gateway, checkout, "close", {**WHY, "outcome": "rejected"}), "carries its marker", "override"
    )


async def test_the_draft_of_a_closed_checkout_is_cleaned_up(gateway):
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    (order_id,) = gateway.shop.orders
    columns = {"reason_code": "price_differs", "status_reason": "does not cost what the cart did", "due_at": None}
    await set_columns(gateway, checkout, state="held", **columns)
    closed = await do(gateway, checkout, "close", {**WHY, "outcome": "rejected"})
    assert [each["id"] for each in closed.json()["abandonedOrder"]] == [order_id], closed.text
    now = update(abandoned_draft).values(due_at=utc_now())
    await gateway.services.database.write(lambda connection: connection.execute(now))
    await gateway.cleanup().once()
    assert gateway.shop.orders[order_id]["externalId"].startswith("void-")


async def test_closing_as_completed_keeps_the_cart_with_its_order(gateway, monkeypatch):
    checkout = await held(gateway, upstream="plain")

    async def find(_marker, *, since, doubt=None, live=False):
        return FindResult((), uncontrolled())

    monkeypatch.setattr(gateway.plain, "find", find, raising=False)
    assert (await do(gateway, checkout, "close", {**WHY, "outcome": "completed"})).json()["state"] == "completed"
    assert (await gateway.client.delete(f"{CARTS}/{checkout['shoppingCart']['id']}")).status_code == 409


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


# -- pause and resume -------------------------------------------------------------------------------------------------------

UPSTREAM = "/tmf-api/checkoutManagement/v1/upstream"


async def test_nothing_is_sent_to_a_paused_order_system_and_all_goes_on_when_it_is_resumed(gateway):
    answer = await gateway.post({"reason": "maintenance until six"}, f"{UPSTREAM}/shop/pause")
    assert (answer.status_code, answer.json()["state"]) == (200, "paused")
    waiting = [await gateway.check_out() for _ in range(3)]
    other = await gateway.check_out(upstream="plain")
    await gateway.work()
    assert not gateway.shop.calls
    assert (await gateway.get(other))["state"] == "submitted"
    for checkout in waiting:
        reason = (await gateway.get(checkout))["reason"]
        assert (reason["code"], "maintenance until six" in reason["message"]) == ("upstream_paused", True)
    listed = (await gateway.client.get(UPSTREAM)).json()
    assert {each["id"]: each["state"] for each in listed} == {"plain": "active", "shop": "paused"}

    assert (await gateway.post({}, f"{UPSTREAM}/shop/resume")).json()["state"] == "active"
    await gateway.work()
    assert {(await gateway.get(checkout))["state"] for checkout in waiting} == {"submitted"}
    assert len(live_orders(gateway.shop)) == 3


async def test_a_pause_stops_a_checkout_between_two_calls(gateway):
    sent = gateway.shop.send

    async def send(rendered, **options):
        await gateway.post({"reason": "stop"}, f"{UPSTREAM}/shop/pause")
        return await sent(rendered, **options)

    gateway.shop.send = send
    checkout = await gateway.check_out()
    await gateway.work()
    assert len(gateway.shop.calls) == 1
    found = await gateway.get(checkout)
    assert (found["state"], found["reason"]["code"]) == ("drafting", "upstream_paused")
    gateway.shop.send = sent
    await gateway.post({}, f"{UPSTREAM}/shop/resume")
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitted"
    assert len(live_orders(gateway.shop)) == 1


async def test_orders_of_a_paused_order_system_are_not_read_and_looked_at_when_it_is_resumed(gateway):
    checkout = await gateway.check_out()
    await gateway.work()
    gateway.shop.orders[(await gateway.get(checkout))["productOrder"]["id"]]["state"] = "Completed"
    await gateway.post({"reason": "maintenance"}, f"{UPSTREAM}/shop/pause")
    await gateway.look_at_orders()
    found = await gateway.get(checkout)
    assert (found["state"], found["reason"]["code"]) == ("submitted", "upstream_paused")
    await gateway.post({}, f"{UPSTREAM}/shop/resume")
    await gateway.tracker().once()
    assert (await gateway.get(checkout))["state"] == "completed"


async def test_what_a_pause_delays_is_cancelled_at_once_where_that_needs_no_call(gateway):
    before = await gateway.check_out()
    await gateway.post({"reason": "maintenance"}, f"{UPSTREAM}/shop/pause")
    await gateway.work()
    assert (await gateway.get(before))["reason"]["code"] == "upstream_paused"
    await act(gateway, before, "cancel")
    await gateway.work()
    assert (await gateway.get(before))["state"] == "cancelled"
    assert not gateway.shop.calls
    await gateway.post({}, f"{UPSTREAM}/shop/resume")


async def test_a_live_post_in_doubt_is_not_cancelled_during_a_pause(gateway):
    checkout = await gateway.check_out(upstream="plain")
    gateway.plain.script([Unknown("closed")], effect="applied")
    await gateway.work()
    await gateway.post({"reason": "maintenance"}, f"{UPSTREAM}/plain/pause")
    await act(gateway, checkout, "cancel")
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitting"
    assert len(gateway.plain.orders) == 1
    await gateway.post({}, f"{UPSTREAM}/plain/resume")


async def test_a_figure_tells_which_order_systems_are_paused(gateway):
    await gateway.post({"reason": "maintenance"}, f"{UPSTREAM}/plain/pause")
    gateway.services.metrics.set_upstreams({}, {})
    text = (await gateway.services.metrics.exposition()).decode()
    named = {line for line in text.splitlines() if line.startswith("gateway_upstream_paused{")}
    assert named == {'gateway_upstream_paused{upstream="plain"} 1.0', 'gateway_upstream_paused{upstream="shop"} 0.0'}
    await gateway.post({}, f"{UPSTREAM}/plain/resume")


async def test_pausing_twice_keeps_the_first_reason_and_an_unknown_one_is_not_found(gateway):
    await gateway.post({"reason": "first"}, f"{UPSTREAM}/plain/pause")
    again = await gateway.post({"reason": "second"}, f"{UPSTREAM}/plain/pause")
    assert again.json()["pause"]["reason"] == "first"
    await gateway.post({}, f"{UPSTREAM}/plain/resume")
    assert_error(await gateway.post(WHY, f"{UPSTREAM}/nothing/pause"), 404)
