"""What the OpenAPI document says of the shopping cart operations in v1 and v5: the words of v4 with other schemas."""

from __future__ import annotations

from typing import Any, Final

_PREFIX: Final = "#/components/schemas/"
_OBJECTS: Final = {"type": "array", "items": {"type": "object"}}
_TEXT: Final = {"type": "string"}
_TYPED: Final = {"@type": _TEXT, "@baseType": _TEXT, "@schemaLocation": _TEXT}


def in_version(words: dict[str, Any], version: str) -> dict[str, Any]:
    """Return what is said of an operation in v4 with the schemas of another version, and R17's 201 beside 200."""
    if version == "v4":
        return words
    told: dict[str, Any] = _renamed(words, f"_{version}")
    responses = told.get("responses", {})
    if version == "v1" and "application/merge-patch+json" in told.get("requestBody", {}).get("content", {}):
        told["responses"] = {
            **responses,
            "201": {**responses["200"], "description": "The changed cart (the answer of R17, by setting)"},
        }
    if version == "v5" and ("requestBody" in told or "204" in responses):
        accepted = (
            "Accepted for later: part of the standard, never the answer here, where a change is done when it is told"
        )
        told["responses"] = {**responses, "202": {"description": accepted}}
    return told


def _renamed(node: Any, suffix: str) -> Any:
    if isinstance(node, dict):
        return {
            name: f"{value}{suffix}"
            if name == "$ref" and value == f"{_PREFIX}ShoppingCart"
            else _renamed(value, suffix)
            for name, value in node.items()
        }
    return [_renamed(entry, suffix) for entry in node] if isinstance(node, list) else node


SCHEMAS: Final[dict[str, Any]] = {
    "ShoppingCart_v1": {
        "type": "object",
        "description": "TMF663 R17 shopping cart. Attributes that are not listed are kept too.",
        "properties": {
            "id": {**_TEXT, "readOnly": True},
            "href": {**_TEXT, "readOnly": True},
            "validFor": {"type": "object"},
            "cartItem": {"type": "array", "items": {"$ref": f"{_PREFIX}CartItem_v1"}},
            "cartTotalPrice": _OBJECTS,
            "contactMedium": _OBJECTS,
            "relatedParty": _OBJECTS,
        },
    },
    "CartItem_v1": {
        "type": "object",
        "required": ["id", "action"],
        "properties": {
            "id": {**_TEXT, "description": "Unique in the cart."},
            "action": {**_TEXT, "description": "add, modify, no_change or delete."},
            "status": {**_TEXT, "description": "Active (when absent) or SavedForLater."},
            "quantity": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
            "cartItem": {"type": "array", "items": {"$ref": f"{_PREFIX}CartItem_v1"}},
            "cartItemRelationship": _OBJECTS,
            "itemPrice": _OBJECTS,
            "totalItemPrice": _OBJECTS,
            "note": {"description": "One note or a list of notes."},
            "product": {"type": "object"},
            "productOffering": {"type": "object"},
        },
    },
    "ShoppingCart_v5": {
        "type": "object",
        "description": "TMF663 v5 shopping cart. Attributes that are not listed are kept too.",
        "required": ["@type"],
        "properties": {
            **_TYPED,
            "id": {**_TEXT, "readOnly": True},
            "href": {**_TEXT, "readOnly": True},
            "creationDate": {**_TEXT, "format": "date-time", "readOnly": True},
            "lastUpdate": {**_TEXT, "format": "date-time", "readOnly": True},
            "validFor": {"type": "object"},
            "cartItem": {"type": "array", "items": {"$ref": f"{_PREFIX}CartItem_v5"}},
            "cartTotalPrice": _OBJECTS,
            "contactMedium": _OBJECTS,
            "relatedParty": _OBJECTS,
        },
    },
    "CartItem_v5": {
        "type": "object",
        "required": ["@type"],
        "properties": {
            **_TYPED,
            "id": {**_TEXT, "description": "Unique in the cart; given by the server when absent."},
            "action": {**_TEXT, "enum": ["add", "modify", "delete", "noChange"]},
            "status": {**_TEXT, "enum": ["active", "saveForLater"]},
            "quantity": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
            "cartItem": {"type": "array", "items": {"$ref": f"{_PREFIX}CartItem_v5"}},
            "cartItemRelationship": _OBJECTS,
            "itemPrice": _OBJECTS,
            "itemTotalPrice": _OBJECTS,
            "itemTerm": _OBJECTS,
            "note": _OBJECTS,
            "product": {"type": "object"},
            "productOffering": {"type": "object"},
        },
    },
}
