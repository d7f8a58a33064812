"""What happened to a checkout is told whole and in order, exported safely, and its bodies are kept without personal data."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from application_runs import started
from checkout_gateway import CARTS, CHECKOUTS, Gateway, act, assert_error, running, settings_of
from checkout_work import cart, request
from known_clients import known_clients
from sqlalchemy import func, select

from gateway.app import create_app
from gateway.checkouts.stored import history
from gateway.correlation.forgetting import Forgetting
from gateway.resources import load_mappings
from gateway.settings import RetentionSettings, Settings, StorageSettings, UpstreamSettings
from gateway.storage.tables import checkout_payload
from gateway.upstream.port import ReadFailed

CANARY = "Erika Mustermann"
PERSON = {"id": "CD000001", "name": CANARY, "role": "customer", "@referredType": "Account"}


@pytest.fixture
async def gateway(storage: StorageSettings) -> AsyncIterator[Gateway]:
    """A gateway on a database of each kind."""
    async with running(settings_of(storage)) as started_gateway:
        yield started_gateway


async def told(gateway: Gateway, checkout: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    answer = await gateway.client.get(f"{CHECKOUTS}/{checkout['id']}/history", params=query)
    assert answer.status_code in {200, 206}, answer.text
    entries: list[dict[str, Any]] = answer.json()
    return entries


async def test_a_checkout_tells_every_call_answer_read_event_and_action_in_order(gateway):
    checkout = await gateway.check_out(relatedParty=[PERSON])
    await gateway.work()
    order = (await gateway.get(checkout))["productOrder"]["id"]
    event = {"eventId": "e-1", "eventType": "ProductOrderStateChangeEvent"}
    event["event"] = {"productOrder": {"id": order, "state": "Activated", "productOrderMilestone": [{"name": "M1"}]}}
    gateway.shop.script_reads([ReadFailed("no answer in time", cause="upstream_unreachable")])
    await gateway.look_at_orders()
    assert (await gateway.post(event, "/notifications/shop")).is_success
    await gateway.tracker().once()
    await act(gateway, checkout, "poll")

    entries = await told(gateway, checkout)

    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)
    assert {entry["checkout"]["id"] for entry in entries} == {checkout["id"]}
    kinds = [(entry["kind"], entry["action"], entry["outcome"]) for entry in entries]
    assert kinds[0] == ("action", "create", "done")
    calls = [pair for pair in kinds if pair[0] in {"call", "answer"}]
    steps = ["create", "add", "add", "price", "submit"]
    assert calls == [each for kind in steps for each in (("call", kind, "sent"), ("answer", kind, "accepted"))]
    assert ("poll", "read", "upstream_unreachable") in kinds
    assert any(pair[0] == "event" and pair[1] == "ProductOrderStateChangeEvent" for pair in kinds)
    assert any(entry["kind"] == "event" and "milestone: M1" in entry["detail"] for entry in entries)
    sent = next(entry for entry in entries if entry["kind"] == "call")
    answered = next(entry for entry in entries if entry["kind"] == "answer")
    assert (sent["by"], answered["by"]) == ("gateway", "shop")
    assert sent["byteCount"] > 0
    assert answered["milliseconds"] >= 0
    shown = (await gateway.get(checkout))["history"]
    ids = [entry["id"] for entry in entries if (entry["kind"], entry["action"]) != ("action", "create")]
    assert [entry["id"] for entry in shown] == ids


SAID_BESIDE_STATES = {
    "productOrderMilestoneEvent": ({"productOrderMilestone": [{"id": "m1", "status": "done"}]}, "milestone: m1, done"),
    "productOrderJeopardyAlertEvent": (
        {"productOrderJeopardyAlert": [{"id": "j1", "jeopardyType": "delay"}]},
        "jeopardyAlert: j1, delay",
    ),
    "productOrderInformationRequiredEvent": ({}, "informationRequired: productOrderItem[1].place"),
}


async def test_what_an_order_system_says_beside_states_stands_in_the_history(gateway):
    checkout = await gateway.check_out()
    await gateway.work()
    order = (await gateway.get(checkout))["productOrder"]["id"]
    for name, (said, _) in SAID_BESIDE_STATES.items():
        event = {"eventId": name, "fieldPath": "productOrderItem[1].place"} if not said else {"eventId": name}
        event["event"] = {"productOrder": {"id": order, **said}}
        assert (await gateway.post(event, f"/notifications/shop/listener/{name}")).is_success
    tracker, entries = gateway.tracker(), []
    for _ in range(20):  # on a busy machine it rests between its rounds
        await tracker.once()
        entries = [entry for entry in await told(gateway, checkout) if entry["kind"] == "event"]
        if len(entries) == len(SAID_BESIDE_STATES):
            break

    assert {entry["by"] for entry in entries} == {"shop"}
    found = {entry["action"]: entry["detail"] for entry in entries}
    assert set(found) == set(SAID_BESIDE_STATES)
    for name, (_, text) in SAID_BESIDE_STATES.items():
        assert found[name].startswith(text), found[name]
    shown = (await gateway.get(checkout))["history"]
    assert [entry["id"] for entry in shown if entry["kind"] == "event"] == [entry["id"] for entry in entries]


async def test_reads_that_find_the_same_are_one_entry(gateway):
    checkout = await gateway.check_out(upstream="plain")
    await gateway.work()
    for _ in range(3):
        await gateway.look_at_orders()
    polls = [entry for entry in await told(gateway, checkout) if entry["kind"] == "poll"]
    assert polls[-1]["times"] == 3
    assert polls[-1]["lastAt"] >= polls[-1]["at"]


async def test_a_page_and_exports_of_one_and_of_what_a_filter_finds(gateway):
    checkout = await gateway.check_out(externalId="WEB-1")
    other = await gateway.check_out(externalId="WEB-2")
    await gateway.work()
    whole = await told(gateway, checkout)
    path = f"{CHECKOUTS}/{checkout['id']}/history"

    page = await gateway.client.get(path, params={"limit": "2", "offset": "1"})
    assert (page.status_code, page.headers["x-total-count"]) == (206, str(len(whole)))
    assert page.json() == whole[1:3]
    lines = await gateway.client.get(path, params={"format": "jsonl"})
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == whole
    table = await gateway.client.get(path, params={"format": "csv"})
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [(row["kind"], row["action"], row["checkout"]) for row in rows] == [
        (entry["kind"], entry["action"], checkout["id"]) for entry in whole
    ]
    of_both = await gateway.client.get(f"{CHECKOUTS}/history", params={"state": "submitted", "format": "jsonl"})
    assert {json.loads(line)["checkout"]["id"] for line in of_both.text.splitlines()} == {checkout["id"], other["id"]}
    of_one = await gateway.client.get(f"{CHECKOUTS}/history", params={"externalId": "WEB-2"})
    assert {entry["checkout"]["id"] for entry in of_one.json()} == {other["id"]}
    for query in ("format=xml", "format=csv&format=csv", "x=1", "limit=0"):
        assert_error(await gateway.client.get(f"{path}?{query}"), 400)
    assert_error(await gateway.client.get(f"{CHECKOUTS}/history?nothing=1"), 400)
    assert_error(await gateway.client.get(f"{CHECKOUTS}/unknown/history"), 404)


async def test_a_cell_is_no_formula(gateway):
    checkout = await gateway.check_out()
    reasons = ["=1+1", "+1", "-1", "@x", "\tx", 'a "b", c\nd']
    for reason in reasons:
        answer = await gateway.post({"reason": reason}, f"{CHECKOUTS}/{checkout['id']}/retry")
        assert answer.status_code in {202, 400}, answer.text
    table = await gateway.client.get(f"{CHECKOUTS}/{checkout['id']}/history", params={"format": "csv"})
    details = [row["detail"] for row in csv.DictReader(io.StringIO(table.text)) if row["action"] == "retry"]
    assert {"'=1+1", "'+1", "'-1", "'@x"} <= set(details)
    assert not any(
        cell.startswith(("=", "+", "-", "@", "\t")) for row in csv.reader(io.StringIO(table.text)) for cell in row
    )


async def test_bodies_are_kept_without_personal_data_and_forgotten(gateway):
    item = {**cart()["cartItem"][0], "product": {"productCharacteristic": [{"name": "owner", "value": CANARY}]}}
    cart_id = await gateway.new_cart({"cartItem": [item]})
    body = {**request(), "shoppingCart": {"id": cart_id}, "relatedParty": [PERSON], "description": CANARY}
    checkout = (await gateway.post(body)).json()
    await gateway.work()
    entries = await told(gateway, checkout)
    first = next(entry for entry in entries if entry["kind"] == "call")
    assert first["hasPayload"] is True

    shown = (await gateway.client.get(f"{CHECKOUTS}/{checkout['id']}/history/{first['id']}/payload")).json()

    sent = shown["body"]
    assert sent["externalId"].startswith("gw1-")
    assert sent["relatedParty"][0]["id"] == "CD000001"
    assert CANARY not in json.dumps(shown)
    assert "[redacted]" in json.dumps(shown)

    def all_of_them(connection: Any) -> str:
        rows = connection.execute(select(checkout_payload.c.document).where(checkout_payload.c.tenant == "default"))
        return "".join(rows.scalars())

    assert CANARY not in await gateway.services.database.read(all_of_them)
    assert_error(await gateway.client.get(f"{CHECKOUTS}/{checkout['id']}/history/{entries[0]['id']}/payload"), 404)
    services = gateway.services
    later = services.database.now
    services.database.now = lambda connection: later(connection) + timedelta(days=15)  # type: ignore[method-assign]
    await Forgetting(services).once()
    services.database.now = later  # type: ignore[method-assign]
    assert await services.database.read(all_of_them) == ""
    assert "hasPayload" not in (await told(gateway, checkout))[1]


async def test_no_bodies_are_kept_where_that_is_not_wanted(sqlite_url):
    settings = settings_of(StorageSettings(url=sqlite_url), retention=RetentionSettings(payloads_days=0))
    async with running(settings) as gateway:
        await gateway.check_out()
        await gateway.work()
        count = select(func.count()).select_from(checkout_payload)
        assert await gateway.services.database.read(lambda connection: connection.execute(count).scalar_one()) == 0


CLIENTS = {
    "shop": "channel",
    "partner": "partner",
    "partner-b": "partner",
    "jane.doe": "operator",
    "desk": "support",
}


async def test_names_of_operators_are_told_to_those_who_work_for_the_tenant(sqlite_url: str, tmp_path: Path):
    security = known_clients(tmp_path, {name: ("acme", [role]) for name, role in CLIENTS.items()})
    settings = Settings(
        storage=StorageSettings(url=sqlite_url),
        security=security,
        upstreams={"crm": UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4")},
    )
    app = create_app(settings, mappings=load_mappings(settings.mappings))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    item = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "X"}}
    async with started(app), httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:

        async def ask(who: str, method: str, path: str, body: Any = None) -> httpx.Response:
            return await client.request(method, path, json=body, headers={"Authorization": f"Bearer {who}"})

        cart_id = (await ask("partner", "POST", CARTS, {"cartItem": [item], "relatedParty": [PERSON]})).json()["id"]
        body = {"shoppingCart": {"id": cart_id}, "upstream": "crm", "submit": False, "relatedParty": [PERSON]}
        path = f"{CHECKOUTS}/{(await ask('partner', 'POST', CHECKOUTS, body)).json()['id']}"
        await ask("partner", "POST", f"{path}/submit")
        await ask("jane.doe", "POST", f"{path}/cancel")
        for who, named in {
            "partner": "operator",
            "shop": "operator",
            "jane.doe": "jane.doe",
            "desk": "jane.doe",
        }.items():
            for shown in (
                (await ask(who, "GET", path)).json()["history"],
                (await ask(who, "GET", f"{path}/history")).json(),
            ):
                by = {entry["action"]: entry["by"] for entry in shown}
                assert by["cancel"] == named
                assert by["submit"] == "partner"
        assert "jane" not in (await ask("partner", "GET", path)).text
        assert_error(await ask("partner-b", "GET", f"{path}/history"), 404)
        entry = (await ask("jane.doe", "GET", f"{path}/history")).json()[0]["id"]
        for who in ("partner", "shop", "desk"):
            assert_error(await ask(who, "GET", f"{path}/history/{entry}/payload"), 403)
        assert_error(await ask("jane.doe", "GET", f"{path}/history/{entry}/payload"), 404)
        assert (await ask("partner-b", "GET", f"{CHECKOUTS}/history")).json() == []


def test_ids_of_entries_are_in_the_order_of_time():
    from gateway.clock import utc_now

    now = utc_now()
    ids = [history.new_entry_id(now + timedelta(microseconds=number)) for number in range(50)]
    assert ids == sorted(ids)
    assert {len(each) for each in ids} == {32}
