"""Carts as the official API files of TMF663 allow them: every attribute may be there, and every text and number is unique.

Unique values are what makes an account of them a proof: a value found in a call is that value and no other.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import strategies as st

from gateway.tmf.schema import definitions as schema_definitions

# Attributes the server sets, or that the standard says come from elsewhere.
_OWN = {"creationDate", "lastUpdate"}
_ITEMS_DEPTH = 2


def definitions(version: int) -> dict[str, Any]:
    """Return the definitions of a version, from the project's schema file: the official facts."""
    return schema_definitions(f"tmf663_v{version}", limits=False)


class Maker:
    """Draws one document; counts, so that no value occurs twice."""

    def __init__(self, draw: st.DrawFn, version: int, rich: bool) -> None:
        self._draw = draw
        self._version = version
        self._schemas = definitions(version)
        self._numbers = count(1001)
        self._rich = rich

    def _text(self) -> str:
        return f"<t{next(self._numbers)}>"

    def _moment(self) -> str:
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(self._numbers))
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def schema(self, reference: str) -> tuple[str, dict[str, Any]]:
        name = reference.rpartition("/")[2]
        return name, self._schemas[name]

    def value(self, schema: dict[str, Any], depth: int, name: str = "") -> Any:  # noqa: PLR0911 -- one answer for each JSON type
        if "$ref" in schema:
            return self.named(schema["$ref"], depth, name)
        if "enum" in schema:
            return self._draw(st.sampled_from(schema["enum"]))
        kind = schema.get("type")
        if kind == "array":
            size = 0 if depth > 7 else self._draw(st.integers(0 if not self._rich else 1, 2))
            return [self.value(schema["items"], depth + 1, name) for _ in range(size)]
        if kind == "integer":
            return next(self._numbers)
        if kind == "number":
            return next(self._numbers) + 0.5
        if kind == "boolean":
            return self._draw(st.booleans())
        if kind == "string" and schema.get("format") == "date-time":
            return self._moment()
        if kind == "string":
            return self._text()
        return self.object(schema, depth, name)

    def named(self, reference: str, depth: int, attribute: str) -> Any:
        name, schema = self.schema(reference)
        if "enum" in schema:
            return self._draw(st.sampled_from(schema["enum"]))
        if name in ("Any", "any"):
            return self._draw(st.sampled_from([self._text(), next(self._numbers), True]))
        listed = schema.get("discriminator", {}).get("mapping", {}) if self._version == 5 else {}
        choices = [kind for kind in listed if kind != "Characteristic"]
        if choices and (len(listed) > 1 or "oneOf" in schema):
            kind = self._draw(st.sampled_from(sorted(choices)))
            return self.object(self.schema(listed[kind])[1], depth, attribute, kind)
        return self.object(schema, depth, attribute, name.removesuffix("_FVO"))

    def properties(self, schema: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
        found: dict[str, Any] = {}
        needed = set(schema.get("required", ()))
        for part in schema.get("allOf", ()):
            inner = self.schema(part["$ref"])[1] if "$ref" in part else part
            properties, required = self.properties(inner)
            found |= properties
            needed |= required
        return found | schema.get("properties", {}), needed

    def object(self, schema: dict[str, Any], depth: int, attribute: str, kind: str = "") -> dict[str, Any]:
        properties, needed = self.properties(schema)
        made: dict[str, Any] = {}
        for name, inner in properties.items():
            if name == "@type" and "enum" in inner:
                made[name] = self._draw(st.sampled_from(inner["enum"]))
                continue
            if name == "@type" and (self._version == 5 or self._draw(st.booleans())):
                made[name] = kind or self._text()
                continue
            if name.startswith("@") and name != "@referredType":
                continue
            if (
                (name in _OWN and name not in needed)
                or (name == "cartItem" and depth > 2 * _ITEMS_DEPTH)
                or (name == "product" and depth > 3)
            ):
                continue
            if name == "productRelationship" and depth > 5:
                continue
            if name in needed or (depth < 9 and self._draw(st.integers(0, 3)) < (4 if self._rich else 2)):
                made[name] = self.value(inner, depth + 1, name)
        self._usable(made, attribute)
        return made

    def _usable(self, made: dict[str, Any], attribute: str) -> None:
        """Give what the translation would refuse: an identity of references, an offering of new items."""
        if attribute == "cartItem":
            made["id"] = self._text()
            made["quantity"] = next(self._numbers)
            own = made.get("action", "add")
            if own in ("add", "delete") and any(
                child.get("action", "add") != own for child in made.get("cartItem", ())
            ):
                made["action"] = "modify"  # beneath it anything may be done
            if made.get("action") != "add" or "productOffering" not in made:
                product = made.setdefault("product", {})
                product["id"] = self._text()
            if "productOffering" in made and type(made["productOffering"]) is dict:
                made["productOffering"]["id"] = self._text()
            made["status"] = self._draw(st.sampled_from(["active", "active", "active", "saveForLater"]))
        elif attribute == "duration":
            made["amount"] = next(self._numbers)
        elif attribute in ("priceAlteration", "productPriceAlteration"):
            made["price"] = {"percentage": next(self._numbers)}
            made["name"], made["recurringChargePeriod"] = self._text(), self._text()
            made["applicationDuration"] = next(self._numbers)
        elif attribute in ("itemPrice", "cartTotalPrice", "itemTotalPrice", "ItemTotalPrice"):
            made.setdefault("price", {"percentage": next(self._numbers)})
        elif attribute == "productCharacteristic":
            made["name"] = self._text()
            made.setdefault("value", self._text())
        elif attribute in ("relatedParty", "partyOrPartyRole"):
            if "partyOrPartyRole" not in made:
                made["id"] = self._text()
        elif {"id", "href"} & made.keys():
            made["id"] = self._text()


@st.composite
def official_carts(draw: st.DrawFn, version: int) -> dict[str, Any]:
    """A cart of TMF663 v4 or v5 with a customer; half of them hold nearly every attribute there is."""
    maker = Maker(draw, version, draw(st.booleans()))
    name = "ShoppingCart" if version == 4 else "ShoppingCart_FVO"
    cart = maker.object(definitions(version)[name], 1, "")
    cart["cartItem"] = [
        maker.value({"$ref": f"x/{'CartItem' if version == 4 else 'CartItem_FVO'}"}, 2, "cartItem")
        for _ in range(draw(st.integers(1, 2)))
    ]
    customer = {"id": "<customer>", "role": "customer", "@referredType": "Individual"}
    cart["relatedParty"] = [*cart.get("relatedParty", ()), customer]
    return cart
