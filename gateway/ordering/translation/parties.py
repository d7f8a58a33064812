"""Related parties of the order and the contact for its notifications."""

from __future__ import annotations

from typing import Any, Final

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.mapping.recoding import recoded
from gateway.ordering.v5.fitting import fit_party
from gateway.ordering.v5.party_kinds import as_reference, flat_party, role_of
from gateway.ordering.values import objects, text
from gateway.tmf.hrefs import last_segment

_CUSTOMER: Final = "customer"
_EMAIL: Final = ("emailAddress", "email")
_PHONE: Final = ("phoneNumber",)


class Parties:
    """Translates the related parties of one order."""

    def __init__(self, mapping: Mapping, findings: Findings) -> None:
        self._slots = mapping.order
        self._codes = mapping.tables.parties
        self._is_v5 = mapping.dialect == "tmf622-v5"
        self._findings = findings
        self._customers: set[str] = set()

    def translate(self, value: object, path: str) -> list[JsonObject]:
        """Return the parties to send, in the order of the mapping's roles."""
        roles = {role.lower(): rank for rank, role in enumerate(self._slots.party_roles)}
        ranked: list[tuple[int, dict[str, Any]]] = []
        for member, member_path in objects(value, path, self._findings):
            party, kind = flat_party(member, member_path, self._findings)
            text(party, "role", member_path, self._findings)
            role = party.get("role") or role_of(party, self._slots.party_role)
            rank = roles.get(str(role).lower(), -1)
            if roles and rank < 0:
                self._findings.warning(
                    "dropped", member_path, "The order system takes no party of this role; it is not sent."
                )
                continue
            inner = member.get("partyOrPartyRole")
            inside = frozenset(inner) if type(inner) is dict else frozenset()
            translated = self._party(party, member_path, inside, kind)
            if translated is not None:
                ranked.append((rank, translated))
            self._tell_another_customer(translated, member_path)
        ranked.sort(key=lambda pair: pair[0])
        return [party for _, party in ranked]

    def _tell_another_customer(self, party: JsonObject | None, path: str) -> None:
        """Tell that a second customer is named: the order is for one account."""
        if party is None or str(party.get("role")).lower() != _CUSTOMER:
            return
        is_other = bool(self._customers - {party["id"]}) and party["id"] not in self._customers
        self._customers.add(party["id"])
        if is_other:
            message = (
                "Another related party is the customer, too; the order system takes one account. Name one of them."
            )
            self._findings.warning("several_customers", path, message)

    def _party(self, party: JsonObject, path: str, inside: frozenset[str], kind: str) -> JsonObject | None:
        """Return one party, of the v5 class `kind`; attributes that are `inside` v5's wrapper are told by their path in it."""
        findings, slots = self._findings, self._slots
        text(party, "name", path, findings)
        identifier = text(party, "id", path, findings)
        href = text(party, "href", path, findings)
        if not identifier:
            identifier = last_segment(href)
            if not identifier:
                findings.error(
                    "party_unmappable",
                    path,
                    "The party has neither an id nor an href: enrol it as a customer first and give its id.",
                )
                return None
            findings.info("defaulted", f"{path}.id", "The id is taken from the last segment of the href.")
        translated = {"id": identifier} | {
            key: value for key, value in party.items() if value is not None and key != "id"
        }
        if "validFor" in translated:
            del translated["validFor"]
            where = f"{path}.partyOrPartyRole" if "validFor" in inside else path
            findings.warning("dropped", f"{where}.validFor", "The order's parties have no validity.")
        if not translated.get("role"):
            translated["role"] = role_of(translated, slots.party_role)
            findings.info("defaulted", f"{path}.role", f"The party has no role; {translated['role']} is sent.")
        self._referred_type(translated, f"{path}.partyOrPartyRole" if "@referredType" in inside else path)
        where = f"{path}.partyOrPartyRole" if "id" in inside else path
        translated = recoded(translated, "id", self._codes, where, findings)
        if self._is_v5:
            return fit_party(translated, path, inside, findings)
        return as_reference(translated, kind, path, inside, findings)

    def _referred_type(self, party: JsonObject, path: str) -> None:
        slots, findings = self._slots, self._findings
        given = text(party, "@referredType", path, findings)
        forced = slots.party_referred_type_forced
        if forced:
            if given != forced:
                code = "defaulted" if given is None else "converted"
                findings.info(code, f"{path}.@referredType", f"It is sent as {forced}, the order system's own word.")
            party["@referredType"] = forced
        elif not given:
            party["@referredType"] = slots.party_referred_type
            findings.info(
                "defaulted",
                f"{path}.@referredType",
                f"Nothing says what the party is; {slots.party_referred_type} is sent.",
            )

    def check_present(self, found: JsonObject) -> None:
        """Refuse an order without a party when the order system demands one."""
        if not self._slots.party_required or found.get("relatedParty"):
            return
        roles = ", ".join(self._slots.party_roles)
        wanted = f" with one of the roles {roles}" if roles else ""
        self._findings.error("party_missing", "relatedParty", f"The order system needs a party{wanted}; give its id.")


def notification_contact(value: object, findings: Findings, *, taken: bool) -> str | None:
    """Return the contact for notifications among the cart's contact media: preferred first, email before phone.

    Reads R17 and v4 (`characteristic`), and v5 (the address on the medium itself). `taken`: the request has one already.
    """
    candidates: list[tuple[bool, int, int, str, str]] = []
    for position, (member, path) in enumerate(objects(value, "contactMedium", findings)):
        inner = member.get("characteristic")
        source = inner if type(inner) is dict else member
        for rank, names in enumerate((_EMAIL, _PHONE)):
            for name in names:
                address = source.get(name)
                if type(address) is str and address:
                    candidates.append((member.get("preferred") is not True, rank, position, path, address))
                elif address is not None:
                    text(source, name, path, findings)
    chosen = None if taken else min(candidates, default=None)
    for member, path in objects(value, "contactMedium", Findings()):
        if chosen is not None and chosen[3] == path:
            findings.info("moved", path, "Its address is sent as notificationContact.")
            _tell_rest(member, path, chosen[4], findings)
        else:
            findings.warning("dropped", path, "The order has room for one contact, an email address or a phone number.")
    return chosen[4] if chosen else None


def _tell_rest(member: JsonObject, path: str, address: str, findings: Findings) -> None:
    """Tell what else the chosen contact medium says: the order has room for the address only."""
    inner = member.get("characteristic")
    nodes = [(member, path)] + ([(inner, f"{path}.characteristic")] if type(inner) is dict else [])
    for node, where in nodes:
        for key, value in node.items():
            if value not in (None, "", address) and value is not inner and not key.startswith("@"):
                findings.info("dropped", f"{where}.{key}", "The order has room for the address only.")
