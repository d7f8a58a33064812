"""What is compared with the customer's view is what is sent: by value and by reference, to every order system."""

from __future__ import annotations

import pytest
from checkout_gateway import CARTS, CHECKOUTS, running, settings_of

from gateway.settings import CheckoutSettings
from gateway.tmf.json import decode_json, encode_json

PREVIEW = f"{CHECKOUTS}/preview"


@pytest.fixture
def gateway_with(settings):
    return lambda **values: running(
        settings_of(settings.storage, checkout=CheckoutSettings(default_upstream="plain", **values))
    )


def money(value, unit="EUR"):
    return {"unit": unit, "value": value}


def price(value, kind="oneTime", **more):
    return {"priceType": kind, "price": {"dutyFreeAmount": money(value)}, **more}


def item(number, *prices, **more):
    return {"id": str(number), "action": "add", "quantity": 1, "productOffering": {"id": f"P{number}"},
            "itemPrice": list(prices), **more}  # fmt: skip


def cart_of(*items, totals=None):
    document = {
        "relatedParty": [{"id": "CD1", "role": "customer", "@referredType": "Individual"}],
        "cartItem": list(items),
    }
    return document if totals is None else {**document, "cartTotalPrice": totals}


async def both_ways(gateway, document, **request):
    """Return the answers of a preview by value and of one by reference."""
    by_value = await gateway.client.post(
        PREVIEW,
        content=encode_json({"shoppingCart": document, **request}),
        headers={"Content-Type": "application/json"},
    )
    created = await gateway.client.post(
        CARTS, content=encode_json(document), headers={"Content-Type": "application/json"}
    )
    assert created.status_code == 201, created.text
    by_reference = await gateway.client.post(
        PREVIEW,
        content=encode_json({"shoppingCart": {"id": created.json()["id"]}, **request}),
        headers={"Content-Type": "application/json"},
    )
    return by_value, by_reference


def totals_of(answer):
    assert answer.status_code == 200, answer.text
    return decode_json(answer.content)["order"].get("orderTotalPrice")


def codes_of(answer):
    return {
        (finding["code"], finding["path"]) for finding in answer.json()["finding"] if finding["code"] != "defaulted"
    }


async def test_what_is_confirmed_is_what_is_sent(gateway_with):
    document = cart_of(item(1, price(100), quantity=3), totals=[price(1)])
    async with gateway_with() as gateway:
        answers = await both_ways(gateway, document, expectedTotalPrice=[price(300)])
        assert [totals_of(answer) for answer in answers] == [[price(300)], [price(300)]]
        assert ("totals_differ", "cartTotalPrice") in codes_of(answers[0])
        assert ("totals_differ", "cartTotalPrice") not in codes_of(answers[1])
        refused = await both_ways(gateway, document, expectedTotalPrice=[price(1)])
        assert [answer.status_code for answer in refused] == [409, 409]


async def test_a_cart_by_value_has_the_totals_of_a_stored_one(gateway_with):
    monthly = price(10, "Recurring Charge", recurringChargePeriod="month")
    document = cart_of(item(1, price(100), monthly, quantity=2, cartItem=[item(2, price(5))]))
    async with gateway_with() as gateway:
        by_value, by_reference = (decode_json(answer.content)["order"] for answer in await both_ways(gateway, document))
        assert by_value["orderTotalPrice"] == by_reference["orderTotalPrice"]
        assert by_value["productOrderItem"] == by_reference["productOrderItem"]
        assert by_value["productOrderItem"][0]["itemTotalPrice"]


async def test_a_total_of_an_item_that_says_otherwise_is_told_and_not_sent(gateway_with):
    document = cart_of(item(1, price(100), quantity=2, itemTotalPrice=[price(7)]))
    async with gateway_with() as gateway:
        answer, _ = await both_ways(gateway, document)
        assert ("totals_differ", "cartItem[0].itemTotalPrice") in codes_of(answer)
        assert decode_json(answer.content)["order"]["productOrderItem"][0]["itemTotalPrice"] == [price(200)]


async def test_a_voucher_of_the_cart_is_compared_and_sent(gateway_with):
    voucher = {"name": "WELCOME", "priceType": "discount", "price": {"dutyFreeAmount": money(10)}}
    document = cart_of(item(1, price(100)), totals=[price(100, priceAlteration=[voucher])])
    async with gateway_with() as gateway:
        answers = await both_ways(gateway, document, expectedTotalPrice=[price(90)])
        for answer in answers:
            assert totals_of(answer) == [price(100, priceAlteration=[voucher])]
        refused = await both_ways(gateway, document, expectedTotalPrice=[price(80)])
        assert [answer.status_code for answer in refused] == [409, 409]
        for answer in await both_ways(gateway, document, upstream="shop"):
            assert ("dropped", "cartTotalPrice") in codes_of(answer)
            lost = [each for each in answer.json()["finding"] if each["path"] == "cartTotalPrice"]
            assert "warning" in {each["severity"] for each in lost}


