"""The schemas of the OpenAPI document, from the schema files that requests are checked by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.documents import Json, JsonObject
from gateway.tmf.schema import definitions, schema_file
from gateway.tmf.schema_compiled import REFERENCE, reached

PREFIX: Final = "#/components/schemas/"
# What only the checks of this project understand.
_OWN_KEYWORDS: Final = frozenset({"sentence", "inOrder", "anyCase", "wholeNumber", "otherwise"})
# v4 has the plain names; its Error is the one that is answered, which has more.
CART_V4: Final = definitions("tmf663_v4")
ORDER_V4_SUFFIX: Final = "_TMF622v4"
ORDER_V5_SUFFIX: Final = "_TMF622v5"


def ref(name: str) -> dict[str, str]:
    """Return a reference to a schema of the API's description.

    Args:
        name: the schema's name under `components.schemas`; a test of the description finds one that is not there.

    Raises:
        Nothing.

    Source: OpenAPI 3.1 (Reference Object).
    """
    return {"$ref": f"{PREFIX}{name}"}


def component_schemas(found: Mapping[str, Json], suffix: str = "") -> JsonObject:
    """Return definitions of a schema file as schemas of the document, their names with a suffix that tells the files apart."""
    return {f"{name}{suffix}": _component(schema, suffix) for name, schema in found.items()}


def _component(node: Any, suffix: str) -> Any:
    if isinstance(node, str):
        return f"{PREFIX}{node.removeprefix(REFERENCE)}{suffix}" if node.startswith(REFERENCE) else node
    if isinstance(node, list):
        return [_component(each, suffix) for each in node]
    if not isinstance(node, dict):
        return node
    made = {name: _component(value, suffix) for name, value in node.items() if name not in _OWN_KEYWORDS}
    if "properties" in made and "anyOf" in made:
        # Generators make a class of each choice, where only one of several attributes is needed: said so, they do not.
        first, *others = made.pop("anyOf")
        made |= {"if": {"not": first}, "then": others[0] if len(others) == 1 else {"anyOf": others}}
    if isinstance(made.get("enum"), list):
        # The official files end a word with a blank; it is meant without, and taken with it too.
        made["enum"] = list(dict.fromkeys(word.strip() for word in made["enum"]))
    if "discriminator" in made:
        # Its mapping would be taken for all the classes there are; clients may have classes of their own.
        classes = sorted(made.pop("discriminator")["mapping"])
        if len(classes) > 1:
            made["description"] = (
                f"{made.get('description', '')} Classes by `@type`: {', '.join(classes)}, or one of your own."
            )
        if "oneOf" in made:
            # The classes do not exclude each other, as oneOf would have it.
            made["anyOf"] = made.pop("oneOf")
    return made


# What carts show in every version beside the standard; only the server writes it.
_SERVERS_OWN: Final[dict[str, Any]] = {
    "checkoutState": {
        "type": "string",
        "enum": ["open", "inCheckout", "ordered"],
        "readOnly": True,
        "description": "whether it can be changed, is held by a checkout, or has been ordered (its order is live or has ended)",
    },
    "checkout": {"$ref": f"{PREFIX}CartCheckout", "description": "the checkout that holds the cart, while one does"},
}
_CART_CHECKOUT: Final[dict[str, Any]] = {
    "description": "The checkout that holds a cart.",
    "type": "object",
    "properties": {"id": {"type": "string"}, "href": {"type": "string"}},
}


def cart_schemas() -> JsonObject:
    """Return the carts of every version: v4 with all definitions of its file, v5 and R17 with suffixed names."""
    r17 = definitions("tmf663_r17")
    changed = {**r17["ShoppingCart"], "required": [], "description": "A change of a shopping cart."}
    v5 = definitions("tmf663_v5")
    made = {
        **component_schemas({name: schema for name, schema in CART_V4.items() if name != "Error"}),
        # What is sent in R17; what is answered may be of a cart from another version, which asks for less.
        **component_schemas(r17, "_Create_v1"),
        "ShoppingCart_Update_v1": component_schemas({"ShoppingCart_Update": changed}, "_Create_v1")[
            "ShoppingCart_Update_Create_v1"
        ],
        **component_schemas({name: _asking_nothing(schema) for name, schema in r17.items()}, "_v1"),
        **component_schemas(v5, "_v5"),
        "CartCheckout": _CART_CHECKOUT,
    }
    for name in ("ShoppingCart", "ShoppingCart_v1", "ShoppingCart_v5"):
        made[name]["properties"] = made[name].get("properties", {}) | _SERVERS_OWN
    return made


def _asking_nothing(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in {"required", "anyOf"}}


def order_schemas() -> JsonObject:
    """Return the orders of TMF622 v4 and v5 as they are sent and answered, and the requests to cancel them."""
    v4, v5 = definitions("tmf622_v4"), definitions("tmf622_v5")
    made = {
        **component_schemas({name: v4[name] for name in reached(v4, _ORDERS_V4)}, ORDER_V4_SUFFIX),
        **component_schemas({name: v5[name] for name in reached(v5, _ORDERS_V5)}, ORDER_V5_SUFFIX),
        **_BESIDE_AN_ORDER,
    }
    for suffix, new in ((ORDER_V4_SUFFIX, "ProductOrder_Create"), (ORDER_V5_SUFFIX, "ProductOrder_FVO")):
        made[f"ProductOrder_Change{suffix}"] = _change_of(made[f"{new}{suffix}"])
        name = f"ProductOrder{suffix}"
        made[name] = {**_selected(made[name]), "properties": made[name].get("properties", {}) | _ORDERS_OWN}
        made[f"Cancel{name}"] = _selected(made[f"Cancel{name}"])
        item = f"ProductOrderItem{suffix}"
        made[item] = {**made[item], "properties": made[item].get("properties", {}) | _ITEMS_OWN}
    return made


def _selected(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an answer of which `fields` may have left out all but id and href."""
    return {name: value for name, value in answer.items() if name != "required"}


