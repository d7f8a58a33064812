"""Carts of 120 items, and order systems with limits that no mapping tells of: everything arrives, and the size is remembered."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from application_runs import started
from checkout_gateway import Gateway
from checkout_work import SALESFORCE, cart, request
from sqlalchemy import update

from gateway.app import create_app
from gateway.checkouts.accepting.call_sizes import known
from gateway.checkouts.model import plan_hash
from gateway.checkouts.stored import step_store, store
from gateway.sandbox import SandboxOptions, profile_for, serving
from gateway.sandbox.options import API_ROOTS
from gateway.settings import CheckoutSettings, Settings, UpstreamSettings
from gateway.settings.stages import SubmissionSettings
from gateway.storage.tables import upstream_limit
from gateway.upstream import UpstreamClient, UpstreamOptions

ITEMS = 120


@pytest.fixture
async def order_system(settings, tmp_path):
    """Start a gateway before a sandbox that refuses what it does not tell."""

    @asynccontextmanager
    async def open_one(**profile):
        ledger = tmp_path / "ledger.jsonl"
        name = "salesforce-v4"
        options = SandboxOptions(
            mapping=name, port=0, ledger_path=ledger, profile=replace(profile_for(name), **profile)
        )
        async with serving(options) as server:
            url = server.address + API_ROOTS[name]
            client = UpstreamClient(UpstreamOptions(name="shop", base_url=url, mapping=SALESFORCE))
            configured = Settings(
                storage=settings.storage,
                upstreams={"shop": UpstreamSettings(base_url=url, mapping=name)},
                checkout=CheckoutSettings(default_upstream="shop"),
                submission=SubmissionSettings(probe_seconds=(0.01, 0.02)),
            )
            application = create_app(configured, mappings={name: SALESFORCE}, upstreams={"shop": client})
            transport = httpx.ASGITransport(app=application)
            async with (
                started(application),
                httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as web,
            ):
                yield Gateway(web, application.services, None, None), ledger
            await client.close()

    return open_one


async def checked_out(gateway, count=ITEMS):
    cart_id = await gateway.new_cart({"cartItem": cart(count, priced=1)["cartItem"]})
    answer = await gateway.post({**request(), "shoppingCart": {"id": cart_id}})
    assert answer.status_code == 202, answer.text
    await gateway.work()
    return await gateway.get(answer.json()["id"])


def submitted_lines(ledger, order_id):
    entries = [json.loads(line) for line in ledger.read_text().splitlines()]
    mine = [entry for entry in entries if entry["order"] == order_id]
    assert [entry["effect"] for entry in mine].count("submitted") == 1
    return Counter((line["offering"], line["quantity"], str(line["characteristics"])) for line in mine[-1]["lines"])


def wanted(count=ITEMS):
    return Counter((f"P{n}", n, str({"color": f"c{n}"})) for n in range(1, count + 1))


@pytest.mark.parametrize(
    ("profile", "most"),
    [({"max_items_per_call": 9}, 9), ({"complexity_budget": 40}, 20)],
    ids=["items", "complexity"],
)
async def test_a_cart_of_120_items_becomes_one_order_whatever_one_call_bears(order_system, profile, most):
    async with order_system(**profile) as (gateway, ledger):
        checkout = await checked_out(gateway)
        assert checkout["state"] == "submitted", checkout["statusReason"]
        assert submitted_lines(ledger, checkout["productOrder"]["id"]) == wanted()
        grown = [step for step in checkout["step"] if step["state"] == "done" and step["kind"] in {"create", "add"}]
        last = max(step["generation"] for step in grown)
        grown = [step for step in grown if step["generation"] == last]
        assert sum(step["itemCount"] for step in grown) == ITEMS
        assert max(step["itemCount"] for step in grown) <= most
        assert checkout["progress"]["stepsDone"] == checkout["progress"]["stepsTotal"]
        assert "call_too_large" in {finding["code"] for finding in checkout["finding"]}


async def test_the_plan_of_a_running_checkout_is_exchanged_with_its_hash_and_rows(order_system):
    async with order_system(max_items_per_call=9) as (gateway, _):
        checkout = await checked_out(gateway)
        record = await gateway.record(checkout["id"])

        def stored(connection):
            documents = store.documents(connection, "default", record.id, ("order", "plan"))
            return documents, step_store.steps(connection, "default", record.id)

        documents, rows = await gateway.services.database.read(stored)
        assert record.plan_hash == plan_hash({kind: text.encode() for kind, text in documents.items()})
        steps = json.loads(documents["plan"])["steps"]
        mine = [row for row in rows if row.generation == record.generation]
        assert [(row.sequence, row.kind) for row in mine] == [(step["sequence"], step["kind"]) for step in steps]
        assert {row.state for row in mine} == {"done"}
        assert record.steps_total == len(steps)


async def test_the_next_checkout_begins_with_the_size_that_was_learnt_and_recovers_slowly(order_system):
    async with order_system(max_items_per_call=9) as (gateway, _):
        await checked_out(gateway)
        size = await gateway.services.database.read(lambda c: known(c, "default", "shop", "salesforce-v4"))
        assert size.items_max == 6
        second = await checked_out(gateway)
        assert second["state"] == "submitted"
        assert "call_too_large" not in {finding["code"] for finding in second["finding"]}
        assert max(step["itemCount"] for step in second["step"]) == 6

        preview = {"shoppingCart": {"cartItem": cart(ITEMS, priced=0)["cartItem"]}, "relatedParty": [{"id": "CD1"}]}
        shown = (await gateway.post(preview, "/tmf-api/checkoutManagement/v1/checkout/preview")).json()
        assert max(step["itemCount"] for step in shown["step"]) == 6

        an_hour_ago = size.learnt_at - timedelta(hours=1)
        await gateway.services.database.write(
            lambda c: c.execute(update(upstream_limit).values(updated_at=an_hour_ago))
        )
        shown = (await gateway.post(preview, "/tmf-api/checkoutManagement/v1/checkout/preview")).json()
        assert max(step["itemCount"] for step in shown["step"]) == 7


async def test_one_item_that_no_call_bears_ends_the_checkout_with_what_helps(order_system):
    async with order_system(complexity_budget=1) as (gateway, ledger):
        checkout = await checked_out(gateway, 4)
        assert checkout["state"] == "rejected"
        assert "nothing but cartItem[0] with its 1 characteristics" in checkout["statusReason"]
        size = await gateway.services.database.read(lambda c: known(c, "default", "shop", "salesforce-v4"))
        assert size is None, "an item that no call bears says nothing of the calls of other checkouts"
        lines = ledger.read_text().splitlines() if ledger.exists() else []
        assert "submitted" not in {json.loads(line)["effect"] for line in lines}


async def test_a_draft_that_the_order_system_cannot_show_ends_the_checkout_with_what_helps(order_system):
    async with order_system(max_body_bytes=8_000) as (gateway, ledger):
        checkout = await checked_out(gateway)
        async with asyncio.timeout(30):
            while checkout["state"] == "drafting":
                await gateway.work()
                checkout = await gateway.get(checkout["id"])
        assert checkout["state"] == "rejected"
        assert "too large to be read back (500 APEX_ERROR" in checkout["statusReason"]
        assert "order in several carts" in checkout["statusReason"]
        assert "submitted" not in {json.loads(line)["effect"] for line in ledger.read_text().splitlines()}
