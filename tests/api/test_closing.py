"""An operator closes a checkout: its cart is let go only where no order of it is live, or on purpose."""

from __future__ import annotations

from datetime import timedelta

import pytest
from checkout_gateway import CARTS, assert_conflict, set_columns
from operator_actions import WHY, do, held, show
from sqlalchemy import update

from gateway.clock import utc_now
from gateway.storage.tables import abandoned_draft
from gateway.upstream.evidence import FindResult, incomplete, uncontrolled

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
