"""Misbehaviour by name: each one strikes, and none is the sandbox's own mistake."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from gateway.sandbox import parse_fault
from gateway.sandbox.misbehaviours import MISBEHAVIOURS, RULES

SPEED = 0.02
ITEMS = [
    {
        "@type": "ProductOrderItem",
        "id": "1",
        "action": "add",
        "quantity": 2,
        "productOffering": {"id": "BUNDLE"},
        "product": {"productCharacteristic": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]},
        "productOrderItem": [
            {"@type": "ProductOrderItem", "id": "2", "action": "add", "quantity": 1, "productOffering": {"id": "SIM"}}
        ],
    },
    {"@type": "ProductOrderItem", "id": "3", "action": "add", "quantity": 1, "productOffering": {"id": "PHONE"}},
]
ORDER = {
    "@type": "ProductOrder",
    "externalId": "gw1-abcdefghijklmnop-0",
    "requestedStartDate": "2026-12-01T00:00:00.000Z",
    "relatedParty": [{"@type": "RelatedParty", "id": "CD1", "role": "customer", "@referredType": "Individual"}],
    "productOrderItem": ITEMS,
}
MORE = {"@type": "ProductOrderItem", "id": "4", "action": "add", "quantity": 1, "productOffering": {"id": "CASE"}}


def fault_of(name: str) -> str:
    each = MISBEHAVIOURS[name]
    return f"{name}={1 if each.seconds is None else each.seconds:g}"


async def tried(call) -> httpx.Response | None:
    """Return the answer, None when there is none that HTTP knows."""
    try:
        return await asyncio.wait_for(call, 0.3)
    except (TimeoutError, httpx.HTTPError):
        return None


async def played(upstream, *, drafts: bool) -> None:
    """Make an order, let it grow and submit it where it is a draft, and read it in every way."""
    await tried(upstream.post(ORDER | ({"submitCart": False} if drafts else {})))
    numbers = list(upstream.server.application.intake.book.orders)
    if drafts and numbers:
        await tried(upstream.patch(numbers[0], {"description": "VOID"}))
        await tried(upstream.patch(numbers[0], {"productOrderItem": [MORE]}))
        await tried(upstream.patch(numbers[0], {"state": "Activated"}))
    await asyncio.sleep(SPEED)
    for number in numbers:
        await tried(upstream.get(number))
        await tried(upstream.get(number, params={"fields": "id,state,externalId"}))
    for parameters in (
        {"externalId": ORDER["externalId"]},
        {"limit": "1", "offset": "0"},
        {"limit": "1", "offset": "1"},
    ):
        await tried(upstream.get(params=parameters))


@pytest.mark.parametrize("name", MISBEHAVIOURS)
async def test_each_strikes_and_breaks_nothing_else(start, capsys, name):
    drafts = MISBEHAVIOURS[name].kinds != "live" and MISBEHAVIOURS[name].strikes != "list"
    mapping = "salesforce-v4" if drafts else "tmf622-v4"
    upstream = await start(mapping=mapping, faults=[fault_of(name)], state_delay_seconds=SPEED)
    await played(upstream, drafts=drafts)
    assert upstream.server.application.hostility.state.met.get(name), f"{name} never struck"
    assert "Traceback" not in capsys.readouterr().err


def test_each_names_a_rule_and_reads_as_a_fault():
    assert {each.rule for each in MISBEHAVIOURS.values()} == set(RULES)
    for name in MISBEHAVIOURS:
        assert parse_fault(fault_of(name)).name == name
    assert sum(each.invented for each in MISBEHAVIOURS.values()) >= 20


@pytest.mark.parametrize("text", ["stale-read=soon", "stale-read=-1", "events-repeat=x", "marker-upper=2"])
def test_a_bad_value_says_what_would_be_right(text):
    with pytest.raises(ValueError, match="such as"):
        parse_fault(text)


async def test_a_marker_in_upper_case_is_kept_shown_and_not_found(start):
    upstream = await start(mapping="tmf622-v4", faults=["marker-upper=1"])
    answer = await upstream.post(ORDER)
    assert (answer.status_code, answer.json()["externalId"]) == (201, ORDER["externalId"].upper())
    assert (await upstream.get(params={"externalId": ORDER["externalId"]})).json() == []
    assert upstream.ledger()[-1]["externalId"] == ORDER["externalId"].upper()


async def test_an_order_that_was_refused_is_there(start):
    upstream = await start(mapping="tmf622-v4", faults=["done-422=1"])
    assert (await upstream.post(ORDER)).status_code == 422
    assert upstream.effects() == [("created", "acknowledged"), ("submitted", "acknowledged")]
    assert len((await upstream.get(params={"externalId": ORDER["externalId"]})).json()) == 1


async def test_a_filter_that_finds_nothing_leaves_the_list_alone(start):
    upstream = await start(mapping="tmf622-v4", faults=["filter-empty=1"])
    await upstream.post(ORDER)
    assert (await upstream.get(params={"externalId": ORDER["externalId"]})).json() == []
    assert [row["externalId"] for row in (await upstream.get()).json()] == [ORDER["externalId"]]


async def test_a_read_is_as_old_as_it_is_told_to_be(start):
    upstream = await start(faults=["stale-read=60"])
    await upstream.post(ORDER | {"submitCart": False})
    await upstream.patch("00000001", {"productOrderItem": [MORE]})
    assert len((await upstream.get("00000001")).json()["productOrderItem"]) == len(ITEMS)
    await upstream.client.put(upstream.server.address + "/_sandbox/faults", json=[])
    assert len((await upstream.get("00000001")).json()["productOrderItem"]) == len(ITEMS) + 1


async def test_the_next_calls_suffer_what_is_put_before_the_dice(start):
    upstream = await start(mapping="tmf622-v4")
    door = upstream.server.address + "/_sandbox/next-faults"
    answer = await upstream.client.post(door, json=["replay-422", "none", "error-before", "done-429"])
    assert answer.status_code == 204
    statuses = [(await upstream.post(ORDER)).status_code for _ in range(4)]
    assert (statuses[0], statuses[1], statuses[3]) == (422, 201, 429)
    assert statuses[2] >= 500
    assert [effect for effect, _ in upstream.effects()].count("created") == 3
    assert (await upstream.client.post(door, json=["filter-empty"])).status_code == 400


async def test_each_event_comes_as_often_as_it_is_told_to(start, receiver, eventually):
    upstream = await start(mapping="tmf622-v4", faults=["events-repeat=4"], notify_url=receiver.address)
    await upstream.post(ORDER)
    await eventually(lambda: len(receiver.received) == 8)
    ids = [document["eventId"] for _, document, _ in receiver.received]
    assert sorted(ids.count(each) for each in set(ids)) == [4, 4]


async def test_a_misbehaviour_that_is_switched_off_is_over(start):
    upstream = await start(mapping="tmf622-v4", faults=["read-404=1"])
    await upstream.post(ORDER)
    assert (await upstream.get("00000001")).status_code == 404
    await upstream.client.put(upstream.server.address + "/_sandbox/faults", json=[])
    assert (await upstream.get("00000001")).status_code == 200
