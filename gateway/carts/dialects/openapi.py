"""What the OpenAPI document says of the shopping cart operations in v1 and v5: the words of v4 with other schemas."""

from __future__ import annotations

from typing import Any, Final

from gateway.documents import Json, JsonObject
from gateway.http.reference.examples import example

_PREFIX: Final = "#/components/schemas/"
# What the carts that are answered, created and changed are called in each version, in place of v4's names.
_NAMES: Final = {
    "v1": {
        "ShoppingCart": "ShoppingCart_v1",
        "ShoppingCart_Create": "ShoppingCart_Create_v1",
        "ShoppingCart_Update": "ShoppingCart_Update_v1",
    },
    "v5": {
        "ShoppingCart": "ShoppingCart_v5",
        "ShoppingCart_Create": "ShoppingCart_FVO_v5",
        # What a change leads to is asked for what is asked of a new cart; `_MVO` asks for less of the objects in it.
        "ShoppingCart_Update": "ShoppingCart_FVO_v5",
    },
}
_TAGS: Final = {"v1": "shoppingCart R17", "v5": "shoppingCart v5"}


def in_version(words: JsonObject, version: str) -> JsonObject:
    """Return what is said of an operation in v4 with the schemas of another version, and R17's 201 beside 200."""
    if version == "v4":
        return words
    told: dict[str, Any] = {**_renamed(words, version), "tags": [_TAGS[version]]}
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


def _renamed(node: object, version: str) -> Json:
    """Return what is said with the schemas and the examples of another version."""
    if isinstance(node, dict):
        made = {name: _renamed(value, version) for name, value in node.items() if name != "example"}
        if isinstance(target := node.get("$ref"), str):
            name = target.removeprefix(_PREFIX)
            made["$ref"] = f"{_PREFIX}{_NAMES[version].get(name, name)}"
        if "example" in node:
            made["example"] = _example(node["example"], version)
        return made
    return [_renamed(entry, version) for entry in node] if isinstance(node, (list, tuple)) else node


def _example(given: object, version: str) -> Json:
    """Return the example in another version where it is a cart, or a list of one; else as it is."""
    if given is example("cart.v4"):
        return example(f"cart.{version}")
    if given is example("cart.v4.request"):
        return example(f"cart.{version}.request")
    if given is example("cart.change"):
        return {
            **({"@type": "ShoppingCart"} if version == "v5" else {}),
            "cartItem": example(f"cart.{version}.request")["cartItem"][:1],
        }
    return [_example(entry, version) for entry in given] if isinstance(given, list) else given
