"""Salesforce: the action matrix, bundles, assets, prices, and the limits of a call."""

from __future__ import annotations

from collections import Counter

import pytest

CATALOG = """
[[product]]
code = "MOBILE_PLAN"
child = [{code = "SIM_CARD", minimum = 1, maximum = 1}, {code = "ROAMING", maximum = 2}]

[[product]]
code = "SIM_CARD"
child = [{code = "ESIM_PROFILE", minimum = 1, maximum = 1}]

[[product]]
code = "ESIM_PROFILE"

[[product]]
code = "ROAMING"
attribute = {ATTR_DAYS = "Number", ATTR_NOTE = "Text", ATTR_ON = "Checkbox"}

[[product]]
code = "GIFT"
base_charge = false

[[product]]
code = "OLD"
price_list_entry = false
"""


@pytest.fixture
def catalog_path(tmp_path):
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG, encoding="utf-8")
    return path


def shape(upstream):
    """The lines of the last effect as (offering path, quantity, characteristics)."""
    lines = upstream.ledger()[-1]["lines"]
    by_id = {line["id"]: line for line in lines}

    def path(line):
        return (path(by_id[line["parent"]]) if line["parent"] else "") + "/" + line["offering"]

    return [(path(line), line["quantity"], line["characteristics"]) for line in lines]


def line_id(upstream, offering):
    """The id of the one line of a product."""
    (found,) = [line["id"] for line in upstream.ledger()[-1]["lines"] if line["offering"] == offering]
    return found


async def patch(upstream, *items):
    return await upstream.patch("00000001", {"productOrderItem": list(items)})


@pytest.mark.parametrize("action", ["add", "Add", "ADD"])
async def test_add_in_any_letter_case(start, make, action):
    upstream = await start()
    await upstream.post(make.draft())
    assert (await patch(upstream, make.add("2", "B", action=action))).status_code == 200
    assert upstream.ledger()[-1]["lines"][-1]["action"] == "add"


