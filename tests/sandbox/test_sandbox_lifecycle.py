"""After the submission: states on timers, notifications and their faults."""

from __future__ import annotations

import httpx
import pytest


def plain_order(*codes):
    items = [
        {"id": str(number), "action": "add", "productOffering": {"id": code}} for number, code in enumerate(codes, 1)
    ]
    return {"productOrderItem": items, "externalId": "CART-1"}


def states(upstream):
    return [state for effect, state in upstream.effects() if effect in ("state", "cancelled")]


@pytest.mark.parametrize(
    ("code", "way"),
    [("PHONE", ["Activated"]), ("FAIL_PHONE", ["Rejected"]), ("REJECT_PHONE", ["Rejected"])],
)
async def test_salesforce_orders_come_to_their_end(start, make, eventually, code, way):
    upstream = await start(state_delay_seconds=0.02)
    await upstream.post(make.draft(make.add("1", "PHONE", make.add("2", code)), submitCart=True))
    await eventually(lambda: states(upstream) == way)
    assert (await upstream.get("00000001")).json()["state"] == way[-1]
    assert len(upstream.ledger()[-1]["lines"]) == 2


@pytest.mark.parametrize(
    ("code", "way", "item_states"),
    [
        ("PHONE", ["inProgress", "completed"], ["completed", "completed"]),
        ("FAIL_PHONE", ["inProgress", "failed"], ["failed", "failed"]),
        ("PARTIAL_PHONE", ["inProgress", "partial"], ["completed", "failed"]),
        ("HOLD_PHONE", ["inProgress", "held"], ["held", "held"]),
        ("REJECT_PHONE", ["rejected"], ["rejected", "rejected"]),
    ],
)
async def test_plain_orders_come_to_their_end(start, eventually, code, way, item_states):
    upstream = await start(mapping="tmf622-v4", state_delay_seconds=0.02)
    await upstream.post(plain_order("CASE", code))
    await eventually(lambda: states(upstream) == way)
    order = (await upstream.get("00000001")).json()
    assert [item["state"] for item in order["productOrderItem"]] == item_states


async def test_a_held_salesforce_order_stays_in_progress(start, make, eventually):
    upstream = await start(state_delay_seconds=0.01)
    await upstream.post(make.draft(make.add("1", "HOLD_PHONE"), submitCart=True))
    await upstream.post(make.draft(submitCart=True))
    await eventually(lambda: ("state", "Activated") in upstream.effects())
    assert (await upstream.get("00000001")).json()["state"] == "In Progress"


async def test_a_draft_stays_a_draft(start, make, eventually):
    upstream = await start(state_delay_seconds=0.01)
    await upstream.post(make.draft())
    await upstream.post(make.draft(submitCart=True))
    await eventually(lambda: ("state", "Activated") in upstream.effects())
    assert (await upstream.get("00000001")).json()["state"] == "Draft"


# -- notifications ------------------------------------------------------------------------------------------------


async def salesforce(start, make, receiver, **values):
    upstream = await start(notify_url=receiver.address + "/in", state_delay_seconds=0.05, **values)
    await upstream.post(make.draft(submitCart=True))
    return upstream


def told(receiver):
    return [(document["eventType"], document["productOrder"]["state"]) for _, document, _ in receiver.received]


async def test_salesforce_events_are_bare_and_go_to_the_address_itself(start, make, receiver, eventually):
    await salesforce(start, make, receiver, notify_token="secret")
    await eventually(lambda: len(receiver.received) == 3)
    assert told(receiver) == [
        ("productOrderCreateEvent", "Draft"),
        ("productOrderStatusChangeEvent", "In Progress"),
        ("productOrderStatusChangeEvent", "Activated"),
    ]
    path, document, authorization = receiver.received[-1]
    assert (path, authorization) == ("/in", "Bearer secret")
    assert set(document) == {"eventId", "eventType", "eventTime", "productOrder"}
    assert document["productOrder"] == {"id": "00000001", "state": "Activated"}
    assert len({document["eventId"] for _, document, _ in receiver.received}) == 3


