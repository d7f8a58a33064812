"""The versions of TMF663 that are spoken: v4, in which carts are stored, and its dialects R17 (v1) and v5."""

from __future__ import annotations

from typing import Final

from gateway.carts.after_order import SHOWN
from gateway.carts.dialects import v1, v1_shape, v4, v5, v5_shape
from gateway.carts.dialects.dialect import Dialect, no_problems, same_document
from gateway.carts.shape import STORED

V1: Final = Dialect(
    version="v1",
    base_path="/shoppingCart/v1",
    to_canonical=v1.to_canonical,
    from_canonical=v1.from_canonical,
    check=v1_shape.check,
    tidy=v1_shape.CART.tidy,
    not_patchable=("id", "href", "validFor", "cartTotalPrice"),
)
V4: Final = Dialect(
    version="v4",
    base_path="/tmf-api/shoppingCart/v4",
    to_canonical=same_document,
    from_canonical=v4.from_canonical,
    check=no_problems,
    tidy=STORED.tidy,
    not_patchable=("id", "href", "validFor"),
)
V5: Final = Dialect(
    version="v5",
    base_path="/tmf-api/shoppingCart/v5",
    to_canonical=v5.to_canonical,
    from_canonical=v5.from_canonical,
    check=v5_shape.check,
    tidy=v5_shape.CART.tidy,
    # `lastUpdateDate` is how the official examples write lastUpdate.
    read_only=frozenset({"creationDate", "lastUpdate", "lastUpdateDate", *SHOWN}),
    not_patchable=("id", "href"),
)
DIALECTS: Final[dict[str, Dialect]] = {"v1": V1, "v4": V4, "v5": V5}
__all__ = ["DIALECTS", "V1", "V4", "V5", "Dialect"]
