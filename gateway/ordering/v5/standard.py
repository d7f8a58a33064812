"""Which attributes TMF622 knows, v4 and v5: what only v5 has is not sent in an order of v4, and what neither has only where it may.

Facts of the official API files (TMF622 v4.0.0 and v5.0.0), by the parts of an order that a cart can give, under the names that carts
of every version have for them. Looked at before a part is translated, so that findings have the cart's own paths.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from gateway.documents import Json, JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.values import says_nothing

_DEPTH_MAX: Final = 24
_ANY: Final = frozenset({"@type", "@baseType", "@schemaLocation", "@referredType", "@r17", "@v5"})
_ADDRESS: Final = (
    "city country locality postcode stateOrProvince streetName streetNr streetNrLast streetNrLastSuffix streetNrSuffix streetSuffix "
    "streetType countryCode externalIdentifier geographicLocation geographicSubAddress geographicAddressType"
)
_SITE: Final = "code creationDate description status relatedParty calendar siteRelationship"
_PERSON: Final = (
    "externalReference partyCharacteristic taxExemptionCertificate creditRating relatedParty contactMedium gender placeOfBirth "
    "countryOfBirth nationality maritalStatus birthDate deathDate title aristocraticTitle generation preferredGivenName "
    "familyNamePrefix legalName middleName formattedName location otherName individualIdentification disability languageAbility "
    "skill familyName givenName isLegalEntity isHeadOffice organizationType existsDuring nameType organizationIdentification "
    "organizationChildRelationship organizationParentRelationship tradingName engagedParty partyRoleSpecification account "
    "paymentMethod creditProfile"
)


class _Part(NamedTuple):
    """A part of an order: the attributes that carts and orders have for it, those that only v5 has, and the parts in it."""

    known: frozenset[str]
    of_v5: frozenset[str] = frozenset()
    inside: dict[str, str] = {}  # noqa: RUF012 -- never changed


def _part(known: str, of_v5: str = "", **inside: str) -> _Part:
    return _Part(frozenset(known.split()) | _ANY, frozenset(of_v5.split()), inside)


_REFERENCE: Final = "id href name"
_PRICE: Final = (
    "description name priceType recurringChargePeriod unitOfMeasure price priceAlteration productPriceAlteration "
    "productOfferingPrice billingAccount"
)
_ALTERED: Final = dict.fromkeys(("priceAlteration", "productPriceAlteration"), "alteration")
_PARTS: Final[dict[str, _Part]] = {
    "reference": _part(_REFERENCE, "version"),
    "agreement": _part(_REFERENCE),
    "billingAccount": _part(_REFERENCE, "ratingType"),
    "productOffering": _part(f"{_REFERENCE} bundledProductOffering", "version"),
    "productSpecification": _part(f"{_REFERENCE} version targetProductSchema"),
    "appointment": _part("id href description", "name"),
    "channel": _part(f"{_REFERENCE} role channel", channel="agreement"),
    "note": _part("id author date text"),
    "party": _part(f"{_REFERENCE} role validFor partyOrPartyRole", f"partyId partyName {_PERSON}", partyOrPartyRole="party"),
    "place": _part(f"{_REFERENCE} role place", f"{_ADDRESS} {_SITE} bbox geometry", place="place"),
    "itemPrice": _part(_PRICE, price="amounts", productOfferingPrice="reference", billingAccount="billingAccount", **_ALTERED),
    "alteration": _part(
        f"{_PRICE} applicationDuration priority validFor priceCondition", price="amounts", productOfferingPrice="reference"
    ),
    "amounts": _part(
        "percentage taxRate dutyFreeAmount taxIncludedAmount", dutyFreeAmount="money", taxIncludedAmount="money"
    ),
    "money": _part("unit value money taxRate", money="money"),
    "itemTerm": _part("description name duration", duration="quantity"),
    "productTerm": _part("description name duration validFor", duration="quantity", validFor="period"),
    "quantity": _part("amount units"),
    "period": _part("startDateTime endDateTime"),
    "characteristic": _part("name value valueType", "id characteristicRelationship"),
    "agreementItem": _part(f"{_REFERENCE} agreementItemId agreementId agreementName agreementHref"),
    "relatedItem": _part("orderItemAction orderItemId productOrderHref productOrderId orderHref orderId role"),
    "related": _part(f"{_REFERENCE} relationshipType type product", product="product"),
    "resource": _part(f"{_REFERENCE} value"),
    "qualificationItem": _part(
        f"{_REFERENCE} itemId productOfferingQualificationHref productOfferingQualificationId productOfferingQualificationName"
    ),
    "quoteItem": _part(f"{_REFERENCE} quoteHref quoteId quoteItemId quoteName"),
    "product": _part(
        "id href description isBundle isCustomerVisible name orderDate productSerialNumber startDate terminationDate status "
        "agreement agreementItem billingAccount place product productCharacteristic characteristic productOffering "
        "productOrderItem productPrice productRelationship productSpecification productTerm realizingResource "
        "realizingService relatedParty",
        "creationDate intent",
        agreement="agreementItem", agreementItem="agreementItem", billingAccount="billingAccount", product="product",
        productCharacteristic="characteristic", characteristic="characteristic", productOffering="productOffering",
        productOrderItem="relatedItem", productPrice="itemPrice", productRelationship="related",
        productSpecification="productSpecification", productTerm="productTerm", realizingResource="resource",
        realizingService="agreement", relatedParty="party",
    ),
}  # fmt: skip
ITEM_PARTS: Final = {
    "appointment": "appointment", "billingAccount": "billingAccount", "itemPrice": "itemPrice", "itemTotalPrice": "itemPrice",
    "ItemTotalPrice": "itemPrice", "totalItemPrice": "itemPrice", "itemTerm": "itemTerm", "payment": "agreement",
    "product": "product", "productOffering": "productOffering", "productOfferingQualificationItem": "qualificationItem",
    "qualification": "agreement", "quoteItem": "quoteItem", "note": "note", "state": "",
}  # fmt: skip
"""The attributes of an item that carts and orders have, and which part each is."""
HEADER_PARTS: Final = {
    "agreement": "agreement", "billingAccount": "billingAccount", "channel": "channel", "note": "note", "payment": "agreement",
    "productOfferingQualification": "agreement", "quote": "agreement", "relatedParty": "party",
}  # fmt: skip
"""The attributes of an order's header that are looked into, and which part each is."""
OF_REFERENCE_V4: Final = _PARTS["agreement"].known
OF_CHARACTERISTIC_V4: Final = _PARTS["characteristic"].known
_ONLY_V5: Final = "An order of v4 has no attribute of this name; only v5 has."
NOT_STANDARD: Final = "The standard has no attribute of this name, and the order system takes no others."


