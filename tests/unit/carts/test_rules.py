from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.carts.rules import check_cart, item_ids, written_cart
from gateway.errors import BodyTooLargeError, InvalidBodyError
from gateway.settings import CartSettings
from gateway.tmf.json import decode_json

LIMITS = CartSettings()


def problems_of(document: dict[str, Any], limits: CartSettings = LIMITS) -> dict[str, str]:
    try:
        check_cart(document, limits)
    except InvalidBodyError as error:
        return {problem.path: problem.message for problem in error.problems}
    return {}


def in_item(**attributes: Any) -> dict[str, Any]:
    return {"cartItem": [attributes]}


ALTERATION = {"priceType": "discount", "price": {"percentage": 50}, "applicationDuration": 3, "priority": 1}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"cartItem": []},
        in_item(action="add", quantity=1, productOffering={"id": "14277"}),
        in_item(action="noChange", status="saveForLater", product={"id": "1", "href": "/1"}),
        in_item(status="savedForLater"),
        in_item(quantity=1_000_000),
        in_item(itemPrice=[{"price": {"taxIncludedAmount": {"unit": "EUR", "value": Decimal("-19.90")}}}]),
        in_item(itemPrice=[{"priceAlteration": [ALTERATION]}]),
        in_item(product={"productCharacteristic": [{"name": "color", "value": {"any": ["thing", 1]}}]}),
        in_item(note=[{"text": "hello", "date": "2017-03-27T00:00"}]),
        {"relatedParty": [{"id": "1", "@referredType": "Individual"}, {"name": "n"}, {"href": "/x"}]},
        {"contactMedium": [{"mediumType": "email", "preferred": True, "characteristic": {"emailAddress": "a@b.c"}}]},
        {"validFor": {"startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2026-01-01T01:00:00+01:00"}},
        {"vendorAttribute": {"quantity": "anything", "cartItem": "text"}, "another": None},
    ],
)
def test_carts_that_are_fine(document: dict[str, Any]) -> None:
    assert problems_of(document) == {}


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"cartItem": {}}, "cartItem"),
        ({"cartItem": ["x"]}, "cartItem[0]"),
        ({"cartItem": [None]}, "cartItem[0]"),
        (in_item(id=7.5), "cartItem[0].id"),
        (in_item(id=""), "cartItem[0].id"),
        (in_item(id="a\nb"), "cartItem[0].id"),
        (in_item(action="no_change"), "cartItem[0].action"),
        (in_item(action="Add"), "cartItem[0].action"),
        (in_item(action=["add"]), "cartItem[0].action"),
        (in_item(status="gone"), "cartItem[0].status"),
        (in_item(quantity=0), "cartItem[0].quantity"),
        (in_item(quantity=1_000_001), "cartItem[0].quantity"),
        (in_item(quantity=Decimal("1.0")), "cartItem[0].quantity"),
        (in_item(quantity="1"), "cartItem[0].quantity"),
        (in_item(quantity=True), "cartItem[0].quantity"),
        (in_item(cartItem=[in_item(quantity=0)]), "cartItem[0].cartItem[0].cartItem[0].quantity"),
        (in_item(itemPrice={}), "cartItem[0].itemPrice"),
        (in_item(itemPrice=[{"price": "5"}]), "cartItem[0].itemPrice[0].price"),
        (
            in_item(itemPrice=[{"price": {"dutyFreeAmount": {"unit": "EUR", "value": "5"}}}]),
            "cartItem[0].itemPrice[0].price.dutyFreeAmount.value",
        ),
        (
            in_item(itemPrice=[{"price": {"dutyFreeAmount": {"unit": 5, "value": True}}}]),
            "cartItem[0].itemPrice[0].price.dutyFreeAmount.value",
        ),
        (in_item(itemPrice=[{"priceAlteration": {}}]), "cartItem[0].itemPrice[0].priceAlteration"),
        (
            in_item(itemPrice=[{"priceAlteration": [{"applicationDuration": -1}]}]),
            "cartItem[0].itemPrice[0].priceAlteration[0].applicationDuration",
        ),
        (in_item(ItemTotalPrice=[1]), "cartItem[0].ItemTotalPrice[0]"),
        (in_item(productOffering={"id": 5.5}), "cartItem[0].productOffering.id"),
        (in_item(productOffering={"name": "n"}), "cartItem[0].productOffering"),
        (in_item(productOffering=[]), "cartItem[0].productOffering"),
        (in_item(product="p"), "cartItem[0].product"),
        (in_item(product={"product": [{"isBundle": "yes"}]}), "cartItem[0].product.product[0].isBundle"),
        (
            in_item(product={"productCharacteristic": [{"value": 1}]}),
            "cartItem[0].product.productCharacteristic[0].name",
        ),
        (in_item(note={"text": "t"}), "cartItem[0].note"),
        (in_item(note=[{"date": "yesterday"}]), "cartItem[0].note[0].date"),
        (in_item(cartItemRelationship=[{"id": 1.5}]), "cartItem[0].cartItemRelationship[0].id"),
        (in_item(itemTerm=[{"duration": {"amount": "1"}}]), "cartItem[0].itemTerm[0].duration.amount"),
        ({"relatedParty": [{}]}, "relatedParty[0]"),
        ({"relatedParty": [{"role": "customer"}]}, "relatedParty[0]"),
        ({"relatedParty": {"id": "1"}}, "relatedParty"),
        ({"contactMedium": [{"preferred": "true"}]}, "contactMedium[0].preferred"),
        ({"contactMedium": [{"characteristic": {"emailAddress": 1}}]}, "contactMedium[0].characteristic.emailAddress"),
        ({"cartTotalPrice": [{"name": 5}]}, "cartTotalPrice[0].name"),
        ({"validFor": {"endDateTime": 5}}, "validFor.endDateTime"),
        ({"validFor": {"startDateTime": "0001-01-01T00:00:00+23:00"}}, "validFor.startDateTime"),
        (
            {"validFor": {"startDateTime": "2026-01-02T00:00:00Z", "endDateTime": "2026-01-01T00:00:00"}},
            "validFor.endDateTime",
        ),
        ({"@type": 5}, "@type"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(document: dict[str, Any], path: str) -> None:
    assert path in problems_of(document)


def test_every_problem_is_reported_at_once() -> None:
    document = {"cartItem": [{"quantity": 0, "action": "buy"}, {"status": 1}], "relatedParty": 7}

    assert set(problems_of(document)) == {
        "cartItem[0].quantity",
        "cartItem[0].action",
        "cartItem[1].status",
        "relatedParty",
    }


def test_messages_never_quote_values() -> None:
    document = {
        "relatedParty": [{"id": 1, "name": ["Erika Mustermann"]}],
        **in_item(quantity="4711 secret", action="4711 secret", note=[{"date": "4711 secret"}], id="4711\nsecret"),
    }

    text = str(problems_of(document))

    assert "Mustermann" not in text
    assert "4711" not in text


def test_duplicate_ids_are_refused_with_both_paths() -> None:
    problems = problems_of({"cartItem": [{"id": "1", "cartItem": [{"id": "2"}]}, {"id": "2"}]})

    assert list(problems) == ["cartItem[1].id"]
    assert "cartItem[0].cartItem[0]" in problems["cartItem[1].id"]


def test_items_without_an_id_get_one_that_is_free() -> None:
    document: dict[str, Any] = {"cartItem": [{"quantity": 1, "cartItem": [{}]}, {"id": "02"}, {"id": None}]}

    check_cart(document, LIMITS, taken_ids={"03"})

    assert document == {
        "cartItem": [{"id": "01", "quantity": 1, "cartItem": [{"id": "04"}]}, {"id": "02"}, {"id": "05"}]
    }
    assert next(iter(document["cartItem"][0])) == "id"


@given(st.lists(st.one_of(st.none(), st.sampled_from(["01", "02", "03", "07"])), max_size=30))
def test_ids_are_unique_afterwards(given_ids: list[str | None]) -> None:
    items = [{} if item_id is None else {"id": item_id} for item_id in given_ids]
    chosen = [item_id for item_id in given_ids if item_id is not None]
    document = {"cartItem": items}
    if len(set(chosen)) < len(chosen):
        with pytest.raises(InvalidBodyError):
            check_cart(document, LIMITS)
        return

    check_cart(document, LIMITS)

    assert len(item_ids(document)) == len(items)
    assert set(chosen) <= item_ids(document)


def test_a_known_attribute_that_is_null_is_not_set() -> None:
    document = {
        "cartItem": [{"id": "1", "note": None, "product": {"name": None, "vendor": None}}],
        "relatedParty": None,
    }

    check_cart(document, LIMITS)

    assert document == {"cartItem": [{"id": "1", "product": {"vendor": None}}]}


@pytest.mark.parametrize("nested", [False, True])
def test_the_number_of_items_is_limited(nested: bool) -> None:
    limits = CartSettings(items_max=3)
    items: list[dict[str, Any]] = [{"cartItem": [{}, {}]}] if nested else [{}, {}, {}]

    assert problems_of({"cartItem": items}, limits) == {}

    assert "cartItem" in problems_of({"cartItem": [*items, {"id": "one too many"}]}, limits)


def test_the_number_of_characteristics_is_limited() -> None:
    limits = CartSettings(characteristics_max=2)
    entries = [{"name": "a"}, {"name": "b"}]

    assert problems_of(in_item(product={"productCharacteristic": entries}), limits) == {}

    entries.append({"name": "c"})
    assert list(problems_of(in_item(product={"productCharacteristic": entries}), limits)) == [
        "cartItem[0].product.productCharacteristic"
    ]


def test_texts_are_limited_wherever_they_are() -> None:
    limits = CartSettings(text_characters_max=64)
    document = {"vendor": [{"deep": "ü" * 65}], "fine": "ü" * 64, "n" * 65: 1}

    with pytest.raises(InvalidBodyError) as caught:
        written_cart(document, limits, 10_000)

    assert {problem.path for problem in caught.value.problems} == {"vendor[0].deep", ""}
    assert written_cart({"fine": "ü" * 64}, limits, 10_000) == ('{"fine":"' + "ü" * 64 + '"}').encode()


def test_a_cart_that_grew_too_large_is_refused() -> None:
    with pytest.raises(BodyTooLargeError):
        written_cart({"a": "x" * 2000}, LIMITS, 1000)


def test_many_problems_are_cut_off() -> None:
    assert len(problems_of({"cartItem": [{"quantity": 0}] * 1000})) == 100


NAMES = ["cartItem", "id", "product", "note", "itemPrice", "price", "relatedParty", "validFor", "productOffering"]
NAMES += ["quantity", "action", "productCharacteristic", "name", "priceAlteration", "vendor"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["add", "active", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=25,
)


# The first look at a cart makes the types that it is looked at with: that takes as long as the machine is busy.
@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["cartItem", "relatedParty", "validFor", "contactMedium"]), json_values))
def test_no_document_breaks_the_check(document: dict[str, Any]) -> None:
    """Whatever comes is either a cart or refused: afterwards checking again finds nothing to change."""
    if problems_of(document):
        return
    written = written_cart(document, LIMITS, 10**6)

    again = decode_json(written)
    check_cart(again, LIMITS)

    assert written_cart(again, LIMITS, 10**6) == written
