"""A stored cart in the shape of a version, as events carry it."""

from __future__ import annotations

from datetime import datetime

from gateway.carts.dialects import DIALECTS
from gateway.documents import JsonObject


def cart_in_version(
    version: str, document: JsonObject, *, created: datetime | None, updated: datetime | None
) -> JsonObject:
    """Return a stored cart as a version of TMF663 writes it."""
    return DIALECTS[version].from_canonical(document, created=created, updated=updated)