async def test_patch_adds_and_never_replaces(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A")))
    await patch(upstream, make.add("2", "B"))
    await patch(upstream, make.add("3", "C"))
    assert [path for path, _, _ in shape(upstream)] == ["/A", "/B", "/C"]


async def test_an_item_sent_twice_is_two_lines(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A")))
    for _ in range(2):
        await patch(upstream, make.add("2", "B"))
    assert Counter(path for path, _, _ in shape(upstream)) == {"/A": 1, "/B": 2}


async def test_a_post_sent_twice_is_two_orders_with_the_same_external_id(start, make):
    upstream = await start()
    for _ in range(2):
        await upstream.post(make.draft())
    assert [entry["externalId"] for entry in upstream.ledger()] == ["CART-1", "CART-1"]


async def test_the_same_product_twice_with_different_attributes(start, make):
    upstream = await start()
    await upstream.post(
        make.draft(
            make.add("1", "IPHONE_16", product=make.attributes(ATTR_COLOR="White")),
            make.add("2", "IPHONE_16", product=make.attributes(ATTR_COLOR="Black")),
        ),
    )
    assert shape(upstream) == [("/IPHONE_16", 1, {"ATTR_COLOR": "White"}), ("/IPHONE_16", 1, {"ATTR_COLOR": "Black"})]


async def test_modify_changes_quantity_and_merges_attributes(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A", product=make.attributes(X="1", Y="1"))))
    item = {"orderLineItemId": line_id(upstream, "A"), "action": "modify", "quantity": 4}
    await patch(upstream, item | {"product": make.attributes(Y="2", Z="3")})
    assert shape(upstream) == [("/A", 4, {"X": "1", "Y": "2", "Z": "3"})]
    await patch(upstream, {"id": "1", "action": "modify", "quantity": 5})
    assert shape(upstream)[0][1] == 5
    assert upstream.ledger()[-1]["lines"][0]["action"] == "add"


async def test_delete_takes_the_children_along(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A", make.add("2", "B", make.add("3", "C"))), make.add("4", "D")))
    await patch(upstream, {"orderLineItemId": line_id(upstream, "A"), "action": "delete"})
    assert [path for path, _, _ in shape(upstream)] == ["/D"]
    assert [item["id"] for item in (await upstream.get("00000001")).json()["productOrderItem"]] == ["4"]


async def test_children_are_put_under_an_existing_root(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A")))
    wrapper = {"orderLineItemId": line_id(upstream, "A"), "action": "modify"}
    await patch(upstream, wrapper | {"productOrderItem": [make.add("2", "B"), make.add("3", "C", make.add("4", "D"))]})
    await patch(upstream, {"id": "1", "action": "modify", "productOrderItem": [make.add("5", "E")]})
    grandchild = {"orderLineItemId": line_id(upstream, "C"), "action": "modify"}
    await patch(upstream, grandchild | {"productOrderItem": [make.add("6", "F")]})
    through = {"orderLineItemId": line_id(upstream, "A"), "action": "modify", "productOrderItem": []}
    through["productOrderItem"] = [grandchild | {"productOrderItem": [make.add("7", "G")]}]
    await patch(upstream, through)
    assert {path for path, _, _ in shape(upstream)} == {"/A", "/A/B", "/A/C", "/A/C/D", "/A/E", "/A/C/F", "/A/C/G"}
    (root,) = (await upstream.get("00000001")).json()["productOrderItem"]
    assert [child["id"] for child in root["productOrderItem"]] == ["2", "3", "5"]


async def test_a_flat_bundle_is_read_like_a_nested_one(start, make):
    upstream = await start()
    bundles = [{"id": "2", "relationshipType": "bundles"}]
    await upstream.post(
        make.draft(
            make.add("1", "A", productOrderItemRelationship=bundles),
            make.add("2", "B"),
            make.add("3", "C", productOrderItemRelationship=[{"id": "2", "relationshipType": "bundledBy"}]),
            make.add("4", "D", productOrderItemRelationship=[{"id": "1", "relationshipType": "reliesOn"}]),
        ),
    )
    assert {path for path, _, _ in shape(upstream)} == {"/A", "/A/B", "/A/B/C", "/D"}
    circle = [
        make.add("8", "X", productOrderItemRelationship=[{"id": "9", "relationshipType": "bundles"}]),
        make.add("9", "Y", productOrderItemRelationship=[{"id": "8", "relationshipType": "bundles"}]),
    ]
    assert (await patch(upstream, *circle)).status_code == 400


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ({"id": "9", "action": "modify"}, "productOrderItem[0]"),
        ({"orderLineItemId": "802x", "action": "modify"}, "productOrderItem[0].orderLineItemId"),
        ({"id": "9", "action": "delete"}, "productOrderItem[0]"),
        ({"id": "1"}, "productOrderItem[0].action"),
        ({"id": "1", "action": "noChange"}, "productOrderItem[0].action"),
        ({"id": "1", "action": "modify", "productOffering": {"id": "Z"}}, "productOrderItem[0].productOffering.id"),
        (
            {"id": "1", "action": "modify", "productOrderItem": [{"id": "9", "action": "delete"}]},
            "productOrderItem[0].productOrderItem[0]",
        ),
    ],
)
async def test_a_wrong_item_is_refused(start, make, item, path):
    upstream = await start()
    await upstream.post(make.draft())
    answer = await patch(upstream, item)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(path + ":")


async def test_an_ambiguous_item_id_is_refused(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A"), make.add("1", "A")))
    answer = await patch(upstream, {"id": "1", "action": "delete"})
    assert answer.status_code == 400
    assert "orderLineItemId" in answer.json()["message"]


async def test_a_patch_is_all_or_nothing(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A", make.add("2", "B")), make.add("3", "C")))
    before = (await upstream.get("00000001")).json()
    answer = await upstream.patch(
        "00000001",
        {
            "description": "changed",
            "productOrderItem": [
                make.add("4", "D", make.add("5", "E")),
                {"id": "2", "action": "modify", "quantity": 9},
                {"id": "1", "action": "delete"},
                {"id": "3", "action": "modify", "productOrderItem": [make.add("6", "F")]},
                make.add("7", "REFUSE_ME"),
            ],
        },
    )
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("productOrderItem[4].productOffering.id:")
    assert (await upstream.get("00000001")).json() == before
    assert len(upstream.ledger()) == 1
    await patch(upstream, {"id": "2", "action": "modify", "quantity": 2})
    assert [(path, quantity) for path, quantity, _ in shape(upstream)] == [("/A", 1), ("/A/B", 2), ("/C", 1)]


async def test_without_a_catalogue_modify_of_a_new_child_is_the_mandatory_one(start, make):
    upstream = await start()
    sim = {"id": "2", "action": "modify", "productOffering": {"id": "SIM"}, "product": make.attributes(SIZE="nano")}
    await upstream.post(make.draft(make.add("1", "PLAN", sim)))
    assert shape(upstream) == [("/PLAN", 1, {}), ("/PLAN/SIM", 1, {"SIZE": "nano"})]
    assert upstream.ledger()[-1]["lines"][1]["action"] == "add"
    again = {"id": "1", "action": "modify", "productOrderItem": [sim | {"product": make.attributes(SIZE="micro")}]}
    await patch(upstream, again)
    assert shape(upstream) == [("/PLAN", 1, {}), ("/PLAN/SIM", 1, {"SIZE": "micro"})]


# -- with a catalogue ---------------------------------------------------------------------------------------------


async def test_mandatory_children_appear_by_themselves(start, make, catalog_path):
    upstream = await start(catalog_path=catalog_path)
    await upstream.post(make.draft(make.add("1", "MOBILE_PLAN")))
    assert [path for path, _, _ in shape(upstream)] == [
        "/MOBILE_PLAN",
        "/MOBILE_PLAN/SIM_CARD",
        "/MOBILE_PLAN/SIM_CARD/ESIM_PROFILE",
    ]
    (root,) = (await upstream.get("00000001")).json()["productOrderItem"]
    assert root["productOrderItem"][0]["id"] == root["productOrderItem"][0]["orderLineItemId"]


@pytest.mark.parametrize("action", ["modify", "add"])
async def test_a_mandatory_child_is_configured_and_never_doubled(start, make, catalog_path, action):
    upstream = await start(catalog_path=catalog_path)
    profile = {"id": "3", "action": action, "productOffering": {"id": "ESIM_PROFILE"}}
    sim = make.add("2", "SIM_CARD", profile, action=action, product=make.attributes(SIZE="nano"))
    await upstream.post(make.draft(make.add("1", "MOBILE_PLAN", sim)))
    assert [path for path, _, _ in shape(upstream)] == [
        "/MOBILE_PLAN",
        "/MOBILE_PLAN/SIM_CARD",
        "/MOBILE_PLAN/SIM_CARD/ESIM_PROFILE",
    ]
    assert shape(upstream)[1][2] == {"SIZE": "nano"}
    (root,) = (await upstream.get("00000001")).json()["productOrderItem"]
    assert root["productOrderItem"][0]["id"] == "2"


async def test_modify_of_a_child_that_is_not_there_is_refused_with_a_catalogue(start, make, catalog_path):
    upstream = await start(catalog_path=catalog_path)
    child = {"id": "2", "action": "modify", "productOffering": {"id": "ROAMING"}}
    answer = await upstream.post(make.draft(make.add("1", "MOBILE_PLAN", child)))
    assert answer.status_code == 400


async def test_a_mandatory_child_is_found_by_its_code_in_a_later_patch(start, make, catalog_path):
    upstream = await start(catalog_path=catalog_path)
    await upstream.post(make.draft(make.add("1", "MOBILE_PLAN")))
    sim = {"id": "2", "action": "modify", "productOffering": {"id": "SIM_CARD"}, "product": make.attributes(SIZE="x")}
    for _ in range(2):
        await patch(upstream, {"id": "1", "action": "modify", "productOrderItem": [sim]})
    assert shape(upstream)[1] == ("/MOBILE_PLAN/SIM_CARD", 1, {"SIZE": "x"})
    assert len(shape(upstream)) == 3


@pytest.mark.parametrize(
    ("code", "reason"),
    [("NOT_THERE", "Unknown product"), ("OLD", "No price list entry"), ("REFUSE_X", "Product refused")],
)
async def test_codes_that_cannot_be_ordered(start, make, catalog_path, code, reason):
    upstream = await start(catalog_path=catalog_path)
    answer = await upstream.post(make.draft(make.add("1", code)))
    assert (answer.status_code, answer.json()["reason"]) == (400, reason)
    assert answer.json()["message"].startswith("productOrderItem[0].productOffering.id:")


async def test_cardinality_and_structure_are_kept(start, make, catalog_path):
    upstream = await start(catalog_path=catalog_path)
    roaming = [make.add(str(number), "ROAMING") for number in range(2, 5)]
    refused = await upstream.post(make.draft(make.add("1", "MOBILE_PLAN", *roaming)))
    assert "only up to 2" in refused.json()["message"]
    wrong_place = await upstream.post(make.draft(make.add("1", "ROAMING", make.add("2", "SIM_CARD"))))
    assert wrong_place.status_code == 400
    assert (await upstream.post(make.draft(make.add("1", "MOBILE_PLAN", *roaming[:2])))).status_code == 201


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"ATTR_DAYS": "30", "ATTR_ON": "true"}, 201),
        ({"ATTR_DAYS": 30, "ATTR_ON": True}, 201),
        ({"ATTR_DAYS": "many"}, 400),
        ({"ATTR_DAYS": True}, 400),
        ({"ATTR_ON": "yes"}, 400),
        ({"ATTR_NOTE": "free", "UNKNOWN": "x"}, 201),
    ],
)
async def test_attribute_values_are_checked_against_their_type(start, make, catalog_path, values, status):
    upstream = await start(catalog_path=catalog_path)
    answer = await upstream.post(make.draft(make.add("1", "ROAMING", product=make.attributes(**values))))
    assert answer.status_code == status


# -- assets -------------------------------------------------------------------------------------------------------


async def test_an_order_from_assets(start, make):
    upstream = await start()
    item = {"id": "1", "action": "modify", "product": {"id": "ASSET-1"} | make.attributes(SPEED="500")}
    answer = await upstream.post(make.draft(item))
    assert answer.status_code == 201
    (line,) = upstream.ledger()[-1]["lines"]
    assert (line["action"], line["offering"], line["characteristics"]) == ("modify", None, {"SPEED": "500"})
    change = {"action": "modify", "product": {"id": "ASSET-1"} | make.attributes(SPEED="900")}
    assert (await patch(upstream, change, make.add("2", "NEW"))).status_code == 200
    assert [line["characteristics"] for line in upstream.ledger()[-1]["lines"]] == [{"SPEED": "900"}, {}]


@pytest.mark.parametrize(
    "extra",
    [
        {"id": "2", "action": "add", "productOffering": {"id": "NEW"}},
        {"id": "2", "action": "modify"},
        {"id": "2", "action": "delete", "product": {"id": "ASSET-2"}},
    ],
)
async def test_an_order_from_assets_takes_nothing_else(start, make, extra):
    upstream = await start()
    item = {"id": "1", "action": "modify", "product": {"id": "ASSET-1"}}
    assert (await upstream.post(make.draft(item, extra))).status_code == 400
    assert upstream.ledger() == []


# -- prices -------------------------------------------------------------------------------------------------------


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
