from __future__ import annotations

import pytest
from checkout_gateway import (
    act,
    assert_conflict,
    live_orders,
    set_columns,
)

from gateway.upstream.outcome import NotExecuted

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_draft_waits_for_its_submission(gateway):
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    draft = await gateway.get(checkout)
    assert (draft["state"], draft["submit"]) == ("draft", False)
    assert draft["progress"] == {"stepsTotal": 5, "stepsDone": 4}
    assert live_orders(gateway.shop) == []
    assert await gateway.work() == 0
    answer = await act(gateway, draft, "submit")
    assert answer.status_code == 202
    assert answer.headers["location"] == draft["href"]
    assert answer.json()["submit"] is True
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitted"
    assert len(live_orders(gateway.shop)) == 1


async def test_submitting_twice_is_submitting_once(gateway):
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    for _ in range(2):
        assert (await act(gateway, checkout, "submit")).status_code == 202
    await gateway.work()
    again = await act(gateway, checkout, "submit")
    assert (again.status_code, again.json()["state"]) == (202, "submitted")
    assert [call.kind for call in gateway.shop.calls].count("submit") == 1


async def test_submitting_while_the_draft_is_being_made_is_heard(gateway):
    checkout = await gateway.check_out(submit=False)
    assert (await act(gateway, checkout, "submit")).status_code == 202
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitted"


async def test_submitting_does_not_hurry_a_call_that_is_put_off(gateway):
    gateway.shop.script([NotExecuted("429", 600.0)])
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    before = (await gateway.record(checkout["id"])).due_at
    await act(gateway, checkout, "submit")
    assert (await gateway.record(checkout["id"])).due_at == before


@pytest.mark.parametrize("state", ["rejected", "cancelled", "held"])
async def test_what_ended_without_an_order_cannot_be_submitted(gateway, state):
    checkout = await gateway.check_out(submit=False)
    await set_columns(gateway, checkout, state=state, due_at=None)
    assert_conflict(await act(gateway, checkout, "submit"), state)


async def test_an_order_that_is_live_at_once_waits_whole(gateway):
    checkout = await gateway.check_out(submit=False, upstream="plain")
    await gateway.work()
    draft = await gateway.get(checkout)
    assert (draft["state"], draft["productOrder"]) == ("draft", None)
    assert not gateway.plain.calls
    await act(gateway, checkout, "submit")
    await gateway.work()
    done = await gateway.get(checkout)
    assert (done["state"], done["productOrder"]["state"]) == ("submitted", "acknowledged")
    assert len(gateway.plain.orders) == 1
