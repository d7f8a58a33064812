"""Examples of the API reference: a cart of the golden ones, and what became of it, as this gateway answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from gateway.documents import Json, JsonObject

_EXAMPLES: Final[dict[str, Any]] = json.loads((Path(__file__).parent / "examples.json").read_text(encoding="utf-8"))


def example(name: str) -> Json:
    """Return an example of the API's description. It is shared: leave it as it is.

    Args:
        name: as in `cart.v4.request`.

    Raises:
        KeyError: there is no such example: found at the start, when the routes are made.

    Source: the golden carts.
    """
    return _EXAMPLES[name]


def content(schema: JsonObject, name: str, media_type: str = "application/json") -> JsonObject:
    """Return the content of a body or of an answer in the API's description: its schema with an example.

    Args:
        schema: a JSON Schema, or a reference of `ref`.
        name: the example, as in `example`.
        media_type: the content type.

    Raises:
        KeyError: there is no such example: found at the start, when the routes are made.

    Source: OpenAPI 3.1 (Media Type Object).
    """
    return {media_type: {"schema": schema, "example": example(name)}}
