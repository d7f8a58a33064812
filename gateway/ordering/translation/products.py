"""Products, product offerings, characteristics and places of a cart item, in the shape of a TMF622 v4 order item.

Reads the shapes of TMF663 R17 (`characteristic`, relationship `type`), v4, and v5 (typed characteristics,
`RelatedPartyOrPartyRole`, a place inside `RelatedPlaceRefOrValue`). What needs no change is shared, not copied.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.dates import date_writer
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.mapping.recoding import recoded
from gateway.ordering.translation.characteristics import Characteristics
from gateway.ordering.v5.party_kinds import (
    as_reference,
    flat_party,
    role_of,
    with_kind_of_address,
    with_place_kind,
    without_own,
)
from gateway.ordering.v5.product_parts import PARTS, canonical_part, part_readers, relationship_of, tell_names
from gateway.ordering.v5.standard import OF_REFERENCE_V4, Standard
from gateway.ordering.values import objects, reference, says_nothing, text, wrong_type
from gateway.tmf.charge_words import PeriodWords
from gateway.tmf.hrefs import last_segment
from gateway.tmf.v5_classes import PARTIES

PRODUCT_DEPTH_MAX: Final = 8
_TEXTS: Final = frozenset({"id", "href", "name", "description"})
_TEXT_ONLY: Final = frozenset({str})
_NAMED: Final = ("id", "href", "name")
_ALWAYS: Final = frozenset({"id", "href", "@type", "@baseType", "@schemaLocation", "@referredType"})


def product_offering(value: object, path: str, findings: Findings) -> JsonObject | None:
    """Return the product offering reference at `path`, with an id and without R17's bundledProductOffering."""
    if type(value) is not dict:
        wrong_type(value, "an object", path, findings)
        return None
    node = reference(value, path, findings)
    if node is None:
        return None
    for key in ("href", "name"):
        text(node, key, path, findings)
    if "bundledProductOffering" in node:
        node = {key: inner for key, inner in node.items() if key != "bundledProductOffering"}
        findings.info(
            "dropped", f"{path}.bundledProductOffering", "The order names the children as items; the list is not sent."
        )
    return node