def _change_of(new: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a change: what it leads to is asked for what is asked of a new order."""
    said = {name: value for name, value in new.items() if name not in {"required", "description", "discriminator"}}
    if "allOf" in said:
        said["allOf"] = [{name: value for name, value in part.items() if name != "required"} for part in said["allOf"]]
    state = {"type": "string", "description": "`acknowledged` submits a draft"}
    return {**said, "description": "A change of a draft.", "properties": {**said.get("properties", {}), "state": state}}


_ORDERS_V4: Final = (
    "ProductOrder_Create",
    "ProductOrder",
    "CancelProductOrder_Create",
    "CancelProductOrder",
)
_ORDERS_V5: Final = (
    "ProductOrder_FVO",
    "ProductOrder",
    "CancelProductOrder_FVO",
    "CancelProductOrder",
)
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
# What orders show beside the standard; only the server writes it.
_ORDERS_OWN: Final[dict[str, Any]] = {
    "upstreamOrder": {"$ref": f"{PREFIX}UpstreamOrder", "readOnly": True},
    "checkout": {"$ref": f"{PREFIX}OrderCheckout", "readOnly": True},
}
_ITEMS_OWN: Final[dict[str, Any]] = {
    "orderLineItemId": {"type": "string", "readOnly": True, "description": "id that the order system gave the item"}
}
_BESIDE_AN_ORDER: Final[dict[str, Any]] = {
    "UpstreamOrder": {
        "description": "What is known of an order in its order system, which has an id of its own for it.",
        "type": "object",
        "properties": {
            "upstream": {"type": "string", "description": "the order system"},
            "id": {**_TEXT_OR_NULL, "description": "id that it gave the order; null before it has"},
            "state": {
                **_TEXT_OR_NULL,
                "description": "what it said last, in the words of TMF622 where these have one for it",
            },
            "upstreamState": {**_TEXT_OR_NULL, "description": "what it said last, in its own words"},
        },
    },
    "OrderCheckout": {
        "description": "The checkout that brings an order to its order system.",
        "type": "object",
        "properties": {"id": {"type": "string"}, "href": {"type": "string"}, "state": {"type": "string"}},
    },
}


def checkout_definitions() -> JsonObject:
    """Return the definitions of the checkout that its schema file has; those of identifiers are v4's."""
    found: dict[str, Any] = schema_file("checkout")["$defs"]
    return {name: schema for name, schema in found.items() if name != "Identifier"}
