"""What the OpenAPI document says of the checkout operations (parameters, bodies, answers)."""

from __future__ import annotations

from typing import Any, Final

from gateway.http.reference.components import (
    ref,
)
from gateway.http.reference.examples import content, example
from gateway.http.reference.parts import FIELDS, PAGE, if_match

_REF: Final = ref("Checkout")
_CHECKOUT: Final = content(_REF, "checkout")
_REQUEST: Final = content(ref("CheckoutRequest"), "checkout.request")
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A key of the client's for this checkout: the same key and request give the same checkout, for ever.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[A-Za-z0-9._:/-]+$"},
}
_IF_MATCH: Final = if_match("ETag of the cart (or of the checkout, for a change of a draft) that the client saw.")
_TAG: Final = ["checkout"]


def _answers(status: str, description: str) -> dict[str, Any]:
    headers: dict[str, Any] = {
        "ETag": {"schema": {"type": "string"}},
        "Retry-After": {
            "schema": {"type": "integer"},
            "description": "While it is under way: seconds until it is worth asking again",
        },
    }
    if status == "202":
        headers["Location"] = {"schema": {"type": "string"}}
    return {status: {"description": description, "content": _CHECKOUT, "headers": headers}}


# What a schema cannot say of a checkout.
REFUSED: Final = (
    "The cart that is named must exist (404), not be in another checkout (409), and not have expired (409).",
    "A whole cart is read in the version that its looks tell, and must be right in that one; see what is refused of carts there.",
    "The order system that is named must be one of the settings (400), and one must be named where there is no default.",
    "The cart must be one that can be ordered: items, offerings, a customer, whatever the order system wants (422, with every finding).",
    "The totals must be the expected ones (409), and evidence of qualification be there where the settings want it (422).",
    "A name that is a slip of a listed attribute's, or begins with @, is not an attribute of the client's own.",
    "An Idempotency-Key belongs to one request (422).",
    "A date-time is in the calendar, and no text holds the character U+0000.",
    "No more checkouts at once than the settings allow (429).",
)
CREATE: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": [_KEY, _IF_MATCH],
    "requestBody": {"required": True, "content": _REQUEST},
    "refused": REFUSED,
    "responses": _answers("202", "Accepted: it will end in one order, a refusal, or held"),
}
CREATE_FOR_CART: Final[dict[str, Any]] = {
    **CREATE,
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {"schema": ref("CheckoutOfCartRequest"), "example": {"externalId": "shop-4711"}}
        },
    },
}
PREVIEW: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": [
        _IF_MATCH,
        {
            "name": "trace",
            "in": "query",
            "description": "true: say of each value of the cart where it went, and of each of the order where it came from.",
            "schema": {"type": "boolean"},
        },
    ],
    "requestBody": {"required": True, "content": _REQUEST},
    "refused": REFUSED,
    "responses": {
        "200": {
            "description": "The order, its steps and the findings",
            "content": content(ref("CheckoutPreview"), "checkout.preview"),
        }
    },
}
LIST: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": [
        FIELDS,
        {
            "name": "sort",
            "in": "query",
            "description": "Attributes to order by, separated by commas, each with + (or nothing) or - before it.",
            "schema": {"type": "string"},
        },
        {
            "name": "attribute",
            "in": "query",
            "style": "form",
            "explode": True,
            "description": "Any attribute of its head or of what was asked for, by its path, e.g. `creationDate.gte=2026-12-01` or "
            "`relatedParty.id=42`: .eq .gt .gte .lt .lte.",
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        *(
            {"name": name, "in": "query", "schema": {"type": "string"}}
            for name in (
                "id",
                "state",
                "externalId",
                "upstream",
                "shoppingCart.id",
                "productOrder.id",
                "productOrder.state",
            )
        ),
        *PAGE,
    ],
    "responses": {
        status: {
            "description": description,
            "content": {
                "application/json": {"schema": {"type": "array", "items": _REF}, "example": [example("checkout")]}
            },
        }
        for status, description in (("200", "The checkouts"), ("206", "The part that was asked for; more follow"))
    },
}
RETRIEVE: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": [FIELDS, {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}],
    "responses": {**_answers("200", "The checkout"), "304": {"description": "It is the version the client has"}},
}
PATCH: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": [_IF_MATCH],
    "requestBody": {
        "required": True,
        "content": {
            **content(ref("CheckoutChange"), "checkout.change"),
            **content(ref("CheckoutChange"), "checkout.change", "application/merge-patch+json"),
        },
    },
    "refused": (
        "Only a draft changes (409); with the change it must still be one that can be ordered (422).",
        *REFUSED[6:],
    ),
    "responses": _answers("200", "The changed checkout; its draft is made again where its calls change"),
}
SUBMIT: Final[dict[str, Any]] = {
    "tags": _TAG,
    "description": "Where the checkout is held because its draft does not cost what the cart did, this accepts the figures of "
    "statusReason; it takes the role operator or admin.",
    "refused": ("Only a draft is submitted, and what is held for its price (409).",),
    "responses": _answers("202", "It will be submitted"),
}
CANCEL: Final[dict[str, Any]] = {
    "tags": _TAG,
    "refused": ("What has ended, or waits for a person, is not cancelled (409).",),
    "responses": _answers("202", "It will be cancelled, or its live order is asked to be"),
}
