"""The drift guard against an order system over a socket that prices its drafts itself, as it should or otherwise."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest
from application_runs import started
from checkout_gateway import CHECKOUTS, Gateway
from checkout_work import request

from gateway.app import create_app
from gateway.clock import utc_now
from gateway.resources import load_mappings
from gateway.sandbox import SandboxOptions, profile_for, serving
from gateway.sandbox.options import API_ROOTS
from gateway.sandbox.price_drift import parse_drift
from gateway.settings import CheckoutSettings, MappingSettings, Settings, UpstreamSettings
from gateway.upstream import UpstreamClient, UpstreamOptions

MAPPINGS = load_mappings(MappingSettings())
PRICES = """
[[product]]
code = "PLAN"
price = [{ type = "recurring", period = "month", amount = "19.90" }]
child = [{ code = "SIM", minimum = 1 }, { code = "MUSIC" }]

[[product]]
code = "SIM"
price = [{ type = "oneTime", amount = "9.99" }]

[[product]]
code = "MUSIC"
price = [{ type = "recurring", period = "month", amount = "4.95" }]
"""


@asynccontextmanager
async def closing(client):
    try:
        yield
    finally:
        await client.close()


def price(kind, value):
    period = {"recurringChargePeriod": "month"} if kind == "recurring" else {}
    return [{"priceType": kind, **period, "price": {"dutyFreeAmount": {"unit": "EUR", "value": Decimal(value)}}}]


def item(number, code, kind, value, **more):
    offering = {"id": code}
    return {
        "id": number,
        "action": "add",
        "quantity": 1,
        "productOffering": offering,
        "itemPrice": price(kind, value),
        **more,
    }


def priced_cart():
    sim, music = item("1.1", "SIM", "oneTime", "9.99"), item("1.2", "MUSIC", "recurring", "4.95", quantity=2)
    plan = item("1", "PLAN", "recurring", "19.90", cartItem=[sim, music])
    bundled = [{"id": "SIM", "bundledProductOfferingOption": {"numberRelOfferLowerLimit": 1}}]
    plan["productOffering"]["bundledProductOffering"] = bundled
    return {"cartItem": [plan]}


@pytest.fixture
def stand(settings, tmp_path):
    """Start a gateway before a sandbox with a price list."""
    (tmp_path / "prices.toml").write_text(PRICES, encoding="utf-8")

    @asynccontextmanager
    async def build(name, drift, profile=None, **checkout):
        options = SandboxOptions(
            mapping=name,
            port=0,
            ledger_path=tmp_path / "ledger.jsonl",
            catalog_path=tmp_path / "prices.toml",
            price_drift=parse_drift(drift),
            profile=replace(profile_for(name), **(profile or {})),
        )
        async with serving(options) as server:
            url = server.address + API_ROOTS[name]
            client = UpstreamClient(UpstreamOptions(name="shop", base_url=url, mapping=MAPPINGS[name]))
            configured = Settings(
                storage=settings.storage,
                upstreams={"shop": UpstreamSettings(base_url=url, mapping=name)},
                checkout=CheckoutSettings(default_upstream="shop", **checkout),
            )
            application = create_app(configured, mappings=MAPPINGS, upstreams={"shop": client})
            transport = httpx.ASGITransport(app=application)
            async with (
                closing(client),
                started(application),
                httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as web,
            ):
                yield Gateway(web, application.services, None, None), tmp_path / "ledger.jsonl"

    return build


async def checked_out(gateway):
    answer = await gateway.post({**request(), "shoppingCart": priced_cart()})
    assert answer.status_code == 202, answer.text
    await gateway.work()
    return await gateway.get(answer.json()["id"])


def effects(ledger):
    return [json.loads(line)["effect"] for line in ledger.read_text().splitlines()]


def drift_findings(checkout):
    return [finding["message"] for finding in checkout["finding"] if finding["code"] == "price_drift"]


KINDS = pytest.mark.parametrize(
    ("name", "profile"),
    [("salesforce-v4", {}), ("salesforce-v4", {"order_totals": False}), ("tmf622-v5", {})],
    ids=["salesforce", "salesforce-items-only", "v5"],
)
MORE = "recurring month dutyFreeAmount EUR: the cart has 29.80, the order 32.77"
ONCE = "oneTime dutyFreeAmount EUR: the cart has 9.99, the order 10.99"


@KINDS
@pytest.mark.parametrize("action", ["hold", "go-on"])
async def test_an_order_that_costs_what_the_cart_did_is_submitted(stand, name, profile, action):
    async with stand(name, "0", profile, drift_action=action) as (gateway, ledger):
        checkout = await checked_out(gateway)
        assert checkout["state"] == "submitted", checkout["statusReason"]
        assert drift_findings(checkout) == []
        assert effects(ledger).count("submitted") == 1


@pytest.mark.parametrize(
    ("drift", "tolerated"),
    [
        ("0.01", {"drift_tolerance_amount": 0.05}),
        ("4%", {"drift_tolerance_percent": 5.0}),
        ("-4%", {"drift_tolerance_percent": 5.0}),
    ],
)
async def test_within_the_tolerance_too(stand, drift, tolerated):
    async with stand("salesforce-v4", drift, drift_action="hold", **tolerated) as (gateway, ledger):
        checkout = await checked_out(gateway)
        assert checkout["state"] == "submitted", checkout["statusReason"]
        assert effects(ledger).count("submitted") == 1


@KINDS
async def test_over_the_tolerance_it_is_held_with_both_figures_and_goes_on_when_a_person_says_so(stand, name, profile):
    async with stand(name, "10%", profile, drift_action="hold", drift_tolerance_percent=5.0) as (gateway, ledger):
        checkout = await checked_out(gateway)
        assert checkout["state"] == "held"
        assert MORE in checkout["statusReason"]
        assert ONCE in checkout["statusReason"]
        assert "submitted" not in effects(ledger)
        answer = await gateway.client.post(f"{CHECKOUTS}/{checkout['id']}/submit")
        assert answer.status_code == 202, answer.text
        await gateway.work()
        after = await gateway.get(checkout)
        assert after["state"] == "submitted", after["statusReason"]
        assert after["productOrder"]["id"] == checkout["productOrder"]["id"]
        assert "a person accepted it" in drift_findings(after)[0]
        assert effects(ledger).count("submitted") == effects(ledger).count("created") == 1


async def test_a_lower_price_is_a_difference_too(stand):
    async with stand("salesforce-v4", "-5", drift_action="hold") as (gateway, _):
        assert "the cart has 29.80, the order 14.80" in (await checked_out(gateway))["statusReason"]


@KINDS
async def test_it_goes_on_with_a_finding_where_that_is_set(stand, name, profile):
    async with stand(name, "10%", profile, drift_action="go-on") as (gateway, ledger):
        checkout = await checked_out(gateway)
        assert checkout["state"] == "submitted", checkout["statusReason"]
        (found,) = drift_findings(checkout)
        assert MORE in found
        assert ONCE in found
        assert effects(ledger).count("submitted") == 1


async def test_a_held_one_is_cancelled_with_its_draft(stand):
    async with stand("tmf622-v5", "10%", drift_action="hold") as (gateway, ledger):
        checkout = await checked_out(gateway)
        assert (await gateway.client.post(f"{CHECKOUTS}/{checkout['id']}/cancel")).status_code == 202
        await gateway.work()
        assert (await gateway.get(checkout))["state"] == "cancelled"
        (draft,) = await gateway.due_drafts()
        assert draft.order_id == checkout["productOrder"]["id"]
        gateway.services.database.now = lambda _connection: utc_now() + timedelta(days=1)
        await gateway.cleanup().once()
        assert effects(ledger) == ["created", "cancelled"]
