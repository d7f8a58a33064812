from __future__ import annotations

import pytest
from checkout_gateway import CHECKOUTS, running, settings_of
from checkout_work import cart, request

from gateway.settings import CheckoutSettings
from gateway.tmf.json import decode_json


@pytest.fixture
def gateway_with(settings):
    return lambda **values: running(
        settings_of(settings.storage, checkout=CheckoutSettings(default_upstream="shop", **values))
    )


def money(value, unit="EUR"):
    return decode_json(f'{{"unit": "{unit}", "value": {value}}}'.encode())


def price(kind, value, *, period=None, amount="dutyFreeAmount", unit="EUR"):
    found = {"priceType": kind, "price": {amount: money(value, unit)}}
    return {**found, "recurringChargePeriod": period} if period else found


def shown(**prices):
    """Return a request for a cart of two items: 29.90 a month three times, 10.10 once."""
    document = cart(2, priced=0)
    document["cartItem"][0] |= {"quantity": 3, "itemPrice": [price("recurring", "29.90", period="month")]}
    document["cartItem"][1] |= {"quantity": 1, "itemPrice": [price("oneTime", "10.10")]}
    return {**request(), "shoppingCart": document, **prices}


MONTHLY, ONCE = price("recurring", "89.70", period="month"), price("oneTime", "10.1")


async def outcome(gateway, expected):
    before = await gateway.rows()
    answer = await gateway.post(shown(expectedTotalPrice=expected))
    preview = await gateway.post(shown(expectedTotalPrice=expected), f"{CHECKOUTS}/preview")
    if answer.status_code == 202:
        assert preview.status_code == 200
        await gateway.client.post(f"{CHECKOUTS}/{answer.json()['id']}/cancel")
        await gateway.work()
        return None
    assert answer.status_code == 409, answer.text
    assert preview.json()["message"] == answer.json()["message"]
    assert await gateway.rows() == before
    assert not gateway.shop.calls
    totals = {entry["priceType"]: entry["price"]["dutyFreeAmount"] for entry in answer.json()["cartTotalPrice"]}
    assert {kind: float(amount["value"]) for kind, amount in totals.items()} == {"recurring": 89.7, "oneTime": 10.1}
    return answer.json()["message"]


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ([MONTHLY, ONCE], None),
        ([ONCE, MONTHLY], None),
        ([], "recurring month dutyFreeAmount EUR: expected 0, the cart has 89.70"),
        ([price("recurring", "89.69", period="month"), ONCE], "expected 89.69, the cart has 89.70"),
        ([price("recurring", "100", period="month"), ONCE], None),
        ([MONTHLY], "oneTime dutyFreeAmount EUR: expected 0, the cart has 10.10"),
        ([MONTHLY, ONCE, price("usage", "1")], "the cart has no such total"),
        ([MONTHLY, price("oneTime", "10.10", unit="USD")], "the cart has no such total"),
        ([price("recurring", "89.70", period="year"), ONCE], "the cart has no such total"),
        ([MONTHLY, price("oneTime", "10.10", amount="taxIncludedAmount")], "the cart has no such total"),
    ],
    ids=[
        "equal",
        "in another order",
        "no total was shown",
        "more than was shown",
        "less than was shown",
        "a total that was not shown",
        "a total that is not there",
        "another currency",
        "another period",
        "another amount",
    ],
)
async def test_the_totals_are_those_the_customer_was_shown(gateway_with, expected, words):
    async with gateway_with() as gateway:
        message = await outcome(gateway, expected)
        assert (message is None) == (words is None), message
        if words is not None:
            assert words in message


async def test_less_is_refused_where_the_settings_say_so(gateway_with):
    async with gateway_with(price_lower_accepted=False) as gateway:
        assert "expected 100" in await outcome(gateway, [price("recurring", "100", period="month"), ONCE])
        assert await outcome(gateway, [MONTHLY, ONCE]) is None


@pytest.mark.parametrize(("value", "accepted"), [("89.65", True), ("89.64", False), ("89.75", True), ("89.76", False)])
async def test_the_tolerance_is_of_the_settings_and_exact(gateway_with, value, accepted):
    async with gateway_with(price_tolerance=0.05, price_lower_accepted=False) as gateway:
        message = await outcome(gateway, [price("recurring", value, period="month"), ONCE])
        assert (message is None) is accepted


async def test_without_a_currency_the_only_one_is_meant(gateway_with):
    bare = {"priceType": "oneTime", "price": {"dutyFreeAmount": {"value": 10.1}}}
    async with gateway_with() as gateway:
        assert (
            await outcome(gateway, [MONTHLY, {**bare, "price": {"dutyFreeAmount": decode_json(b'{"value": 10.1}')}}])
            is None
        )
        two = shown(
            expectedTotalPrice=[
                MONTHLY,
                decode_json(b'{"priceType": "oneTime", "price": {"dutyFreeAmount": {"value": 10}}}'),
            ]
        )
        two["shoppingCart"]["cartItem"][1]["itemPrice"].append(price("oneTime", "5", unit="USD"))
        answer = await gateway.post(two)
        assert answer.status_code == 409
        assert "the cart has no such total" in answer.text


async def test_a_total_named_twice_cannot_be_compared(gateway_with):
    async with gateway_with() as gateway:
        answer = await gateway.post(shown(expectedTotalPrice=[MONTHLY, ONCE, MONTHLY]))
        assert answer.status_code == 400
        assert answer.json()["problem"][0]["path"] == "expectedTotalPrice[2].price.dutyFreeAmount"


async def test_a_cart_without_prices_cannot_be_compared(gateway_with):
    async with gateway_with() as gateway:
        answer = await gateway.post({**request(), "shoppingCart": cart(1, priced=0), "expectedTotalPrice": [ONCE]})
        assert answer.status_code == 409
        assert answer.json()["cartTotalPrice"] == []
        answer = await gateway.post({**request(), "shoppingCart": cart(1, priced=0), "expectedTotalPrice": []})
        assert answer.status_code == 202


async def test_what_is_saved_for_later_is_not_counted(gateway_with):
    body = shown(expectedTotalPrice=[MONTHLY])
    body["shoppingCart"]["cartItem"][1]["status"] = "saveForLater"
    async with gateway_with() as gateway:
        assert (await gateway.post(body)).status_code == 202
