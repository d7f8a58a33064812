"""The wire shapes of TMF622 v5: the canonical order, which is in v4 shape, as v5 writes it.

v5 wants `@type` on every object, wraps parties, channels and places, types characteristics by the JSON type of their value,
refers to related products by id, and names the parts of some references differently (TMF622 v5.0.0 ProductOrder_FVO).
Nothing is checked or lost here: `translate` has made the order such that it can be written (see `fitting_v5`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.documents import Json, JsonObject
from gateway.ordering.v5.fitting import is_role
from gateway.tmf.v5_classes import value_kind

_Writer = Callable[[Any], Any]
_NUMBERS: Final = frozenset({"Integer", "Number", "Float"})
_ARRAYS: Final = frozenset(f"{kind}Array" for kind in (*_NUMBERS, "String", "Boolean", "Object"))
_REFERENCE: Final = frozenset({"id", "href", "name", "@referredType", "@type"})
_PLACES: Final = frozenset({"GeographicAddress", "GeographicSite", "GeographicLocation", "PlaceRef"})
_ADDRESS: Final = frozenset({"city", "country", "locality", "postcode", "stateOrProvince", "streetName", "streetNr"})


def typed(node: object, name: str, writers: dict[str, _Writer] | None = None) -> Json:
    """Return the object `node` with its v5 type and the attributes in `writers` as v5 writes them.

    One that declares an extension of its own keeps the name it has.
    """
    if type(node) is not dict:
        return node
    given = node.get("@type")
    if type(given) is str and given and ("@schemaLocation" in node or "@baseType" in node):
        return _written(node, writers) if writers else node
    written: dict[str, Any] = {"@type": name}
    for key, value in node.items():
        if writers and key in writers:
            written[key] = writers[key](value)
        elif key != "@type":
            written[key] = value
    return written


def header_v5(header: JsonObject) -> JsonObject:
    """Return the order's header in v5 shape."""
    written: dict[str, Any] = _written(header, _HEADER)
    return written


def item_v5(item: JsonObject) -> JsonObject:
    """Return one item, without the items beneath it, in v5 shape."""
    written: dict[str, Any] = _written(item, _ITEM)
    if "product" in item:
        about_it_only = str(item.get("action")).lower() in ("delete", "nochange")
        written["product"] = _product(item["product"], reference=about_it_only)
    return written


def alteration_v5(alteration: object) -> Json:
    """Return a price alteration in v5 shape."""
    return typed(alteration, "PriceAlteration", _ALTERATION)


def _written(node: object, writers: dict[str, _Writer]) -> Json:
    """Return a copy of `node` in which each attribute that v5 writes differently is written so."""
    if type(node) is not dict:
        return node
    return {key: writers[key](value) if key in writers else value for key, value in node.items()}


def _one(name: str, writers: dict[str, _Writer] | None = None) -> _Writer:
    """Return the writer of an object of the type `name`."""
    return lambda node: typed(node, name, writers)


def _many(writer: _Writer) -> _Writer:
    """Return the writer of an array of what `writer` writes."""
    return lambda nodes: [writer(node) for node in nodes] if type(nodes) is list else nodes


def _renamed(name: str, names: dict[str, str]) -> _Writer:
    """Return the writer of a reference whose attributes have other names in v5."""
    return lambda node: typed(
        {names.get(key, key): value for key, value in node.items()} if type(node) is dict else node, name
    )


def _party(whole: str) -> _Writer:
    """Return the writer of a related party: its role outside, the reference to it inside."""

    def write(party: object) -> Json:
        if type(party) is not dict:
            return party
        inner = party.get("partyOrPartyRole")
        if type(inner) is dict:
            return {**typed(party, whole), "partyOrPartyRole": inner if "@type" in inner else typed(inner, "PartyRef")}
        name = "PartyRoleRef" if is_role(party) else "PartyRef"
        rest = {key: value for key, value in party.items() if key not in ("role", "@type")}
        role = {"role": party["role"]} if "role" in party else {}
        return {"@type": whole, **role, "partyOrPartyRole": {"@type": name, **rest}}

    return write


def _channel(channel: object) -> Json:
    if type(channel) is not dict:
        return channel
    rest = {key: value for key, value in channel.items() if key not in ("role", "@type")}
    role = {"role": channel["role"]} if "role" in channel else {}
    return {"@type": "RelatedChannel", **role, "channel": {"@type": "ChannelRef", **rest}}


def _place(place: object) -> Json:
    if type(place) is not dict:
        return place
    given = place.get("@type")
    rest = {key: value for key, value in place.items() if key not in ("role", "@type")}
    if type(given) is not str or given not in _PLACES:
        given = "PlaceRef" if "id" in rest and not _ADDRESS.intersection(rest) else "GeographicAddress"
    return {
        "@type": "RelatedPlaceRefOrValue",
        "role": place.get("role"),
        "place": {"@type": given, **_written(rest, _PLACE)},
    }


def _characteristic(node: object) -> Json:
    if type(node) is not dict:
        return node
    kind = value_kind(node.get("value"))
    given = node.get("@type")
    if type(given) is not str:
        return typed(node, f"{kind}Characteristic", _CHARACTERISTIC)
    given = given.removesuffix("Characteristic")
    of_kind, of_given = kind.removesuffix("Array"), given.removesuffix("Array")
    # A cart of v5 says which class of numbers it means, and of what an empty array is one.
    if node.get("value") == [] and given in _ARRAYS:
        kind = given
    elif {of_kind, of_given} <= _NUMBERS and kind == given.replace(of_given, of_kind):
        kind = kind if (of_kind, of_given) == ("Number", "Integer") else given
    return typed(node, f"{kind}Characteristic", _CHARACTERISTIC)


