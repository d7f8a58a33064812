"""What an order of v4 does not know is not sent in one, at any depth; the tables of the standard's names are the official files'."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from gateway.ordering.calls.render import render_whole
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.translation.translate import translate
from gateway.ordering.v5.standard import _PARTS, HEADER_PARTS, ITEM_PARTS
from gateway.tmf.json import encode_json

ROOT = Path(__file__).resolve().parents[4]
SPECS = ROOT / ".." / "shared" / "specs"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TYPES = {"@type", "@baseType", "@schemaLocation", "@referredType", "@r17", "@v5"}


def mapping(name: str, **changes: Any):
    loaded = parse_mapping((ROOT / "mappings" / f"{name}.toml").read_bytes(), f"{name}.toml")
    return replace(loaded, **changes)


def ordered(name: str, item: dict[str, Any], request: dict[str, Any] | None = None, **more: Any):
    """Return the order, and the findings as path to code."""
    changes = {key: more.pop(key) for key in ("unknown_attributes", "order") if key in more}
    by = mapping(name, **changes)
    cart = {
        "relatedParty": [{"id": "C1", "role": "customer", "@referredType": "Individual"}],
        "cartItem": [{"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "A"}, **item}],
        **more,
    }
    translation = translate(cart, request or {}, by, now=NOW)
    assert translation.order is not None, translation.findings
    told = {finding.path: finding.code for finding in translation.findings}
    return render_whole(translation.order, by, "gw1-m"), told


V5_WORDS = [
    ({"productOffering": {"id": "A", "version": "v-1"}}, "productOffering.version"),
    ({"product": {"intent": {"id": "v-1"}}}, "product.intent"),
    ({"product": {"creationDate": "2026-01-01T00:00:00Z", "name": "n"}}, "product.creationDate"),
    ({"product": {"billingAccount": {"id": "b", "ratingType": "v-1"}}}, "product.billingAccount.ratingType"),
    ({"product": {"productOffering": {"id": "A", "version": "v-1"}}}, "product.productOffering.version"),
    ({"product": {"product": [{"intent": {"id": "v-1"}}]}}, "product.product[0].intent"),
    ({"product": {"relatedParty": [{"id": "p", "role": "user", "@referredType": "Individual", "partyId": "v-1"}]}},
     "product.relatedParty[0].partyId"),
    ({"product": {"productCharacteristic": [{"name": "c", "value": "w", "id": "v-1"}]}}, "product.productCharacteristic[0].id"),
    ({"product": {"place": [{"role": "r", "city": "v-1"}]}}, "product.place[0].city"),
    ({"product": {"place": [{"role": "r", "place": {"@type": "GeographicAddress", "city": "v-1"}}]}},
     "product.place[0].place.city"),
    ({"itemPrice": [{"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 1}},
                     "productOfferingPrice": {"id": "p", "version": "v-1"}}]}, "itemPrice[0].productOfferingPrice.version"),
    ({"appointment": {"id": "a", "name": "v-1"}}, "appointment.name"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "path"), V5_WORDS)
def test_words_of_v5_are_told_and_not_sent_in_an_order_of_v4(item, path):
    order, told = ordered("tmf622-v4", item)
    assert told[f"cartItem[0].{path}"] == "dropped"
    assert b"v-1" not in encode_json(order)


@pytest.mark.parametrize(("item", "path"), [each for each in V5_WORDS if "place[0].city" not in each[1]])
def test_words_of_v5_are_sent_in_an_order_of_v5(item, path):
    order, told = ordered("tmf622-v5", item)
    assert f"cartItem[0].{path}" not in told
    sent = encode_json(order)
    assert b"v-1" in sent or b"2026-01-01" in sent


@pytest.mark.parametrize("name", ["tmf622-v4", "tmf622-v5"])
@pytest.mark.parametrize(
    ("item", "path"),
    [
        ({"giftWrap": "own-1"}, "cartItem[0].giftWrap"),
        ({"productOffering": {"id": "A", "campaign": "own-1"}}, "cartItem[0].productOffering.campaign"),
        ({"product": {"engraving": "own-1", "name": "n"}}, "cartItem[0].product.engraving"),
        ({"product": {"product": [{"name": "n", "engraving": "own-1"}]}}, "cartItem[0].product.product[0].engraving"),
        ({"product": {"productCharacteristic": [{"name": "c", "value": "w", "unit": "own-1"}]}},
         "cartItem[0].product.productCharacteristic[0].unit"),
    ],
)  # fmt: skip
def test_attributes_of_ones_own_are_kept_or_dropped_as_the_mapping_says(item, path, name):
    kept, told = ordered(name, item)
    assert b"own-1" in encode_json(kept)
    assert path not in told
    dropped, told = ordered(name, item, unknown_attributes="drop")
    assert b"own-1" not in encode_json(dropped)
    assert told[path] == "dropped"


@pytest.mark.parametrize("name", ["tmf622-v4", "tmf622-v5"])
def test_attributes_of_ones_own_at_the_head_travel_as_those_of_items_do(name):
    order, told = ordered(name, {}, {"campaign": {"id": "own-2"}}, projectId="own-1")
    assert (order["projectId"], order["campaign"]) == ("own-1", {"id": "own-2"})
    assert "projectId" not in told
    order, told = ordered(name, {}, {"campaign": "own-2"}, projectId="own-1", unknown_attributes="drop")
    assert b"own-" not in encode_json(order)
    assert (told["projectId"], told["checkout.campaign"]) == ("dropped", "dropped")
    assert "own-1" not in str(ordered("salesforce-v4", {}, projectId="own-1")[0])
    assert ordered("salesforce-v4", {}, projectId="own-1")[1]["projectId"] == "dropped"


@pytest.mark.parametrize("name", ["salesforce-v4", "tmf622-v4", "tmf622-v5"])
@pytest.mark.parametrize(
    "attribute",
    ["state", "State", "productOrderItem", "submitCart", "requestedInitialState", "orderDate", "completionDate"],
)
def test_nothing_of_a_cart_or_request_steers_the_order(attribute, name):
    order, told = ordered(name, {}, **{attribute: "own-1"})
    assert b"own-1" not in encode_json(order)
    assert told[attribute] == "dropped"


def test_what_a_cart_says_of_its_own_checkouts_is_not_sent():
    order, told = ordered("tmf622-v4", {}, checkoutState="open", checkout={"id": "1"})
    assert "checkoutState" not in order
    assert told["checkoutState"] == told["checkout"] == "dropped"


def test_external_ids_of_v5_go_beside_the_marker_and_one_is_told_where_the_marker_is():
    given = [{"owner": "ACME", "externalIdentifierType": "POnumber", "id": "456"}, {"id": "789"}]
    order, told = ordered("tmf622-v5", {}, {"externalId": given}, externalId="PO-1", id="cart-1")
    assert [(one.get("owner"), one["externalIdentifierType"], one["id"]) for one in order["externalId"][1:]] == [
        ("ACME", "POnumber", "456"),
        (None, "ProductOrder", "789"),
        (None, "ShoppingCart", "PO-1"),
        ("tmf-checkout-gateway", "ShoppingCart", "cart-1"),
    ]
    _, told = ordered("tmf622-v4", {}, {"externalId": given}, externalId="PO-1")
    assert [told[path] for path in ("checkout.externalId[0]", "checkout.externalId[1]", "externalId")] == ["marker"] * 3


def test_a_relation_to_another_order_has_a_place_in_v5():
    related = [{"id": "00001", "relationshipType": "amends", "@referredType": "ProductOrder"}]
    order, _ = ordered("tmf622-v5", {}, {"orderRelationship": related})
    assert order["orderRelationship"] == [{"@type": "OrderRelationship", **related[0]}]
    order, told = ordered("tmf622-v4", {}, {"orderRelationship": related})
    assert "orderRelationship" not in order
    assert told["checkout.orderRelationship"] == "dropped"


@pytest.mark.parametrize("kind", ["GeographicAddressRef", "GeographicSiteRef", "ShopRef"])
def test_the_kind_of_a_place_is_not_lost_towards_v5(kind):
    place = {"@type": kind, "id": "addr-1", "role": "INSTALL_LOCATION"}
    order, told = ordered("tmf622-v5", {"product": {"place": [place]}})
    sent = order["productOrderItem"][0]["product"]["place"][0]["place"]
    assert (sent["@type"], sent["@referredType"]) == ("PlaceRef", kind.removesuffix("Ref"))
    assert told["cartItem[0].product.place[0].@type"] == "converted"


@pytest.mark.parametrize("name", ["salesforce-v4", "tmf622-v4", "tmf622-v5"])
def test_an_own_id_of_v5s_wrapper_is_told_and_the_partys_is_sent(name):
    inner = {"@type": "PartyRef", "id": "party-9", "@referredType": "Individual"}
    flat = {"id": "party-9", "role": "customer", "@referredType": "Individual", "@v5": {"id": "rp-1"}}
    wrapped = {"id": "rp-1", "role": "customer", "partyOrPartyRole": inner}
    for party, path in ((wrapped, "relatedParty[0].id"), (flat, "relatedParty[0].@v5.id")):
        order, told = ordered(name, {}, relatedParty=[party])
        assert told[path] == "dropped"
        assert b"party-9" in encode_json(order)
        assert b"rp-1" not in encode_json(order)


def names_of(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    found = set(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        if "$ref" in part:
            found |= names_of(document, document[part["$ref"].rpartition("/")[2]])
        else:
            found |= names_of(document, part)
    return found


OFFICIAL = {
    "productOffering": ("ProductOfferingRef", "ProductOfferingRef_FVO"),
    "reference": ("ProductOfferingPriceRef", "ProductOfferingPriceRef_FVO"),
    "billingAccount": ("BillingAccountRef", "BillingAccountRef_FVO"),
    "appointment": ("AppointmentRef", "AppointmentRef_FVO"),
    "characteristic": ("Characteristic", "StringCharacteristic_FVO"),
    "product": ("ProductRefOrValue", "Product_FVO"),
    "party": ("RelatedParty", "PartyRoleRef_FVO"),
    "note": ("Note", "Note_FVO"),
    "itemTerm": ("OrderTerm", "OrderTerm_FVO"),
    "agreement": ("AgreementRef", "AgreementRef_FVO"),
    "relatedItem": ("RelatedProductOrderItem", "RelatedOrderItem_FVO"),
    "productSpecification": ("ProductSpecificationRef", "ProductSpecificationRef_FVO"),
    "place": ("RelatedPlaceRefOrValue", "GeographicAddress_FVO"),
}


@pytest.fixture(scope="module")
def official() -> tuple[dict[str, Any], dict[str, Any]]:
    v4, v5 = SPECS / "TMF622-ProductOrder-v4.0.0.swagger.json", SPECS / "TMF622-ProductOrdering-v5.0.0.oas.yaml"
    if not (v4.exists() and v5.exists()):
        pytest.skip("the official API files of TMF622 are not beside the repository")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    new = yaml.load(v5.read_text("utf-8"), Loader=loader)  # noqa: S506 -- both are safe loaders
    return json.loads(v4.read_text("utf-8"))["definitions"], new["components"]["schemas"]


@pytest.mark.parametrize("part", OFFICIAL)
def test_the_tables_say_what_the_official_files_say(part, official):
    v4, v5 = official
    old, new = OFFICIAL[part]
    table = _PARTS[part]
    assert names_of(v4, v4[old]) - TYPES <= table.known, "an order of v4 has this attribute"
    only_new = names_of(v5, v5[new]) - names_of(v4, v4[old]) - TYPES
    # Some are names of v5 for what v4 has under another: those are translated.
    assert only_new <= table.of_v5 | table.known
    assert not table.of_v5 & names_of(v4, v4[old])


def test_the_items_and_the_head_are_those_of_the_official_file(official):
    v4, _ = official
    elsewhere = {"id", "quantity", "action", "productOrderItem", "productOrderItemRelationship", *TYPES}
    assert names_of(v4, v4["ProductOrderItem"]) - elsewhere <= set(ITEM_PARTS)
    assert set(HEADER_PARTS) <= names_of(v4, v4["ProductOrder_Create"])
