"""What the API file of TMF663 v4.0.0 makes mandatory, by kind of object, and where each kind occurs in a cart.

Of every mandatory attribute: what tells it where a client leaves it out, and what an answer says where nothing does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from gateway.carts.dialects.forms import rfc_3339
from gateway.carts.shape import PARTS, PRODUCT_STATUSES, TYPES
from gateway.errors import Problem
from gateway.tmf.hrefs import last_segment
from gateway.tmf.shapes import Check, ObjectOf, identifier, list_of, object_of, one_of, text
from gateway.tmf.v5_classes import PARTIES

# Takes an object and the one that holds it; None: they do not tell.
Told: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], Any]

_ANY_OBJECT: Final = object_of(TYPES)


def _not_told(_node: dict[str, Any], _holder: dict[str, Any]) -> Any:
    return None


class Member(NamedTuple):
    """A mandatory attribute."""

    name: str
    # What would be right, for a client that leaves it out although nothing tells it.
    lesson: str
    told_by: Told = _not_told
    # Makes what an answer says where nobody knows it: valid, and plainly no data.
    empty: Callable[[], Any] = str
    # Whether null is a value like others.
    nullable: bool = False

    def is_in(self, node: dict[str, Any]) -> bool:
        """Return whether an object has the attribute."""
        return node.get(self.name) is not None or (self.nullable and self.name in node)

    def is_empty(self, value: Any) -> bool:
        """Return whether a value is what an answer says where nobody knows it."""
        empty = self.empty()
        return type(value) is type(empty) and value == empty


class Kind:
    """A kind of object: the types of its attributes, the mandatory ones, and the kinds of the objects in it."""

    def __init__(self, base: Check | None = None, *members: Member, types: Mapping[str, Check] | None = None) -> None:
        """Take the types of `base`, a check of the stored form, and more."""
        attributes = base.attributes if isinstance(base, ObjectOf) else {}
        self.types: dict[str, Check] = {**attributes, **(types or {})}
        self.members = members
        # Attributes that are shown otherwise than they are stored where they were sent in words that the file does not have.
        self.shown: dict[str, Callable[[Any], Any]] = {}
        self.objects: dict[str, Kind] = {}
        self.lists: dict[str, Kind] = {}

    def holding(self, objects: Mapping[str, Kind] | None = None, lists: Mapping[str, Kind] | None = None) -> Kind:
        """Add attributes that are objects of a kind, and lists of them; return itself."""
        for name, kind in (objects or {}).items():
            self.objects[name] = kind
        for name, kind in (lists or {}).items():
            self.lists[name] = kind
        self.types |= dict.fromkeys(self.objects, _ANY_OBJECT) | dict.fromkeys(self.lists, list_of(_ANY_OBJECT))
        return self

    def showing(self, shown: Mapping[str, Callable[[Any], Any]]) -> Kind:
        """Add what attributes are shown as; return itself."""
        self.shown |= shown
        return self


def _referred_type(party: dict[str, Any], _holder: dict[str, Any]) -> str:
    """Return what a party is: by its own `@type` where that is a kind of party, else TMF632's word for any party."""
    given = party.get("@type")
    if type(given) is str and given in PARTIES:
        return given
    return "PartyRole" if given == "PartyRoleRef" else "Party"


def _own_id(reference: dict[str, Any], _holder: dict[str, Any]) -> str | None:
    segment = last_segment(reference.get("href"))
    problems: list[Problem] = []
    identifier(segment, (), "id", problems)
    return None if problems else segment


def _price_type(_alteration: dict[str, Any], price: dict[str, Any]) -> Any:
    return price.get("priceType")


def _period(value: Any) -> Any:
    """Return a period with its moments as RFC 3339 wants them."""
    if type(value) is not dict:
        return value
    moments = {name: rfc_3339(value[name]) for name in ("startDateTime", "endDateTime") if name in value}
    return value if all(value[name] == moment for name, moment in moments.items()) else {**value, **moments}


def _status(value: Any) -> Any:
    # The list of the file has the one, its text the other.
    return "saveForLater" if value == "savedForLater" else value


def _texts(*names: str) -> dict[str, Check]:
    return {**TYPES, **dict.fromkeys(names, text)}


def _no_value() -> None:
    return None


def _no_schema() -> str:
    # The file wants a URI; this is the one that leads nowhere.
    return "about:blank"


