"""What the API file of TMF663 v5.0.0 makes mandatory: `@type` on every object it types, and what its `_FVO` schemas require.

Everything else is checked in the canonical form. The official examples pass.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.carts.dialects.v5_wrapped import PARTY_REFERENCES
from gateway.errors import Problem
from gateway.tmf.shape_types import ShapeType
from gateway.tmf.shapes import (
    Check,
    Path,
    boolean,
    date_time,
    identifier,
    list_of,
    object_of,
    one_of,
    report,
    text,
    whole_number,
)

_TYPES: Final[dict[str, Check]] = {"@type": identifier, "@baseType": text, "@schemaLocation": text}
_INTEGER: Final = whole_number(-1_000_000, 1_000_000)


def _typed(attributes: dict[str, Check], *needs: str) -> Check:
    return object_of({**_TYPES, **attributes}, needs=("@type", *needs))


_reference = _typed({"id": identifier, "href": text, "name": text, "@referredType": text}, "id")
_period = object_of({"startDateTime": date_time, "endDateTime": date_time})
_duration = object_of({"amount": _INTEGER, "units": text})
_price = _typed({})
_alteration = _typed({"price": _price, "productOfferingPrice": _reference}, "priceType", "price")
_cart_price = _typed(
    {"price": _price, "priceAlteration": list_of(_alteration), "productOfferingPrice": _reference},
    "priceType",
    "price",
)


def _inside(known: frozenset[str] | set[str], attributes: dict[str, Check]) -> Check:
    """Return the check for an object by value, or (when its `@type` is one of `known`) a reference, which needs an id."""
    shape = _typed({"id": identifier, "href": text, **attributes})

    def check(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
        shape(value, path, name, problems)
        if type(value) is dict and value.get("@type") in known and not value.get("id"):
            report(problems, (*path, name, "id"), f"is missing; a {value['@type']} is a reference")

    return check


_party = _typed(
    {"role": text, "partyOrPartyRole": _inside(PARTY_REFERENCES, {"name": text})}, "role", "partyOrPartyRole"
)
_place = _typed({"role": text, "place": _inside({"PlaceRef"}, {})}, "role", "place")
_characteristic = _typed({"name": identifier, "valueType": text}, "name", "value")
_product_attributes: Final[dict[str, Check]] = {
    "agreementItem": list_of(_typed({}, "agreementId", "agreementItemId")),
    "billingAccount": _reference,
    "place": list_of(_place),
    "productCharacteristic": list_of(_characteristic),
    "productOffering": _reference,
    "productOrderItem": list_of(_typed({}, "role", "orderId", "orderItemId")),
    "productPrice": list_of(
        _typed(
            {"price": _price, "priceAlteration": list_of(_alteration), "productOfferingPrice": _reference},
            "priceType",
            "price",
        )
    ),
    "productRelationship": list_of(_typed({"id": identifier, "relationshipType": text}, "id", "relationshipType")),
    "productSpecification": _reference,
    "productTerm": list_of(_typed({"duration": _duration})),
    "realizingResource": list_of(_reference),
    "realizingService": list_of(_reference),
    "relatedParty": list_of(_party),
}
_product = _inside({"ProductRef"}, _product_attributes)
_product_attributes["product"] = list_of(_product)
_medium = _typed(
    {
        "id": text,
        "contactType": text,
        "emailAddress": text,
        "phoneNumber": text,
        "preferred": boolean,
        "validFor": _period,
    }
)
_item_attributes: Final[dict[str, Check]] = {
    **_TYPES,
    "status": one_of("active", "saveForLater"),
    "itemPrice": list_of(_cart_price),
    "itemTerm": list_of(_typed({"name": text, "description": text, "duration": _duration})),
    "note": list_of(_typed({"id": text, "author": text, "date": date_time, "text": text})),
    "product": _product,
    "productOffering": _reference,
    "cartItemRelationship": list_of(_typed({"id": identifier, "relationshipType": text}, "id", "relationshipType")),
}
_item = object_of(_item_attributes, needs=("@type",))
_item_attributes["cartItem"] = list_of(_item)

_ATTRIBUTES: Final[dict[str, Check]] = {
    **_TYPES,
    "validFor": _period,
    "contactMedium": list_of(_medium),
    "cartItem": list_of(_item),
    "relatedParty": list_of(_party),
}

_SHAPE: Final = ShapeType(_ATTRIBUTES)


def check(document: dict[str, Any]) -> list[Problem]:
    """Return every problem of a v5 cart, with paths in its own names; known attributes that are null are removed.

    Attributes that only the server writes (`cartTotalPrice`, `itemTotalPrice`, dates) are not looked at.
    """
    problems: list[Problem] = []
    _SHAPE.check(document, problems)
    if "@type" not in document:
        report(problems, ("@type",), 'is missing; v5 wants "ShoppingCart" here, and its type on every object')
    return problems
