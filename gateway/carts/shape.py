"""The known attributes of a TMF663 v4 shopping cart and their types (TMF663 v4.0.0, definitions of the API file).

Only types are enforced, and what a later order cannot do without (a party, an offering or a characteristic that nothing
identifies): a cart may be unfinished for as long as it is a cart.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.errors import Problem
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
    parse_date_time,
    report,
    text,
    uri,
    whole_number,
)

QUANTITY_MAX: Final = 1_000_000
ACTIONS: Final = ("add", "modify", "delete", "noChange")
# The standard's list says saveForLater and its text savedForLater: both are understood.
STATUSES: Final = ("active", "saveForLater", "savedForLater")
# Of a product. The files of v4 and v5 write the last word with a blank; it is meant without.
PRODUCT_STATUSES: Final = (
    *("created", "pendingActive", "cancelled", "active", "pendingTerminate", "terminated", "suspended"),
    *("aborted", "aborted "),
)

TYPES: Final[dict[str, Check]] = {"@type": text, "@baseType": text, "@schemaLocation": uri, "@referredType": text}
_count = whole_number(0, QUANTITY_MAX)
_period_shape = object_of({"startDateTime": date_time, "endDateTime": date_time})


def _period(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
    before = len(problems)
    _period_shape(value, path, name, problems)
    if len(problems) > before or not value.get("startDateTime") or not value.get("endDateTime"):
        return
    start, end = parse_date_time(value["startDateTime"]), parse_date_time(value["endDateTime"])
    if start is not None and end is not None and end < start:
        report(problems, (*path, name, "endDateTime"), "must not be before startDateTime")


_reference = object_of(
    {**TYPES, "id": identifier, "href": text, "name": text, "version": text}, needs_one_of=("id", "href")
)
_money = object_of({"unit": text, "value": number})
_price = object_of(
    {**TYPES, "percentage": number, "taxRate": number, "dutyFreeAmount": _money, "taxIncludedAmount": _money}
)
_price_texts: Final[dict[str, Check]] = {
    "name": text,
    "description": text,
    "priceType": text,
    "recurringChargePeriod": text,
    "unitOfMeasure": text,
}
_price_alteration = object_of(
    {
        **TYPES,
        **_price_texts,
        "applicationDuration": _count,
        "priority": whole_number(-QUANTITY_MAX, QUANTITY_MAX),
        "price": _price,
        "productOfferingPrice": _reference,
    }
)
_cart_price = object_of(
    {
        **TYPES,
        **_price_texts,
        "price": _price,
        "priceAlteration": list_of(_price_alteration),
        "productOfferingPrice": _reference,
    }
)
_party = object_of(
    {**TYPES, "id": identifier, "href": text, "name": text, "role": text}, needs_one_of=("id", "name", "href")
)
_note = object_of({**TYPES, "id": text, "author": text, "date": date_time, "text": text})
_duration = object_of({"amount": number, "units": text})
_term = object_of({**TYPES, "name": text, "description": text, "duration": _duration})
_contact_medium = object_of(
    {
        **TYPES,
        "mediumType": text,
        "preferred": boolean,
        "validFor": _period,
        "characteristic": object_of(
            dict.fromkeys(
                (
                    *TYPES,
                    "city",
                    "contactType",
                    "country",
                    "emailAddress",
                    "faxNumber",
                    "phoneNumber",
                    "postCode",
                    "socialNetworkId",
                    "stateOrProvince",
                    "street1",
                    "street2",
                ),
                text,
            )
        ),
    }
)
_item_relationship = object_of({**TYPES, "id": identifier, "relationshipType": text})
_any_object = object_of(TYPES)
_product_attributes: Final[dict[str, Check]] = {
    **TYPES,
    "id": identifier,
    "href": text,
    "name": text,
    "description": text,
    "isBundle": boolean,
    "isCustomerVisible": boolean,
    "orderDate": date_time,
    "startDate": date_time,
    "terminationDate": date_time,
    "productSerialNumber": text,
    "status": text,
    "agreement": list_of(_any_object),
    "billingAccount": _any_object,
    "place": list_of(_any_object),
    "productCharacteristic": list_of(
        object_of({**TYPES, "name": identifier, "valueType": text}, needs=("name",)),
    ),
    "productOffering": _reference,
    "productOrderItem": list_of(_any_object),
    "productPrice": list_of(_any_object),
    "productRelationship": list_of(_any_object),
    "productSpecification": _reference,
    "productTerm": list_of(_any_object),
    "realizingResource": list_of(_any_object),
    "realizingService": list_of(_any_object),
    "relatedParty": list_of(_party),
}
_product = object_of(_product_attributes)
_product_attributes["product"] = list_of(_product)

_item_attributes: Final[dict[str, Check]] = {
    **TYPES,
    "id": identifier,
    "action": one_of(*ACTIONS),
    "status": one_of(*STATUSES),
    "quantity": whole_number(1, QUANTITY_MAX),
    "cartItemRelationship": list_of(_item_relationship),
    "itemPrice": list_of(_cart_price),
    # The file of v4.0.0 spells it with a capital, its text and the profile without.
    "itemTotalPrice": list_of(_cart_price),
    "ItemTotalPrice": list_of(_cart_price),
    "itemTerm": list_of(_term),
    "note": list_of(_note),
    "product": _product,
    "productOffering": _reference,
}
_item = object_of(_item_attributes)
_item_attributes["cartItem"] = list_of(_item)
# What products in other places than an item's, and the objects that are not looked into here, are made of.
PARTS: Final[dict[str, Check]] = {
    "duration": _duration,
    "party": _party,
    "period": _period,
    "price": _price,
    "priceAlteration": _price_alteration,
    "product": _product,
    "reference": _reference,
}

CART_ATTRIBUTES: Final[dict[str, Check]] = {
    **TYPES,
    "cartItem": list_of(_item),
    "cartTotalPrice": list_of(_cart_price),
    "contactMedium": list_of(_contact_medium),
    "relatedParty": list_of(_party),
    "validFor": _period,
}
