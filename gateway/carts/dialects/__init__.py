"""The versions of TMF663 that are spoken: v4, in which carts are stored, and its dialects."""

from __future__ import annotations

from typing import Final

from gateway.carts.dialects.dialect import Dialect, no_problems, same_document

V4: Final = Dialect(
    version="v4",
    base_path="/tmf-api/shoppingCart/v4",
    to_canonical=same_document,
    from_canonical=same_document,
    check=no_problems,
)
DIALECTS: Final[dict[str, Dialect]] = {"v4": V4}
__all__ = ["DIALECTS", "V4", "Dialect"]
