"""Examples of the API reference: a cart of the golden ones, and what became of it, as this gateway answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

_EXAMPLES: Final[dict[str, Any]] = json.loads((Path(__file__).parent / "examples.json").read_text(encoding="utf-8"))


def example(name: str) -> Any:
    """Return an example by its name, e.g. `cart.v4.request`. It is shared: leave it as it is."""
    return _EXAMPLES[name]


def content(schema: dict[str, Any], name: str, media_type: str = "application/json") -> dict[str, Any]:
    """Return the content of a body or of an answer: its schema with an example."""
    return {media_type: {"schema": schema, "example": example(name)}}
