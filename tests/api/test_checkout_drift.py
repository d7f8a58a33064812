from __future__ import annotations

from decimal import Decimal

import pytest
from checkout_gateway import running, settings_of
from checkout_work import cart, request

from gateway.settings import CheckoutSettings


@pytest.fixture
def gateway_with(settings):
    def build(action):
        checkout = CheckoutSettings(default_upstream="shop", drift_action=action)
        return running(settings_of(settings.storage, checkout=checkout))

    return build


def price(value):
    amount = {"dutyFreeAmount": {"unit": "EUR", "value": Decimal(value)}}
    return {"priceType": "recurring", "recurringChargePeriod": "month", "price": amount}


async def checked_out(gateway, shown):
    """Check a cart of 2 x 14.95 a month out, whose draft the order system prices with `shown`."""
    document = cart(2, priced=0)
    for item in document["cartItem"]:
        item |= {"quantity": 1, "itemPrice": [price("14.95")]}
    send = gateway.shop.send

    async def priced(rendered):
        outcome = await send(rendered)
        for order in gateway.shop.orders.values():
            order["orderTotalPrice"] = [price(shown)]
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
