"""An order system whose orders cannot be read: what its notifications tell is believed, in the order in which it happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from checkout_work import PLAIN
from msgspec.structs import replace
from sqlalchemy import select, update

from gateway.errors import MappingError
from gateway.ordering.lint.loading import parse_mapping
from gateway.storage.tables import checkout as checkouts
from gateway.storage.tables import inbox
from gateway.upstream.port import ReadFailed

pytestmark = pytest.mark.asyncio(loop_scope="module")
UNREADABLE = replace(PLAIN, api=replace(PLAIN.api, order_readable=False), recovery=replace(PLAIN.recovery, find="none"))
BEGAN = datetime(2026, 11, 30, 10, tzinfo=UTC)


@pytest.fixture
async def system(gateway, monkeypatch):
    """Let the order system show no order to anybody."""

    async def unreadable(*_args, **_kwargs):
        raise ReadFailed("405")

    monkeypatch.setitem(gateway.services.mappings, "tmf622-v4", UNREADABLE)
    monkeypatch.setattr(gateway.plain, "mapping", UNREADABLE)
    monkeypatch.setattr(gateway.plain, "get_order", unreadable)
    monkeypatch.setattr(gateway.plain, "find", unreadable)
    return gateway.plain


async def ordered(gateway):
    checkout = await gateway.check_out(upstream="plain")
    await gateway.work()
    checkout = await gateway.get(checkout)
    assert checkout["state"] == "submitted", checkout
    return checkout


async def tell(gateway, checkout, event_id, state, minutes=0, items=(), event_type="ProductOrderStateChangeEvent"):
    """Let the order system tell a state, as of so many minutes after the beginning, and look at it."""
    order = {
        "id": checkout["productOrder"]["id"],
        "state": state,
        "productOrderItem": [{"id": item_id, "state": word} for item_id, word in items],
    }
    at = (BEGAN + timedelta(minutes=minutes)).isoformat()
    body = {"eventId": event_id, "eventType": event_type, "eventTime": at, "event": {"productOrder": order}}
    assert (await gateway.post(body, "/notifications/plain")).status_code == 201


async def looked_at(gateway, checkout):
    await gateway.tracker().once()
    return await gateway.get(checkout)


async def test_an_order_is_followed_to_its_end_by_its_notifications_alone(gateway, system):
    checkout = await ordered(gateway)
    first, *_ = [item["productOrderItemId"] for item in checkout["item"]]
    await tell(gateway, checkout, "e1", "inProgress", 1, [(first, "inProgress")])
    found = await looked_at(gateway, checkout)
    assert (found["state"], found["productOrder"]["state"]) == ("submitted", "inProgress")
    assert found["item"][0]["state"] == "inProgress"
    await tell(gateway, checkout, "e2", "completed", 2, [(first, "completed")])
    found = await looked_at(gateway, checkout)
    assert (found["state"], found["item"][0]["state"]) == ("completed", "completed")
    assert [entry["kind"] for entry in found["history"]].count("poll") == 0, "nothing was read"
    assert [entry["outcome"] for entry in found["history"] if entry["kind"] == "event"] == ["inProgress", "completed"]


async def test_what_was_overtaken_is_not_believed(gateway, system):
    checkout = await ordered(gateway)
    await tell(gateway, checkout, "e2", "held", 2)
    await looked_at(gateway, checkout)
    await tell(gateway, checkout, "e1", "inProgress", 1)
    assert (await looked_at(gateway, checkout))["productOrder"]["state"] == "held"
    for event_id, state, minutes in (("e4", "pending", 4), ("e3", "inProgress", 3)):
        await tell(gateway, checkout, event_id, state, minutes)
    assert (await looked_at(gateway, checkout))["productOrder"]["state"] == "pending", (
        "the latest of those that are there"
    )


async def test_a_final_state_is_never_left_and_an_unknown_one_is_kept_and_told(gateway, system):
    checkout = await ordered(gateway)
    await tell(gateway, checkout, "e1", "Awaiting Fitter", 1)
    found = await looked_at(gateway, checkout)
    assert (found["state"], found["productOrder"]["upstreamState"]) == ("submitted", "Awaiting Fitter")
    assert "unknown_state" in {finding["code"] for finding in found["finding"]}
    await tell(gateway, checkout, "e2", "failed", 2)
    assert (await looked_at(gateway, checkout))["state"] == "failed"
    await tell(gateway, checkout, "e3", "inProgress", 3)
    assert (await looked_at(gateway, checkout))["state"] == "failed"


async def test_an_event_about_a_cancellation_tells_nothing_of_the_orders_state(gateway, system):
    checkout = await ordered(gateway)
    order = {"id": checkout["productOrder"]["id"]}
    body = {
        "eventId": "e1",
        "eventType": "CancelProductOrderStateChangeEvent",
        "event": {"cancelProductOrder": {"id": "t1", "state": "done", "productOrder": order}},
    }
    await gateway.post(body, "/notifications/plain")
    assert (await looked_at(gateway, checkout))["state"] == "submitted"
    rows = await gateway.services.database.read(lambda c: list(c.execute(select(inbox.c.state)).scalars()))
    assert rows == ["done"]


async def test_its_time_to_be_read_comes_and_nothing_is_asked(gateway, system):
    checkout = await ordered(gateway)
    past = datetime.now(UTC) - timedelta(hours=1)
    due = update(checkouts).where(checkouts.c.id == checkout["id"]).values(track_due_at=past)
    await gateway.services.database.write(lambda c: c.execute(due))
    await gateway.tracker().once()
    found = await gateway.get(checkout)
    assert (found["state"], found["reason"]["code"]) == ("submitted", "following_order")
    later = await gateway.services.database.read(
        lambda c: c.execute(select(checkouts.c.track_due_at).where(checkouts.c.id == checkout["id"])).scalar_one()
    )
    assert later > datetime.now(UTC)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[draft]\nsupported = true\nstates = ["draft"]\n', "draft.supported"),
        ('[recovery]\nfind = "filter"\n', "recovery.find"),
    ],
)
async def test_a_mapping_that_cannot_read_orders_must_not_need_to(text, key):
    mapping = f'name = "shop"\n[api]\nresource = "productOrder"\norder_readable = false\n{text}'
    with pytest.raises(MappingError, match=key.replace(".", r"\.")):
        parse_mapping(mapping, "shop.toml")
