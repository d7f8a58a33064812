"""Salesforce: the header, reading, submission, envelopes."""

from __future__ import annotations

import pytest


async def test_post_leaves_a_draft_when_told_not_to_submit(start, make):
    upstream = await start()
    answer = await upstream.post(make.draft())
    assert answer.status_code == 201
    order = answer.json()
    assert (order["id"], order["state"], order["externalId"]) == ("00000001", "Draft", "CART-1")
    assert upstream.effects() == [("created", "Draft")]
    assert "Location" not in answer.headers


@pytest.mark.parametrize("body", [{"submitCart": True}, {}])
async def test_post_submits_when_asked_to_or_when_nothing_is_said(start, make, body):
    upstream = await start()
    order = make.draft()
    del order["submitCart"]
    answer = await upstream.post(order | body)
    assert answer.json()["state"] == "In Progress"
    assert upstream.effects() == [("created", "Draft"), ("submitted", "In Progress")]


async def test_order_numbers_count_up(start, make):
    upstream = await start()
    numbers = [(await upstream.post(make.draft())).json()["id"] for _ in range(3)]
    assert numbers == ["00000001", "00000002", "00000003"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"relatedParty": []}, "relatedParty"),
        ({"relatedParty": [{"name": "x"}]}, "relatedParty[0].id"),
        ({"requestedStartDate": None}, "requestedStartDate"),
        ({"requestedStartDate": "soon"}, "requestedStartDate"),
        ({"productOrderItem": []}, "productOrderItem"),
        ({"productOrderItem": [{"id": "1", "productOffering": {"id": "A"}}]}, "productOrderItem[0].action"),
        ({"productOrderItem": [{"id": "1", "action": "add"}]}, "productOrderItem[0].productOffering.id"),
        ({"productOrderItem": [{"action": "add", "productOffering": {"id": "A"}}]}, "productOrderItem[0].id"),
        ({"productOrderItem": [{"id": "1", "action": "noChange"}]}, "productOrderItem[0].action"),
        ({"productOrderItem": [{"id": "1", "action": "delete"}]}, "productOrderItem[0].action"),
        ({"submitCart": "false"}, "submitCart"),
        ({"externalId": "x" * 81}, "externalId"),
    ],
)
async def test_a_wrong_post_is_refused_with_the_path_and_nothing_is_kept(start, make, change, path):
    upstream = await start()
    answer = await upstream.post(make.draft() | change)
    assert answer.status_code == 400
    error = answer.json()
    assert error["@type"] == "Error"
    assert error["status"] == "400"
    assert error["message"].startswith(path + ":")
    assert (await upstream.get()).json() == []
    assert upstream.ledger() == []


@pytest.mark.parametrize("quantity", [0, -1, "2", True, 1.5])
async def test_a_quantity_is_a_positive_integer(start, make, quantity):
    upstream = await start()
    answer = await upstream.post(make.draft(make.add("1", "A", quantity=quantity)))
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("productOrderItem[0].quantity:")


async def test_get_shows_the_departures_from_the_standard(start, make):
    upstream = await start()
    note = [{"id": "1", "author": "shop", "date": "2026-11-01T00:00:00.000Z", "text": "ring twice"}]
    item = make.add("7", "PHONE", product=make.attributes(ATTR_COLOR="White"), quantity=2)
    body = make.draft(
        item, note=note, requestedCompletionDate="2026-12-05T23:30:00.000Z", description="d", category="c"
    )
    await upstream.post(body)
    order = (await upstream.get("00000001")).json()
    root = "/services/apexrest/vlocity_cmt/tmforum/productopenapi/v1"
    assert order["href"] == f"{root}/Order/801000000000000001"
    assert order["note"] == "id:1;date:2026-11-01T00:00:00.000Z;text:ring twice"
    assert order["requestedStartDate"] == "2026-12-01T00:00:00.000+0000"
    assert order["requestedCompletionDate"] == "2026-12-05T00:00:00.000+0000"
    assert order["orderDate"].endswith("+0000")
    assert order["relatedParty"][0]["href"] == f"{root}/Account/001000000000000001"
    assert "category" not in order
    (line,) = order["productOrderItem"]
    assert (line["id"], line["action"], line["quantity"]) == ("7", "Add", 2)
    assert line["orderLineItemId"] == "802000000000000001"
    assert line["product"]["productCharacteristics"] == [{"name": "ATTR_COLOR", "valueType": "Text", "value": "White"}]


