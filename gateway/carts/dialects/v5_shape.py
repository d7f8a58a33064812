"""What the API file of TMF663 v5.0.0 makes mandatory: `@type` on every object it types, and what its `_FVO` schemas require.

Everything else is checked in the canonical form. The official examples pass.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from gateway.carts.dialects.v5_wrapped import PARTY_REFERENCES
from gateway.carts.shape import ACTIONS, PRODUCT_STATUSES
from gateway.errors import Problem
from gateway.tmf.shape_types import ShapeType
from gateway.tmf.shapes import (
    Check,
    Path,
    boolean,
    date_time,
    identifier,
    list_of,
    number,
    object_of,
    one_of,
    report,
    text,
    uri,
    whole_number,
)

_TYPES: Final[dict[str, Check]] = {"@type": identifier, "@baseType": text, "@schemaLocation": uri}
_INTEGER: Final = whole_number(-1_000_000, 1_000_000)


def _texts(*names: str) -> dict[str, Check]:
    return dict.fromkeys(names, text)


def _typed(attributes: dict[str, Check], *needs: str) -> Check:
    return object_of({**_TYPES, **attributes}, needs=("@type", *needs))


_named: Final[dict[str, Check]] = {"id": identifier, "href": text, "name": text, "@referredType": text}
_reference = _typed(_named, "id")
# The one object of which the address of its schema is mandatory.
_schema = object_of(_TYPES, needs=("@type", "@schemaLocation"))
_period = object_of({"startDateTime": date_time, "endDateTime": date_time})
_duration = object_of({"amount": _INTEGER, "units": text})
_money = object_of({"unit": text, "value": number})
_price = _typed({"percentage": number, "taxRate": number, "dutyFreeAmount": _money, "taxIncludedAmount": _money})
_priced: Final[dict[str, Check]] = {
    **_texts("name", "description", "priceType", "recurringChargePeriod", "unitOfMeasure"),
    "price": _price,
    "productOfferingPrice": _reference,
}
_alteration = _typed({**_priced, "applicationDuration": _INTEGER, "priority": _INTEGER}, "priceType", "price")
# Of an item and of a product alike.
_cart_price = _typed({**_priced, "priceAlteration": list_of(_alteration)}, "priceType", "price")


def _inside(known: frozenset[str] | set[str], attributes: dict[str, Check]) -> Check:
    """Return the check for an object by value, or (when its `@type` is one of `known`) a reference, which needs an id.

    What is added to `attributes` later counts, so that an object can hold its own kind.
    """
    attributes.update({**_TYPES, "id": identifier, "href": text})
    shape = object_of(attributes, needs=("@type",))

    def check(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
        shape(value, path, name, problems)
        given = value.get("@type") if type(value) is dict else None
        if type(given) is str and given in known and not value.get("id"):
            report(problems, (*path, name, "id"), f"is missing; a {given} is a reference")

    return check


_party = _typed(
    {
        "role": text,
        "partyOrPartyRole": _inside(PARTY_REFERENCES, _texts("name", "@referredType", "partyId", "partyName")),
    },
    "role",
    "partyOrPartyRole",
)
_place = _typed({"role": text, "place": _inside({"PlaceRef"}, _texts("name", "@referredType"))}, "role", "place")
_any_characteristic = _typed({"name": identifier, "valueType": text}, "name", "value")
# What the value of each class of characteristic is, or each entry of it where the class is an array's.
_VALUES: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "String": ((str,), "text"),
    "Boolean": ((bool,), "true or false"),
    "Integer": ((int,), "a whole number"),
    "Number": ((int, Decimal), "a number"),
    "Float": ((int, Decimal), "a number"),
    "Object": ((dict,), "an object"),
}


def _characteristic(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
    """Want a characteristic whose value is what its `@type` says, when that is a class of the API file."""
    _any_characteristic(value, path, name, problems)
    given = value.get("@type") if type(value) is dict else None
    if type(given) is not str or not given.endswith("Characteristic") or "value" not in value:
        return
    word = given.removesuffix("Characteristic")
    types, wanted = _VALUES.get(word.removesuffix("Array"), ((), ""))
    is_array, held = word.endswith("Array"), value["value"]
    entries = held if is_array and type(held) is list else [held]
    if types and ((is_array and type(held) is not list) or any(type(entry) not in types for entry in entries)):
        each = "a list, each entry " if is_array else ""
        report(problems, (*path, name, "value"), f"must be {each}{wanted}, as {given} says")


_product_attributes: Final[dict[str, Check]] = {
    "agreementItem": list_of(
        _typed(
            _texts("agreementId", "agreementItemId", "agreementHref", "agreementName", "@referredType"),
            "agreementId",
            "agreementItemId",
        )
    ),
    "billingAccount": _reference,
    "place": list_of(_place),
    "productCharacteristic": list_of(_characteristic),
    "productOffering": _reference,
    "productOrderItem": list_of(
        _typed(
            {
                **_texts("role", "orderId", "orderItemId", "orderHref", "@referredType"),
                "orderItemAction": one_of(*ACTIONS),
            },
            "role",
            "orderId",
            "orderItemId",
        )
    ),
    "productPrice": list_of(_cart_price),
    "productRelationship": list_of(_typed({**_named, "relationshipType": text}, "id", "relationshipType")),
    "productSpecification": _typed({**_named, "version": text, "targetProductSchema": _schema}, "id"),
    "productTerm": list_of(_typed({"name": text, "description": text, "duration": _duration, "validFor": _period})),
    "realizingResource": list_of(_reference),
    "realizingService": list_of(_reference),
    "relatedParty": list_of(_party),
    "status": one_of(*PRODUCT_STATUSES),
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
