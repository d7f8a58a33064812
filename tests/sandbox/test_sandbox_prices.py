"""What orders cost by the sandbox's price list, and by one that is not what the client saw."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sandbox_bodies import item, order_v4, order_v5

from gateway.sandbox import SandboxOptions, serving
from gateway.sandbox.answers import decode
from gateway.sandbox.price_drift import parse_drift

PRICES = """
[[product]]
code = "PLAN"
price = [{ type = "recurring", period = "month", amount = "19.90" }, { type = "oneTime", amount = 5 }]
child = [{ code = "SIM", minimum = 1 }]

[[product]]
code = "SIM"
price = [{ type = "oneTime", amount = 9.99 }]

[[product]]
code = "GIFT"
"""


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(PRICES, encoding="utf-8")
    return path


def totals(document):
    return {
        (each["priceType"], each.get("recurringChargePeriod"), each["price"]["dutyFreeAmount"]["unit"]):
            str(each["price"]["dutyFreeAmount"]["value"])
        for each in document["orderTotalPrice"]
    }  # fmt: skip


async def shown(upstream, number="00000001"):
    return decode((await upstream.get(number)).content)


async def salesforce_order(start, prices, **options):
    upstream = await start(catalog_path=prices, **options)
    items = [item("1", "PLAN", quantity=2), item("2", "GIFT")]
    body = order_v4(*items, requestedStartDate="2026-12-01T00:00:00.000Z", submitCart=False)
    answer = await upstream.post(body)
    assert answer.status_code == 201, answer.text
    return await shown(upstream)


async def test_a_draft_shows_what_it_costs_with_the_lines_that_came_by_themselves(start, prices):
    order = await salesforce_order(start, prices)
    assert order["state"] == "Draft"
    assert totals(order) == {("oneTime", None, "EUR"): "19.99", ("recurring", "month", "EUR"): "39.80"}
    (plan, gift) = order["productOrderItem"]
    assert [price["price"]["dutyFreeAmount"]["value"] for price in plan["itemPrice"]] == [Decimal("19.90"), 5]
    assert plan["productOrderItem"][0]["itemPrice"][0]["price"]["dutyFreeAmount"]["value"] == Decimal("9.99")
    assert "itemPrice" not in gift


async def test_the_totals_may_be_left_out(start, prices):
    order = await salesforce_order(start, prices, profile={"order_totals": False})
    assert "orderTotalPrice" not in order
    assert order["productOrderItem"][0]["itemPrice"]


@pytest.mark.parametrize(
    ("drift", "once", "monthly"), [("10%", "21.99", "43.78"), ("0.50", "21.49", "40.80"), ("-1", "16.99", "37.80")]
)
async def test_every_price_differs_by_a_share_or_an_amount(start, prices, drift, once, monthly):
    order = await salesforce_order(start, prices, price_drift=parse_drift(drift))
    assert list(totals(order).values()) == [once, monthly]


async def test_without_prices_nothing_is_shown_and_nothing_can_differ(start):
    upstream = await start()
    await upstream.post(order_v4(item("1", "PLAN"), requestedStartDate="2026-12-01T00:00:00.000Z"))
    assert "orderTotalPrice" not in await shown(upstream)
    with pytest.raises(ValueError, match="--price-drift: without prices in --catalog"):
        async with serving(SandboxOptions(port=0, price_drift=parse_drift("1"))):
            pass


async def test_a_plain_server_prices_an_order_by_its_own_list_whatever_was_sent(start, prices):
    upstream = await start(mapping="tmf622-v5", catalog_path=prices)
    sent = {"priceType": "recurring", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 1}}}
    answer = await upstream.post(order_v5(item("1", "PLAN", quantity=3), orderTotalPrice=[sent]))
    assert answer.status_code == 201, answer.text
    order = await shown(upstream, answer.json()["id"])
    assert totals(order) == {("oneTime", None, "EUR"): "15", ("recurring", "month", "EUR"): "59.70"}


async def test_a_plain_server_without_a_list_alters_the_totals_it_was_sent(start):
    upstream = await start(mapping="tmf622-v4", price_drift=parse_drift("10%"))
    sent = {"priceType": "recurring", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 20}, "percentage": 5}}
    answer = await upstream.post(order_v4(item("1", "PLAN"), orderTotalPrice=[sent]))
    order = await shown(upstream, answer.json()["id"])
    assert totals(order) == {("recurring", None, "EUR"): "22.00"}
    assert order["orderTotalPrice"][0]["price"]["percentage"] == 5


@pytest.mark.parametrize("text", ["", "ten", "10 %", "%", "1e3", "--1", "10%%"])
def test_a_drift_that_is_none_says_what_would_be_one(text):
    with pytest.raises(ValueError, match=r"write a share such as 10%, or an amount such as 0\.50"):
        parse_drift(text)
