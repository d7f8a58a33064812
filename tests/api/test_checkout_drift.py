from __future__ import annotations

from decimal import Decimal

import pytest
from checkout_gateway import CHECKOUTS, running, settings_of
from checkout_work import cart, request
from known_clients import known_clients
from sqlalchemy import update

from gateway.settings import CheckoutSettings
from gateway.storage import tables


@pytest.fixture
def gateway_with(settings):
    def build(action):
        checkout = CheckoutSettings(default_upstream="shop", drift_action=action)
        return running(settings_of(settings.storage, checkout=checkout))

    return build


def price(value):
    amount = {"dutyFreeAmount": {"unit": "EUR", "value": Decimal(value)}}
    return {"priceType": "recurring", "recurringChargePeriod": "month", "price": amount}


def reprice(gateway, shown):
    for order in gateway.shop.orders.values():
        order["orderTotalPrice"] = [price(shown)]


async def checked_out(gateway, shown, cart_id="c1"):
    """Check a cart of 2 x 14.95 a month out, whose draft the order system prices with `shown`."""
    document = {**cart(2, priced=0), "id": cart_id}
    for item in document["cartItem"]:
        item |= {"quantity": 1, "itemPrice": [price("14.95")]}
    send = gateway.shop.send

    async def priced(rendered, **_):
        outcome = await send(rendered)
        reprice(gateway, shown)
        return outcome

    gateway.shop.send = priced
    answer = await gateway.post({**request(), "shoppingCart": document})
    assert answer.status_code == 202, answer.text
    await gateway.work()
    return await gateway.get(answer.json()["id"])


@pytest.mark.parametrize("action", ["hold", "go-on", "off"])
async def test_equal_prices_are_submitted(gateway_with, action):
    async with gateway_with(action) as gateway:
        checkout = await checked_out(gateway, "29.90")
        assert checkout["state"] == "submitted", checkout["statusReason"]
        assert "price_drift" not in {finding["code"] for finding in checkout["finding"]}


async def test_other_prices_are_held_and_nothing_is_submitted(gateway_with):
    async with gateway_with("hold") as gateway:
        checkout = await checked_out(gateway, "35.00")
        assert checkout["state"] == "held"
        assert "recurring month dutyFreeAmount EUR: the cart has 29.90, the order 35.00" in checkout["statusReason"]
        assert "submit" not in {call.kind for call in gateway.shop.calls}


async def test_or_they_go_on_with_a_finding(gateway_with):
    async with gateway_with("go-on") as gateway:
        checkout = await checked_out(gateway, "35.00")
        assert checkout["state"] == "submitted"
        (found,) = [finding for finding in checkout["finding"] if finding["code"] == "price_drift"]
        assert "the cart has 29.90, the order 35.00" in found["message"]


async def test_or_are_not_looked_at(gateway_with):
    async with gateway_with("off") as gateway:
        checkout = await checked_out(gateway, "35.00")
        assert checkout["state"] == "submitted"
        assert "price_drift" not in {finding["code"] for finding in checkout["finding"]}


async def decide(gateway, checkout, verb, **headers):
    return await gateway.client.post(f"{CHECKOUTS}/{checkout['id']}/{verb}", headers=headers)


async def test_a_person_submits_it_all_the_same(gateway_with):
    async with gateway_with("hold") as gateway:
        checkout = await checked_out(gateway, "35.00")
        for _ in range(2):
            answer = await decide(gateway, checkout, "submit")
            assert answer.status_code == 202, answer.text
        await gateway.work()
        after = await gateway.get(checkout)
        assert (after["state"], after["statusReason"]) == ("submitted", None)
        assert after["productOrder"]["id"] == checkout["productOrder"]["id"]
        assert [call.kind for call in gateway.shop.calls].count("submit") == 1
        (found,) = [finding for finding in after["finding"] if finding["code"] == "price_drift"]
        assert "(a person accepted it)" in found["message"]
        assert "the cart has 29.90, the order 35.00" in found["message"]


async def test_the_yes_is_to_the_figures_that_were_shown(gateway_with):
    async with gateway_with("hold") as gateway:
        checkout = await checked_out(gateway, "35.00")
        reprice(gateway, "36.00")
        await decide(gateway, checkout, "submit")
        await gateway.work()
        again = await gateway.get(checkout)
        assert again["state"] == "held"
        assert "the cart has 29.90, the order 36.00" in again["statusReason"]
        assert "submit" not in {call.kind for call in gateway.shop.calls}
        await decide(gateway, checkout, "submit")
        await gateway.work()
        assert (await gateway.get(checkout))["state"] == "submitted"


async def test_or_cancels_it_and_the_draft_is_given_up(gateway_with):
    async with gateway_with("hold") as gateway:
        checkout = await checked_out(gateway, "35.00")
        assert (await decide(gateway, checkout, "cancel")).status_code == 202
        await gateway.work()
        after = await gateway.get(checkout)
        assert after["state"] == "cancelled"
        (draft,) = await gateway.due_drafts()
        assert draft.order_id == checkout["productOrder"]["id"]
        assert "submit" not in {call.kind for call in gateway.shop.calls}
        assert (await decide(gateway, checkout, "submit")).status_code == 409


async def test_what_is_held_for_another_reason_is_not_settled_so(gateway_with):
    async with gateway_with("hold") as gateway:
        checkout = await checked_out(gateway, "29.90")
        await gateway.services.database.write(
            lambda connection: connection.execute(update(tables.checkout).values(state="held", status_reason="?"))
        )
        for verb in ("submit", "cancel"):
            assert (await decide(gateway, checkout, verb)).status_code == 409


ROLES = ("channel", "operator", "admin")


@pytest.fixture
def with_identities(settings, tmp_path):
    security = known_clients(tmp_path, {role: ("default", [role]) for role in ROLES})
    checkout = CheckoutSettings(default_upstream="shop", drift_action="hold")
    return running(settings_of(settings.storage, checkout=checkout, security=security))


async def test_only_an_operator_or_admin_may_say_yes_and_everybody_may_cancel(with_identities):
    async with with_identities as gateway:

        def act_as(role):
            gateway.client.headers["Authorization"] = f"Bearer {role}"

        act_as("channel")
        first, second = await checked_out(gateway, "35.00"), await checked_out(gateway, "35.00", "c2")
        refused = await decide(gateway, first, "submit")
        assert refused.status_code == 403
        assert "operator or admin" in refused.json()["message"]
        assert (await gateway.get(first))["state"] == "held"
        assert (await decide(gateway, second, "cancel")).status_code == 202
        act_as("operator")
        assert (await decide(gateway, first, "submit")).status_code == 202
        await gateway.work()
        assert (await gateway.get(first))["state"] == "submitted"
        assert (await gateway.get(second))["state"] == "cancelled"


async def test_where_no_draft_can_be_read_a_finding_says_that_prices_are_not_compared(gateway_with):
    async with gateway_with("hold") as gateway:
        body = {**request(), "shoppingCart": cart(2, priced=0), "upstream": "plain"}
        shown = (await gateway.post(body, f"{CHECKOUTS}/preview")).json()
        assert "price_not_compared" in {finding["code"] for finding in shown["finding"]}
        assert "price_not_compared" not in {
            finding["code"]
            for finding in (await gateway.post({**body, "upstream": "shop"}, f"{CHECKOUTS}/preview")).json()["finding"]
        }