ODD = {
    "a negative price": (item(1, price(decode_json(b"[-50.01]")[0])), "price_negative", "cartItem[0].itemPrice[0]"),
    "an absurd price": (item(1, price(decode_json(b"[1e20]")[0])), "price_too_large", "cartItem[0].itemPrice[0]"),
    "more than everything off": (
        item(1, price(100, priceAlteration=[{"name": "all", "priceType": "oneTime", "price": {"percentage": 110}}])),
        "total_negative",
        "cartTotalPrice",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("odd", "code", "path"), ODD.values(), ids=ODD)
async def test_what_nobody_pays_is_told_or_refused(gateway_with, odd, code, path):
    async with gateway_with() as gateway:
        for answer in await both_ways(gateway, cart_of(odd)):
            assert answer.status_code == 200
            assert (code, path) in codes_of(answer)
    async with gateway_with(implausible_prices="refuse") as gateway:
        for answer in await both_ways(gateway, cart_of(odd)):
            assert answer.status_code == 422
            assert path in {problem["path"] for problem in answer.json()["problem"]}
        for answer in await both_ways(gateway, cart_of(item(1, price(100)))):
            assert answer.status_code == 200


async def test_where_a_price_begins_to_be_absurd_is_a_setting(gateway_with):
    async with gateway_with(price_amount_max=1000) as gateway:
        for answer in await both_ways(gateway, cart_of(item(1, price(1001)))):
            assert ("price_too_large", "cartItem[0].itemPrice[0]") in codes_of(answer)
        for answer in await both_ways(gateway, cart_of(item(1, price(1000)))):
            assert "price_too_large" not in {code for code, _ in codes_of(answer)}


TOLD = {
    "a rate of use": (price(1, "usage", unitOfMeasure="GB"), "price_not_summed", "cartItem[0].itemPrice[0]"),
    "a percentage": ({"priceType": "oneTime", "price": {"percentage": 5}}, "price_not_summed",
                     "cartItem[0].itemPrice[0].price.percentage"),
    "two currencies": (
        {"priceType": "oneTime", "price": {"dutyFreeAmount": money(1), "taxIncludedAmount": money(2, "USD")}},
        "currencies_differ",
        "cartItem[0].itemPrice[0].price",
    ),
    "a discount in another currency": (
        price(100, priceAlteration=[{"name": "a", "priceType": "discount", "price": {"dutyFreeAmount": money(1, "USD")}}]),
        "alteration_not_applied",
        "cartItem[0].itemPrice[0].priceAlteration[0]",
    ),
    "a discount of one amount": (
        {"priceType": "oneTime", "price": {"dutyFreeAmount": money(100), "taxIncludedAmount": money(119)},
         "priceAlteration": [{"name": "a", "priceType": "discount", "price": {"dutyFreeAmount": money(10)}}]},
        "amount_unknown",
        "cartItem[0].itemPrice[0].priceAlteration[0]",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("odd", "code", "path"), TOLD.values(), ids=TOLD)
async def test_what_does_not_count_as_it_was_meant_is_listed(gateway_with, odd, code, path):
    async with gateway_with() as gateway:
        for upstream in ("plain", "shop"):
            if upstream == "shop" and "priceAlteration" in odd:
                continue  # Nothing else is different there.
            for answer in await both_ways(gateway, cart_of(item(1, odd)), upstream=upstream):
                assert answer.status_code == 200, answer.text
                assert (code, path) in codes_of(answer)


async def test_a_discount_without_tax_never_leaves_the_old_amount_with_tax(gateway_with):
    odd, _, _ = TOLD["a discount of one amount"]
    async with gateway_with() as gateway:
        for answer in await both_ways(gateway, cart_of(item(1, odd)), expectedTotalPrice=[price(90)]):
            assert totals_of(answer) == [price(90)]
        gross = {"priceType": "oneTime", "price": {"taxIncludedAmount": money(119)}}
        for answer in await both_ways(gateway, cart_of(item(1, odd)), expectedTotalPrice=[gross]):
            assert answer.status_code == 409


UNKNOWN = {
    "tax on one side only": [{"priceType": "recurring", "price": {name: money(10)}} for name in ("dutyFreeAmount", "taxIncludedAmount")],
    "a percentage alone": [{"priceType": "recurring", "price": {"percentage": 5}}],
    "two currencies": [{"priceType": "recurring", "price": {"dutyFreeAmount": money(1), "taxIncludedAmount": money(2, "USD")}}],
}  # fmt: skip


@pytest.mark.parametrize("odd", UNKNOWN.values(), ids=UNKNOWN)
async def test_a_total_that_nobody_knows_is_not_confirmed_by_another_one(gateway_with, odd):
    document = cart_of(item(1, price(100), *odd))
    async with gateway_with() as gateway:
        for expected in ([price(100)], []):
            for answer in await both_ways(gateway, document, expectedTotalPrice=expected):
                assert answer.status_code == 409
                assert "recurring" in answer.json()["message"]
        for answer in await both_ways(gateway, document):
            assert totals_of(answer) == [price(100)]


async def test_the_plan_that_goes_is_not_paid(gateway_with):
    monthly = {"recurringChargePeriod": "month"}
    old = {**item(1, price(30, "recurring", **monthly)), "action": "delete", "product": {"id": "OLD"}}
    new = item(2, price(40, "recurring", **monthly))
    expected = [price(40, "recurring", recurringChargePeriod="P1M")]
    async with gateway_with() as gateway:
        for answer in await both_ways(gateway, cart_of(old, new), expectedTotalPrice=expected):
            assert totals_of(answer) == [price(40, "recurring", **monthly)]
            assert ("price_not_summed", "cartItem[0].itemPrice") in codes_of(answer)


async def test_yen_are_compared_without_digits_and_by_their_own_tolerance(gateway_with):
    yen = item(
        1, {"priceType": "oneTime", "price": {"dutyFreeAmount": decode_json(b'{"unit": "jpy", "value": 1998.4}')}}
    )
    shown = lambda value: [{"priceType": "oneTime", "price": {"dutyFreeAmount": money(value, "JPY")}}]  # noqa: E731
    async with gateway_with(price_lower_accepted=False) as gateway:
        for value, status in ((1998, 200), (1999, 409)):
            for answer in await both_ways(gateway, cart_of(yen), expectedTotalPrice=shown(value)):
                assert answer.status_code == status
    async with gateway_with(price_lower_accepted=False, price_tolerance_by_currency={"jpy": 1}) as gateway:
        for answer in await both_ways(gateway, cart_of(yen), expectedTotalPrice=shown(1999)):
            assert answer.status_code == 200


@pytest.mark.parametrize("odd", [{"price": {}}, {"priceType": "oneTime", "price": {}}, {"priceType": "oneTime"}])
async def test_a_price_that_names_nothing_refuses_nothing(gateway_with, odd):
    document = cart_of(item(1, odd, itemTotalPrice=[odd]), totals=[odd])
    async with gateway_with() as gateway:
        for upstream in ("plain", "shop"):
            for answer in await both_ways(gateway, document, upstream=upstream):
                assert answer.status_code == 200, answer.text


async def test_a_total_under_the_name_of_another_version_is_told_and_not_sent(gateway_with):
    """v4 keeps `totalItemPrice` as an attribute of the client's own; the order has one total, which is that of the prices."""
    cart = cart_of(item(1, price(7), totalItemPrice="1"))
    async with gateway_with() as gateway:
        created = await gateway.client.post(
            CARTS, content=encode_json(cart), headers={"Content-Type": "application/json"}
        )
        body = encode_json({"shoppingCart": {"id": created.json()["id"]}})
        answer = await gateway.client.post(PREVIEW, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    told = {(one["code"], one["path"]) for one in answer.json()["finding"]}
    assert ("totals_differ", "cartItem[0].totalItemPrice") in told
    (sent,) = answer.json()["order"]["productOrderItem"][0]["itemTotalPrice"]
    assert sent["price"] == {"dutyFreeAmount": money(7)}


@pytest.mark.parametrize(("of_cart", "codes"), [(7, set()), (5, {"totals_differ"})], ids=["the same", "another"])
async def test_a_total_that_contradicts_those_of_its_items_is_told(gateway_with, of_cart, codes):
    """No item has a price, only a total: the cart's own total is sent, and never without a word."""
    cart = cart_of(item(1, itemTotalPrice=[price(7)]), totals=[price(of_cart)])
    async with gateway_with() as gateway:
        for answer in await both_ways(gateway, cart):
            assert answer.status_code == 200, answer.text
            told = {one["code"] for one in answer.json()["finding"] if one["path"] == "cartTotalPrice"}
            assert told - {"price_not_compared"} == codes
