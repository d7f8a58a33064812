from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from fake_upstream import FakeUpstream

from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.model import Marker, RenderedStep
from gateway.upstream import Accepted, NotSent, ReadFailed, Rejected, Unknown, Upstream, created_order_id
from gateway.upstream.cancel_task import CancelWish
from gateway.upstream.evidence import FindResult, incomplete

ROOT = Path(__file__).resolve().parents[3]
SALESFORCE = parse_mapping((ROOT / "mappings" / "salesforce-v4.toml").read_bytes(), "salesforce-v4.toml")
SINCE = datetime(2026, 3, 1, tzinfo=UTC)
LOST = Unknown("no answer in time")


def mapping_with(growth):
    return msgspec.structs.replace(SALESFORCE, draft=msgspec.structs.replace(SALESFORCE.draft, growth=growth))


def step(kind, body, order_id=None, sequence=1):
    path = "productorder" if order_id is None else f"productorder/{order_id}"
    return RenderedStep(
        sequence=sequence,
        kind=kind,
        method="POST" if order_id is None else "PATCH",
        path=path,
        media_type="application/json",
        body=json.dumps(body).encode(),
        item_count=0,
    )


def item(item_id, *children, **attributes):
    nested = {"productOrderItem": list(children)} if children else {}
    return {"id": item_id, "action": "add", "productOffering": {"id": f"P{item_id}"}, **attributes, **nested}


def creation(*items, marker="gw1-a-1", **attributes):
    return step("create", {"externalId": marker, "submitCart": False, "productOrderItem": list(items), **attributes})


@pytest.fixture
def fake():
    upstream: Upstream = FakeUpstream(SALESFORCE)
    return upstream


async def test_a_draft_grows_line_by_line_and_is_submitted(fake):
    created = await fake.send(creation(item("1", item("2"))))
    assert isinstance(created, Accepted)
    order_id = created_order_id(created, SALESFORCE)
    first = await fake.get_order(order_id)
    assert (first.state, first.marker) == ("Draft", Marker(("gw1-a-1",)))
    assert [(line.item_id, line.offering) for line in first.lines] == [("1", "P1"), ("2", "P2")]
    root = first.lines[0].line_id
    assert first.lines[1].parent_line_id == root
    carrier = {"orderLineItemId": root, "action": "modify", "productOrderItem": [item("3")]}
    await fake.send(step("add", {"submitCart": False, "productOrderItem": [carrier, item("4")]}, order_id))
    grown = await fake.get_order(order_id)
    assert [(line.item_id, line.parent_line_id is None, line.action) for line in grown.lines] == [
        ("1", True, "add"),
        ("2", False, "add"),
        ("3", False, "add"),
        ("4", True, "add"),
    ]
    priced = {"orderLineItemId": root, "itemPrice": [{"priceAlteration": [{"name": "x"}]}]}
    await fake.send(step("price", {"productOrderItem": [priced]}, order_id))
    assert fake.orders[order_id]["productOrderItem"][0]["itemPrice"] == priced["itemPrice"]
    assert len((await fake.get_order(order_id)).lines) == 4
    await fake.send(step("submit", {"state": "Activated"}, order_id))
    assert (await fake.get_order(order_id)).state == "Activated"
    assert isinstance(await fake.send(step("add", {"productOrderItem": [item("5")]}, order_id)), Rejected)
    fake.calls.pop()
    assert [call.kind for call in fake.calls] == ["create", "add", "price", "submit"]


async def test_the_same_addition_twice_is_twice_the_lines(fake):
    created = await fake.send(creation(item("1")))
    order_id = created.document["id"]
    for _ in range(2):
        await fake.send(step("add", {"productOrderItem": [item("2")]}, order_id))
    assert [line.item_id for line in (await fake.get_order(order_id)).lines] == ["1", "2", "2"]


async def test_a_post_without_the_draft_attributes_is_live(fake):
    body = {"externalId": "gw1-a-1", "productOrderItem": [item("1")]}
    created = await fake.send(step("create", body))
    assert (await fake.get_order(created.document["id"])).state == "acknowledged"


async def test_a_list_sent_whole_replaces_the_lines_and_keeps_their_ids():
    fake = FakeUpstream(mapping_with("cumulative-merge"))
    order_id = (await fake.send(creation(item("1"), item("2")))).document["id"]
    before = {line.item_id: line.line_id for line in (await fake.get_order(order_id)).lines}
    for _ in range(2):
        await fake.send(step("add", {"productOrderItem": [item("2"), item("3")]}, order_id))
    after = {line.item_id: line.line_id for line in (await fake.get_order(order_id)).lines}
    assert list(after) == ["2", "3"]
    assert after["2"] == before["2"]


async def test_json_patch_appends_where_its_pointer_says():
    fake = FakeUpstream(mapping_with("json-patch-append"))
    order_id = (await fake.send(creation(item("1")))).document["id"]
    operations = [
        {"op": "add", "path": "/description", "value": "x"},
        {"op": "add", "path": "/productOrderItem/-", "value": item("2")},
        {"op": "add", "path": "/productOrderItem/0/productOrderItem", "value": [item("3")]},
    ]
    await fake.send(step("add", operations, order_id))
    lines = (await fake.get_order(order_id)).lines
    assert [(line.item_id, line.parent_line_id) for line in lines] == [
        ("1", None),
        ("3", lines[0].line_id),
        ("2", None),
    ]
    assert fake.orders[order_id]["description"] == "x"


@pytest.mark.parametrize(("effect", "at_once", "in_the_end"), [("none", 0, 0), ("applied", 1, 1), ("later", 0, 1)])
async def test_a_scripted_outcome_says_what_happened_behind_it(fake, effect, at_once, in_the_end):
    fake.script([LOST], effect=effect)
    assert await fake.send(creation(item("1"))) == LOST
    assert len((await fake.find("gw1-a-1", since=SINCE)).orders) == at_once
    fake.apply_late()
    assert len((await fake.find("gw1-a-1", since=SINCE)).orders) == in_the_end
    assert isinstance(await fake.send(creation(item("1"))), Accepted)


async def test_none_in_a_script_is_an_ordinary_call(fake):
    fake.script([None, LOST])
    assert isinstance(await fake.send(creation()), Accepted)
    assert await fake.send(creation()) == LOST


async def test_an_outcome_that_contradicts_its_effect_is_a_mistake_of_the_test(fake):
    fake.script([NotSent("x")], effect="applied")
    with pytest.raises(AssertionError):
        await fake.send(creation())


async def test_reads_can_fail_and_searches_prove_nothing_then(fake):
    await fake.send(creation())
    fake.script_reads([ReadFailed("500"), ReadFailed("500")])
    with pytest.raises(ReadFailed):
        await fake.get_order("00000001")
    assert await fake.find("gw1-a-1", since=SINCE) == FindResult((), incomplete("page_failed", "500"))
    assert (await fake.find("gw1-a-1", since=SINCE)).complete
    fake.absence = incomplete("out_of_time")
    assert not (await fake.find("gw1-a-1", since=SINCE)).complete


async def test_cancelling_and_deleting_and_what_is_not_there(fake):
    order_id = (await fake.send(creation())).document["id"]
    assert isinstance(await fake.cancel(order_id, CancelWish("x")), Accepted)
    assert (await fake.get_order(order_id)).state == "cancelled"
    assert isinstance(await fake.delete(order_id), Accepted)
    assert await fake.get_order(order_id) is None
    assert isinstance(await fake.send(step("add", {}, order_id)), Rejected)
    assert (await fake.send(creation())).document["id"] != order_id
    await fake.close()
    assert fake.closed