async def test_plain_events_are_wrapped_and_go_to_the_listener(start, receiver, eventually):
    upstream = await start(mapping="tmf622-v4", notify_url=receiver.address, state_delay_seconds=0.02)
    await upstream.post(plain_order("PHONE"))
    await eventually(lambda: len(receiver.received) == 4)
    paths = [path for path, _, _ in receiver.received]
    assert paths == ["/listener/productOrderCreateEvent"] + ["/listener/productOrderStateChangeEvent"] * 3
    last = receiver.received[-1][1]
    assert last["eventType"] == "ProductOrderStateChangeEvent"
    assert last["event"]["productOrder"] == {
        "id": "00000001",
        "href": f"{upstream.orders}/00000001",
        "state": "completed",
        "externalId": "CART-1",
        "@type": "ProductOrder",
    }


async def test_the_shape_of_events_is_a_choice(start, make, receiver, eventually):
    profile = {"notification_shape": "wrapped", "notification_order": "full", "attribute_events": True}
    upstream = await start(notify_url=receiver.address, profile=profile)
    await upstream.post(make.draft())
    await upstream.patch("00000001", {"description": "x"})
    await eventually(lambda: len(receiver.received) == 2)
    document = receiver.received[1][1]
    assert document["eventType"] == "productOrderAttributeValueChangeEvent"
    assert document["event"]["productOrder"] == (await upstream.get("00000001")).json()


async def test_lost_notifications_do_not_come(start, make, receiver, eventually):
    upstream = await salesforce(start, make, receiver, faults=["notify-lost=1"])
    await eventually(lambda: ("state", "Activated") in upstream.effects())
    await upstream.server.application.notifier.close()
    assert receiver.received == []


async def test_doubled_notifications_have_the_same_event_id(start, make, receiver, eventually):
    await salesforce(start, make, receiver, faults=["notify-double=1"])
    await eventually(lambda: len(receiver.received) == 6)
    ids = [document["eventId"] for _, document, _ in receiver.received]
    assert ids[0::2] == ids[1::2]
    assert len(set(ids)) == 3


async def test_reordered_notifications_overtake_each_other(start, receiver, eventually):
    faults = ["notify-reorder=1"]
    upstream = await start(
        mapping="tmf622-v4",
        notify_url=receiver.address,
        state_delay_seconds=0.03,
        faults=faults,
    )
    await upstream.post(plain_order("PHONE"))
    await eventually(lambda: len(receiver.received) == 4)
    events = [document["event"]["productOrder"]["state"] for _, document, _ in receiver.received]
    assert events[2:] == ["completed", "inProgress"]
    assert receiver.received[0][0].endswith("productOrderStateChangeEvent")


async def test_a_reordered_last_notification_comes_in_the_end(start, make, receiver, eventually, monkeypatch):
    monkeypatch.setattr("gateway.sandbox.notifications.REORDER_SECONDS", 0.05)
    await salesforce(start, make, receiver, faults=["notify-reorder=1"])
    await eventually(lambda: len(receiver.received) == 3)
    assert told(receiver)[-1] == ("productOrderStatusChangeEvent", "Activated")


async def test_early_notifications_come_before_the_answer(start, make, receiver):
    upstream = await start(notify_url=receiver.address, faults=["notify-early=1"])
    answer = await upstream.post(make.draft(submitCart=True))
    assert told(receiver) == [("productOrderCreateEvent", "Draft"), ("productOrderStatusChangeEvent", "In Progress")]
    assert answer.json()["state"] == "In Progress"


async def test_notifications_follow_a_call_that_never_gets_its_answer(start, make, receiver, eventually):
    upstream = await start(notify_url=receiver.address)
    await upstream.client.post(upstream.server.address + "/_sandbox/next-faults", json=["silent-after"])
    with pytest.raises(httpx.ReadTimeout):
        await upstream.post(make.draft(), timeout=0.2)
    await eventually(lambda: len(receiver.received) == 1)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "nonsense", "http://127.0.0.1:notaport"])
async def test_a_receiver_that_is_not_there_disturbs_nothing(start, make, eventually, address):
    upstream = await start(notify_url=address, state_delay_seconds=0.02, faults=["notify-early=0.5"])
    assert (await upstream.post(make.draft(submitCart=True))).status_code == 201
    await eventually(lambda: ("state", "Activated") in upstream.effects())
