"""What a PATCH says, in any of its media types: the body becomes a function from a cart to the changed cart."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Final

from litestar import Request

from gateway.documents import Json, JsonObject
from gateway.errors import MalformedBodyError, MediaTypeError
from gateway.filters.patch_query import apply_query_operations, parse_query_operations
from gateway.http.bodies import read_json
from gateway.settings import ServerSettings
from gateway.tmf.json_patch import apply_operations, parse_operations
from gateway.tmf.merge_patch import merge_patch
from gateway.tmf.shapes import json_kind

JSON_PATCH: Final = "application/json-patch+json"
JSON_PATCH_QUERY: Final = "application/json-patch-query+json"
# Plain JSON is a merge patch (TMF630).
PATCH_TYPES: Final = ("application/json", "application/merge-patch+json", JSON_PATCH, JSON_PATCH_QUERY)
_CHANGES: Final = frozenset({"add", "remove", "replace"})


async def read_change(
    request: Request[Any, Any, Any], read_only: Collection[str], settings: ServerSettings
) -> Callable[[JsonObject], Json]:
    """Return the change that the body asks for; what only the server writes (`read_only`) is left out, without an error.

    Raises MediaTypeError (415, with Accept-Patch) for another content type, MalformedBodyError and InvalidBodyError (400) for
    what is not a patch. The function raises InvalidBodyError (400) and ConflictError (409) for what cannot be done to a cart.
    """
    try:
        given = await read_json(
            request, bytes_max=settings.body_bytes_max, depth_max=settings.depth_max, media_types=PATCH_TYPES
        )
    except MediaTypeError as error:
        error.headers["Accept-Patch"] = ", ".join(PATCH_TYPES)
        raise
    media_type = _media_type(request)
    if media_type == JSON_PATCH:
        kept = [
            operation
            for operation in parse_operations(given)
            if not (operation.verb in _CHANGES and operation.path and operation.path[0] in read_only)
        ]
        return partial(apply_operations, operations=kept, depth_max=settings.depth_max, lenient=True)
    if media_type == JSON_PATCH_QUERY:
        operations = parse_query_operations(given)
        return partial(apply_query_operations, operations=operations, depth_max=settings.depth_max)
    if not isinstance(given, dict):
        what = f"must be a JSON object, not {json_kind(given)}"
        raise MalformedBodyError.about("A merge patch", what, "")
    return partial(merge_patch, patch={name: value for name, value in given.items() if name not in read_only})


def _media_type(request: Request[Any, Any, Any]) -> str:
    given: bytes = dict(request.scope["headers"]).get(b"content-type", b"")
    return given.decode("latin-1").split(";")[0].strip().lower()
