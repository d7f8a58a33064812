"""A stored cart in the shape of a version, as events carry it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.carts.dialects import DIALECTS


def cart_in_version(
    version: str, document: dict[str, Any], *, created: datetime | None, updated: datetime | None
) -> dict[str, Any]:
    """Return a stored cart as a version of TMF663 writes it."""
    return DIALECTS[version].from_canonical(document, created=created, updated=updated)
