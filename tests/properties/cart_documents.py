"""Random carts in the forms of R17, v4 and v5: attributes by the standard's tables, attributes nobody knows, wrong types."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any, TypeAlias

# A specification is a name of a scalar, a list of one specification, or attributes with theirs; "@TYPE" picks a type name.
Spec: TypeAlias = "str | list[Any] | dict[str, Any]"

PERIOD: Spec = {"startDateTime": "date", "endDateTime": "date"}
# R17's samples leave out seconds and zone; v4 and v5 want them.
LENIENT_PERIOD: Spec = {"startDateTime": "lenient date", "endDateTime": "lenient date"}
MONEY: Spec = {"unit": "currency", "value": "number"}
REFERENCE: Spec = {"id": "id", "href": "href", "name": "text", "@referredType": "referred"}


def versions() -> dict[str, dict[str, Any]]:
    """Return the specification of a cart in each version."""
    return {"v1": _r17(), "v4": _v4(), "v5": _v5()}


def _r17() -> dict[str, Any]:
    price = {
        "dutyFreeAmount": {"money": MONEY, "taxRate": "number"},
        "taxIncludedAmount": {"money": MONEY, "taxRate": "number", "unit": "currency", "value": "number"},
        "percentage": "number",
        "taxRate": "number",
    }
    head = {"name": "text", "priceType": "text", "recurringChargePeriod": "text"}
    alteration = {
        **head,
        "applicationDuration": "integer",
        "priceCondition": "text",
        "validFor": LENIENT_PERIOD,
        "price": price,
    }
    prices = [{**head, "price": price, "priceAlteration": [alteration]}]
    party = {"id": "id", "href": "href", "name": "text", "role": "text", "validFor": LENIENT_PERIOD}
    product: dict[str, Any] = {
        **REFERENCE,
        "place": [{"id": "id", "href": "href", "name": "text", "role": "text"}],
        "characteristic": [{"name": "text", "value": "any", "valueType": ("string", "integer")}],
        "relatedParty": [party],
    }
    product["productRelationship"] = [{"type": "text", "product": product}]
    note = {"author": "text", "date": "lenient date", "text": "text"}
    item: dict[str, Any] = {
        "id": "id",
        "action": ("add", "modify", "no_change", "delete"),
        "quantity": "integer",
        "status": ("Active", "SavedForLater"),
        "note": ("either", note, [note]),
        "itemPrice": prices,
        "totalItemPrice": prices,
        "product": product,
        "productOffering": {**REFERENCE, "bundledProductOffering": [REFERENCE]},
        "cartItemRelationship": [{"id": "id", "type": "text", "cartItem": [{"id": "id"}]}],
    }
    item["cartItem"] = [item]
    medium = {
        "type": ("email", "telephone number", "fax"),
        "preferred": "boolean",
        "validFor": LENIENT_PERIOD,
        "characteristic": {"emailAddress": "text", "phoneNumber": "text", "city": "text", "type": "text"},
    }
    return {
        "validFor": LENIENT_PERIOD,
        "contactMedium": [medium],
        "cartTotalPrice": prices,
        "cartItem": [item],
        "relatedParty": [party],
    }


def _v4() -> dict[str, Any]:
    typed = {"@type": "@vendor"}
    price = {"dutyFreeAmount": MONEY, "taxIncludedAmount": MONEY, "percentage": "number", "taxRate": "number"}
    head = {
        "name": "text",
        "priceType": "text",
        "recurringChargePeriod": "text",
        "productOfferingPrice": REFERENCE,
        **typed,
    }
    alteration = {**head, "applicationDuration": "integer", "price": price}
    prices = [{**head, "price": price, "priceAlteration": [alteration]}]
    party = {**REFERENCE, "role": "text", "@type": ("RelatedParty", "Individual", "Vendor")}
    product: dict[str, Any] = {
        **REFERENCE,
        **typed,
        "agreement": [{"id": "id", "href": "href", "name": "text", "agreementItemId": "id"}],
        "place": [
            {**REFERENCE, "role": "text", "city": "text", "@type": ("GeographicAddress", "RelatedPlaceRefOrValue")}
        ],
        "productCharacteristic": [
            {"name": "text", "value": "any", "valueType": ("string", "integer"), "@type": ("Characteristic",)}
        ],
        "productOrderItem": [{"productOrderId": "id", "orderItemId": "id", "@type": ("RelatedProductOrderItem",)}],
        "productPrice": [{**head, "price": price, "productPriceAlteration": [alteration]}],
        "productSpecification": REFERENCE,
        "relatedParty": [party],
    }
    product["productRelationship"] = [{"relationshipType": "text", "product": product}]
    product["product"] = [product]
    item: dict[str, Any] = {
        **typed,
        "id": "id",
        "action": ("add", "modify", "noChange", "delete"),
        "quantity": "integer",
        "status": ("active", "saveForLater"),
        "note": [{"id": "id", "author": "text", "date": "date", "text": "text"}],
        "itemTerm": [{"name": "text", "duration": {"amount": "integer", "units": "text"}}],
        "itemPrice": prices,
        "itemTotalPrice": prices,
        "product": product,
        "productOffering": REFERENCE,
        "cartItemRelationship": [{"id": "id", "relationshipType": "text"}],
    }
    item["cartItem"] = [item]
    medium = {
        "mediumType": ("email", "phone", "postal address"),
        "preferred": "boolean",
        "characteristic": {"emailAddress": "text", "phoneNumber": "text", "city": "text", "contactType": "text"},
        "@type": ("ContactMedium",),
    }
    return {
        **typed,
        "validFor": PERIOD,
        "contactMedium": [medium],
        "cartTotalPrice": prices,
        "cartItem": [item],
        "relatedParty": [party],
    }


def _v5() -> dict[str, Any]:
    cart = _v4()
    item = cart["cartItem"][0]
    party = {
        "role": "text",
        "@type": ("RelatedPartyOrPartyRole", "RelatedParty", "Vendor"),
        "partyOrPartyRole": {
            **REFERENCE,
            "@type": ("PartyRef", "PartyRoleRef", "Individual", "Organization", "PartyRole", "Supplier", "Vendor"),
            "role": "text",
            "givenName": "text",
            "familyName": "text",
            "tradingName": "text",
        },
    }
    place = {
        "role": "text",
        "@type": ("RelatedPlaceRefOrValue",),
        "place": {
            **REFERENCE,
            "city": "text",
            "@type": ("PlaceRef", "GeographicAddress", "GeographicSite"),
            "place": "any",
        },
    }
    item["product"].update(
        {
            "agreementItem": [{"agreementId": "id", "agreementName": "text", "@type": ("AgreementItemRef",)}],
            "place": [place],
            "relatedParty": [party],
            "productCharacteristic": [
                {
                    "name": "text",
                    "value": "any",
                    "@type": ("StringCharacteristic", "FloatCharacteristic", "Characteristic"),
                }
            ],
            "productOrderItem": [{"orderId": "id", "orderHref": "href", "@type": ("RelatedOrderItem",)}],
            "productRelationship": [{**REFERENCE, "relationshipType": "text", "@type": ("ProductRelationship",)}],
        }
    )
    cart["relatedParty"] = [party]
    cart["contactMedium"] = [
        {
            "@type": ("EmailContactMedium", "PhoneContactMedium", "ContactMedium", "Vendor"),
            "emailAddress": "text",
            "phoneNumber": "text",
            "contactType": "text",
            "mediumType": ("email", "other"),
            "characteristic": {"city": "text", "emailAddress": "text"},
            "preferred": "boolean",
        }
    ]
    return cart


# Names of other versions, and names that mean nothing anywhere: as attributes of the client's own they are kept too.
FOREIGN = [
    "vendor",
    "x-1",
    "mediumType",
    "relationshipType",
    "type",
    "characteristic",
    "productCharacteristic",
    "agreementItem",
    "agreementId",
    "money",
    "partyOrPartyRole",
    "place",
    "contactType",
    "priceCondition",
    "@baseType",
    "creationDate",
]


def random_cart(random: Random, spec: Mapping[str, Any], *, foreign: bool = True, odd: bool = True) -> dict[str, Any]:
    """Return a cart of the specification; `foreign` adds attributes of others' names, `odd` values of the wrong type."""
    return {
        name: _value(random, inner, 0, foreign=foreign, odd=odd)
        for name, inner in spec.items()
        if random.random() < 0.8
    } | ({"vendor": scalar(random)} if foreign else {})


