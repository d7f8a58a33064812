"""A checkout as TMF701 tells it: its flow, its tasks, in the standard's words, and nobody else's."""

from __future__ import annotations

from typing import get_args

import pytest
from checkout_gateway import CHECKOUTS, assert_error, set_columns

from gateway.checkouts.states import MEANING
from gateway.correlation.process_flows import FLOW_STATE, FlowState, TaskState
from gateway.upstream.outcome import Rejected

pytestmark = pytest.mark.asyncio(loop_scope="module")
FLOWS = "/tmf-api/processFlowManagement/v4/processFlow"


async def flow_of(gateway, checkout):
    answer = await gateway.client.get(f"{FLOWS}/{checkout['id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_checkout_is_a_flow_and_each_of_its_calls_a_task(gateway):
    checkout = await gateway.check_out(externalId="WEB-1", channel=[{"id": "web", "role": "order capture"}])
    before = await flow_of(gateway, checkout)
    assert (before["state"], before["@type"], before["processFlowSpecification"]) == (
        "active",
        "ProcessFlow",
        "checkout",
    )
    await gateway.work()
    flow = await flow_of(gateway, checkout)
    shown = await gateway.get(checkout)

    kinds = {entity["@referredType"]: entity["id"] for entity in flow["relatedEntity"]}
    assert kinds == {
        "Checkout": checkout["id"],
        "ShoppingCart": checkout["shoppingCart"]["id"],
        "ProductOrder": shown["productOrder"]["id"],
    }
    assert flow["channel"] == [{"id": "web", "role": "order capture", "@type": "ChannelRef"}]
    assert {each["name"]: each["value"] for each in flow["characteristic"]}["checkoutState"] == "submitted"
    tasks = (await gateway.client.get(f"{FLOWS}/{checkout['id']}/taskFlow")).json()
    assert [task["id"] for task in tasks] == [reference["id"] for reference in flow["taskFlow"]]
    assert [(task["taskFlowSpecification"], task["state"]) for task in tasks] == [
        (step["kind"], "completed") for step in shown["step"]
    ]
    for reference, task in zip(flow["taskFlow"], tasks, strict=True):
        assert (await gateway.client.get(reference["href"])).json() == task
    assert_error(await gateway.client.get(f"{FLOWS}/{checkout['id']}/taskFlow/9-9"), 404)
    assert_error(await gateway.client.get(f"{FLOWS}/unknown"), 404)
    assert_error(await gateway.client.get(f"{FLOWS}/unknown/taskFlow"), 404)


async def test_states_are_those_of_the_standard(gateway):
    assert set(FLOW_STATE) == set(MEANING)
    assert set(FLOW_STATE.values()) == set(get_args(FlowState))
    gateway.shop.script([None, None, Rejected(422, "x", "no such product")])
    refused = await gateway.check_out()
    await gateway.work()
    waiting = await gateway.check_out()
    held = await gateway.check_out()
    await set_columns(gateway, held, state="held", due_at=None)

    assert (await flow_of(gateway, refused))["state"] == "cancelled"
    tasks = (await gateway.client.get(f"{FLOWS}/{refused['id']}/taskFlow")).json()
    assert [task["state"] for task in tasks] == ["completed", "completed", *["cancelled"] * (len(tasks) - 2)]
    assert (await flow_of(gateway, held))["state"] == "hold"
    new = (await gateway.client.get(f"{FLOWS}/{waiting['id']}/taskFlow")).json()
    assert {task["state"] for task in new} == {"new"}
    assert {task["state"] for task in [*tasks, *new]} <= set(get_args(TaskState))


async def test_flows_are_listed_by_state_and_by_what_belongs_to_them(gateway):
    first = await gateway.check_out()
    await gateway.work()
    second = await gateway.check_out(externalId="WEB-2")
    await set_columns(gateway, second, state="held", due_at=None)

    async def listed(query):
        answer = await gateway.client.get(f"{FLOWS}?{query}")
        assert answer.status_code in {200, 206}, answer.text
        return [flow["id"] for flow in answer.json()], answer

    assert (await listed(""))[0] == [second["id"], first["id"]]
    assert (await listed("state=hold"))[0] == [second["id"]]
    assert (await listed("state=active,hold&limit=1"))[1].headers["x-total-count"] == "2"
    order = (await gateway.get(first))["productOrder"]["id"]
    assert (await listed(f"relatedEntity.id={order}"))[0] == [first["id"]]
    assert (await listed(f"relatedEntity.id={second['shoppingCart']['id']}"))[0] == [second["id"]]
    assert (await listed("relatedEntity.id=nothing"))[0] == []
    only = (await listed("fields=state&id=" + first["id"]))[1].json()
    assert [flow["state"] for flow in only] == ["active"]
    assert set(only[0]) <= {"@type", "id", "href", "state"}
    for query in ("state=done", "x=1", "limit=0", "id=%00"):
        assert_error(await gateway.client.get(f"{FLOWS}?{query}"), 400)


async def test_a_running_flow_says_when_to_ask_again_and_nothing_is_changed_here(gateway):
    checkout = await gateway.check_out()
    answer = await gateway.client.get(f"{FLOWS}/{checkout['id']}")
    assert (
        answer.headers["retry-after"]
        == (await gateway.client.get(f"{CHECKOUTS}/{checkout['id']}")).headers["retry-after"]
    )
    for method in ("POST", "PATCH", "DELETE"):
        assert_error(await gateway.client.request(method, f"{FLOWS}/{checkout['id']}"), 405)
