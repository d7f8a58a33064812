"""The OpenAPI document, made from the routes there are: a path that is served is in it, and no other.

A handler contributes its docstring and, in `opt["openapi"]`, its parameters, bodies and answers.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count
from typing import Any, Final

from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute

from gateway import __version__
from gateway.documents import Json, JsonObject
from gateway.errors import (
    BodyTooLargeError,
    ConflictError,
    ForbiddenError,
    InvalidBodyError,
    MediaTypeError,
    MethodNotAllowedError,
    NotAcceptableError,
    NotFoundError,
    NotSupportedError,
    PreconditionError,
    PreconditionRequiredError,
    Problem,
    RefusedError,
    RequestError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    tmf_error,
)
from gateway.http.reference.components import ref

_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "description": "TMF630 error.",
    "required": ["code", "reason"],
    "properties": {
        "@type": {"type": "string"},
        "@baseType": {"type": "string"},
        "@schemaLocation": {"type": "string"},
        "code": {"type": "string"},
        "reason": {"type": "string"},
        "message": {"type": "string"},
        "status": {"type": "string"},
        "referenceError": {"type": "string"},
        "problem": {
            "type": "array",
            "description": "All that was wrong. `path` is an attribute, a parameter of the path or of the query, or a header.",
            "items": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def _error_answer(status: str, description: str) -> dict[str, Any]:
    """Return an answer that is an error, with an example of it."""
    error = _EXAMPLES.get(status)
    example = {} if error is None else {"example": tmf_error(error)}
    return {"description": description, "content": {"application/json": {"schema": ref("Error"), **example}}}


_EXAMPLES: Final[Mapping[str, RequestError]] = {
    "400": InvalidBodyError([Problem("cartItem[0].quantity", "must be from 1 to 1000000")]),
    "401": UnauthenticatedError("The request carries no bearer token: send it as `Authorization: Bearer TOKEN`."),
    "403": ForbiddenError("The client shop needs one of these roles for it: admin."),
    "404": NotFoundError("There is no such shopping cart.", problems=[Problem("id", "names no shopping cart")]),
    "405": MethodNotAllowedError("PUT is not allowed here; see Allow."),
    "406": NotAcceptableError.about("Accept", "must allow application/json"),
    "409": ConflictError("The shopping cart is being checked out and does not change until that ends."),
    "412": PreconditionError.about("If-Match", "does not name the current version"),
    "413": BodyTooLargeError.about("The body", "is larger than 1048576 bytes", ""),
    "415": MediaTypeError.about("Content-Type", "must be application/json"),
    "422": RefusedError(
        "The cart cannot be ordered: cartItem[0].productOffering: is missing",
        problems=[Problem("cartItem[0].productOffering", "is missing")],
    ),
    "428": PreconditionRequiredError.about(
        "If-Match", "is needed to change a cart: the ETag of the version that was read"
    ),
    "429": TooManyRequestsError("Too many checkouts are under way; try again later."),
    "501": NotSupportedError("This part of the standard is not offered."),
    "503": UnavailableError("The database does not take writes now."),
}
# What any operation may answer, and those with a body or a condition besides. The operation of the service has none of it.
_ERRORS: Final = {
    "400": "Something in the request is wrong; `problem` names everything",
    "401": "No credentials, or credentials that are not valid",
    "403": "Not allowed for this client",
    "404": "No such resource; `problem` names the id",
    "405": "The method is not allowed here; see Allow",
    "406": "Only application/json can be produced",
    "409": "The state of the resource forbids it",
    "429": "A limit is reached; see Retry-After",
    "500": "A defect of the gateway, logged under X-Correlation-ID",
    "501": "A part of the standard that is not offered",
    "503": "Not now; see Retry-After",
}
_BODY_ERRORS: Final = {
    "413": "The body, or what would come of it, is too large",
    "415": "Content-Type or Content-Encoding is not supported",
    "422": "Understood, and it cannot be done",
}
_CONDITION_ERRORS: Final = {
    "412": "If-Match does not name the current version",
    "428": "If-Match is needed here, by setting",
}
_SERVICE_TAG: Final = "operation"


_SECURITY_SCHEMES: Final[dict[str, Any]] = {
    "bearerToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token that the operator of the gateway gave you. A gateway that asks nobody who they are needs none.",
    }
}
# In the order in which a reader wants them.
TAGS: Final[Mapping[str, str]] = {
    "shoppingCart": "Carts in the form of TMF663 v4, in which they are stored. The same carts are there in every version.",
    "shoppingCart v5": "Carts in the form of TMF663 v5.",
    "shoppingCart R17": "Carts in the form of TMF663 R17 (v1).",
    "checkout": "A cart becomes a product order (TMF622), submitted exactly once and followed to its end.",
    "productOrder": "Orders in the form of TMF622 v4: those that come ready, from partners, and those that were made of carts.",
    "productOrder v5": "Orders in the form of TMF622 v5.",
    "processFlow": "The steps of a checkout in the form of TMF701 v4, read only.",
    "operator": "What operators do with checkouts and order systems: look again, try again, adopt, close, pause.",
    "events subscription": "Who is told of what happens to carts and checkouts; the events are under Webhooks.",
    "notification": "What order systems tell the gateway about orders.",
    "token": "Short-lived tokens for client credentials.",
    "login": "People log in with a browser, at the identity provider; what changes anything then needs the header X-CSRF-Token.",
    "operation": "The service itself: is it alive, is it ready, its figures, this document.",
}


def openapi_document(
    routes: Iterable[BaseRoute], schemas: Mapping[str, Json], webhooks: Mapping[str, Json]
) -> JsonObject:
    """Return the OpenAPI 3.1 document of `routes`; `schemas` are those that the handlers' parts and `webhooks` refer to."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    names: set[str] = set()
    for route in sorted(routes, key=lambda route: route.path):
        if isinstance(route, HTTPRoute):
            found += [
                (route.path_format, method.lower(), _operation(route, handler, names))
                for handler in route.route_handlers
                # A HEAD is a GET whose answer has no body.
                for method in sorted(handler.http_methods - {"HEAD"})
                if handler.resolve_include_in_schema()
            ]
    order = list(TAGS)
    paths: dict[str, Any] = {}
    for path, method, operation in sorted(found, key=lambda each: order.index(each[2]["tags"][0])):
        paths.setdefault(path, {})[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "TMF checkout gateway",
            "version": __version__,
            "description": "TMF663 shopping carts become TMF622 product orders, submitted exactly once and tracked. Every GET is "
            "there as HEAD as well.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This gateway"}],
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "security": [{"bearerToken": []}, {}],
        "paths": paths,
        "webhooks": dict(webhooks),
        "components": {"schemas": {"Error": _ERROR, **schemas}, "securitySchemes": _SECURITY_SCHEMES},
    }


