"""Product orders that are cancelled (cancelProductOrder) and deleted, and what an order says of its refusal."""

from __future__ import annotations

import pytest
from checkout_gateway import Gateway, assert_error, live_orders, set_columns
from partner_orders import PATHS, V4, V5, cancelled, placed, valid

from gateway.upstream.outcome import Accepted

pytestmark = pytest.mark.asyncio(loop_scope="module")


# -- cancelling and deleting ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_a_draft_is_cancelled_and_the_request_tells_it(gateway: Gateway, version: str) -> None:
    made = await placed(gateway, version, requestedInitialState="draft")
    answer = await cancelled(gateway, made, version, cancellationReason="not needed")
    asked = valid(version, answer, "CancelProductOrder")
    assert answer.status_code == 201
    assert answer.headers["location"] == asked["href"]
    assert (asked["state"], asked["cancellationReason"]) == ("acknowledged", "not needed")
    assert asked["productOrder"]["href"] == made["href"]
    again = await cancelled(gateway, made, version)
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (asked["id"], "true")
    await gateway.work()

    done = valid(version, await gateway.client.get(asked["href"]), "CancelProductOrder")
    assert done["state"] == "done"
    assert done["effectiveCancellationDate"]
    order_ = valid(version, await gateway.client.get(made["href"]))
    assert order_["state"] == "cancelled"
    assert order_["cancellationDate"]
    path = asked["href"].rpartition("/")[0]
    for query, count in (("", 1), (f"?productOrder.id={made['id']}&state=done", 1), ("?state=acknowledged", 0)):
        assert len(valid(version, await gateway.client.get(f"{path}{query}"), "CancelProductOrder")) == count
    assert_error(await gateway.client.get(f"{path}?x=1"), 400, "x")
    assert_error(await gateway.client.get(f"{path}/nothing"), 404)


async def test_a_live_order_is_cancelled_where_its_order_system_takes_that(gateway: Gateway) -> None:
    made = await placed(gateway)
    await gateway.work()
    asked = (await cancelled(gateway, made)).json()
    shown = valid("v4", await gateway.client.get(f"{V4}/{made['id']}"))
    assert shown["state"] == "assessingCancellation"
    await gateway.work()
    live = live_orders(gateway.plain)
    live[0]["state"] = "cancelled"
    await gateway.look_at_orders()
    await gateway.look_at_orders()
    assert (await gateway.get(made["id"]))["state"] == "cancelled"
    assert (await gateway.client.get(asked["href"])).json()["state"] == "done"


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_why_and_when_is_handed_over_to_the_order_system(gateway: Gateway, version: str) -> None:
    made = await placed(gateway, version)
    await gateway.work()
    wanted = {"cancellationReason": "moves abroad", "requestedCancellationDate": "2999-01-01T00:00:00Z"}
    asked = valid(version, await cancelled(gateway, made, version, **wanted), "CancelProductOrder")
    assert wanted.items() <= asked.items()
    await gateway.work()
    [wish] = gateway.plain.cancel_wishes
    assert (wish.reason, wish.requested_date) == ("moves abroad", "2999-01-01T00:00:00Z")


async def test_what_the_order_system_will_not_cancel_goes_on_and_may_be_asked_for_again(gateway: Gateway) -> None:
    gateway.plain.cancel_tasks = []
    made = await placed(gateway)
    await gateway.work()
    asked = (await cancelled(gateway, made)).json()
    await gateway.work()
    [task], [live] = gateway.plain.cancel_tasks, live_orders(gateway.plain)
    live["state"] = "assessingCancellation"
    await gateway.look_at_orders()
    task["state"] = "terminatedWithError"
    await gateway.look_at_orders()
    # Not believed while the order says that it is being decided.
    assert (await gateway.client.get(asked["href"])).json()["state"] == "acknowledged"
    live["state"] = "inProgress"
    await gateway.look_at_orders()
    assert (await gateway.client.get(asked["href"])).json()["state"] == "terminatedWithError"
    assert (await gateway.client.get(made["href"])).json()["state"] == "inProgress"
    assert (await gateway.get(made["id"]))["reason"]["code"] == "cancellation_refused"

    again = (await cancelled(gateway, made)).json()
    assert (again["id"] != asked["id"], again["state"]) == (True, "acknowledged")
    await gateway.work()
    live["state"] = "cancelled"
    for _ in range(2):
        await gateway.look_at_orders()
    assert (await gateway.client.get(again["href"])).json()["state"] == "done"
    assert (await gateway.client.get(asked["href"])).json()["state"] == "terminatedWithError"