async def test_line_ids_are_told_by_get_only(start, make):
    upstream = await start()
    created = (await upstream.post(make.draft())).json()
    patched = (await upstream.patch("00000001", {"productOrderItem": [make.add("2", "B")]})).json()
    assert not any("orderLineItemId" in item for item in created["productOrderItem"] + patched["productOrderItem"])
    lines = (await upstream.get("00000001")).json()["productOrderItem"]
    assert [line["id"] for line in upstream.ledger()[-1]["lines"]] == [line["orderLineItemId"] for line in lines]


async def test_fields_select_what_has_a_value(start, make):
    upstream = await start()
    await upstream.post(make.draft())
    answer = await upstream.get("00000001", params={"fields": "state,note,externalId"})
    assert answer.json() == {"state": "Draft", "externalId": "CART-1"}


async def test_an_unknown_order_is_a_404_of_the_tmf_layer(start):
    upstream = await start()
    for answer in (await upstream.get("00009999"), await upstream.patch("00009999", {})):
        assert answer.status_code == 404
        assert answer.json()["status"] == "404"


async def test_filters_know_id_state_and_order_date_and_pass_over_the_rest(start, make):
    upstream = await start()
    for number in range(3):
        await upstream.post(make.draft(externalId=f"E{number}"))
    await upstream.patch("00000002", {"state": "Activated"})

    async def found(**query):
        return [order["id"] for order in (await upstream.get(params=query)).json()]

    assert await found(state="Draft") == ["00000001", "00000003"]
    assert await found(state="In Progress") == ["00000002"]
    assert await found(id="00000003") == ["00000003"]
    assert await found(externalId="E1") == ["00000001", "00000002", "00000003"]
    moment = (await upstream.get("00000001")).json()["orderDate"]
    assert await found(orderDate=moment[:10]) == ["00000001", "00000002", "00000003"]
    assert "00000001" in await found(orderDate=moment)
    assert await found(orderDate="2020-01-01") == []


async def test_offset_is_a_page_number_from_one(start, make):
    upstream = await start(profile={"page_size_maximum": 10, "page_size_default": 5})
    for _ in range(22):
        await upstream.post(make.draft())

    async def page(**query):
        return [int(order["id"]) for order in (await upstream.get(params=query | {"fields": "id"})).json()]

    assert await page(limit=10, offset=1) == list(range(1, 11))
    assert await page(limit=10, offset=3) == [21, 22]
    assert await page(limit=10, offset=4) == []
    assert await page(limit=10, offset=0) == list(range(1, 11))
    assert await page() == [1, 2, 3, 4, 5]
    assert len(await page(limit=1000)) == 10
    assert (await upstream.get(params={"limit": "x"})).status_code == 400


async def test_a_list_can_lag_behind(start, make):
    upstream = await start(profile={"list_lag_seconds": 60.0})
    await upstream.post(make.draft())
    assert (await upstream.get()).json() == []
    assert (await upstream.get("00000001")).status_code == 200


@pytest.mark.parametrize(
    "form", ["2026-12-01", "2026-12-01T00:00:00Z", "2026-12-01T00:00:00.000+0000", "2026-12-01T02:00:00.000+02:00"]
)
async def test_a_date_in_another_form_is_refused_as_the_platform_does_and_nothing_is_kept(start, make, form):
    upstream = await start()
    answer = await upstream.post(make.draft() | {"requestedStartDate": form})
    assert answer.status_code == 500
    assert answer.json()["errorCode"] == "INVOKE-500"
    assert "Error ID: " in answer.json()["error"]
    assert upstream.ledger() == []


async def test_header_only_patch(start, make):
    upstream = await start()
    await upstream.post(make.draft())
    changes = {
        "description": "changed",
        "externalId": "CART-2",
        "channel": [{"id": "1", "name": "Web"}],
        "note": [{"text": "new"}],
        "requestedStartDate": "2027-01-02T03:04:05.000Z",
        "requestedCompletionDate": "2027-01-03T03:04:05.000Z",
    }
    answer = await upstream.patch("00000001", changes)
    assert answer.status_code == 200
    order = (await upstream.get("00000001")).json()
    assert (order["description"], order["externalId"], order["note"]) == ("changed", "CART-2", "text:new")
    assert order["requestedStartDate"] == "2027-01-02T00:00:00.000+0000"
    assert upstream.effects() == [("created", "Draft"), ("changed", "Draft")]
    assert upstream.ledger()[-1]["externalId"] == "CART-2"


async def test_other_header_attributes_cannot_be_patched(start, make):
    upstream = await start()
    await upstream.post(make.draft())
    answer = await upstream.patch("00000001", {"relatedParty": [{"id": "CD2"}], "description": "x"})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("relatedParty:")
    assert len(upstream.ledger()) == 1