def _operation(route: HTTPRoute, handler: HTTPRouteHandler, names: set[str]) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(handler.fn) or handler.handler_name).partition("\n")
    said: dict[str, Any] = dict(handler.opt["openapi"])
    description = str(said.pop("description", description)).strip()
    refused: Sequence[str] = said.pop("refused", ())
    if refused:
        rules = "\n".join(f"- {rule}" for rule in refused)
        description = f"{description}\n\nRefused besides, though it has the shape:\n\n{rules}".strip()
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in route.path_parameters
    ]
    operation: dict[str, Any] = {
        "operationId": _unique(_camel(handler.handler_name), names),
        "summary": summary.strip(),
        **({"description": description} if description else {}),
        **said,
        "parameters": [*in_path, *said.get("parameters", [])],
        "responses": {
            **_errors(said),
            **said.get("responses", {"200": {"description": "OK"}}),
            "default": _error_answer("", "TMF Error"),
        },
    }
    return operation


def _errors(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers of an operation that are errors."""
    if _SERVICE_TAG in said.get("tags", ()):
        return {}
    told = dict(_ERRORS)
    if "requestBody" in said:
        told |= _BODY_ERRORS
    if any(parameter.get("name") == "If-Match" for parameter in said.get("parameters", ())):
        told |= _CONDITION_ERRORS
    return {status: _error_answer(status, told[status]) for status in sorted(told)}


def _unique(name: str, names: set[str]) -> str:
    """Return `name`, numbered when an operation before has it: a handler may have several paths."""
    candidates = chain([name], (f"{name}{number}" for number in count(2)))
    chosen = next(candidate for candidate in candidates if candidate not in names)
    names.add(chosen)
    return chosen


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)
