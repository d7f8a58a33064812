"""What kind of party a v5 cart means, in one object: v5 wraps a party beside its role, a stored cart holds both flat.

v4 has references to parties only; what a party by value says beyond that (a birth date, an address) has no place in its order.
"""

from __future__ import annotations

from typing import Final

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.tmf.v5_classes import PARTIES, ROLES

_KINDS: Final = PARTIES | {"PartyRoleRef"}
_SAME: Final = frozenset({"role", "@type", "@baseType", "@schemaLocation", "@referredType"})
_OWN: Final = (
    "The order has no place for what is said of the relation itself; what is said of the party or place is sent."
)
V5_MARK: Final = "@v5"
"""Under which a stored cart keeps what only v5 has."""
_PLACE_CLASSES: Final = frozenset(
    {"GeographicAddress", "GeographicSite", "GeographicLocation", "PlaceRef", "Place", "RelatedPlace", "RelatedPlaceRef",
     "RelatedPlaceRefOrValue"}
)  # fmt: skip
_PARTY_WRAPPERS: Final = frozenset({"RelatedPartyOrPartyRole", "RelatedPartyRefOrPartyRoleRef"})
# Of the places by value, this one alone has attributes of its own to be known by.
_ADDRESS: Final = frozenset({"city", "country", "locality", "postcode", "stateOrProvince", "streetName", "streetNr"})
_OF_REFERENCE: Final = frozenset(
    {"id", "href", "name", "role", "validFor", "@type", "@baseType", "@schemaLocation", "@referredType"}
)


def flat_party(member: JsonObject, path: str, findings: Findings) -> tuple[JsonObject, str]:
    """Return the party as one v4 object and the v5 class that it was, "" when it says none.

    v5's {role, partyOrPartyRole} is unwrapped: the role outside is the one that counts.
    """
    inner = member.get("partyOrPartyRole")
    member = without_own(member, inner, path, findings)
    if type(inner) is not dict:
        kind = member.get("@type")
        if type(kind) is not str or kind not in _KINDS | _PARTY_WRAPPERS:
            return member, ""
        if kind in _PARTY_WRAPPERS:  # what v5 wraps a party in is not a class of what is left
            return {key: value for key, value in member.items() if key != "@type"}, ""
        return _named({key: value for key, value in member.items() if key != "@type"}, kind), kind
    outer = {key: value for key, value in member.items() if key not in ("partyOrPartyRole", "@type")}
    if "role" in inner and outer.get("role") not in (None, inner["role"]):
        findings.warning("dropped", f"{path}.partyOrPartyRole.role", "The role beside the party is sent.")
    given = inner.get("@type")
    kind = given if type(given) is str and given != "PartyRef" else ""
    party = {**{key: value for key, value in inner.items() if key != "@type"}, **outer}
    return _named(party, kind) if kind else party, kind


def without_own(member: JsonObject, inner: object, path: str, findings: Findings) -> JsonObject:
    """Return v5's wrapper of a party or place without what it says of itself where its content says otherwise; that is told.

    A stored cart keeps it under v5's mark: the flat form has one place for both.
    """
    own = member.get(V5_MARK)
    if type(own) is dict:
        for key in own:
            findings.warning("dropped", f"{path}.{V5_MARK}.{key}", _OWN)
        member = {key: value for key, value in member.items() if key != V5_MARK}
    if type(inner) is not dict:
        return member
    doubled = [key for key in member if key in inner and key not in _SAME and member[key] != inner[key]]
    for key in doubled:
        findings.warning("dropped", f"{path}.{key}", _OWN)
    return {key: value for key, value in member.items() if key not in doubled} if doubled else member


def _named(party: JsonObject, kind: str) -> JsonObject:
    """Return the party with what a reference to it refers to: its own class."""
    if party.get("@referredType") is not None:
        return party
    return {**party, "@referredType": "PartyRole" if kind == "PartyRoleRef" else kind}


def role_of(party: JsonObject, default: str) -> str:
    """Return the role of a party that names none: the one that its class is, or `default`.

    A supplier sent as the customer would be the account that pays.
    """
    for kind in (party.get("@referredType"), party.get("@type")):
        if type(kind) is str and kind in ROLES:
            return f"{kind[0].lower()}{kind[1:]}"
    return default


def as_reference(party: JsonObject, kind: str, path: str, inside: frozenset[str], findings: Findings) -> JsonObject:
    """Return the party as v4 refers to it; what one of v5 says beyond that is told as dropped.

    Attributes that are `inside` v5's wrapper are told by their path in it.
    """
    if not kind or _OF_REFERENCE.issuperset(party):
        return party
    for key in party:
        if key not in _OF_REFERENCE:
            where = f"{path}.partyOrPartyRole.{key}" if key in inside else f"{path}.{key}"
            findings.warning("dropped", where, "An order of v4 refers to parties; it has no place for it.")
    return {key: value for key, value in party.items() if key in _OF_REFERENCE}


def with_kind_of_address(place: JsonObject, given: JsonObject, path: str, findings: Findings) -> JsonObject:
    """Return a place whose address is not sent with the word for it: by nothing else would it be known as one."""
    named = given.get("@type")
    is_told = place.get("@referredType") is not None or (type(named) is str and named != "RelatedPlaceRefOrValue")
    if is_told or not _ADDRESS.intersection(given) or _ADDRESS.intersection(place):
        return place
    code = "defaulted" if named is None else "converted"
    findings.info(code, f"{path}.@type", "Its address is not sent; GeographicAddress says what the place is.")
    return {**place, "@type": "GeographicAddress"}


def with_place_kind(place: JsonObject, path: str, findings: Findings) -> JsonObject:
    """Return the place with what it refers to said as v5 says it: a class that v5 does not have as the `@referredType`."""
    given = place.get("@type")
    if type(given) is not str or given in _PLACE_CLASSES or "@schemaLocation" in place:
        return place
    kind = given.removesuffix("Ref")
    if not place.get("id") or not kind:
        findings.warning(
            "dropped", f"{path}.@type", "v5 has no class of places of this name; the one that fits is sent."
        )
        return place
    if place.get("@referredType") is not None:
        if place["@referredType"] != kind:
            findings.info("dropped", f"{path}.@type", "The @referredType beside it is sent.")
        return place
    findings.info(
        "converted",
        f"{path}.@type",
        "v5 refers to places by a PlaceRef; what the place is is sent as its @referredType.",
    )
    return {**place, "@referredType": kind}
