"""What a cart of one version says is neither lost nor made up on its way to an order of another; by value and stored alike."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checkout_gateway import running, settings_of

from gateway.carts.dialects import V4, V5
from gateway.ordering.translation.translate import translate
from gateway.resources import load_mapping
from gateway.settings import Settings

CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PARTY = {"@type": "PartyRoleRef", "@referredType": "Customer", "id": "C9"}
WRAPPED_PARTY = {"@type": "RelatedPartyRefOrPartyRoleRef", "role": "customer", "partyOrPartyRole": PARTY}
ADDRESS = {"@type": "GeographicAddress", "id": "G1", "city": "Paris", "streetName": "Rivoli"}


def cart_v5(**product: Any) -> dict[str, Any]:
    item = {
        "@type": "CartItem",
        "id": "1",
        "action": "add",
        "quantity": 1,
        "productOffering": {"@type": "ProductOfferingRef", "id": "A"},
        **({"product": {"@type": "Product", **product}} if product else {}),
    }
    return {"@type": "ShoppingCart", "relatedParty": [WRAPPED_PARTY], "cartItem": [item]}


def cart_v4(**attributes: Any) -> dict[str, Any]:
    item = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "A"}, **attributes}
    return {"relatedParty": [{"id": "C1", "role": "customer", "@referredType": "Customer"}], "cartItem": [item]}


async def previews(settings: Settings, cart: dict[str, Any], path: str) -> list[dict[str, Any]]:
    """Return the previews of the cart for an order system of v4, by value and stored."""
    async with running(settings_of(settings.storage)) as gateway:
        posted = await gateway.post(cart, path)
        assert posted.status_code == 201, posted.text
        answers = [
            await gateway.post({"shoppingCart": each, "upstream": "plain"}, f"{CHECKOUTS}/preview")
            for each in (cart, {"id": posted.json()["id"]})
        ]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    return [answer.json() for answer in answers]


async def test_the_class_that_v5_wraps_a_party_in_is_not_in_an_order_of_v4(settings: Settings) -> None:
    for preview in await previews(settings, cart_v5(), V5.carts_path):
        assert preview["order"]["relatedParty"] == [{"id": "C9", "role": "customer", "@referredType": "Customer"}]


async def test_a_place_whose_address_is_not_sent_is_still_known_as_an_address(settings: Settings) -> None:
    place = {"@type": "RelatedPlaceRefOrValue", "role": "installation", "place": ADDRESS}
    for preview in await previews(settings, cart_v5(place=[place]), V5.carts_path):
        (sent,) = preview["order"]["productOrderItem"][0]["product"]["place"]
        assert sent == {"id": "G1", "role": "installation", "@type": "GeographicAddress"}
        told = {(finding["code"], finding["path"].rpartition(".")[2]) for finding in preview["finding"]}
        assert {("dropped", "city"), ("dropped", "streetName"), ("converted", "@type")} <= told


async def test_a_tax_rate_inside_an_amount_counts_as_one_beside_it(settings: Settings) -> None:
    """R17 writes it there; who sends a v4 cart so means the same."""
    discount = {"name": "d", "priceType": "discount", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 1}}}
    price = {
        "dutyFreeAmount": {"unit": "EUR", "value": 10},
        "taxIncludedAmount": {"unit": "EUR", "value": 11.9, "taxRate": 19},
    }
    item_price = {
        "priceType": "recurring",
        "recurringChargePeriod": "month",
        "price": price,
        "priceAlteration": [discount],
    }
    for preview in await previews(settings, cart_v4(itemPrice=[item_price]), V4.carts_path):
        (total,) = preview["order"]["orderTotalPrice"]
        assert total["price"] == {
            "taxRate": 19,
            "dutyFreeAmount": {"unit": "EUR", "value": 9},
            "taxIncludedAmount": {"unit": "EUR", "value": 10.71},
        }
        assert not [finding for finding in preview["finding"] if finding["code"] == "amount_unknown"]


async def test_payments_of_the_request_are_sent_instead_of_the_carts_and_that_is_told(settings: Settings) -> None:
    cart = {**cart_v4(), "payment": [{"id": "P1"}]}
    request = {"shoppingCart": cart, "upstream": "plain", "payment": [{"id": "P2"}]}
    async with running(settings_of(settings.storage)) as gateway:
        preview = (await gateway.post(request, f"{CHECKOUTS}/preview")).json()

    assert preview["order"]["payment"] == [{"id": "P2"}]
    assert ("overridden", "payment") in {(finding["code"], finding["path"]) for finding in preview["finding"]}


def test_no_list_with_objects_in_it_becomes_json_text_in_v5() -> None:
    mapping = load_mapping(Path(__file__).resolve().parents[2] / "mappings" / "tmf622-v5.toml")
    for value in ([["a"]], [1, {"a": 1}]):
        cart = cart_v4(product={"productCharacteristic": [{"name": "x", "value": value}]})
        translation = translate(cart, {}, mapping, now=NOW)
        assert translation.order is not None
        assert "product" not in translation.order.lines[0].item
        path = "cartItem[0].product.productCharacteristic[0]"
        assert ("warning", "dropped", path) in {(one.severity, one.code, one.path) for one in translation.findings}
