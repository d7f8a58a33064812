"""The schemas of checkouts in the OpenAPI document: what is asked for, and what is shown."""

from __future__ import annotations

from typing import Any, Final

from gateway.checkouts.reasons import MEANING as REASONS
from gateway.checkouts.request import DRAFT_ATTRIBUTES
from gateway.checkouts.states import MEANING
from gateway.http.reference.components import (
    ORDER_V4_SUFFIX,
    ORDER_V5_SUFFIX,
    checkout_definitions,
    component_schemas,
    order_schemas,
    ref,
)

_TEXT: Final = {"type": "string"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_FOUND: Final = checkout_definitions()
_REQUEST_ATTRIBUTES: Final[dict[str, Any]] = _FOUND["CheckoutRequest"]["properties"]


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an attribute that null removes."""
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    rest = {name: value for name, value in schema.items() if name == "description"}
    return {**rest, "anyOf": [{"$ref": schema["$ref"]}, {"type": "null"}]}


_CART: Final = {
    "description": "A stored cart by its id, or a whole cart in any version of TMF663.",
    "anyOf": [ref(name) for name in ("StoredCart", "WholeCart", "WholeCart_v5", "ShoppingCart_Create_v1")],
}
_DEFINITIONS: Final[dict[str, Any]] = {
    **_FOUND,
    "CheckoutOfCartRequest": {
        **_FOUND["CheckoutRequest"],
        "description": "What is wanted with the cart that the path names. Otherwise as a checkout request.",
        "required": [],
        "properties": {name: schema for name, schema in _REQUEST_ATTRIBUTES.items() if name != "shoppingCart"},
    },
    "CheckoutChange": {
        "description": "A change of a draft; null removes an attribute.",
        "type": "object",
        "properties": {name: _or_null(_REQUEST_ATTRIBUTES[name]) for name in sorted(DRAFT_ATTRIBUTES)},
        "additionalProperties": False,
    },
}


def _whole(name: str) -> dict[str, Any]:
    return {
        "description": "A whole cart, for a channel that keeps its carts itself.",
        "allOf": [ref(name), {"type": "object", "required": ["cartItem"]}],
    }


_OWN: Final[dict[str, Any]] = component_schemas(_DEFINITIONS)
_OWN["CheckoutRequest"]["properties"]["shoppingCart"] = _CART
SCHEMAS: Final[dict[str, Any]] = {
    **_OWN,
    **order_schemas(),
    "StoredCart": {
        "description": "A cart that is stored here.",
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": ref("Identifier"),
            **dict.fromkeys(("href", "name", "@type", "@baseType", "@schemaLocation", "@referredType"), _TEXT),
            "version": {"type": ["integer", "string"]},
        },
        "additionalProperties": False,
    },
    "WholeCart": _whole("ShoppingCart_Create"),
    "WholeCart_v5": _whole("ShoppingCart_FVO_v5"),
    "Checkout": {
        "description": "A cart on its way to one order. With `fields` only some of these are there.",
        "type": "object",
        "required": ["@type"],
        "properties": {
            "@type": _TEXT,
            "id": _TEXT,
            "href": _TEXT,
            "state": {"type": "string", "enum": list(MEANING)},
            "statusReason": _TEXT_OR_NULL,
            "reason": {"anyOf": [ref("CheckoutReason"), {"type": "null"}]},
            "creationDate": {"type": "string", "format": "date-time"},
            "lastUpdate": {"type": "string", "format": "date-time"},
            "externalId": _TEXT_OR_NULL,
            "correlationId": {
                "type": ["string", "null"],
                "description": "The request that made it: its X-Correlation-ID or X-Request-ID, otherwise the one it was answered with",
            },
            "traceparent": {
                "type": ["string", "null"],
                "description": "The W3C trace context of that request, if it named one",
            },
            "submit": {"type": "boolean"},
            "cancelRequested": {"type": "boolean"},
            "upstream": _TEXT,
            "mapping": _TEXT,
            "mappingHash": {
                "type": ["string", "null"],
                "description": "SHA-256 of the text of the mapping that planned the order; each step names the one that wrote its call",
            },
            "source": {
                "type": "string",
                "enum": ["shoppingCart", "productOrder"],
                "description": "what it was made from: a cart, or an order that came ready (TMF622)",
            },
            "shoppingCart": {"anyOf": [ref("CheckoutCart"), {"type": "null"}]},
            "productOrder": {"anyOf": [ref("CheckoutOrder"), {"type": "null"}]},
            "relatedParty": {"type": "array", "items": ref("CheckoutParty")},
            "place": {"type": "array", "items": ref("CheckoutPlace")},
            "payment": {"type": "array", "items": ref("CheckoutReference")},
            "billingAccount": ref("CheckoutReference"),
            "requestedStartDate": {"type": "string", "format": "date-time"},
            "requestedCompletionDate": {"type": "string", "format": "date-time"},
            "expectedTotalPrice": {"type": "array", "items": ref("ExpectedPrice")},
            "actions": {
                "type": "array",
                "description": "What the client that asks may do with the checkout now",
                "items": {"type": "string", "enum": ["change", "submit", "cancel", "retry", "poll", "adopt", "close"]},
            },
            "abandonedOrder": {
                "type": "array",
                "description": "Orders that the checkout does not go on with, with what became of each; it is found by their ids, too",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": _TEXT_OR_NULL,
                        "externalId": _TEXT,
                        "state": {"type": "string", "enum": ["abandoned", "absent", "voided", "left", "live"]},
                    },
                },
            },
            "item": {"type": "array", "items": ref("CheckoutItem")},
            "progress": ref("CheckoutProgress"),
            "step": {"type": "array", "items": ref("CheckoutStep")},
            "finding": {"type": "array", "items": ref("Finding")},
            "upstreamCapability": {"anyOf": [ref("UpstreamCapability"), {"type": "null"}]},
        },
    },
    "CheckoutPreview": {
        "description": "What a checkout would send, and what its reader should know.",
        "type": "object",
        "required": ["@type", "order", "step", "finding"],
        "properties": {
            "@type": _TEXT,
            "order": {
                "description": "The order as its dialect writes it, whole; null where the cart cannot be ordered.",
                "anyOf": [
                    ref(f"ProductOrder_Create{ORDER_V4_SUFFIX}"),
                    ref(f"ProductOrder_FVO{ORDER_V5_SUFFIX}"),
                    {"type": "null"},
                ],
            },
            "step": {"type": "array", "items": ref("PreviewStep")},
            "finding": {"type": "array", "items": ref("Finding")},
            "trace": {"type": "array", "items": ref("TraceEntry"), "description": "with `trace=true`"},
        },
    },
    "UpstreamCapability": {
        "description": "What `gateway doctor` saw of the order system last: measuredAt, mappingHash, release, and what is not as the "
        "mapping relies on.",
        "type": "object",
        "additionalProperties": True,
    },
    "TraceEntry": {
        "description": "Where a value of the cart or of the request went, or a value of the order came from.",
        "type": "object",
        "additionalProperties": True,
    },
}
SCHEMAS["CheckoutCart"]["properties"]["remainder"] = {
    **ref("StoredCart"),
    "description": "the cart in which the items go on that were saved for later",
}
SCHEMAS["CheckoutReason"]["properties"]["code"]["enum"] = list(REASONS)
