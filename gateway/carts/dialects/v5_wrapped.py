"""What TMF663 v5 wraps and v4 does not: related parties, places, contact media, characteristics, related products.

v4 holds a related party or place and its role in one object; v5 holds the role outside and the party, role or place inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.carts.dialects.forms import V5_MARK, Part, exact, exchanged, with_id, without
from gateway.documents import JsonObject
from gateway.tmf.v5_classes import PARTIES, value_kind

PARTY_REFERENCES: Final = frozenset({"PartyRef", "PartyRoleRef"})
PLACES: Final = frozenset({"GeographicAddress", "GeographicSite", "GeographicLocation"})
# What a reference to a person or organisation is about; any other word means a role such as Customer.
_PARTY_WORDS: Final = frozenset({"Individual", "Organization", "Party"})
_DECLARED: Final = frozenset({"@baseType", "@schemaLocation"})
_ADDRESS: Final = frozenset({"city", "country", "locality", "postcode", "stateOrProvince", "streetName", "streetNr"})


class _Wrapped:
    """An object that v5 splits in two: `inner` is the name of the part inside, `outer_types` v5's and v4's type of the whole.

    `inner_types` are types that the part inside is known by, `derive` the one it has when nobody says.
    """

    def __init__(
        self,
        inner: str,
        outer_types: tuple[str, str],
        inner_types: frozenset[str],
        derive: Callable[[dict[str, Any]], str],
        implied: Callable[[dict[str, Any]], dict[str, Any]] = lambda _inside: {},
    ) -> None:
        self._inner = inner
        self._outer_type = outer_types[0]
        self._types = exchanged(*outer_types)
        self._inner_types = inner_types
        self._derive = derive
        # Attributes that v4 readers want and v5 does not send.
        self._implied = implied

    def up(self, node: JsonObject) -> JsonObject:
        """Return one flat object; what has no place in it is kept by `exact`."""
        inside = node.get(self._inner)
        if type(inside) is not dict:
            return node
        rest = without(inside, ("@type",))
        flat = {
            **without(node, (self._inner, "@type")),
            **rest,
            **self._implied(inside),
            **({"role": node["role"]} if "role" in node else {}),
        }
        outer_type = node.get("@type", self._outer_type)
        inner_type = inside.get("@type")
        known = type(inner_type) is str and inner_type in self._inner_types
        if known and inner_type != self._derive(rest) and outer_type == self._outer_type:
            return {**flat, "@type": inner_type}
        return {**flat, "@type": self._types.get(outer_type, outer_type) if type(outer_type) is str else outer_type}

    def down(self, node: JsonObject) -> JsonObject:
        """Return the object split in two; one that a client sent split already is left alone."""
        if self._inner in node:
            return node
        given = node.get("@type")
        inside = with_id(without(node, ("role", "@type")))
        if type(given) is str and given in self._inner_types:
            inner_type, outer_type = given, self._outer_type
        elif type(given) is str and given.endswith("Ref") and not _DECLARED.intersection(node):
            # v4's word for a reference to what v5 says by `@referredType`.
            inside = {"@referredType": given.removesuffix("Ref"), **inside}
            inner_type, outer_type = self._derive(inside), self._outer_type
        else:
            inner_type = self._derive(inside)
            outer_type = self._types.get(given, given) if type(given) is str else self._outer_type
        if inner_type not in PARTY_REFERENCES:
            hidden = self._implied({**without(inside, ("name",)), "@type": inner_type})
            inside = {name: value for name, value in inside.items() if name not in hidden or hidden[name] != value}
        role = {"role": node["role"]} if "role" in node else {}
        return {**role, "@type": outer_type, self._inner: {"@type": inner_type, **inside}}


def _party_type(party: JsonObject) -> str:
    referred = party.get("@referredType")
    if party.get("id"):
        return "PartyRoleRef" if type(referred) is str and referred not in _PARTY_WORDS else "PartyRef"
    return referred if type(referred) is str and referred in PARTIES else "PartyRole"


def _reference_type(party: JsonObject) -> str:
    referred = party.get("@referredType")
    return "PartyRoleRef" if type(referred) is str and referred not in _PARTY_WORDS else "PartyRef"


def _party_name(party: JsonObject) -> JsonObject:
    """Return the name that a party by value goes by, when it has neither name nor id: v4 and R17 know no other."""
    if any(party.get(name) for name in ("id", "href", "name")):
        return {}
    if party.get("@type") == "Organization":
        name = party.get("tradingName")
        return {"name": name} if type(name) is str and name.strip() else {}
    whole = party.get("formattedName") or party.get("legalName")
    parts = [whole] if whole else [party.get("givenName"), party.get("familyName")]
    name = " ".join(part.strip() for part in parts if type(part) is str and part.strip())
    return {"name": name} if name else {}


def _place_type(place: JsonObject) -> str:
    if _ADDRESS.intersection(place):
        return "GeographicAddress"
    return "PlaceRef" if place.get("id") else "GeographicSite"


def _of_objects(part: Part) -> Part:
    """Return the part for objects only; anything else stays as it is."""
    return Part(
        lambda value: part.up(value) if type(value) is dict else value,
        lambda value: part.down(value) if type(value) is dict else value,
    )


_party = _Wrapped(
    "partyOrPartyRole",
    ("RelatedPartyOrPartyRole", "RelatedParty"),
    PARTY_REFERENCES | PARTIES,
    _party_type,
    _party_name,
)
_place = _Wrapped("place", ("RelatedPlaceRefOrValue", "RelatedPlaceRefOrValue"), PLACES | {"PlaceRef"}, _place_type)
# An order refers to its parties, and has none by value; it wraps its channels as well.
_order_party = _Wrapped(
    "partyOrPartyRole", ("RelatedPartyRefOrPartyRoleRef", "RelatedParty"), PARTY_REFERENCES, _reference_type
)
_channel = _Wrapped("channel", ("RelatedChannel", "RelatedChannel"), frozenset({"ChannelRef"}), lambda _: "ChannelRef")
PARTY: Final = _of_objects(exact(Part(_party.up, _party.down), V5_MARK))
ORDER_PARTY: Final = _of_objects(exact(Part(_order_party.up, _order_party.down), V5_MARK))
CHANNEL: Final = _of_objects(exact(Part(_channel.up, _channel.down), V5_MARK))
PLACE: Final = _of_objects(exact(Part(_place.up, _place.down), V5_MARK))

# The typed media of v5: the word that v4 has for each, its one attribute, and other words in use for it.
_MEDIA: Final[dict[str, tuple[str, str, frozenset[str]]]] = {
    "EmailContactMedium": ("email", "emailAddress", frozenset({"email", "emailaddress"})),
    "PhoneContactMedium": (
        "phone",
        "phoneNumber",
        frozenset({"phone", "telephone", "phonenumber", "telephonenumber", "mobile", "mobilephone"}),
    ),
}

_UNTYPED: Final[tuple[str, str, frozenset[str]]] = ("", "", frozenset())


def _medium_up(node: JsonObject) -> JsonObject:
    """Return v4's contact medium: what v5 says on the medium itself belongs into its characteristic."""
    given = node.get("@type")
    if type(given) is not str or given not in {*_MEDIA, "ContactMedium"}:
        return node
    word, attribute, _ = _MEDIA.get(given, _UNTYPED)
    lifted = {name: node[name] for name in ("contactType", attribute) if name and name in node}
    inner = node.get("characteristic", {})
    medium: dict[str, Any] = {"@type": "ContactMedium", **({"mediumType": word} if word else {})}
    medium.update(without(node, ("@type", *lifted)))
    if lifted and type(inner) is dict:
        medium["characteristic"] = {**inner, **lifted}
    return medium