def _relationship(node: Json) -> Json:
    """Return a relationship between products: v5 names the other product by its id."""
    inner = node.get("product") if type(node) is dict else None
    if type(inner) is not dict:
        return typed(node, "ProductRelationship")
    named = {key: inner[key] for key in ("id", "href", "name", "@referredType") if key in inner}
    rest = {key: value for key, value in node.items() if key != "product"}
    return typed({**rest, **named}, "ProductRelationship")


def _product(node: object, *, reference: bool) -> Json:
    if type(node) is not dict:
        return node
    if reference:
        return {"@type": "ProductRef", **{key: node[key] for key in node if key in _REFERENCE and key != "@type"}}
    written = typed(node, "Product", _PRODUCT)
    if "agreement" in written:
        written["agreementItem"] = written.pop("agreement")
    return written


def _nested(node: object) -> Json:
    """Return a product inside a product: a reference when that is all it is."""
    return _product(node, reference=type(node) is dict and "id" in node and _REFERENCE.issuperset(node))


_PLACE: Final[dict[str, _Writer]] = {
    "geographicSubAddress": _many(
        _one("GeographicSubAddress", {"subUnit": _many(_one("GeographicSubAddressUnit"))})
    ),
    "externalIdentifier": _many(_one("ExternalIdentifier")),
    "countryCode": _one("StandardIdentifier"),
    "siteRelationship": _many(_one("GeographicSiteRelationship")),
    "calendar": _many(_one("CalendarPeriod")),
    "relatedParty": _many(_party("RelatedPartyOrPartyRole")),
}  # fmt: skip
_CHARACTERISTIC: Final[dict[str, _Writer]] = {"characteristicRelationship": _many(_one("CharacteristicRelationship"))}
_ALTERATION: Final[dict[str, _Writer]] = {
    "price": _one("Price"), "productOfferingPrice": _one("ProductOfferingPriceRef"),
}  # fmt: skip
_PRICE: Final[dict[str, _Writer]] = {
    **_ALTERATION, "billingAccount": _one("BillingAccountRef"), "priceAlteration": _many(alteration_v5),
}  # fmt: skip
_PRODUCT_PRICE: Final = _one("ProductPrice", _PRICE)
_SPECIFICATION: Final = _one("ProductSpecificationRef")
_PRODUCT: Final[dict[str, _Writer]] = {
    "agreement": _many(_renamed("AgreementItemRef", {"id": "agreementId", "name": "agreementName", "href": "agreementHref"})),
    "billingAccount": _one("BillingAccountRef"),
    "productCharacteristic": _many(_characteristic),
    "productOffering": _one("ProductOfferingRef"),
    "productOrderItem": _many(_renamed("RelatedOrderItem", {"productOrderId": "orderId", "productOrderHref": "orderHref"})),
    "product": _many(_nested),
    "productPrice": _many(
        lambda node: _PRODUCT_PRICE(
            {("priceAlteration" if key == "productPriceAlteration" else key): value for key, value in node.items()}
            if type(node) is dict else node
        )
    ),
    "productRelationship": _many(_relationship),
    "productSpecification": _SPECIFICATION,
    "productTerm": _many(_one("ProductTerm")),
    "realizingResource": _many(_one("ResourceRef")),
    "realizingService": _many(_one("ServiceRef")),
    "relatedParty": _many(_party("RelatedPartyOrPartyRole")),
    "place": _many(_place),
}  # fmt: skip
_ITEM: Final[dict[str, _Writer]] = {
    "appointment": _one("AppointmentRef"),
    "billingAccount": _one("BillingAccountRef"),
    "itemPrice": _many(_one("OrderPrice", _PRICE)),
    "itemTotalPrice": _many(_one("OrderPrice", _PRICE)),
    "itemTerm": _many(_one("OrderTerm")),
    "note": _many(_one("Note")),
    "payment": _many(_one("PaymentRef")),
    "productOffering": _one("ProductOfferingRef"),
    "productOfferingQualificationItem": _renamed("ProductOfferingQualificationItemRef", {"id": "itemId"}),
    "productOrderItemRelationship": _many(_one("OrderItemRelationship")),
    "qualification": _many(_one("ProductOfferingQualificationRef")),
    "quoteItem": _renamed("QuoteItemRef", {"id": "quoteItemId"}),
}
_HEADER: Final[dict[str, _Writer]] = {
    "agreement": _many(_one("AgreementRef")),
    "billingAccount": _one("BillingAccountRef"),
    "channel": _many(_channel),
    "externalId": _many(_one("ExternalIdentifier")),
    "note": _many(_one("Note")),
    "orderRelationship": _many(_one("OrderRelationship")),
    "orderTotalPrice": _many(_one("OrderPrice", _PRICE)),
    "payment": _many(_one("PaymentRef")),
    "productOfferingQualification": _many(_one("ProductOfferingQualificationRef")),
    "quote": _many(_one("QuoteRef")),
    "relatedParty": _many(_party("RelatedPartyRefOrPartyRoleRef")),
}
