"""Carts as the tables of TMF663 R17 allow them, and checkout requests; every text and number is unique, as in `official_carts`."""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import strategies as st

# What stands for a value; a set of words is drawn from. Attributes marked with ! are always there.
_PERIOD: Any = {"startDateTime": "date", "endDateTime": "date"}
_MONEY: Any = {"money!": {"unit!": "text", "value!": "number"}, "taxRate": "number"}
_PRICE: Any = {
    "dutyFreeAmount": _MONEY,
    "taxIncludedAmount!": _MONEY,
    "percentage": "number",
    "taxRate": "number",
}
_HEAD: Any = {
    "name!": "text",
    "description": "text",
    "priceType!": {"recurring", "one time", "usage"},
    "recurringChargePeriod!": "text",
    "unitOfMeasure": "text",
    "price!": _PRICE,
}
_ALTERATION: Any = {
    **_HEAD,
    "applicationDuration!": "integer",
    "priority": "integer",
    "priceCondition": "text",
    "validFor": _PERIOD,
}
_CART_PRICE: Any = [{**_HEAD, "priceAlteration": [_ALTERATION]}]
_PARTY: Any = {"id!": "text", "href": "text", "name": "text", "role": "text", "validFor": _PERIOD}
_REFERENCE: Any = {"id!": "text", "href": "text", "name": "text"}
_RELATED: Any = {**_REFERENCE, "characteristic": [{"name!": "text", "value!": "text"}]}
_PRODUCT: Any = {
    **_RELATED,
    "place": [{"id!": "text", "href": "text", "name": "text", "role": "text"}],
    "relatedParty": [_PARTY],
    "productSpecification": {**_REFERENCE, "version": "text"},
    "productRelationship": [{"type!": "text", "product!": _RELATED}],
}
_NOTE: Any = {"author": "text", "date": "date", "text!": "text"}
_ITEM: Any = {
    "id!": "text",
    "action!": {"add", "modify", "no_change", "delete", "ADD"},
    "quantity": "integer",
    "status": {"Active", "SavedForLater"},
    "note": (_NOTE, [_NOTE]),
    "itemPrice": _CART_PRICE,
    "totalItemPrice": _CART_PRICE,
    "product!": _PRODUCT,
    "productOffering": {**_REFERENCE, "bundledProductOffering": [_REFERENCE]},
    "cartItemRelationship": [{"id": "text", "type!": "text", "cartItem!": [{"id!": "known"}]}],
}
_MEDIUM: Any = {
    "type": {"email", "telephone number", "postal address"},
    "preferred": "boolean",
    "validFor": _PERIOD,
    "characteristic": {
        "emailAddress": "text",
        "phoneNumber": "text",
        "city": "text",
        "street1": "text",
        "type": "text",
    },
}
_CART: Any = {
    "id": "text",
    "href": "text",
    "validFor": _PERIOD,
    "contactMedium": [_MEDIUM],
    "cartTotalPrice": _CART_PRICE,
    "relatedParty": [_PARTY],
    "cartItem!": [{**_ITEM, "cartItem": [_ITEM]}, _ITEM],
}
_REQUEST: Any = {
    "shoppingCart": {"id!": "text"},
    "upstream": "text",
    "submit": "boolean",
    "externalId": "text",
    "relatedParty": [{**_REFERENCE, "role": "text", "@referredType": "text"}],
    "requestedStartDate": "date",
    "requestedCompletionDate": "date",
    "channel": [{**_REFERENCE, "role": "text"}],
    "description": "text",
    "category": "text",
    "priority": "text",
    "notificationContact": "text",
    "note": [{**_NOTE, "id": "text"}],
    "billingAccount": _REFERENCE,
    "payment": [_REFERENCE],
    "agreement": [_REFERENCE],
    "quote": [_REFERENCE],
    "productOfferingQualification": [_REFERENCE],
    "place": [{**_REFERENCE, "role": "text"}],
    "vendorAttribute": "text",
}


class _Maker:
    def __init__(self, draw: st.DrawFn, prefix: str) -> None:
        self._draw = draw
        self._prefix = prefix
        self._numbers = count(1001)
        self._rich = draw(st.booleans())
        self._ids: list[str] = []

    def value(self, spec: Any) -> Any:  # noqa: PLR0911 -- one answer for each kind
        if isinstance(spec, dict):
            return self.object(spec)
        if isinstance(spec, list):
            return [
                self.value(entry)
                for entry in spec
                for _ in range(self._draw(st.integers(1, 2)) if len(spec) == 1 else 1)
            ]
        if isinstance(spec, tuple):
            return self.value(self._draw(st.sampled_from(spec)))
        if isinstance(spec, set):
            return self._draw(st.sampled_from(sorted(spec)))
        number = next(self._numbers)
        if spec == "text":
            return f"<{self._prefix}{number}>"
        if spec == "known":
            return self._draw(st.sampled_from(self._ids))
        if spec == "date":
            return f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:{number % 60:02}:{number // 60 % 60:02}Z"
        if spec == "boolean":
            return self._draw(st.booleans())
        return number if spec == "integer" else number + 0.5

    def object(self, spec: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, inner in spec.items():
            if name.endswith("!") or self._rich or self._draw(st.booleans()):
                made[name.rstrip("!")] = self.value(inner)
                if name == "id!" and spec is not _REFERENCE:
                    self._ids.append(made["id"])
        return made


@st.composite
def r17_carts(draw: st.DrawFn) -> dict[str, Any]:
    """A cart of R17 with a customer; half of them hold every attribute there is."""
    maker = _Maker(draw, "t")
    cart = maker.object(_CART)
    customer = {"id": "<customer>", "role": "customer"}
    cart["relatedParty"] = [*cart.get("relatedParty", ()), customer]
    return cart


@st.composite
def checkout_requests(draw: st.DrawFn) -> dict[str, Any]:
    """A checkout request with a customer; its values are not those of a cart."""
    request = _Maker(draw, "r").object(_REQUEST)
    if "relatedParty" in request:
        request["relatedParty"].append({"id": "<customer>", "role": "customer", "@referredType": "Individual"})
    return request
