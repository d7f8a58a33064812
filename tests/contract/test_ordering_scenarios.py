"""Every scenario that the order system documents, played against one that refuses what it would refuse.

Each test is a cart, played twice: by the pure stages and an HTTP client (its calls are all accepted, every line is found again
after each), and through the whole gateway (posted, checked out, sent by the worker). The order's lines are the cart's.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from ordering_gateway import assert_lines_of_cart, gateway_player
from ordering_play import NOW, player, shipped, tree

from gateway.ordering.calls.plan import plan
from gateway.ordering.mapping.catalogue import Catalogue
from gateway.ordering.translation.translate import translate

CATALOG = """
[[product]]
code = "MOBILE_PLAN"
child = [{code = "SIM_CARD", minimum = 1, maximum = 1}, {code = "ROAMING", maximum = 200}]
[[product]]
code = "BROADBAND_GAMING"
child = [{code = "INTERNET_ACCESS", minimum = 1}, {code = "CPE", minimum = 1}]
[[product]]
code = "SIM_CARD"
[[product]]
code = "ROAMING"
[[product]]
code = "INTERNET_ACCESS"
[[product]]
code = "CPE"
[[product]]
code = "IPHONE_16"
"""
MANDATORY = {"MOBILE_PLAN": frozenset({"SIM_CARD"}), "BROADBAND_GAMING": frozenset({"INTERNET_ACCESS", "CPE"})}


def salesforce(**limits):
    """The mapping, with the mandatory children from the file beside it."""
    mapping = shipped("salesforce-v4", **limits)
    return replace(mapping, tables=replace(mapping.tables, catalogue=Catalogue(mandatory=MANDATORY)))


def item(item_id, code, *children, **more):
    made = {"id": item_id, "action": "add", "quantity": 1, "productOffering": {"id": code}, **more}
    return made | ({"cartItem": list(children)} if children else {})


def installed(item_id, asset, *children, action="modify", **more):
    made = {"id": item_id, "action": action, "product": {"id": asset}, **more}
    return made | ({"cartItem": list(children)} if children else {})


def attributes(**values):
    return {"productCharacteristic": [{"name": name, "value": value} for name, value in values.items()]}


def cart(*items):
    return {"id": "c", "relatedParty": [{"id": "CD1", "role": "customer"}], "cartItem": list(items)}


def halved(months):
    alteration = {
        "name": "Half", "priceType": "recurring", "recurringChargePeriod": "month", "applicationDuration": months,
        "price": {"percentage": 50},
    }  # fmt: skip
    return {
        "itemPrice": [{"priceType": "recurring", "recurringChargePeriod": "month", "priceAlteration": [alteration]}]
    }


@pytest.fixture(params=[player, gateway_player], ids=["stages", "gateway"])
async def sandbox(request, tmp_path):
    async with request.param(tmp_path, "salesforce-v4", catalog=CATALOG) as one:
        yield one


@pytest.fixture(params=[player, gateway_player], ids=["stages", "gateway"])
async def open_sandbox(request, tmp_path):
    """An order system without a catalogue: installed products of any code."""
    async with request.param(tmp_path, "salesforce-v4") as one:
        yield one


async def test_simple_items(sandbox):
    played = await sandbox.play(cart(item("1", "IPHONE_16", quantity=3), item("2", "ROAMING")), salesforce())
    assert played.kinds == ["create", "submit"]
    assert tree(played.lines) == [("/IPHONE_16", "add", 3, {}, 0), ("/ROAMING", "add", 1, {}, 0)]


async def test_several_roots_with_mandatory_children(sandbox):
    mobile = item("1", "MOBILE_PLAN", item("1.1", "SIM_CARD", product=attributes(SIZE="nano")))
    router = item("2.2", "CPE", product=attributes(ROLE="Router"))
    broadband = item("2", "BROADBAND_GAMING", item("2.1", "INTERNET_ACCESS"), router)
    played = await sandbox.play(cart(mobile, broadband), salesforce())
    (body, _) = played.bodies
    children = [child for root in body["productOrderItem"] for child in root["productOrderItem"]]
    assert {child["action"] for child in children} == {"modify"}, "mandatory children are never added"
    assert [(path, values) for path, _, _, values, _ in tree(played.lines)] == [
        ("/BROADBAND_GAMING", {}), ("/BROADBAND_GAMING/CPE", {"ROLE": "Router"}), ("/BROADBAND_GAMING/INTERNET_ACCESS", {}),
        ("/MOBILE_PLAN", {}), ("/MOBILE_PLAN/SIM_CARD", {"SIZE": "nano"}),
    ]  # fmt: skip


async def test_a_mandatory_child_more_often_than_it_appears(sandbox):
    routers = [item(f"1.{role}", "CPE", product=attributes(ROLE=role)) for role in ("Router", "Repeater", "Booster")]
    bundle = item("1", "BROADBAND_GAMING", item("1.1", "INTERNET_ACCESS"), *routers)
    played = await sandbox.play(cart(bundle), salesforce())
    children = played.bodies[0]["productOrderItem"][0]["productOrderItem"]
    assert [child["action"] for child in children] == ["modify", "modify", "add", "add"], (
        "one of each appears by itself"
    )
    assert sorted(values["ROLE"] for path, _, _, values, _ in tree(played.lines) if path.endswith("/CPE")) == [
        "Booster",
        "Repeater",
        "Router",
    ]


async def test_a_mandatory_child_that_the_cart_does_not_name_appears_all_the_same(sandbox):
    played = await sandbox.play(cart(item("1", "MOBILE_PLAN", item("1.1", "ROAMING"))), salesforce())
    assert [path for path, *_ in tree(played.lines)] == [
        "/MOBILE_PLAN",
        "/MOBILE_PLAN/ROAMING",
        "/MOBILE_PLAN/SIM_CARD",
    ]


async def test_the_same_product_many_times(sandbox):
    colours = ["White", "Black", "White", "Pink"]
    items = [item(str(number), "IPHONE_16", product=attributes(COLOR=colour)) for number, colour in enumerate(colours)]
    played = await sandbox.play(cart(*items), salesforce(items_max=2))
    assert sorted(line["characteristics"]["COLOR"] for line in played.lines) == sorted(colours)
    assert len(played.line_ids) == 4


async def test_a_large_bundle_in_one_post_and_several_patches(sandbox):
    children = [item(f"1.{number}", "ROAMING", product=attributes(DAYS=str(number))) for number in range(120)]
    mandatory = item("1.sim", "SIM_CARD", product=attributes(SIZE="nano"))
    played = await sandbox.play(cart(item("1", "MOBILE_PLAN", *children, mandatory)), salesforce())
    assert played.kinds == ["create", "add", "add", "submit"]
    assert [body.get("submitCart") for body in played.bodies] == [False, False, False, None]
    assert len(played.lines) == 122
    assert all(entry["effect"] == "changed" for entry in played.ledger[1:-1])


async def test_bundles_with_optional_children_added_by_patch(sandbox):
    roots = [item(str(n), "MOBILE_PLAN", item(f"{n}.1", "ROAMING"), item(f"{n}.2", "SIM_CARD")) for n in range(4)]
    played = await sandbox.play(cart(*roots), salesforce(items_max=6))
    assert played.kinds == ["create", "add", "submit"]
    assert len(played.lines) == 12


async def test_prices_are_altered_one_line_at_a_time(sandbox):
    plans = item("1", "MOBILE_PLAN", item("1.1", "SIM_CARD", **halved(6)), item("1.2", "ROAMING"), **halved(3))
    played = await sandbox.play(cart(plans, item("2", "IPHONE_16", **halved(1))), salesforce())
    assert played.kinds == ["create", "price", "price", "price", "submit"]
    prices = [body["productOrderItem"] for body in played.bodies[1:4]]
    assert all(len(one) == 1 and "orderLineItemId" in one[0] and "action" not in one[0] for one in prices)
    assert sum(altered for *_, altered in tree(played.lines)) == 3


@pytest.mark.parametrize("altered_prices", ["merged", "separate"])
async def test_a_recurring_and_a_one_time_price_of_one_line_are_altered_in_one_call(tmp_path, altered_prices):
    mapping = salesforce()
    mapping = replace(mapping, price=replace(mapping.price, altered_prices=altered_prices))
    once = {"priceType": "oneTime", "priceAlteration": [{"name": "Free set-up", "price": {"percentage": 100}}]}
    both = {"itemPrice": [*halved(6)["itemPrice"], once]}
    async with player(tmp_path, "salesforce-v4", catalog=CATALOG) as sandbox:
        played = await sandbox.play(cart(item("1", "IPHONE_16", **both)), mapping)
    assert played.kinds == ["create", "price", "submit"]
    ((line,),) = [played.lines]
    told = [(one["priceType"], one.get("recurringChargePeriod")) for one in line["alterations"]]
    assert told == [("recurring", "month"), ("oneTime", None)]


async def test_an_order_from_an_asset(open_sandbox):
    played = await open_sandbox.play(
        cart(installed("1", "A1", product={"id": "A1", **attributes(SPEED="500")})), salesforce()
    )
    assert played.kinds == ["create", "submit"]
    ((line,),) = [played.lines]
    assert (line["action"], line["characteristics"]) == ("modify", {"SPEED": "500"})


async def test_an_asset_and_a_new_product_are_never_in_one_post(open_sandbox):
    asset = installed("1", "A1", product={"id": "A1", **attributes(SPEED="500")}, quantity=2)
    played = await open_sandbox.play(
        cart(item("2", "NEW", product=attributes(X="1")), asset, item("3", "NEW")), salesforce()
    )
    first, second, _ = played.bodies
    assert [one["action"] for one in first["productOrderItem"]] == ["modify"]
    assert [one["action"] for one in second["productOrderItem"]] == ["add", "add"]
    assert second["submitCart"] is False
    assert tree(played.lines) == [
        ("/NEW", "add", 1, {"X": "1"}, 0), ("/NEW", "add", 1, {}, 0), ("/None", "modify", 2, {"SPEED": "500"}, 0),
    ]  # fmt: skip


async def test_only_the_root_asset_is_in_the_post(open_sandbox):
    """Children of the installed bundle are changed, added and removed by PATCH beneath the line of their root."""
    changed = installed("1.1", "A1-1", product={"id": "A1-1", **attributes(SIZE="esim")})
    removed = installed("1.2", "A1-2", action="delete")
    added = item("1.3", "ROAMING", item("1.3.1", "DETAIL"))
    root = installed("1", "A1", changed, removed, added)
    played = await open_sandbox.play(cart(root, installed("2", "A2")), salesforce())
    first, second, _ = played.bodies
    assert [(one["product"]["id"], "productOrderItem" in one) for one in first["productOrderItem"]] == [
        ("A1", False),
        ("A2", False),
    ]
    (carrier,) = second["productOrderItem"]
    assert (carrier["action"], len(carrier["productOrderItem"])) == ("modify", 3)
    actions = {path: action for path, action, *_ in tree(played.lines)}
    assert sorted(line["action"] for line in played.lines) == ["add", "add", "delete", "modify", "modify", "modify"]
    assert actions["/None/ROAMING/DETAIL"] == "add"


async def test_new_products_beneath_an_installed_child_are_split(open_sandbox):
    added = [item(f"1.1.{number}", f"ROAMING-{number}") for number in range(9)]
    gone = installed("1.2", "A1-2", installed("1.2.1", "A1-2-1", action="delete"), action="delete")
    root = installed("1", "A1", installed("1.1", "A1-1", *added), gone)
    played = await open_sandbox.play(cart(root), salesforce(items_max=4))
    assert played.kinds[:3] == ["create", "add", "add"]
    found = tree(played.lines)
    assert sum(path.startswith("/None/None/ROAMING-") for path, *_ in found) == 9
    assert [(path, action) for path, action, *_ in found if action != "add"] == [
        ("/None", "modify"),
        ("/None/None", "delete"),
        ("/None/None", "modify"),
        ("/None/None/None", "delete"),
    ]


async def test_a_product_that_is_kept_carries_what_is_added_beneath_it(open_sandbox):
    root = installed("1", "A1", item("1.1", "ROAMING"), action="noChange")
    played = await open_sandbox.play(cart(root, installed("2", "A2", action="noChange")), salesforce())
    assert played.kinds == ["create", "add", "submit"]
    assert [(path, action) for path, action, *_ in tree(played.lines)] == [
        ("/None", "modify"),
        ("/None/ROAMING", "add"),
    ]


async def test_many_children_beneath_assets_are_split(open_sandbox):
    roots = [installed(f"{n}", f"A{n}", *(item(f"{n}.{child}", f"P{child}") for child in range(7))) for n in range(3)]
    played = await open_sandbox.play(cart(*roots, item("9", "NEW")), salesforce(items_max=6))
    assert played.kinds[0] == "create"
    assert len(played.bodies[0]["productOrderItem"]) == 3
    assert len(played.lines) == 25


def test_removing_an_installed_product_by_itself_is_refused_in_words():
    result = translate(cart(installed("1", "A1", action="delete")), {}, salesforce(), now=NOW)
    assert [(one.code, one.path) for one in result.findings if one.severity == "error"] == [
        ("unsupported_action", "cartItem[0].action")
    ]


def test_more_assets_than_one_call_holds_are_refused_in_words():
    order = translate(
        cart(*(installed(str(n), f"A{n}", quantity=2) for n in range(5))), {}, salesforce(), now=NOW
    ).order
    planned, findings = plan(order, salesforce(items_max=4))
    assert planned is None
    assert [finding.code for finding in findings] == ["does_not_fit"]


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines.pop(),
        lambda lines: lines.append({**lines[-1], "id": "802-more"}),
        lambda lines: lines[-1].update(action="delete"),
        lambda lines: lines[-1].update(quantity=2),
        lambda lines: lines[-1].update(parent=None),
        lambda lines: lines[-1].update(characteristics={"SIZE": "esim"}),
        lambda lines: lines[0].update(alterations=[]),
    ],
    ids=["lost", "twice", "action", "quantity", "parent", "characteristic", "alteration"],
)
def test_an_order_that_differs_from_its_cart_is_not_taken_for_it(change):
    ordered = cart(item("1", "MOBILE_PLAN", item("1.1", "SIM_CARD"), item("1.2", "ROAMING"), **halved(3)))
    lines = [
        {"id": number, "parent": parent, "offering": code, "action": "add", "quantity": 1, "characteristics": {}}
        for number, parent, code in (("1", None, "MOBILE_PLAN"), ("2", "1", "SIM_CARD"), ("3", "1", "ROAMING"))
    ]
    lines = [{**line, "alterations": [{}] if line["id"] == "1" else []} for line in lines]
    assert_lines_of_cart(ordered, salesforce(), lines)
    change(lines)
    with pytest.raises(AssertionError):
        assert_lines_of_cart(ordered, salesforce(), lines)
