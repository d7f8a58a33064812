"""What TMF663 R17 makes mandatory, and the types of the attributes that have another name or form there than in v4.

Everything else is checked in the canonical form. The specification's own samples pass: where they contradict its tables, the
samples decide (a product to be added needs no id, a place may have an id instead of an href).
"""

from __future__ import annotations

from typing import Any, Final

from gateway.carts.dialects.v1 import ACTIONS, STATUS_SPELLINGS, STATUSES
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
    report,
    text,
    whole_number,
)

_INTEGER: Final = whole_number(-1_000_000, 1_000_000)


def _word_of(allowed: tuple[str, ...], understood: tuple[str, ...] = ()) -> Check:
    plain = {word.replace("_", "").lower() for word in (*allowed, *understood)}

    def check(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
        if type(value) is not str or value.replace("_", "").lower() not in plain:
            report(problems, (*path, name), f"must be one of {', '.join(allowed)}")

    return check


def _one_or_more(check: Check) -> Check:
    """Return the check for R17's notes: a list in its tables, one object in its samples."""
    listed = list_of(check)

    def check_either(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
        (check if type(value) is dict else listed)(value, path, name, problems)

    return check_either


_period = object_of({"startDateTime": date_time, "endDateTime": date_time})
_money = object_of({"unit": text, "value": number})
_amount = object_of({"money": _money, "unit": text, "value": number, "taxRate": number})
_price = object_of({"dutyFreeAmount": _amount, "taxIncludedAmount": _amount, "percentage": number, "taxRate": number})
_texts: Final[dict[str, Check]] = dict.fromkeys(
    ("description", "name", "priceType", "recurringChargePeriod", "unitOfMeasure"), text
)
_alteration = object_of(
    {
        **_texts,
        "applicationDuration": _INTEGER,
        "priceCondition": text,
        "priority": _INTEGER,
        "validFor": _period,
        "price": _price,
    }
)
_cart_price = list_of(object_of({**_texts, "price": _price, "priceAlteration": list_of(_alteration)}))
_party = object_of(
    {"id": identifier, "href": text, "name": text, "role": text, "validFor": _period},
    needs_one_of=("id", "href", "name"),
)
_note = object_of({"author": text, "date": date_time, "text": text}, needs=("text",))
_place = object_of(
    {"id": identifier, "href": text, "name": text, "role": text}, needs=("role",), needs_one_of=("href", "id")
)
_offering_attributes: dict[str, Check] = {"id": identifier, "href": text, "name": text}
_offering_attributes["bundledProductOffering"] = list_of(object_of(_offering_attributes))
_offering = object_of(_offering_attributes, needs_one_of=("id", "href"))
_product_attributes: Final[dict[str, Check]] = {
    "id": identifier,
    "href": text,
    "name": text,
    "place": list_of(_place),
    "characteristic": list_of(object_of({"name": identifier}, needs=("name",))),
    "relatedParty": list_of(_party),
    "productSpecification": object_of({"id": identifier, "href": text, "name": text, "version": text}),
}
_product = object_of(_product_attributes)
_product_attributes["productRelationship"] = list_of(object_of({"type": text, "product": _product}))
_relationship = object_of(
    {"id": identifier, "type": text, "cartItem": list_of(object_of({"id": identifier}, needs=("id",)))}
)
_medium = object_of(
    {
        "type": text,
        "preferred": boolean,
        "validFor": _period,
        "characteristic": object_of(
            dict.fromkeys(
                (
                    "city",
                    "country",
                    "email",
                    "emailAddress",
                    "faxNumber",
                    "phoneNumber",
                    "postCode",
                    "stateOrProvince",
                    "street1",
                    "street2",
                    "type",
                ),
                text,
            )
        ),
    }
)
_item_attributes: Final[dict[str, Check]] = {
    "id": identifier,
    "action": _word_of(tuple(ACTIONS)),
    "status": _word_of(tuple(STATUSES), tuple(STATUS_SPELLINGS)),
    "note": _one_or_more(_note),
    "totalItemPrice": _cart_price,
    "itemPrice": _cart_price,
    "product": _product,
    "productOffering": _offering,
    "cartItemRelationship": list_of(_relationship),
}
_item_shape = object_of(_item_attributes, needs=("id", "action"))


def _item(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
    _item_shape(value, path, name, problems)
    if type(value) is not dict:
        return
    inside = (*path, name)
    if "cardItem" in value and "cartItem" in value:
        report(problems, (*inside, "cardItem"), "is another spelling of cartItem; send one of them")
    product, action = value.get("product"), value.get("action")
    changes = type(action) is str and action.replace("_", "").lower() in {"modify", "delete", "nochange"}
    if changes and not (type(product) is dict and (product.get("id") or product.get("href"))):
        report(problems, (*inside, "product"), "needs id or href of the product that the action is about")


_item_attributes["cartItem"] = list_of(_item)
_item_attributes["cardItem"] = list_of(_item)

_ATTRIBUTES: Final[dict[str, Check]] = {
    "validFor": _period,
    "contactMedium": list_of(_medium),
    "cartTotalPrice": _cart_price,
    "cartItem": list_of(_item),
    "relatedParty": list_of(_party),
}

_SHAPE: Final = ShapeType(_ATTRIBUTES)


def check(document: dict[str, Any]) -> list[Problem]:
    """Return every problem of an R17 cart, with paths in its own names; known attributes that are null are removed."""
    problems: list[Problem] = []
    _SHAPE.check(document, problems)
    if "cartItem" not in document:
        report(problems, ("cartItem",), "is missing; an empty cart has an empty list")
    return problems