def _medium_down(node: JsonObject) -> JsonObject:
    """Return v5's contact medium, of the type that its `mediumType` says, or else its characteristic."""
    if node.get("@type", "ContactMedium") != "ContactMedium":
        return node
    inner, word = node.get("characteristic"), node.get("mediumType")
    inside: dict[str, Any] = inner if type(inner) is dict else {}
    kind = next((name for name, entry in _MEDIA.items() if _is_kind(entry, word, inside)), "ContactMedium")
    default, attribute, _ = _MEDIA.get(kind, _UNTYPED)
    lifted = {name: inside[name] for name in ("contactType", attribute) if name and name in inside}
    medium: dict[str, Any] = {**without(node, ("@type", "characteristic")), "@type": kind, **lifted}
    if kind != "ContactMedium" and word == default:
        del medium["mediumType"]
    rest = without(inside, lifted)
    if rest or (inner is not None and not lifted):
        medium["characteristic"] = rest if type(inner) is dict else inner
    return medium


def _is_kind(entry: tuple[str, str, frozenset[str]], word: object, inside: JsonObject) -> bool:
    _, attribute, spellings = entry
    if type(word) is not str:
        return word is None and attribute in inside
    return "".join(letter for letter in word.lower() if letter.isalnum()) in spellings


MEDIUM: Final = _of_objects(exact(Part(_medium_up, _medium_down), V5_MARK))


def characteristic_type(node: JsonObject) -> str:
    """Return the subclass of v5's Characteristic that holds a value of this JSON type."""
    return f"{value_kind(node.get('value'))}Characteristic"


def _characteristic_up(node: JsonObject) -> JsonObject:
    return {**node, "@type": "Characteristic"} if node.get("@type") == characteristic_type(node) else node


def _characteristic_down(node: JsonObject) -> JsonObject:
    untyped = node.get("@type", "Characteristic") == "Characteristic"
    return {**node, "@type": characteristic_type(node)} if untyped else node


CHARACTERISTIC: Final = _of_objects(exact(Part(_characteristic_up, _characteristic_down), V5_MARK))


def product_relationship(product: Part) -> Part:
    """Return the part for v5's ProductRelationship, a reference, which in v4 is a relationship with a `product` inside."""
    lifted = ("id", "href", "name", "@referredType")

    def up(node: JsonObject) -> JsonObject:
        inner = node.get("product", {})
        inside = {name: node[name] for name in lifted if name in node}
        if type(inner) is not dict:
            return node
        return {**without(node, (*lifted, "product")), "product": {**product.up(inner), **inside}}

    def down(node: JsonObject) -> JsonObject:
        inner = node.get("product")
        if type(inner) is not dict:
            return {"@type": "ProductRelationship", **node}
        reference = with_id({name: inner[name] for name in lifted if name in inner})
        rest = without(inner, lifted)
        return {
            **reference,
            **without(node, ("product",)),
            "@type": node.get("@type", "ProductRelationship"),
            # A class of products says nothing where v5 has references only.
            **({"product": product.down(rest)} if rest.keys() - {"@type"} else {}),
        }

    return _of_objects(exact(Part(up, down), V5_MARK))
