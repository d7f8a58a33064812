"""TMF663 R17 (v1): the specification's samples work as written, and so do its rules."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import r17_samples as samples

from gateway.app import GatewayApp

CARTS = "/shoppingCart/v1/shoppingCart"
V4 = "/tmf-api/shoppingCart/v4/shoppingCart"
V5 = "/tmf-api/shoppingCart/v5/shoppingCart"
# The samples are of 2017, and their carts are valid until October of that year.
TIME_OF_SAMPLES = datetime(2017, 4, 1, tzinfo=UTC)


@pytest.fixture
async def client_of_2017(app: GatewayApp, client: httpx.AsyncClient) -> httpx.AsyncClient:
    app.services = replace(app.services, clock=lambda: TIME_OF_SAMPLES)
    return client


def with_email_address(cart: dict[str, Any]) -> dict[str, Any]:
    """Return the cart as it is answered: `email`, which one sample writes, is `emailAddress` in the tables."""
    cart = copy.deepcopy(cart)
    for medium in cart.get("contactMedium", []):
        inside = medium["characteristic"]
        if "email" in inside:
            inside["emailAddress"] = inside.pop("email")
    return cart


def without_identity(cart: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in cart.items() if name not in {"id", "href", "checkoutState"}}


async def run_samples(client: httpx.AsyncClient, create: Any, resource: Any, retrieved: Any, patch: Any) -> None:
    """Go through the samples of the operations: create, retrieve, list, patch, delete."""
    created = await client.post(CARTS, json=create)
    assert created.status_code == 201
    answer = created.json()
    assert answer["href"] == f"http://gateway.test{CARTS}/{answer['id']}" == created.headers["location"]
    # The cart as it was sent, and the validity that the server gives.
    assert {**without_identity(answer), "validFor": None} == {**create, "validFor": None}

    for sample in (resource, retrieved):
        stored = await client.post(CARTS, json=sample)
        assert stored.status_code == 201, stored.text
        path = f"{CARTS}/{stored.json()['id']}"
        expected = without_identity(with_email_address(sample))

        got = await client.get(path, headers={"Accept": "application/json"})
        assert (got.status_code, without_identity(got.json())) == (200, expected)
        listed = await client.get(f"{CARTS}?id={stored.json()['id']}", headers={"Accept": "application/json"})
        assert (listed.status_code, [without_identity(cart) for cart in listed.json()]) == (200, [expected])

        changed = await client.patch(
            path, content=json.dumps(patch).encode(), headers={"Content-Type": "application/merge-patch+json"}
        )
        assert changed.status_code == 201
        assert without_identity(changed.json()) == {**expected, **patch}

        assert (await client.delete(path)).status_code == 204
        assert (await client.get(path)).status_code == 404


async def test_the_samples_work_as_written(client_of_2017: httpx.AsyncClient) -> None:
    await run_samples(client_of_2017, samples.CREATE, samples.RESOURCE, samples.RETRIEVED, samples.PATCH)


async def test_the_samples_of_the_specification_itself_work(client_of_2017: httpx.AsyncClient) -> None:
    if not samples.SPECIFICATION.exists():
        pytest.skip("the specification's text is not beside the repository")
    found = samples.samples_of(samples.SPECIFICATION.read_text())
    carts = [value[0] if isinstance(value, list) else value for value in found]
    resource, listed, retrieved, create, created, patch, patched = (
        cart for cart in carts if "cartItem" in cart or "contactMedium" in cart
    )

    await run_samples(client_of_2017, create, resource, retrieved, patch)

    assert listed == resource
    assert without_identity(created) == create
    assert patched == {**resource, **patch}


async def test_a_cart_of_v1_reads_rightly_in_v4_and_v5(client: httpx.AsyncClient) -> None:
    cart_id = (await client.post(CARTS, json=without_identity(samples.RESOURCE))).json()["id"]

    v4 = (await client.get(f"{V4}/{cart_id}")).json()
    v5 = (await client.get(f"{V5}/{cart_id}")).json()

    assert (v4["href"], v5["href"]) == (f"http://gateway.test{V4}/{cart_id}", f"http://gateway.test{V5}/{cart_id}")
    assert v4["contactMedium"] == [{"mediumType": "email", "characteristic": {"emailAddress": "smith@example.com"}}]
    assert v4["cartItem"][0]["status"] == "active"
    (note,) = v4["cartItem"][0]["note"]
    assert {name: note[name] for name in samples.ITEM["note"]} == {
        **samples.ITEM["note"],
        "date": "2017-03-28T00:00:00Z",
    }
    assert v4["validFor"]["endDateTime"] == v5["validFor"]["endDateTime"] == "2017-10-24T00:00:00Z"
    assert v4["cartTotalPrice"][0]["price"] == {
        "dutyFreeAmount": {"unit": "EUR", "value": 29},
        "taxIncludedAmount": {"unit": "EUR", "value": 31.9},
        "taxRate": 10,
    }
    assert v5["contactMedium"] == [{"@type": "EmailContactMedium", "emailAddress": "smith@example.com"}]
    place = v5["cartItem"][0]["product"]["place"][0]
    assert (place["role"], place["place"]["@type"], place["place"]["id"]) == ("default delivery", "PlaceRef", "7396")
    assert v5["cartItem"][0]["productOffering"]["@type"] == "ProductOfferingRef"


async def test_all_versions_share_one_etag(client: httpx.AsyncClient) -> None:
    cart_id = (await client.post(CARTS, json=samples.CREATE)).json()["id"]

    changed = await client.patch(f"{V5}/{cart_id}", json={"x": 1}, headers={"If-Match": '"1"'})

    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (await client.get(f"{CARTS}/{cart_id}")).headers["etag"] == '"2"'
    late = await client.patch(f"{CARTS}/{cart_id}", json={"x": 2}, headers={"If-Match": '"1"'})
    assert late.status_code == 412


@pytest.mark.parametrize("style", ["flat money", "list of notes", "related by a list", "bundle"])
async def test_other_styles_come_back_to_those_who_use_them(client: httpx.AsyncClient, style: str) -> None:
    item: dict[str, Any] = copy.deepcopy(samples.ITEM)
    if style == "flat money":
        item["itemPrice"] = [
            {"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 1}, "taxRate": 7}}
        ]
    elif style == "list of notes":
        item["note"] = [item["note"]]
    elif style == "related by a list":
        item["cartItemRelationship"] = [{"type": "Shipping", "cartItem": [{"id": "8307"}, {"id": "2"}]}]
    else:
        item["productOffering"]["bundledProductOffering"] = [{"id": "7", "bundledProductOffering": [{"href": "/8"}]}]
    second = {**samples.ITEM, "id": "2", "vendor": {"x": [1.50, None]}}

    answer = (await client.post(CARTS, json={"cartItem": [item, second]})).json()

    totals = answer["cartItem"][0].pop("totalItemPrice", None)
    assert answer["cartItem"] == [item, second]
    assert (totals is not None) == (style == "flat money")


async def test_a_characteristic_is_a_text_for_others_and_what_it_was_for_r17(client: httpx.AsyncClient) -> None:
    sent = [{"name": "speed", "value": "50"}, {"name": "own", "value": "1", "valueType": "string"}]
    item = {"id": "1", "action": "add", "productOffering": {"id": "A"}, "product": {"characteristic": sent}}
    cart = (await client.post(CARTS, json={"cartItem": [item]})).json()
    assert cart["cartItem"][0]["product"]["characteristic"] == sent

    v4 = (await client.get(f"{V4}/{cart['id']}")).json()
    listed = v4["cartItem"][0]["product"]["productCharacteristic"]
    assert [entry["valueType"] for entry in listed] == ["string", "string"]

    # An item of a v4 client, which does not say the type: a change of the one beside it in R17 does not either.
    untyped = {
        **v4["cartItem"][0],
        "id": "2",
        "product": {"productCharacteristic": [{"name": "colour", "value": "red"}]},
    }
    await client.patch(f"{V4}/{cart['id']}", json={"cartItem": [*v4["cartItem"], untyped]})
    shown = (await client.get(f"{CARTS}/{cart['id']}")).json()["cartItem"]
    assert shown[1]["product"] == {"characteristic": [{"name": "colour", "value": "red"}]}
    shown[0]["product"]["characteristic"][0]["value"] = "100"
    changed = await client.patch(f"{CARTS}/{cart['id']}", json={"cartItem": shown})
    assert changed.json()["cartItem"] == shown

    first, second = (await client.get(f"{V4}/{cart['id']}")).json()["cartItem"]
    assert first["product"]["productCharacteristic"][0] == {"valueType": "string", "name": "speed", "value": "100"}
    assert second == untyped


@pytest.mark.parametrize("many", [False, True])
async def test_date_times_come_back_as_they_were_sent_until_another_version_changes_them(
    client: httpx.AsyncClient, many: bool
) -> None:
    period = {"startDateTime": "2017-03-26", "endDateTime": "2099-10-24T00:00"}
    note = {"text": "a", "date": "2017-03-28T00:00"}
    body = {
        "cartItem": [{"id": "1", "action": "add", "note": [note, note] if many else [note]}],
        "contactMedium": [{**samples.MEDIUM, "validFor": period}],
        "relatedParty": [{"id": "42", "validFor": period}],
        "validFor": period,
    }
    cart = (await client.post(CARTS, json=body)).json()
    assert without_identity(cart) == body

    v4 = (await client.get(f"{V4}/{cart['id']}")).json()
    for shown in (v4, v4["contactMedium"][0], v4["relatedParty"][0]):
        assert shown["validFor"]["startDateTime"] == "2017-03-26T00:00:00Z"
        assert shown["validFor"]["endDateTime"] == "2099-10-24T00:00:00Z"
    notes = v4["cartItem"][0]["note"]
    assert {entry["date"] for entry in notes} == {"2017-03-28T00:00:00Z"}

    notes[0]["text"] = "b"
    await client.patch(f"{V4}/{cart['id']}", json={"cartItem": [{**v4["cartItem"][0], "note": notes}]})

    after = (await client.get(f"{CARTS}/{cart['id']}")).json()
    first = {"text": "b", "date": "2017-03-28T00:00:00Z"}
    assert after["cartItem"][0]["note"] == ([first, note] if many else [first])
    assert after["validFor"] == period


async def test_carditem_is_read_and_cartitem_written(client: httpx.AsyncClient) -> None:
    parent = {"id": "1", "action": "add", "cardItem": [{"id": "2", "action": "no_change", "product": {"id": "9"}}]}

    answer = await client.post(CARTS, json={"cartItem": [parent]})

    assert answer.json()["cartItem"][0]["cartItem"] == parent["cardItem"]
    stored = (await client.get(f"{V4}/{answer.json()['id']}")).json()
    assert stored["cartItem"][0]["cartItem"][0]["action"] == "noChange"


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "cartItem"),
    ({"cartItem": [{"action": "add"}]}, "cartItem[0].id"),
    ({"cartItem": [{"id": "1"}]}, "cartItem[0].action"),
    ({"cartItem": [{"id": "1", "action": "grow"}]}, "cartItem[0].action"),
    ({"cartItem": [{"id": "1", "action": "add", "status": "gone"}]}, "cartItem[0].status"),
    ({"cartItem": [{"id": "1", "action": "add", "note": {"author": "x"}}]}, "cartItem[0].note.text"),
    ({"cartItem": [{"id": "1", "action": "add", "note": [{"text": "x"}, {}]}]}, "cartItem[0].note[1].text"),
    ({"cartItem": [{"id": "1", "action": "modify"}]}, "cartItem[0].product"),
    ({"cartItem": [{"id": "1", "action": "no_change", "product": {"name": "x"}}]}, "cartItem[0].product"),
    (
        {"cartItem": [{"id": "1", "action": "add", "product": {"place": [{"id": "1"}]}}]},
        "cartItem[0].product.place[0].role",
    ),
    ({"cartItem": [{"id": "1", "action": "add", "productOffering": {"name": "x"}}]}, "cartItem[0].productOffering"),
    ({"cartItem": [{"id": "1", "action": "add", "cartItem": [], "cardItem": []}]}, "cartItem[0].cardItem"),
    ({"cartItem": [], "relatedParty": [{"role": "customer"}]}, "relatedParty[0]"),
    ({"cartItem": [], "contactMedium": [{"type": 7}]}, "contactMedium[0].type"),
]


@pytest.mark.parametrize(("body", "path"), BAD)
async def test_what_is_mandatory_is_named_by_its_path(
    client: httpx.AsyncClient, body: dict[str, Any], path: str
) -> None:
    answer = await client.post(CARTS, json=body)

    assert answer.status_code == 400
    assert [problem["path"] for problem in answer.json()["problem"]] == [path]


async def test_a_change_is_only_blamed_for_what_it_brings(client: httpx.AsyncClient) -> None:
    # Fine in v4, but R17 wants a text in every note and an action in every item.
    cart_id = (await client.post(V4, json={"cartItem": [{"id": "1", "note": [{"author": "x"}]}]})).json()["id"]
    path = f"{CARTS}/{cart_id}"

    fine = await client.patch(path, json={"contactMedium": [samples.MEDIUM]})
    wrong = await client.patch(path, json={"relatedParty": [{}]})

    assert fine.status_code == 201
    assert wrong.status_code == 400
    assert [problem["path"] for problem in wrong.json()["problem"]] == ["relatedParty[0]"]
    stored = (await client.get(f"{V4}/{cart_id}")).json()
    assert stored["cartItem"] == [{"id": "1", "note": [{"author": "x"}]}]


@pytest.mark.parametrize("name", ["id", "href", "validFor", "cartTotalPrice"])
async def test_what_is_not_patchable_is_refused(client: httpx.AsyncClient, name: str) -> None:
    body = {**samples.CREATE, "cartTotalPrice": [samples.TOTAL]}
    cart = (await client.post(CARTS, json=body)).json()
    path = f"{CARTS}/{cart['id']}"

    same = await client.patch(path, json={name: cart[name]})
    other = await client.patch(path, json={name: "x" if name in {"id", "href"} else None})

    assert same.status_code == 201
    assert (other.status_code, other.json()["problem"][0]["path"]) == (400, name)
