"""What a client calls its order or cart: external identifiers, beside the gateway's own marker where an order has a list of them."""

from __future__ import annotations

from typing import Final

from gateway.documents import Json, JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.actions import EXTERNAL_ID_OWNER
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.values import text, wrong_type

_ATTRIBUTES: Final = ("owner", "externalIdentifierType", "id")
_TYPES: Final = frozenset({"@type", "@baseType", "@schemaLocation"})
_ORDER: Final = "ProductOrder"
_CART: Final = "ShoppingCart"


class ExternalIds:
    """Translates the external ids of one request and its cart."""

    def __init__(self, mapping: Mapping, findings: Findings) -> None:
        self._findings = findings
        self._is_list = mapping.dialect == "tmf622-v5"
        self._is_taken = mapping.recovery.marker_slot == "externalId"

    def translate(self, cart: JsonObject, request: JsonObject) -> Json:
        """Return the order's `externalId` but for the marker: a list in v5, a text in v4 where the marker is elsewhere; else None.

        In v5 the cart's id is one of them. A text has the type of what it names; whose system it comes from nobody has told, but
        for the cart's id, which is this gateway's own.
        """
        own = self._identifiers(request.get("externalId"), "checkout.externalId", _ORDER)
        own += self._identifiers(cart.get("externalId"), "externalId", _CART)
        if self._is_list:
            return self._listed(own, cart)
        if not self._is_taken:
            return self._one_text(own)
        for _, path in own:
            where = "the checkout" if path.startswith("checkout.") else "the cart"
            self._findings.info(
                "marker", path, f"It stays on {where}; the order carries the gateway's own marker there."
            )
        return None

    def _identifiers(self, value: object, path: str, kind: str) -> list[tuple[JsonObject, str]]:
        """Return the external identifiers at `path`, each with its path: a text, or v5's objects."""
        if value is None or value in ("", []):
            return []
        if type(value) is str:
            return [({"externalIdentifierType": kind, "id": value}, path)]
        members = value if type(value) is list else [value]
        found = []
        for position, member in enumerate(members):
            where = f"{path}[{position}]" if type(value) is list else path
            if type(member) is str:
                found.append(({"externalIdentifierType": kind, "id": member}, where))
            elif type(member) is not dict:
                wrong_type(member, "a text, or an object {id, owner, externalIdentifierType}", where, self._findings)
            elif all(
                text(member, name, where, self._findings) is not None or member.get(name) is None
                for name in _ATTRIBUTES
            ):
                if member.get("id"):
                    found.append((member, where))
                else:
                    self._findings.error("missing_identifier", where, "It has no id; give the external id.")
        return found

    def _listed(self, own: list[tuple[JsonObject, str]], cart: JsonObject) -> list[JsonObject] | None:
        listed = []
        for member, path in own:
            identifier = {name: value for name, value in member.items() if name not in _TYPES and value is not None}
            if "externalIdentifierType" not in identifier:
                identifier["externalIdentifierType"] = _ORDER if path.startswith("checkout.") else _CART
                self._findings.info(
                    "defaulted", f"{path}.externalIdentifierType", "It has no type; what it names is sent."
                )
            listed.append(identifier)
            kind = identifier["externalIdentifierType"]
            self._findings.info("moved", path, f"It is sent as an external identifier of the type {kind}.")
        cart_id = cart.get("id")
        if type(cart_id) is str:
            listed.append({"owner": EXTERNAL_ID_OWNER, "externalIdentifierType": _CART, "id": cart_id})
            self._findings.info("moved", "id", f"It is sent as an external identifier of the type {_CART}.")
        elif cart_id is not None:
            wrong_type(cart_id, "a string", "id", self._findings)
        return listed or None

    def _one_text(self, own: list[tuple[JsonObject, str]]) -> str | None:
        """Return the first id, the request's before the cart's: an order of v4 has room for one."""
        for position, (member, path) in enumerate(own):
            if position:
                self._findings.warning("dropped", path, "The order has room for one external id.")
                continue
            for name in member:
                if path and name not in ("id", *_TYPES) and "[" in path:
                    self._findings.warning("dropped", f"{path}.{name}", "An order of v4 has the id only.")
            self._findings.info("moved", path, "Its id is sent as externalId.")
        identifier: str | None = own[0][0]["id"] if own else None
        return identifier
