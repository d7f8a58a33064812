"""TMF663 v5.0.0 to and from the canonical form.

Output has `@type` on every object that the API file types, because v5 makes it mandatory; typed subclasses (contact media,
characteristics, parties, places) are chosen by what the canonical form says, unless the client said itself.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from gateway.carts.dialects.dialect import CANONICAL_CARTS_PATH, at_path
from gateway.carts.dialects.forms import TOTALS, Form, Part, each, rfc_3339, under_name, without, words
from gateway.carts.dialects.v5_wrapped import CHARACTERISTIC, MEDIUM, PARTY, PLACE, product_relationship
from gateway.clock import timestamp_text
from gateway.documents import Json, JsonObject

CARTS_PATH: Final = "/tmf-api/shoppingCart/v5/shoppingCart"
# How many of the next smaller unit a unit has, where that is always so: v5's durations are whole numbers.
_SMALLER_UNITS: Final = {
    "year": (12, "month"),
    "week": (7, "day"),
    "day": (24, "hour"),
    "hour": (60, "minute"),
    "minute": (60, "second"),
}
_V4_PRODUCT: Final = "ProductRefOrValue"
"""The class that v4 has for both."""
_REFERENCE_ATTRIBUTES: Final = frozenset({"id", "href", "name", "@baseType", "@schemaLocation", "@referredType"})


def to_canonical(document: JsonObject) -> JsonObject:
    """Return the stored form of a v5 cart; nothing is checked here, and nothing is lost."""
    return at_path(_CART.up(document), CARTS_PATH, CANONICAL_CARTS_PATH)


def from_canonical(
    document: JsonObject, *, created: datetime | None = None, updated: datetime | None = None
) -> JsonObject:
    """Return a stored cart as v5 writes it, with `creationDate` and `lastUpdate` when they are given."""
    cart: dict[str, Any] = at_path(_CART.down(document), CANONICAL_CARTS_PATH, CARTS_PATH)
    if created is not None:
        cart["creationDate"] = timestamp_text(created)
    if updated is not None:
        cart["lastUpdate"] = timestamp_text(updated)
    return cart


def _same(value: object) -> Json:
    return value


def _whole_duration(value: Json) -> Json:
    """Return a duration with a whole amount: 12.0 month as 12, 1.5 year as 18 month; what cannot be whole stays."""
    amount = value.get("amount") if type(value) is dict else None
    if type(amount) is not Decimal:
        return value
    unit = value.get("units")
    while amount != amount.to_integral_value():
        smaller = _SMALLER_UNITS.get(unit.lower().removesuffix("s")) if type(unit) is str else None
        if smaller is None:
            return value
        amount, unit = amount * smaller[0], smaller[1]
    return {**value, "amount": int(amount), **({"units": unit} if unit is not None else {})}


class _ProductForm(Form):
    """A product by value, or a reference to one: v5 tells them by `@type`."""

    def down(self, node: object) -> Json:
        if type(node) is dict and node.get("@type", _V4_PRODUCT) == _V4_PRODUCT:
            node = without(node, ("@type",))
            is_reference = node.get("id") and "@referredType" in node and _REFERENCE_ATTRIBUTES.issuperset(node)
            node = {**node, "@type": "ProductRef" if is_reference else "Product"}
        return super().down(node)


class _ItemForm(Form):
    """A cart item: the file of v4.0.0 spells its totals with a capital."""

    def down(self, node: object) -> Json:
        return super().down(under_name(node, TOTALS, "itemTotalPrice"))


def _reference(type_name: str) -> Form:
    return Form(type_name=type_name, reference=True)


# Date-times without seconds or zone are understood; v5 is answered what RFC 3339 wants.
_MOMENT: Final = Part(_same, rfc_3339)
_PERIOD: Final = Form(parts={"startDateTime": _MOMENT, "endDateTime": _MOMENT}).part()
_DATED: Final = Form(parts={"validFor": _PERIOD})
_MEDIUM: Final = Part(MEDIUM.up, lambda medium: _DATED.down(MEDIUM.down(medium)))
_DURATION: Final = Part(_same, _whole_duration)
_PRICE: Final = Form(type_name="Price").part()
_OFFERING_PRICE: Final = _reference("ProductOfferingPriceRef").part()
_ALTERATION: Final = Form(
    type_name="PriceAlteration", parts={"price": _PRICE, "productOfferingPrice": _OFFERING_PRICE}
).listed()
PRICE_PARTS: Final[dict[str, Part]] = {
    "price": _PRICE,
    "priceAlteration": _ALTERATION,
    "productOfferingPrice": _OFFERING_PRICE,
}
_CART_PRICE: Final = Form(type_name="CartPrice", parts=PRICE_PARTS).listed()
NOTES: Final = Form(type_name="Note", parts={"date": _MOMENT}).listed()
_OFFERING: Final = _reference("ProductOfferingRef").part()
_BILLING_ACCOUNT: Final = _reference("BillingAccountRef").part()
_PRODUCT_NAMES: Final = {"agreementItem": "agreement"}
_PRODUCT_PARTS: Final[dict[str, Part]] = {
    "agreement": Form(
        names={"agreementId": "id", "agreementHref": "href", "agreementName": "name"}, type_name="AgreementItemRef"
    ).listed(),
    "billingAccount": _BILLING_ACCOUNT,
    "productOffering": _OFFERING,
    "productOrderItem": Form(
        names={"orderId": "productOrderId", "orderHref": "productOrderHref"},
        type_name="RelatedOrderItem",
        canonical_type="RelatedProductOrderItem",
    ).listed(),
    "productPrice": Form(
        names={"priceAlteration": "productPriceAlteration"},
        type_name="ProductPrice",
        parts={
            "price": _PRICE,
            "productPriceAlteration": _ALTERATION,
            "productOfferingPrice": _OFFERING_PRICE,
            "billingAccount": _BILLING_ACCOUNT,
        },
    ).listed(),
    "place": each(PLACE),
    "productCharacteristic": each(CHARACTERISTIC),
    "productSpecification": _reference("ProductSpecificationRef").part(),
    "productTerm": Form(type_name="ProductTerm", parts={"duration": _DURATION, "validFor": _PERIOD}).listed(),
    **dict.fromkeys(("orderDate", "startDate", "terminationDate"), _MOMENT),
    "realizingResource": _reference("ResourceRef").listed(),
    "realizingService": _reference("ServiceRef").listed(),
    "relatedParty": each(PARTY),
}
# v5 only refers to related products. One that is there by value is converted itself, but not what it is related to in turn:
# then the effort does not grow with the depth.
_RELATED_PRODUCT: Final = _ProductForm(names=_PRODUCT_NAMES, parts=_PRODUCT_PARTS)
_PRODUCT: Final = _ProductForm(names=_PRODUCT_NAMES, parts=_PRODUCT_PARTS)
_PRODUCT.add("product", _PRODUCT.listed())
_PRODUCT.add("productRelationship", each(product_relationship(_RELATED_PRODUCT.part())))
_ITEM: Final = _ItemForm(
    type_name="CartItem",
    parts={
        "status": words({"active": "active", "saveForLater": "saveForLater"}, {"savedForLater": "saveForLater"}),
        "itemPrice": _CART_PRICE,
        "itemTotalPrice": _CART_PRICE,
        "itemTerm": Form(type_name="CartTerm", parts={"duration": _DURATION}).listed(),
        "note": NOTES,
        "product": _PRODUCT.part(),
        "productOffering": _OFFERING,
        "cartItemRelationship": Form(type_name="CartItemRelationship").listed(),
    },
)
_ITEM.add("cartItem", _ITEM.listed())
_CART: Final = Form(
    type_name="ShoppingCart",
    parts={
        "contactMedium": each(_MEDIUM),
        "cartTotalPrice": _CART_PRICE,
        "cartItem": _ITEM.listed(),
        "relatedParty": each(PARTY),
        "validFor": _PERIOD,
    },
)

# What an order has exactly as a cart has it, for the dialect of orders.
MOMENT: Final = _MOMENT
DURATION: Final = _DURATION
BILLING_ACCOUNT: Final = _BILLING_ACCOUNT
OFFERING: Final = _OFFERING
PRODUCT: Final = _PRODUCT.part()