_ID: Final = Member("id", "send the id, or an href that ends in it", _own_id)
_REFERRED_TYPE: Final = Member("@referredType", "say what the party is, e.g. Individual or Customer", _referred_type)
_PRICE: Final = Member("price", 'send the Price, e.g. {"percentage": 10}', empty=dict)
_PRICE_TYPE: Final = Member("priceType", "say what is charged, e.g. recurring or oneTime")
_ALTERATION_TYPE: Final = Member("priceType", "send it here, or with the price that is altered", _price_type)

_REFERENCE: Final = Kind(PARTS["reference"], _ID)
_AGREEMENT: Final = Kind(PARTS["reference"], _ID, types={"agreementItemId": text})
_RESOURCE: Final = Kind(PARTS["reference"], _ID, types={"value": text})
_SPECIFICATION: Final = Kind(PARTS["reference"], _ID).holding(
    {
        "targetProductSchema": Kind(
            None,
            Member("@type", "name the class of the product that is meant"),
            Member("@schemaLocation", "send the URL of the schema", empty=_no_schema),
            types=TYPES,
        )
    }
)
_PARTY: Final = Kind(PARTS["party"], _ID, _REFERRED_TYPE)
_ALTERATION: Final = Kind(PARTS["priceAlteration"], _PRICE, _ALTERATION_TYPE, types={"price": PARTS["price"]}).holding(
    {"productOfferingPrice": _REFERENCE}
)
_CART_PRICE: Final = Kind().holding({"productOfferingPrice": _REFERENCE}, {"priceAlteration": _ALTERATION})
_PRODUCT_PRICE: Final = Kind(
    None,
    _PRICE,
    _PRICE_TYPE,
    types={
        **_texts("name", "description", "priceType", "recurringChargePeriod", "unitOfMeasure"),
        "price": PARTS["price"],
    },
).holding({"productOfferingPrice": _REFERENCE, "billingAccount": _REFERENCE}, {"productPriceAlteration": _ALTERATION})
_PLACE: Final = Kind(
    None,
    Member("role", "say what the place is to the product, e.g. installation address"),
    types=_texts("href", "id", "name", "role"),
)
_CHARACTERISTIC: Final = Kind(
    None,
    Member("name", "send the name of the characteristic"),
    Member("value", "send the value; null is one", empty=_no_value, nullable=True),
    types={**_texts("valueType"), "name": identifier},
)
_ORDER_ITEM: Final = Kind(
    None,
    Member("productOrderId", "send the id of the order"),
    Member("orderItemId", "send the id of the item in the order"),
    types=_texts("orderItemAction", "orderItemId", "productOrderHref", "productOrderId", "role"),
)
_PRODUCT: Final = Kind(PARTS["product"], types={"status": one_of(*PRODUCT_STATUSES)}).showing(
    dict.fromkeys(("orderDate", "startDate", "terminationDate"), rfc_3339)
)
_PRODUCT_TERM: Final = Kind(
    None, types={**_texts("name", "description"), "duration": PARTS["duration"], "validFor": PARTS["period"]}
).showing({"validFor": _period})
_PRODUCT_RELATIONSHIP: Final = Kind(
    None,
    Member("relationshipType", "say how the products are related, e.g. reliesOn"),
    Member("product", 'send the other product, e.g. {"id": "..."}', empty=dict),
    types=_texts("relationshipType"),
).holding({"product": _PRODUCT})
_PRODUCT.holding(
    {"billingAccount": _REFERENCE, "productOffering": _REFERENCE, "productSpecification": _SPECIFICATION},
    {
        "agreement": _AGREEMENT,
        "place": _PLACE,
        "product": _PRODUCT,
        "productCharacteristic": _CHARACTERISTIC,
        "productOrderItem": _ORDER_ITEM,
        "productPrice": _PRODUCT_PRICE,
        "productRelationship": _PRODUCT_RELATIONSHIP,
        "productTerm": _PRODUCT_TERM,
        "realizingResource": _RESOURCE,
        "realizingService": _REFERENCE,
        "relatedParty": _PARTY,
    },
)
_ITEM: Final = Kind().showing({"status": _status})
_ITEM.holding(
    {"product": _PRODUCT, "productOffering": _REFERENCE},
    {
        "cartItem": _ITEM,
        "itemPrice": _CART_PRICE,
        "itemTotalPrice": _CART_PRICE,
        "ItemTotalPrice": _CART_PRICE,
        "note": Kind().showing({"date": rfc_3339}),
    },
)
CART: Final = (
    Kind()
    .holding(
        None,
        {
            "cartItem": _ITEM,
            "cartTotalPrice": _CART_PRICE,
            "contactMedium": Kind().showing({"validFor": _period}),
            "relatedParty": _PARTY,
        },
    )
    .showing({"validFor": _period})
)
