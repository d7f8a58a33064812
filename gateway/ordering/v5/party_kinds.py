"""What kind of party a v5 cart means, in one object: v5 wraps a party beside its role, a stored cart holds both flat.

v4 has references to parties only; what a party by value says beyond that (a birth date, an address) has no place in its order.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.ordering.findings import Findings
from gateway.tmf.v5_classes import PARTIES, ROLES

_KINDS: Final = PARTIES | {"PartyRoleRef"}
_OF_REFERENCE: Final = frozenset(
    {"id", "href", "name", "role", "validFor", "@type", "@baseType", "@schemaLocation", "@referredType"}
)


def flat_party(member: dict[str, Any], path: str, findings: Findings) -> tuple[dict[str, Any], str]:
    """Return the party as one v4 object and the v5 class that it was, "" when it says none.

    v5's {role, partyOrPartyRole} is unwrapped: the role outside is the one that counts.
    """
    inner = member.get("partyOrPartyRole")
    if type(inner) is not dict:
        kind = member.get("@type")
        if type(kind) is not str or kind not in _KINDS:
            return member, ""
        return _named({key: value for key, value in member.items() if key != "@type"}, kind), kind
    outer = {key: value for key, value in member.items() if key not in ("partyOrPartyRole", "@type")}
    if "role" in inner and outer.get("role") not in (None, inner["role"]):
        findings.warning("dropped", f"{path}.partyOrPartyRole.role", "The role beside the party is sent.")
    given = inner.get("@type")
    kind = given if type(given) is str and given != "PartyRef" else ""
    party = {**{key: value for key, value in inner.items() if key != "@type"}, **outer}
    return _named(party, kind) if kind else party, kind


def _named(party: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the party with what a reference to it refers to: its own class."""
    if party.get("@referredType") is not None:
        return party
    return {**party, "@referredType": "PartyRole" if kind == "PartyRoleRef" else kind}


def role_of(party: dict[str, Any], default: str) -> str:
    """Return the role of a party that names none: the one that its class is, or `default`.

    A supplier sent as the customer would be the account that pays.
    """
    for kind in (party.get("@referredType"), party.get("@type")):
        if type(kind) is str and kind in ROLES:
            return f"{kind[0].lower()}{kind[1:]}"
    return default


def as_reference(
    party: dict[str, Any], kind: str, path: str, inside: frozenset[str], findings: Findings
) -> dict[str, Any]:
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