class Products:
    """Translates the `product` of cart items for one mapping."""

    def __init__(self, mapping: Mapping, findings: Findings) -> None:
        self._findings = findings
        self._tables = mapping.tables
        self._is_v5 = mapping.dialect == "tmf622-v5"
        self._characteristics = Characteristics(mapping, findings)
        self._standard = Standard(mapping, findings)
        self._kept = frozenset(mapping.item.product_attributes)
        self._place_role = mapping.item.place_role
        self._party_role = mapping.order.party_role
        self._referred_type = mapping.order.party_referred_type
        self._part = partial(
            canonical_part, findings=findings, is_v5=self._is_v5, periods=PeriodWords(mapping.price.charge_periods)
        )
        self._handlers: dict[str, Callable[[Any, str], Any]] = {
            "place": self._places,
            "relatedParty": self._parties,
            "productSpecification": self._reference,
            "productOffering": self.offering,
            **part_readers(findings, date_writer(mapping.dates), is_v5=self._is_v5),
            **dict.fromkeys(_TEXTS, self._text),
        }

    def is_plain_offering(self, value: object) -> bool:
        """Tell whether the product offering reference is sent as it is, the usual case."""
        if type(value) is not dict or self._tables.products is not None or "bundledProductOffering" in value:
            return False
        if self._standard.looks and not OF_REFERENCE_V4.issuperset(value):
            return False
        return bool(value.get("id")) and _TEXT_ONLY.issuperset(map(type, value.values()))

    def is_plain(self, value: object) -> bool:
        """Tell whether the product is sent as it is: nothing but texts and plain characteristics, the usual case."""
        if type(value) is not dict:
            return False
        for key, inner in value.items():
            if key == "productCharacteristic":
                if not self.keeps(key) or not self._characteristics.are_plain(inner):
                    return False
            elif key not in _TEXTS or type(inner) is not str or not self.keeps(key):
                return False
        return "id" in value or "href" not in value

    def offering(self, value: object, path: str) -> JsonObject | None:
        """Return the product offering reference at `path` with the order system's code."""
        node = product_offering(value, path, self._findings)
        return recoded(node, "id", self._tables.products, path, self._findings) if node is not None else None

    def _text(self, value: object, path: str) -> str | None:
        if type(value) is str:
            return value
        wrong_type(value, "a string", path, self._findings)
        return None

    def keeps(self, key: str) -> bool:
        """Tell whether the order system has a place for the product attribute `key`."""
        return not self._kept or key in self._kept or key in _ALWAYS

    def translate(self, value: object, path: str, depth: int = 1) -> JsonObject | None:
        """Return the product at `path` in TMF622 v4 shape, without empty lists; None with an error when it is not an object."""
        findings = self._findings
        if type(value) is not dict:
            wrong_type(value, "an object", path, findings)
            return None
        product: dict[str, Any] = {}
        for key, inner in value.items():
            has_no_place = not self.keeps("productCharacteristic" if key == "characteristic" else key)
            if inner is None or (has_no_place and says_nothing(inner)):
                continue
            if has_no_place:
                findings.warning("dropped", f"{path}.{key}", "The order system has no place for it.")
            elif key == "productCharacteristic":
                own = self._characteristics.translate(inner, f"{path}.{key}", renamed=False)
                product[key] = [*own, *product[key]] if key in product else own
            elif key == "characteristic":
                self._renamed_characteristics(inner, path, product)
            elif key in ("productRelationship", "product"):
                translate = self._inside if key == "product" else self._relationships
                product[key] = translate(inner, f"{path}.{key}", depth)
            elif key in self._handlers:
                translated = self._handlers[key](inner, f"{path}.{key}")
                if translated is not None:
                    product[key] = translated
            elif key in PARTS:
                name, parts = self._part(key, inner, f"{path}.{key}")
                product[name] = parts
            else:
                product[key] = inner
        if "id" not in product:
            self._id_from_href(product, path)
        return {key: inner for key, inner in product.items() if inner != []}

    def _inside(self, value: object, path: str, depth: int) -> list[JsonObject]:
        """Return the products that a product is made of."""
        kept = []
        for member, member_path in objects(value, path, self._findings):
            if depth >= PRODUCT_DEPTH_MAX:
                self._findings.warning("dropped", member_path, "The product is nested too deep.")
                continue
            product = self.translate(member, member_path, depth + 1)
            if product is not None:
                kept.append(product)
        return kept

    def _id_from_href(self, product: JsonObject, path: str) -> None:
        derived = last_segment(product.get("href"))
        if derived:
            product["id"] = derived
            self._findings.info("defaulted", f"{path}.id", "The id is taken from the last segment of the href.")

    def _renamed_characteristics(self, inner: object, path: str, product: JsonObject) -> None:
        """Put R17's `characteristic` under its v4 name, after those already there."""
        renamed = self._characteristics.translate(inner, f"{path}.characteristic", renamed=True)
        self._findings.info("renamed", f"{path}.characteristic", "It is sent as productCharacteristic.")
        product["productCharacteristic"] = [*product.get("productCharacteristic", ()), *renamed]

    def _places(self, value: object, path: str) -> list[JsonObject]:
        return [
            place
            for member, member_path in objects(value, path, self._findings)
            if (place := self.place(member, member_path)) is not None
        ]

    def place(self, member: JsonObject, path: str) -> JsonObject | None:
        """Return the place at `path` as TMF622 v4 writes it: the reference or value itself, with its role."""
        findings, given = self._findings, member
        fitted = self._standard.fitted(member, "place", path)
        is_cut = fitted is not member
        inner = fitted.get("place")
        member = without_own(fitted, inner, path, findings)
        if type(inner) is dict:  # v5: {role, place}
            member = {**inner, **{key: value for key, value in member.items() if key not in ("place", "@type")}}
            if not self._is_v5:
                findings.info("moved", f"{path}.place", "The place is sent without the wrapper of v5.")
        if is_cut and not any(member.get(name) for name in _NAMED if name in member):
            findings.warning(
                "dropped", path, "An order of v4 refers to places; nothing of this one could be referred to."
            )
            return None
        if is_cut and type(inner) is not dict:
            member = with_kind_of_address(member, given, path, findings)
        if self._is_v5:
            member = with_place_kind(member, f"{path}.place" if type(inner) is dict else path, findings)
        text(member, "id", path, findings)
        if member.get("id") is None and (derived := last_segment(member.get("href"))):
            member = {"id": derived, **{key: value for key, value in member.items() if key != "id"}}
            findings.info("defaulted", f"{path}.id", "The id is taken from the last segment of the href.")
        if text(member, "role", path, findings) is None:
            if member.get("role") is not None:
                return None
            member = {**member, "role": self._place_role}
            findings.info("defaulted", f"{path}.role", f"The place has no role; {self._place_role} is sent.")
        return member

    def _parties(self, value: object, path: str) -> list[JsonObject]:
        findings, kept = self._findings, []
        for member, member_path in objects(value, path, findings):
            inner = member.get("partyOrPartyRole")
            if self._is_v5 and not member.get("role"):
                role = role_of(inner if type(inner) is dict else member, self._party_role)
                member = {**member, "role": role}  # noqa: PLW2901 -- v5 demands a role
                findings.info("defaulted", f"{member_path}.role", f"The party has no role; {role} is sent.")
            if type(inner) is dict and self._is_v5 and (inner.get("id") or str(inner.get("@type")) in PARTIES):
                kept.append(member)
                continue
            party, kind = flat_party(member, member_path, findings)
            if kind in PARTIES and self._is_v5:
                whole = {key: member[key] for key in member if key != "role"}
                kept.append({"role": member["role"], "partyOrPartyRole": whole})
                continue
            has_id = type(party.get("id")) is str and party["id"]
            derived = "" if has_id else last_segment(party.get("href"))
            if not has_id and not derived:
                findings.warning("dropped", member_path, "The party has neither an id nor an href; it is not sent.")
                continue
            if derived:
                party = {"id": derived, **{key: inner for key, inner in party.items() if key != "id"}}
                findings.info("defaulted", f"{member_path}.id", "The id is taken from the last segment of the href.")
            if text(party, "@referredType", member_path, findings) is None:
                party = {**party, "@referredType": self._referred_type}
                said = f"Nothing says what the party is; {self._referred_type} is sent."
                findings.info("defaulted", f"{member_path}.@referredType", said)
            inside = frozenset(inner) if type(inner) is dict else frozenset()
            kept.append(party if self._is_v5 else as_reference(party, kind, member_path, inside, findings))
        return kept

    def _reference(self, value: object, path: str) -> JsonObject | None:
        if type(value) is not dict:
            wrong_type(value, "an object", path, self._findings)
            return None
        return reference(value, path, self._findings)

    def _relationships(self, value: object, path: str, depth: int) -> list[JsonObject]:
        findings = self._findings
        kept = []
        for member, member_path in objects(value, path, findings):
            kind, inner = relationship_of(member)
            if kind is None:
                findings.warning("dropped", member_path, "The product relationship has no relationshipType.")
                continue
            tell_names(member, member_path, findings)
            if inner is None or depth >= PRODUCT_DEPTH_MAX:
                findings.warning("dropped", member_path, "The related product is not named, or nested too deep.")
                continue
            product = self.translate(inner, f"{member_path}.product", depth + 1)
            rest = {key: value for key, value in member.items() if key not in ("type", "product", "id", "href", "name")}
            kept.append({**rest, "relationshipType": kind, "product": product})
        return kept
