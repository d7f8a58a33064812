"""The OpenAPI document, made from the routes there are: a path that is served is in it, and no other.

A handler contributes its docstring and, in `opt["openapi"]`, its parameters, bodies and answers.
"""

from __future__ import annotations

import html
import inspect
from collections.abc import Iterable, Mapping
from itertools import chain, count
from typing import Any, Final

from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute

from gateway import __version__

_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "description": "TMF630 error.",
    "required": ["code", "reason"],
    "properties": {
        "@type": {"type": "string"},
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
_ERROR_ANSWER: Final[dict[str, Any]] = {
    "description": "TMF Error",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
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


def openapi_document(routes: Iterable[BaseRoute], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of `routes`; `schemas` are those that the handlers' parts refer to."""
    paths: dict[str, Any] = {}
    names: set[str] = set()
    for route in sorted(routes, key=lambda route: route.path):
        if isinstance(route, HTTPRoute):
            operations = {
                method.lower(): _operation(route, handler, method, names)
                for handler in route.route_handlers
                for method in sorted(handler.http_methods)
                if handler.resolve_include_in_schema()
            }
            if operations:
                paths[route.path_format] = operations
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "TMF checkout gateway",
            "version": __version__,
            "description": "TMF663 shopping carts become TMF622 product orders, submitted exactly once and tracked.",
        },
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR, **schemas}},
    }


def _operation(route: HTTPRoute, handler: HTTPRouteHandler, method: str, names: set[str]) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(handler.fn) or handler.handler_name).partition("\n")
    said: dict[str, Any] = handler.opt.get("openapi", {})
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in route.path_parameters
    ]
    operation: dict[str, Any] = {
        "operationId": _unique(_camel(handler.handler_name) + ("Head" if method == "HEAD" else ""), names),
        "summary": summary.strip(),
        **({"description": description.strip()} if description.strip() else {}),
        **said,
        "parameters": [*in_path, *said.get("parameters", [])],
        "responses": {
            **_errors(said),
            **said.get("responses", {"200": {"description": "OK"}}),
            "default": _ERROR_ANSWER,
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
    return {status: {**_ERROR_ANSWER, "description": told[status]} for status in sorted(told)}


def _unique(name: str, names: set[str]) -> str:
    """Return `name`, numbered when an operation before has it: a handler may have several paths."""
    candidates = chain([name], (f"{name}{number}" for number in count(2)))
    chosen = next(candidate for candidate in candidates if candidate not in names)
    names.add(chosen)
    return chosen


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def openapi_page(document: Mapping[str, Any]) -> bytes:
    """Return the document as one HTML page that loads nothing from anywhere."""
    rows = "".join(
        f"<tr><td><code>{html.escape(method.upper())}</code></td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(operation['summary'])}</td></tr>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )
    title = html.escape(f"{document['info']['title']} {document['info']['version']}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:16px/1.5 sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
        "table{border-collapse:collapse}td{border-top:1px solid #ccc;padding:.3rem .8rem;vertical-align:top}</style>"
        f"</head><body><h1>{title}</h1><p>{html.escape(document['info']['description'])}</p>"
        '<p>The whole description, for tools: <a href="/schema/openapi.json">openapi.json</a></p>'
        f"<table>{rows}</table></body></html>"
    ).encode()
