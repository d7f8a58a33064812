"""What the OpenAPI document says alike of many operations: parameters of a page or a choice of attributes, tags, headers."""

from __future__ import annotations

from typing import Any, Final

from gateway.documents import JsonObject
from gateway.http.reference.components import CART_V4

FIELDS: Final[dict[str, Any]] = {
    "name": "fields",
    "in": "query",
    "description": "Attributes to return, separated by commas; `none` for id and href alone.",
    "schema": {"type": "string"},
}
PAGE: Final[tuple[dict[str, Any], ...]] = (
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}},
    {"name": "offset", "in": "query", "schema": {"type": "integer", "minimum": 0}},
)
SORT: Final[dict[str, Any]] = {
    "name": "sort",
    "in": "query",
    "description": "Attributes to order by, separated by commas, each with + (or nothing) or - before it.",
    "schema": {"type": "string"},
}
# Headers of answers.
ETAG: Final[dict[str, Any]] = {"ETag": {"description": "Strong tag of this version.", "schema": {"type": "string"}}}
LOCATION: Final[dict[str, Any]] = {"Location": {"schema": {"type": "string", "format": "uri"}}}
PAGE_HEADERS: Final[dict[str, Any]] = {
    name: {"schema": {"type": kind}}
    for name, kind in (("X-Total-Count", "integer"), ("X-Result-Count", "integer"), ("Link", "string"))
}
# The reason of an action of an operator.
REASON: Final[dict[str, Any]] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 1000,
    "pattern": CART_V4["Identifier"]["pattern"],
    "description": "Why; it is kept with the client's name.",
}


def if_match(description: str) -> JsonObject:
    """Return the parameter If-Match: the ETag of what was read, in quotes, or `*` for any version."""
    return {
        "name": "If-Match",
        "in": "header",
        "description": description,
        "schema": {"type": "string", "pattern": '^(\\*|"[!#-~]+")$'},
    }