def _value(random: Random, spec: Any, depth: int, *, foreign: bool, odd: bool) -> Any:
    if odd and random.random() < 0.03:
        return anything(random)
    if isinstance(spec, tuple):
        if spec[0] == "either":
            return _value(random, random.choice(spec[1:]), depth, foreign=foreign, odd=odd)
        return random.choice(spec)
    if isinstance(spec, str):
        return _scalar_of(random, spec)
    if isinstance(spec, list):
        count = random.choice((0, 1, 1, 1, 2)) if depth < 5 else 0
        return [_value(random, spec[0], depth + 1, foreign=foreign, odd=odd) for _ in range(count)]
    likely = 0.6 if depth < 4 else 0.2
    found = {
        name: _value(random, inner, depth + 1, foreign=foreign, odd=odd)
        for name, inner in spec.items()
        if random.random() < likely
    }
    if foreign and random.random() < 0.15:
        name = random.choice([name for name in FOREIGN if name not in spec])
        found[name] = anything(random)
    return found


def _scalar_of(random: Random, kind: str) -> Any:
    if kind == "any":
        return anything(random)
    choices: dict[str, list[Any]] = {
        "text": ["", "one", "Größe 🛒", "recurring", "month"],
        "id": ["1", "9176", "a b"],
        "href": ["/party/9866", "https://host/place/7396", "x"],
        "referred": ["Individual", "Customer", "Organization", "Supplier"],
        "currency": ["EUR", "USD"],
        "date": ["2017-03-27T00:00:00+02:00", "2026-12-01T08:30:00Z", "2026-12-01T08:30:00.125Z"],
        "lenient date": ["2017-03-27T00:00", "2017-03-27", "2017-03-27T00:00:00.5", "2026-12-01T08:30:00Z"],
        "boolean": [True, False],
        "integer": [0, 1, 3, 12],
        "number": [29, Decimal("31.90"), Decimal("0.10"), -1],
        "@vendor": ["Vendor", "CartItem"],
    }
    return random.choice(choices[kind])


def scalar(random: Random) -> Any:
    """Return any JSON value that is neither list nor object."""
    return random.choice([None, True, 0, 7, Decimal("1.50"), "", "text"])


def anything(random: Random) -> Any:
    """Return any JSON value."""
    return random.choice(
        [
            scalar(random),
            [],
            [scalar(random)],
            {},
            {"id": "1"},
            {"@type": "Vendor"},
            [{"name": scalar(random)}],
            [[]],
            ["a", 1],
        ]
    )
