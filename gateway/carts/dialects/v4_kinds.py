"""What TMF663 v4.0.0 makes mandatory, by kind of object: what tells it where a client leaves it out, and what is said otherwise.

Which attributes there are, and where each kind of object occurs in a cart, the schema file says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from gateway.carts.dialects.forms import rfc_3339
from gateway.documents import Json, JsonObject
from gateway.tmf.hrefs import last_segment
from gateway.tmf.schema import definitions, is_identifier
from gateway.tmf.v5_classes import PARTIES

# Takes an object and the one that holds it; None: they do not tell.
Told: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], Any]


def _not_told(_node: JsonObject, _holder: JsonObject) -> Json:
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

    def is_in(self, node: JsonObject) -> bool:
        """Return whether an object has the attribute."""
        return node.get(self.name) is not None or (self.nullable and self.name in node)

    def is_empty(self, value: object) -> bool:
        """Return whether a value is what an answer says where nobody knows it."""
        empty = self.empty()
        return type(value) is type(empty) and value == empty


class Kind:
    """A kind of object, a definition of the API file: its typed attributes, the mandatory ones, the kinds of the objects in it."""

    def __init__(self, attributes: frozenset[str], members: tuple[Member, ...]) -> None:
        """Take the names of the attributes, and the mandatory ones."""
        self.attributes = attributes
        self.members = members
        # Attributes that are shown otherwise than they are stored where they were sent in words that the file does not have.
        self.shown: dict[str, Callable[[Any], Any]] = {}
        # The kinds of objects, and of the entries of lists.
        self.objects: dict[str, Kind] = {}
        self.lists: dict[str, Kind] = {}


def _referred_type(party: JsonObject, _holder: JsonObject) -> str:
    """Return what a party is: by its own `@type` where that is a kind of party, else TMF632's word for any party."""
    given = party.get("@type")
    if type(given) is str and given in PARTIES:
        return given
    return "PartyRole" if given == "PartyRoleRef" else "Party"


def _own_id(reference: JsonObject, _holder: JsonObject) -> str | None:
    segment = last_segment(reference.get("href"))
    return segment if is_identifier(segment) else None


def _price_type(_alteration: JsonObject, price: JsonObject) -> Json:
    return price.get("priceType")


def _status(value: object) -> Json:
    # The list of the file has the one, its text the other.
    return "saveForLater" if value == "savedForLater" else value


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

_REFERENCE: Final = (_ID,)
# By definition of the API file, every mandatory attribute that it has.
MEMBERS: Final[Mapping[str, tuple[Member, ...]]] = {
    **dict.fromkeys(
        (
            *(
                "AgreementItemRef",
                "BillingAccountRef",
                "EntityRef",
                "PlaceRef",
                "ProductOfferingPriceRef",
                "ProductOfferingRef",
            ),
            *("ProductRef", "ProductSpecificationRef", "ResourceRef", "ServiceRef"),
        ),
        _REFERENCE,
    ),
    "Characteristic": (
        Member("name", "send the name of the characteristic"),
        Member("value", "send the value; null is one", empty=_no_value, nullable=True),
    ),
    "PriceAlteration": (_PRICE, _ALTERATION_TYPE),
    "ProductPrice": (_PRICE, _PRICE_TYPE),
    "ProductRelationship": (
        Member("relationshipType", "say how the products are related, e.g. reliesOn"),
        Member("product", 'send the other product, e.g. {"id": "..."}', empty=dict),
    ),
    "RelatedParty": (_ID, _REFERRED_TYPE),
    "RelatedPlaceRefOrValue": (Member("role", "say what the place is to the product, e.g. installation address"),),
    "RelatedProductOrderItem": (
        Member("productOrderId", "send the id of the order"),
        Member("orderItemId", "send the id of the item in the order"),
    ),
    "TargetProductSchema": (
        Member("@type", "name the class of the product that is meant"),
        Member("@schemaLocation", "send the URL of the schema", empty=_no_schema),
    ),
}


def _kinds(found: Mapping[str, Json]) -> dict[str, Kind]:
    """Return every definition that is an object as a kind."""
    properties = {name: schema["properties"] for name, schema in found.items() if "properties" in schema}
    kinds = {
        # Of an attribute that may be anything null is a value like others.
        name: Kind(
            frozenset(attribute for attribute, schema in known.items() if _definition(schema) != "Any"),
            MEMBERS.get(name, ()),
        )
        for name, known in properties.items()
    }
    for name, known in properties.items():
        kind = kinds[name]
        for attribute, schema in known.items():
            if (target := _definition(schema)) in kinds:
                kind.objects[attribute] = kinds[target]
            if (target := _definition(schema.get("items", {}))) in kinds:
                kind.lists[attribute] = kinds[target]
            if schema.get("format") == "date-time":
                kind.shown[attribute] = rfc_3339
    kinds["CartItem"].shown["status"] = _status
    return kinds


def _definition(schema: Mapping[str, Json]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


CART: Final = _kinds(definitions("tmf663_v4"))["ShoppingCart"]
