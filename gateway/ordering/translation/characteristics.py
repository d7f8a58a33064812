"""Characteristics of a product: values as the order system takes them, lists of values among them.

An order system that keeps strings has no place for a list or an object: a list of one value is that value, several are written as the
mapping says (one text with a separator, or the characteristic again for each), and what has no such form is told, never sent as JSON
text behind the customer's back.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from gateway.documents import Json, JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.mapping.recoding import recoded_characteristic
from gateway.ordering.v5.standard import OF_CHARACTERISTIC_V4, Standard
from gateway.ordering.values import as_text, objects, text
from gateway.tmf.v5_classes import value_kind

_NO_NULL_INSIDE: Final = frozenset({str, int, bool, float, Decimal})
_CONTAINERS: Final = frozenset({dict, list})


class Characteristics:
    """Translates the characteristics of products for one mapping."""

    def __init__(self, mapping: Mapping, findings: Findings) -> None:
        slots = mapping.item
        self._findings = findings
        self._slots = slots
        self._as_text = slots.characteristic_values == "string"
        self._tables = mapping.tables
        self._coded = mapping.tables.characteristics is not None or mapping.tables.values is not None
        self._is_v5 = mapping.dialect == "tmf622-v5"
        self._boolean_as_text = self._is_v5 and slots.boolean_characteristics == "string"
        standard = Standard(mapping, findings)
        self._known = OF_CHARACTERISTIC_V4 if standard.looks else None
        self._lists_stay = slots.several_values == "as-is" and not self._as_text

    def are_plain(self, value: object) -> bool:
        """Tell whether a list of characteristics is sent as it is, the usual case."""
        return not self._coded and type(value) is list and bool(value) and self._need_no_change(value)

    def translate(self, value: Json, path: str, *, renamed: bool) -> list[JsonObject]:
        """Return the characteristics at `path` in TMF622 v4 shape; `renamed`: they have R17's name, and texts get a type."""
        if not renamed and self.are_plain(value):
            plain: list[dict[str, Any]] = value
            return plain
        kept: list[dict[str, Any]] = []
        given: dict[str, str] = {}
        for member, member_path in objects(value, path, self._findings):
            sent = self._sent(member, member_path, given)
            kept += (
                [{"valueType": "string", **one} for one in sent]
                if renamed and type(member.get("value")) is str
                else sent
            )
        return kept

    def _need_no_change(self, members: list[Json]) -> bool:
        as_text, is_v5 = self._as_text, self._is_v5
        for member in members:
            if type(member) is not dict or type(member.get("name")) is not str or "value" not in member:
                return False
            if not _NO_NULL_INSIDE.issuperset(map(type, member.values())):
                return False
            if self._known is not None and not self._known.issuperset(member):
                return False
            kind = type(member["value"])
            if kind is not str and (as_text or (is_v5 and kind is bool)):
                return False
        return True

    def _sent(self, member: JsonObject, path: str, given: dict[str, str]) -> list[JsonObject]:
        """Return what one characteristic is sent as: itself, several of its name, or nothing."""
        findings = self._findings
        if text(member, "name", path, findings) is None:
            if member.get("name") is None:
                findings.error("characteristic_incomplete", path, "It has no name; give the characteristic's name.")
            return []
        value = member.get("value")
        if value is None or (value == [] and not self._lists_stay):
            findings.warning("dropped", path, "The characteristic has no value; it is not sent.")
            return []
        coded = (
            [recoded_characteristic(one, self._tables, path, findings, given) for one in self._one_by_one(member, path)]
            if self._coded
            else self._one_by_one(member, path)
        )
        if type(value) is list and len(coded) > 1 and self._slots.several_values == "separated":
            return self._separated(coded, path)
        return [one for part in coded if (one := self._of_one_kind(part, path)) is not None]

    def _one_by_one(self, member: JsonObject, path: str) -> list[JsonObject]:
        """Return a characteristic for each value of a list, where the order system wants no list."""
        value, how = member["value"], self._slots.several_values
        if type(value) is not list or self._lists_stay or how == "json":
            return [member]
        where = f"{path}.value"
        if len(value) == 1:
            self._findings.info("converted", where, "A list of one value is sent as that value.")
            return [{**member, "value": value[0]}]
        if how == "as-is":
            message = "The order system keeps one text; give one value, or let item.several_values say how several are written."
            self._findings.warning("dropped", path, f"The characteristic has several values. {message}")
            return []
        if how == "repeated":
            message = "The characteristic is sent once for each of its values."
            self._findings.info("converted", where, message)
        return [{**member, "value": one} for one in value]

    def _separated(self, members: list[JsonObject], path: str) -> list[JsonObject]:
        """Return one characteristic whose text has all values, with the mapping's separator between them."""
        separator = self._slots.value_separator
        values = [member["value"] for member in members]
        if any(type(value) in _CONTAINERS or value is None for value in values):
            self._findings.warning(
                "dropped", path, "Values inside its values have no place in one text; it is not sent."
            )
            return []
        texts = [as_text(value) for value in values]
        if any(separator in value for value in texts):
            message = "One of its values has the separator in it, so that they could not be told apart; it is not sent."
            self._findings.warning("dropped", path, message)
            return []
        self._findings.info(
            "converted", f"{path}.value", "Its values are sent in one text, with a separator between them."
        )
        return [{**members[0], "value": separator.join(texts)}]

    def _of_one_kind(self, member: JsonObject, path: str) -> JsonObject | None:
        """Return the characteristic with a value of a kind that the order system takes; None when it takes none such."""
        findings, value = self._findings, member["value"]
        if value is None:
            findings.warning("dropped", path, "The characteristic has no value; it is not sent.")
            return None
        if self._as_text and type(value) is not str:
            is_json = type(value) in _CONTAINERS
            if is_json and self._slots.several_values != "json":
                message = (
                    "The order system keeps texts, and an object or a list inside a list is not one; it is not sent."
                )
                findings.warning("dropped", path, message)
                return None
            findings.info(
                "converted", f"{path}.value", f"The value is sent as {'JSON in a' if is_json else 'a'} string."
            )
            return {**member, "value": as_text(value)}
        if self._is_v5:
            return self._of_one_class(member, value, path)
        return member

    def _of_one_class(self, member: JsonObject, value: Json, path: str) -> JsonObject | None:
        """Return the characteristic with a value that a class of v5 holds: no mixed arrays, booleans by the mapping.

        None where a list has objects or lists beside other values: no class of v5 holds these, and as texts they would be JSON.
        """
        if self._boolean_as_text and (type(value) is bool or value_kind(value) == "BooleanArray"):
            self._findings.info("converted", f"{path}.value", "The boolean is sent as a string.")
            texts = as_text(value) if type(value) is bool else [as_text(entry) for entry in value]
            return {**member, "valueType": "boolean", "value": texts}
        if not value_kind(value):
            if any(type(entry) in _CONTAINERS for entry in value):
                message = "No class of v5 holds a list with objects or lists beside other values; it is not sent."
                self._findings.warning("dropped", path, message)
                return None
            self._findings.info("converted", f"{path}.value", "Values of different types are sent as strings.")
            return {**member, "value": [as_text(entry) for entry in value]}
        return member