@pytest.mark.parametrize(
    "body",
    [{"state": "Activated"}, {"state": "Submitted"}, {"state": "in progress"}, {"submitCart": True}],
)
async def test_submit_by_patch(start, make, body):
    upstream = await start()
    await upstream.post(make.draft())
    answer = await upstream.patch("00000001", body)
    assert (answer.status_code, answer.json()["state"]) == (200, "In Progress")
    assert upstream.effects() == [("created", "Draft"), ("submitted", "In Progress")]


async def test_items_and_submit_in_one_patch_are_two_effects(start, make):
    upstream = await start()
    await upstream.post(make.draft())
    await upstream.patch("00000001", {"state": "Activated", "productOrderItem": [make.add("2", "B")]})
    assert [effect for effect, _ in upstream.effects()] == ["created", "changed", "submitted"]
    assert len(upstream.ledger()[-1]["lines"]) == 2


@pytest.mark.parametrize("body", [{"state": "Cancelled"}, {"state": 1}, {"state": "Activated", "submitCart": False}])
async def test_other_states_do_not_submit(start, make, body):
    upstream = await start()
    await upstream.post(make.draft())
    assert (await upstream.patch("00000001", body)).status_code == 400
    assert upstream.effects() == [("created", "Draft")]


async def test_an_order_without_lines_cannot_be_submitted(start, make):
    upstream = await start()
    await upstream.post(make.draft())
    body = {"state": "Activated", "productOrderItem": [{"id": "1", "action": "delete"}]}
    assert (await upstream.patch("00000001", body)).status_code == 400
    assert len((await upstream.get("00000001")).json()["productOrderItem"]) == 1


@pytest.mark.parametrize("body", [{"description": "x"}, {"state": "Activated"}, {"productOrderItem": []}])
async def test_patch_of_a_live_order_is_refused(start, make, body):
    upstream = await start()
    await upstream.post(make.draft(submitCart=True))
    answer = await upstream.patch("00000001", body)
    assert answer.status_code == 400
    assert "only a draft" in answer.json()["message"]
    assert len(upstream.ledger()) == 2


async def test_the_supplemental_trap_starts_a_further_order(start, make):
    upstream = await start(profile={"live_patch": "supplemental"})
    await upstream.post(make.draft(submitCart=True))
    answer = await upstream.patch("00000001", {"productOrderItem": [make.add("2", "B")]})
    assert answer.json()["id"] == "00000002"
    assert [(entry["effect"], entry["order"]) for entry in upstream.ledger()][2:] == [
        ("created", "00000002"),
        ("changed", "00000002"),
    ]


async def test_a_refused_post_can_leave_an_empty_draft(start, make):
    upstream = await start(profile={"refused_post_leaves_draft": True})
    answer = await upstream.post(make.draft(make.add("1", "A"), make.add("2", "REFUSE_ME")))
    assert answer.status_code == 400
    (entry,) = upstream.ledger()
    assert (entry["effect"], entry["externalId"], entry["lines"]) == ("created", "CART-1", [])


async def test_external_ids_can_be_truncated(start, make):
    upstream = await start(profile={"external_id_max_length": 4, "external_id_overflow": "truncate"})
    assert (await upstream.post(make.draft(externalId="123456"))).json()["externalId"] == "1234"


async def test_the_path_is_lower_case_and_methods_are_limited(start, make):
    upstream = await start()
    camel = await upstream.client.get(f"{upstream.root}/productOrder")
    assert (camel.status_code, camel.json()[0]["errorCode"]) == (404, "NOT_FOUND")
    deleted = await upstream.client.delete(f"{upstream.orders}/00000001")
    assert (deleted.status_code, deleted.json()[0]["errorCode"]) == (405, "METHOD_NOT_ALLOWED")
    assert deleted.headers["Allow"] == "GET,POST,PATCH"


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b'{"a":', "application/json", 400, "JSON_PARSER_ERROR"),
        (b"\xff\xfe", "application/json", 400, "JSON_PARSER_ERROR"),
        (b'{"a":NaN}', "application/json", 400, "JSON_PARSER_ERROR"),
        (b"[" * 100_000, "application/json", 400, "JSON_PARSER_ERROR"),
        (b"{}", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b" " * 6_000_001, "application/json", 413, "REQUEST_ENTITY_TOO_LARGE"),
    ],
)
async def test_unreadable_bodies_get_the_platform_envelope(start, content, content_type, status, code):
    upstream = await start()
    answer = await upstream.client.post(upstream.orders, content=content, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)


async def test_an_answer_over_the_limit_is_an_error(start, make):
    upstream = await start(profile={"max_body_bytes": 1_000})
    await upstream.post(make.draft())
    for position in range(4):
        await upstream.patch("00000001", {"productOrderItem": [make.add(str(position), "A" * 100)]})
    answer = await upstream.get("00000001")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (500, "APEX_ERROR")
