"""Salesforce: the pricing PATCH, and the limits of a call."""

from __future__ import annotations

import pytest
from sandbox_bodies import line_id, patch


def discount(**values):
    price = {"dutyFreeAmount": {"unit": "EUR", "value": 5}}
    full = {
        "name": "Loyalty",
        "priceType": "recurring",
        "recurringChargePeriod": "month",
        "applicationDuration": 12,
        "price": price,
    } | values
    return {name: value for name, value in full.items() if value is not None}


def priced(line, *alterations):
    return {"orderLineItemId": line, "itemPrice": [{"priceAlteration": list(alterations)}]}


async def test_pricing_goes_to_one_line_and_is_kept_as_sent(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A"), make.add("2", "B")))
    assert (await patch(upstream, priced(line_id(upstream, "B"), discount()))).status_code == 200
    lines = upstream.ledger()[-1]["lines"]
    assert [line["alterations"] for line in lines] == [[], [discount()]]
    items = (await upstream.get("00000001")).json()["productOrderItem"]
    assert items[1]["itemPrice"] == [{"priceAlteration": [discount()]}]


async def test_alterations_may_stand_in_the_prices_they_are_for(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A")))
    once = discount(priceType="oneTime", recurringChargePeriod=None, applicationDuration=None)
    prices = [
        {"priceType": "recurring", "recurringChargePeriod": "month", "priceAlteration": [
            discount(priceType=None, recurringChargePeriod=None), once]},
        {"priceType": "oneTime", "priceAlteration": [once]},
    ]  # fmt: skip
    item = {"orderLineItemId": line_id(upstream, "A"), "itemPrice": prices}
    assert (await patch(upstream, item)).status_code == 200
    (line,) = upstream.ledger()[-1]["lines"]
    assert [alteration.get("priceType") for alteration in line["alterations"]] == [None, "oneTime", "oneTime"]
    assert (await upstream.get("00000001")).json()["productOrderItem"][0]["itemPrice"] == prices
    prices[0]["priceAlteration"] = [discount(priceType=None, recurringChargePeriod=None, applicationDuration=None)]
    refused = await patch(upstream, item)
    assert "applicationDuration: is mandatory" in refused.json()["message"]


async def test_amounts_keep_their_digits(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A")))
    body = '{{"productOrderItem":[{{"orderLineItemId":"{}","itemPrice":[{{"priceAlteration":[{}]}}]}}]}}'
    alteration = '{"priceType":"oneTime","price":{"percentage":10.50,"taxRate":19.000000000000000001}}'
    content = body.format(line_id(upstream, "A"), alteration)
    url, headers = f"{upstream.orders}/00000001", {"Content-Type": "application/json"}
    assert (await upstream.client.patch(url, content=content, headers=headers)).status_code == 200
    assert '"percentage":10.50,"taxRate":19.000000000000000001' in (await upstream.get("00000001")).text


@pytest.mark.parametrize(("pricing", "count"), [("append", 2), ("replace", 1)])
async def test_pricing_twice(start, make, pricing, count):
    upstream = await start(profile={"pricing": pricing})
    await upstream.post(make.draft(make.add("1", "A")))
    for _ in range(2):
        await patch(upstream, priced(line_id(upstream, "A"), discount()))
    assert len(upstream.ledger()[-1]["lines"][0]["alterations"]) == count


@pytest.mark.parametrize(
    ("alteration", "path"),
    [
        (discount(name=None), "name"),
        (discount(recurringChargePeriod=None), "recurringChargePeriod"),
        (discount(applicationDuration=None), "applicationDuration"),
        (discount(applicationDuration="12"), "applicationDuration"),
        (discount(price=None), "price"),
        (discount(priceType=None), "priceType"),
    ],
)
async def test_a_recurring_alteration_needs_all_its_details(start, make, alteration, path):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A")))
    answer = await patch(upstream, priced(line_id(upstream, "A"), alteration))
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"productOrderItem[0].itemPrice.priceAlteration[0].{path}:")


async def test_pricing_needs_the_line_id_and_one_line(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A"), make.add("2", "B")))
    one, other = line_id(upstream, "A"), line_id(upstream, "B")
    assert (await patch(upstream, priced(one, discount()), priced(other, discount()))).status_code == 400
    assert (await patch(upstream, {"id": "1", "itemPrice": [{"priceAlteration": [discount()]}]})).status_code == 400
    assert (await patch(upstream, priced("802nothing", discount()))).status_code == 400
    assert len(upstream.ledger()) == 1


async def test_prices_in_an_add_are_not_read(start, make):
    upstream = await start()
    item = make.add("1", "A", itemPrice=[{"priceAlteration": [discount()]}])
    await upstream.post(make.draft(item))
    assert upstream.ledger()[-1]["lines"][0]["alterations"] == []


async def test_no_adjustment_without_base_charge(start, make, catalog_path):
    upstream = await start(catalog_path=catalog_path)
    await upstream.post(make.draft(make.add("1", "GIFT")))
    answer = await patch(upstream, priced(line_id(upstream, "GIFT"), discount()))
    assert "without base charge" in answer.json()["message"]


# -- limits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "fits", "too_much"),
    [
        ({"max_items_per_call": 3}, 3, 4),
        ({"complexity_budget": 9}, 3, 4),  # each item: 1 + 2 characteristics
    ],
)
async def test_a_call_over_the_limit_is_a_governor_error_and_does_nothing(start, make, profile, fits, too_much):
    upstream = await start(profile=profile)

    def items(count):
        return [make.add(str(number), "A", product=make.attributes(X=1, Y=2)) for number in range(count)]

    refused = await upstream.post(make.draft(*items(too_much)))
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (500, "APEX_ERROR")
    assert refused.json()[0]["message"].startswith("System.LimitException")
    assert upstream.ledger() == []
    assert (await upstream.post(make.draft(*items(fits)))).status_code == 201
    assert (await patch(upstream, *items(too_much))).status_code == 500
    assert len(upstream.ledger()) == 1


async def test_depth_costs(start, make):
    upstream = await start(profile={"complexity_budget": 5})
    chain = make.add("1", "A", make.add("2", "B", make.add("3", "C")))
    assert (await upstream.post(make.draft(chain))).status_code == 500
    assert (await upstream.post(make.draft(make.add("1", "A", make.add("2", "B"))))).status_code == 201
    deep = make.add("0", "A")
    for number in range(1, 40):
        deep = make.add(str(number), "A", deep)
    assert (await upstream.post(make.draft(deep))).status_code == 500


async def test_ten_thousand_items_stay_linear(start, make):
    upstream = await start(profile={"complexity_budget": 0, "max_body_bytes": 64_000_000})
    await upstream.post(make.draft(make.add("root", "BUNDLE")))
    root = line_id(upstream, "BUNDLE")
    for first in range(0, 10_000, 1_000):
        children = [make.add(str(number), "CHILD") for number in range(first, first + 1_000)]
        wrapper = {"orderLineItemId": root, "action": "modify", "productOrderItem": children}
        assert (await patch(upstream, wrapper)).status_code == 200
    (item,) = (await upstream.get("00000001")).json()["productOrderItem"]
    assert len(item["productOrderItem"]) == 10_000