async def test_an_order_system_that_denies_at_once_is_heard(gateway: Gateway) -> None:
    made = await placed(gateway)
    await gateway.work()
    asked = (await cancelled(gateway, made)).json()
    gateway.plain.script([Accepted(201, {"id": "7", "state": "terminatedWithError"})])
    await gateway.work()
    assert (await gateway.client.get(asked["href"])).json()["state"] == "terminatedWithError"
    assert (await gateway.client.get(made["href"])).json()["state"] == "acknowledged"


async def test_an_order_that_cannot_be_cancelled_from_here_says_how_it_is_done(gateway: Gateway) -> None:
    made = await placed(
        gateway, upstream="shop", productOrderItem=[{"id": "1", "action": "add", "productOffering": {"id": "P"}}]
    )
    await gateway.work()
    answer = await cancelled(gateway, made)
    assert_error(answer, 409, "takes no cancellations", "docs/how-to/change-or-cancel-a-live-order.md")
    assert (await gateway.client.get("/tmf-api/productOrderingManagement/v4/cancelProductOrder")).json() == []


async def test_what_is_wrong_with_a_cancellation_is_told(gateway: Gateway) -> None:
    made = await placed(gateway, requestedInitialState="draft")
    assert_error(await cancelled(gateway, {"id": "nothing"}), 404, "productOrder.id")
    assert_error(
        await cancelled(gateway, made, productOrder=7, cancellationReason=1), 400, "productOrder", "cancellationReason"
    )
    assert_error(await cancelled(gateway, made, productOrder={}), 400, "productOrder.id")
    later = await cancelled(gateway, made, requestedCancellationDate="2999-01-01T00:00:00Z")
    assert_error(later, 422, "requestedCancellationDate", "docs/how-to/change-or-cancel-a-live-order.md")
    assert (await gateway.client.get(made["href"])).json()["state"] == "acknowledged"
    await cancelled(gateway, made)
    await gateway.work()
    assert (await cancelled(gateway, made)).json()["state"] == "done"


async def test_an_order_that_has_ended_is_deleted_and_its_checkout_stays(gateway: Gateway) -> None:
    made = await placed(gateway, requestedInitialState="draft")
    assert_error(await gateway.client.delete(f"{V4}/{made['id']}"), 409, "cancel")
    asked = (await cancelled(gateway, made)).json()
    await gateway.work()
    assert (await gateway.client.delete(f"{V4}/{made['id']}")).status_code == 204
    for path in (f"{V4}/{made['id']}", f"{V5}/{made['id']}", asked["href"]):
        assert_error(await gateway.client.get(path), 404)
    assert (await gateway.client.get(V4)).json() == []
    assert (await gateway.get(made["id"]))["state"] == "cancelled"


async def test_why_an_order_was_refused_is_shown(gateway: Gateway) -> None:
    made = await placed(gateway)
    checkout = await gateway.get(made["id"])
    await set_columns(gateway, checkout, state="rejected", reason_code="refused", status_reason="sold out", due_at=None)
    for version, path in PATHS.items():
        shown = valid(version, await gateway.client.get(f"{path}/{made['id']}"))
        assert shown["state"] == "rejected"
        assert [(each["code"], each["reason"]) for each in shown["productOrderErrorMessage"]] == [
            ("refused", "sold out")
        ]
