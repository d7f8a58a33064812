"""The trace of a translation: where each attribute went or why not, and where each of the order came from; never a value."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.render import render_whole
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.tracing.accounting import RULES
from gateway.ordering.tracing.explain import explain_text, trace, trace_document
from gateway.ordering.translation.translate import translate

MAPPINGS = Path(__file__).resolve().parents[4] / "mappings"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CART = {
    "id": "c1",
    "relatedParty": [{"id": "CD1", "role": "customer", "name": "Zaphod"}],
    "cartItem": [
        {"id": "1", "action": "add", "quantity": 2, "status": "active", "productOffering": {"id": "A"}, "gift": "Ford"},
        {"id": "2", "action": "add", "status": "saveForLater", "productOffering": {"id": "B"}},
    ],
}
REQUEST = {"description": "for Arthur", "externalId": "WEB-1"}


def traced(name):
    mapping = parse_mapping((MAPPINGS / f"{name}.toml").read_bytes(), f"{name}.toml")
    translation = translate(CART, REQUEST, mapping, now=NOW)
    return translation, mapping, trace(CART, REQUEST, translation, render_whole(translation.order, mapping, "gw1-m"))


def test_each_attribute_of_the_cart_says_where_it_went_or_why_not():
    _, _, entries = traced("salesforce-v4")
    document = trace_document(entries)
    went = {row["path"]: row["to"] or row["why"] for row in document["cart"]}
    assert went["cartItem[0].quantity"] == "productOrderItem[0].quantity"
    assert went["cartItem[0].status"] == "rule: order selection"
    assert went["cartItem[0].gift"] == "finding: dropped"
    assert went["cartItem[1].productOffering.id"] == "finding: left_behind"
    assert went["checkout.description"] == "description"
    assert went["checkout.externalId"] == "rule: checkout only"
    assert went["id"] == "rule: cart address"
    assert document["rule"] == RULES


def test_each_attribute_of_the_order_says_where_it_came_from():
    _, _, entries = traced("salesforce-v4")
    came = {row["path"]: row["from"] for row in trace_document(entries)["order"]}
    assert came["productOrderItem[0].productOffering.id"] == "cartItem[0].productOffering.id"
    assert came["relatedParty[0].@referredType"] == "default"
    assert came["requestedStartDate"] == "default"
    assert came["@type"] == "dialect"


def test_wrapped_attributes_are_followed_into_v5():
    _, _, entries = traced("tmf622-v5")
    went = {row["path"]: row["to"] for row in trace_document(entries)["cart"]}
    assert went["relatedParty[0].name"] == "relatedParty[0].partyOrPartyRole.name"
    assert went["id"] == "externalId[2].id"


def test_the_text_counts_like_attributes_together_and_tells_no_value():
    translation, mapping, entries = traced("tmf622-v4")
    text = explain_text(translation, plan(translation.order, mapping)[0], (), entries)
    assert "Where the cart's attributes went" in text
    assert "cartItem[].productOffering.id" in text
    assert "not sent, finding: left_behind" in text
    trace_part = text[text.index("Where the cart's attributes went") :]
    for value in ("Zaphod", "Ford", "Arthur", "CD1"):
        assert value not in trace_part


def test_without_a_trace_the_text_has_no_such_part():
    translation, _, _ = traced("tmf622-v4")
    assert "attributes went" not in explain_text(translation, None)


def test_equal_values_are_told_apart_by_where_they_are():
    price = {
        "name": "Plan",
        "priceType": "recurring",
        "price": {"dutyFreeAmount": {"money": {"unit": "EUR", "value": 9}}},
    }
    product = {"productPrice": [{"priceType": "oneTime", "priceAlteration": [{"priceType": "oneTime"}]}]}
    item = {"id": "1", "action": "add", "productOffering": {"id": "A"}, "product": product}
    cart = {"cartItem": [{**item, "itemPrice": [price], "totalItemPrice": [price]}]}
    mapping = parse_mapping((MAPPINGS / "tmf622-v4.toml").read_bytes(), "tmf622-v4.toml")
    translation = translate(cart, {}, mapping, now=NOW)
    assert translation.order is not None
    entries = trace(cart, {}, translation, render_whole(translation.order, mapping, "gw1-m"))
    went = {entry.source: entry.target.removeprefix("productOrderItem[0].") for entry in entries if entry.source}
    for name, target in (("itemPrice", "itemPrice"), ("totalItemPrice", "itemTotalPrice")):
        amount = f"cartItem[0].{name}[0].price.dutyFreeAmount.money.value"
        assert went[amount] == f"{target}[0].price.dutyFreeAmount.value"
        assert went[f"cartItem[0].{name}[0].name"] == f"{target}[0].name"
    altered = "cartItem[0].product.productPrice[0].priceAlteration[0].priceType"
    assert went[altered] == "product.productPrice[0].productPriceAlteration[0].priceType"


def test_values_that_are_equal_in_equal_places_are_one_of_the_order_each():
    def item(number):
        product = {"productCharacteristic": [{"name": name, "value": "same"} for name in ("a", "b")]}
        offering = {"href": "https://shop.example/productOffering/A", "id": "A"}
        notes = [{"text": "leave at the door", "author": "Ann"}]
        return {"id": number, "action": "Add", "productOffering": offering, "product": product, "note": notes}

    cart = {"relatedParty": [{"id": "CD1", "role": "customer"}], "cartItem": [item("1"), item("2")]}
    for name in ("salesforce-v4", "tmf622-v4", "tmf622-v5"):
        mapping = parse_mapping((MAPPINGS / f"{name}.toml").read_bytes(), f"{name}.toml")
        translation = translate(cart, {}, mapping, now=NOW)
        assert translation.order is not None
        entries = trace(cart, {}, translation, render_whole(translation.order, mapping, "gw1-m"))
        went = {entry.source: entry.target for entry in entries if entry.source}
        note = "note[{0}]" if name.endswith("v4") else "productOrderItem[{0}].note[0]"
        for at in (0, 1):
            assert went[f"cartItem[{at}].note[0].text"] == f"{note.format(at)}.text"
            assert went[f"cartItem[{at}].note[0].author"] == f"{note.format(at)}.author"
            assert went[f"cartItem[{at}].action"] == f"productOrderItem[{at}].action"
            values = f"item[{at}].product.productCharacteristic[1].value"
            assert went[f"cart{values[0].upper()}{values[1:]}"] == f"productOrder{values[0].upper()}{values[1:]}"
        assert len({*went.values()}) == len(went)


def test_the_text_counts_like_findings_together_and_refusals_one_by_one():
    item = {"action": "add", "quantity": 1, "productOffering": {"id": "A"}, "itemTerm": [{"name": "t"}]}
    cart = {
        "relatedParty": [{"id": "CD1", "role": "customer"}],
        "cartItem": [{**item, "id": str(number)} for number in (1, 2, 3)],
    }
    mapping = parse_mapping((MAPPINGS / "salesforce-v4.toml").read_bytes(), "salesforce-v4.toml")
    translation = translate(cart, {}, mapping, now=NOW)
    steps = plan(translation.order, mapping)[0]
    text = [line.split() for line in explain_text(translation, steps).splitlines()]
    assert ["warning", "dropped", "cartItem[].itemTerm", "3", "The"] in [line[:5] for line in text]
    assert ["info", "defaulted", "requestedStartDate", "1", "The"] in [line[:5] for line in text]
    assert ["1", "create", "3", "1", "to", "3"] in text
    for line in cart["cartItem"]:
        del line["productOffering"]
    refused = explain_text(translate(cart, {}, mapping, now=NOW), None)
    assert [f"cartItem[{at}]" in refused for at in range(3)] == [True, True, True]
    assert "cartItem[] " not in refused


def test_what_is_dropped_is_not_what_an_attribute_of_the_same_name_elsewhere_holds():
    amount = {"dutyFreeAmount": {"unit": "EUR", "value": 9}}
    valid = {"startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2027-01-01T00:00:00Z"}
    alteration = {"name": "A", "priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 1}}}
    alteration |= {"validFor": valid}
    price = {"priceType": "oneTime", "price": amount, "priceAlteration": [alteration]}
    item = {"id": "1", "action": "add", "productOffering": {"id": "A"}, "itemPrice": [price]}
    cart = {"relatedParty": [{"id": "CD1", "role": "customer"}], "cartItem": [item]}
    mapping = parse_mapping((MAPPINGS / "salesforce-v4.toml").read_bytes(), "salesforce-v4.toml")
    translation = translate(cart, {}, mapping, now=NOW)
    assert translation.order is not None
    entries = trace(cart, {}, translation, render_whole(translation.order, mapping, "gw1-m"))
    went = {entry.source: entry.target or entry.why for entry in entries if entry.source}
    unit = "priceAlteration[0].price.dutyFreeAmount.unit"
    assert went[f"cartItem[0].itemPrice[0].{unit}"] == f"productOrderItem[0].itemPrice[0].{unit}"
    for end in valid:
        told = f"cartItem[0].itemPrice[0].priceAlteration[0].validFor.{end}"
        assert went[told] == "productOrderItem[0].itemPrice[0].priceAlteration[0].description"
    assert went["cartItem[0].itemPrice[0].price.dutyFreeAmount.unit"] == "finding: dropped"
    assert went["cartItem[0].itemPrice[0].priceType"] == "finding: dropped"


def went_of(cart, request, name):
    mapping = parse_mapping((MAPPINGS / f"{name}.toml").read_bytes(), f"{name}.toml")
    translation = translate(cart, request, mapping, now=NOW)
    assert translation.order is not None, translation.findings
    entries = trace(cart, request, translation, render_whole(translation.order, mapping, "gw1-m"))
    return entries, {entry.source: (entry.target, entry.why) for entry in entries if entry.source}


def test_what_is_written_differently_is_followed_with_the_finding():
    alteration = {"priceType": "discount", "priceCondition": "new", "price": {"percentage": 5}}
    amount = {"money": {"unit": "EUR", "value": 9}, "taxRate": 20}
    price = {"priceType": "recurring", "recurringChargePeriod": "monthly", "price": {"taxIncludedAmount": amount}}
    related = {"type": "RelyOn", "cartItem": [{"id": "2"}]}
    items = [
        {
            "id": "1",
            "action": "no_change",
            "product": {"id": "p"},
            "cartItemRelationship": [related],
            "note": {"text": "A"},
            "itemPrice": [{**price, "priceAlteration": [alteration, alteration]}],
        },
        {"id": "2", "action": "add", "productOffering": {"id": "A"}, "note": {"text": "A"}},
    ]
    _, went = went_of({"cartItem": items}, {}, "tmf622-v4")
    first, price_of = "productOrderItem[0]", "productOrderItem[0].itemPrice[0]"
    assert went["cartItem[0].action"] == (f"{first}.action", "finding: converted")
    assert went["cartItem[0].cartItemRelationship[0].type"] == (
        f"{first}.productOrderItemRelationship[0].relationshipType",
        "finding: converted",
    )
    assert went["cartItem[0].itemPrice[0].recurringChargePeriod"] == (
        f"{price_of}.recurringChargePeriod",
        "finding: converted",
    )
    rate = "cartItem[0].itemPrice[0].price.taxIncludedAmount.taxRate"
    assert went[rate] == (f"{price_of}.price.taxRate", "finding: moved")
    for at in (0, 1):
        source, target = f"cartItem[0].itemPrice[0].priceAlteration[{at}]", f"{price_of}.priceAlteration[{at}]"
        assert went[f"{source}.priceCondition"] == (f"{target}.description", "finding: moved")
        assert went[f"{source}.priceType"] == (f"{target}.priceType", "")
        assert went[f"cartItem[{at}].note.text"] == (f"note[{at}].text", "finding: moved")


def test_a_value_that_happens_to_be_elsewhere_too_did_not_go_there():
    price = {"name": "Plan", "priceType": "recurring", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 9}}}
    alteration = {**price, "recurringChargePeriod": "month", "applicationDuration": 3}
    item = {"id": "1", "action": "add", "productOffering": {"id": "A"}}
    cart = {
        "id": "1",
        "relatedParty": [{"id": "CD1", "role": "customer"}],
        "cartItem": [{**item, "itemPrice": [{**price, "priceAlteration": [alteration]}]}],
    }
    _, went = went_of(cart, {}, "salesforce-v4")
    assert went["id"] == ("", "rule: cart address")
    assert went["cartItem[0].itemPrice[0].price.dutyFreeAmount.unit"] == ("", "finding: dropped")
    assert went["cartItem[0].itemPrice[0].priceAlteration[0].price.dutyFreeAmount.unit"][0].endswith("unit")


def test_a_place_of_the_request_is_followed_to_each_item_that_gets_it():
    own = {"place": [{"id": "own", "role": "delivery"}]}
    cart = {
        "cartItem": [
            {"id": "1", "action": "add", "productOffering": {"id": "A"}, "product": own},
            {"id": "2", "action": "add", "productOffering": {"id": "A"}},
            {"id": "3", "action": "add", "productOffering": {"id": "A"}},
        ]
    }
    entries, went = went_of(cart, {"place": [{"id": "home", "role": "delivery"}]}, "tmf622-v5")
    targets = {entry.target for entry in entries if entry.source == "checkout.place[0].id"}
    assert targets == {f"productOrderItem[{at}].product.place[0].place.id" for at in (1, 2)}
    assert went["cartItem[0].product.place[0].role"] == ("productOrderItem[0].product.place[0].role", "")


def test_what_stays_behind_or_is_replaced_is_not_what_is_there_instead():
    saved = {"id": "1.1", "action": "add", "quantity": 1, "status": "saveForLater", "productOffering": {"id": "B"}}
    item = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "A"}, "cartItem": [saved]}
    notes = [{"text": "kept", "author": "Ann"}, {"author": "Ann"}]
    cart = {"relatedParty": [{"id": "CD1", "role": "customer"}], "cartItem": [{**item, "note": notes}]}
    request = {"relatedParty": [{"id": "CD2", "role": "customer"}]}
    mapping = parse_mapping((MAPPINGS / "tmf622-v4.toml").read_bytes(), "tmf622-v4.toml")
    translation = translate(cart, request, mapping, now=NOW)
    assert translation.order is not None
    entries = trace(cart, request, translation, render_whole(translation.order, mapping, "gw1-m"))
    went = {entry.source: entry.target or entry.why for entry in entries if entry.source}
    assert went["cartItem[0].cartItem[0].action"] == "finding: left_behind"
    assert went["cartItem[0].cartItem[0].quantity"] == "finding: left_behind"
    assert went["cartItem[0].note[1].author"] == "finding: dropped"
    assert went["relatedParty[0].role"] == "finding: overridden"
    assert went["checkout.relatedParty[0].role"] == "relatedParty[0].role"
