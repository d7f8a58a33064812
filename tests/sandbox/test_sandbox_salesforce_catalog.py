"""Salesforce with a catalogue: mandatory children, cardinality, codes, attribute types."""

from __future__ import annotations

import pytest
from sandbox_bodies import patch, shape


async def test_mandatory_children_appear_by_themselves(start, make, catalog_path):
    upstream = await start(catalog_path=catalog_path)
    await upstream.post(make.draft(make.add("1", "MOBILE_PLAN")))
    assert [path for path, _, _ in shape(upstream)] == [
        "/MOBILE_PLAN",
        "/MOBILE_PLAN/SIM_CARD",
        "/MOBILE_PLAN/SIM_CARD/ESIM_PROFILE",
    ]
    (root,) = (await upstream.get("00000001")).json()["productOrderItem"]
    assert root["productOrderItem"][0]["id"] == root["productOrderItem"][0]["orderLineItemId"]


@pytest.mark.parametrize("action", ["modify", "add"])
async def test_a_mandatory_child_is_configured_and_never_doubled(start, make, catalog_path, action):
    upstream = await start(catalog_path=catalog_path)
    profile = {"id": "3", "action": action, "productOffering": {"id": "ESIM_PROFILE"}}
    sim = make.add("2", "SIM_CARD", profile, action=action, product=make.attributes(SIZE="nano"))
    await upstream.post(make.draft(make.add("1", "MOBILE_PLAN", sim)))
    assert [path for path, _, _ in shape(upstream)] == [
        "/MOBILE_PLAN",
        "/MOBILE_PLAN/SIM_CARD",
        "/MOBILE_PLAN/SIM_CARD/ESIM_PROFILE",
    ]
    assert shape(upstream)[1][2] == {"SIZE": "nano"}
    (root,) = (await upstream.get("00000001")).json()["productOrderItem"]
    assert root["productOrderItem"][0]["id"] == "2"


async def test_modify_of_a_child_that_is_not_there_is_refused_with_a_catalogue(start, make, catalog_path):
    upstream = await start(catalog_path=catalog_path)
    child = {"id": "2", "action": "modify", "productOffering": {"id": "ROAMING"}}
    answer = await upstream.post(make.draft(make.add("1", "MOBILE_PLAN", child)))
    assert answer.status_code == 400


async def test_a_mandatory_child_is_found_by_its_code_in_a_later_patch(start, make, catalog_path):
    upstream = await start(catalog_path=catalog_path)
    await upstream.post(make.draft(make.add("1", "MOBILE_PLAN")))
    sim = {"id": "2", "action": "modify", "productOffering": {"id": "SIM_CARD"}, "product": make.attributes(SIZE="x")}
    for _ in range(2):
        await patch(upstream, {"id": "1", "action": "modify", "productOrderItem": [sim]})
    assert shape(upstream)[1] == ("/MOBILE_PLAN/SIM_CARD", 1, {"SIZE": "x"})
    assert len(shape(upstream)) == 3


@pytest.mark.parametrize(
    ("code", "reason"),
    [("NOT_THERE", "Unknown product"), ("OLD", "No price list entry"), ("REFUSE_X", "Product refused")],
)
async def test_codes_that_cannot_be_ordered(start, make, catalog_path, code, reason):
    upstream = await start(catalog_path=catalog_path)
    answer = await upstream.post(make.draft(make.add("1", code)))
    assert (answer.status_code, answer.json()["reason"]) == (400, reason)
    assert answer.json()["message"].startswith("productOrderItem[0].productOffering.id:")


async def test_cardinality_and_structure_are_kept(start, make, catalog_path):
    upstream = await start(catalog_path=catalog_path)
    roaming = [make.add(str(number), "ROAMING") for number in range(2, 5)]
    refused = await upstream.post(make.draft(make.add("1", "MOBILE_PLAN", *roaming)))
    assert "only up to 2" in refused.json()["message"]
    wrong_place = await upstream.post(make.draft(make.add("1", "ROAMING", make.add("2", "SIM_CARD"))))
    assert wrong_place.status_code == 400
    assert (await upstream.post(make.draft(make.add("1", "MOBILE_PLAN", *roaming[:2])))).status_code == 201


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"ATTR_DAYS": "30", "ATTR_ON": "true"}, 201),
        ({"ATTR_DAYS": 30, "ATTR_ON": True}, 201),
        ({"ATTR_DAYS": "many"}, 400),
        ({"ATTR_DAYS": True}, 400),
        ({"ATTR_ON": "yes"}, 400),
        ({"ATTR_NOTE": "free", "UNKNOWN": "x"}, 201),
    ],
)
async def test_attribute_values_are_checked_against_their_type(start, make, catalog_path, values, status):
    upstream = await start(catalog_path=catalog_path)
    answer = await upstream.post(make.draft(make.add("1", "ROAMING", product=make.attributes(**values))))
    assert answer.status_code == status