class Standard:
    """Takes out of the parts of a cart what an order by one mapping has no place for."""

    def __init__(self, mapping: Mapping, findings: Findings) -> None:
        self._findings = findings
        self.is_v4 = mapping.dialect == "tmf622-v4"
        self.is_strict = mapping.unknown_attributes == "drop"
        self.looks = self.is_v4 or self.is_strict

    def fitted(self, value: object, part: str, path: str, depth: int = 0) -> Json:
        """Return `value`, one `part` or a list of them, without what the order has no place for; itself when it has all."""
        if not self.looks or not part or depth > _DEPTH_MAX:
            return value
        if type(value) is list:
            fitted = [self.fitted(member, part, f"{path}[{at}]", depth + 1) for at, member in enumerate(value)]
            return fitted if any(new is not old for new, old in zip(fitted, value, strict=True)) else value
        if type(value) is not dict:
            return value
        return self._object(value, _PARTS[part], path, depth)

    def _object(self, node: JsonObject, part: _Part, path: str, depth: int) -> JsonObject:
        changed: dict[str, Any] | None = None
        # Who declares an extension of its own says what its attributes mean, also where v5 has some of their names.
        declared = "@schemaLocation" in node and not self.is_strict
        for key, inner in node.items():
            why = "" if declared else self._why_not(key, part)
            if why:
                changed = dict(node) if changed is None else changed
                del changed[key]
                if not says_nothing(inner):
                    self._findings.warning("dropped", f"{path}.{key}", why)
            elif key in part.inside and type(inner) in (dict, list):
                fitted = self.fitted(inner, part.inside[key], f"{path}.{key}", depth + 1)
                if fitted is not inner:
                    changed = dict(node) if changed is None else changed
                    changed[key] = fitted
        return node if changed is None else changed

    def _why_not(self, key: str, part: _Part) -> str:
        if key in part.known:
            return ""
        if key in part.of_v5:
            return _ONLY_V5 if self.is_v4 else ""
        return NOT_STANDARD if self.is_strict else ""
