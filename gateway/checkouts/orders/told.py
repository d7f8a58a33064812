"""What subscribers are told of an order, or of a request to cancel it, in the version that they subscribed to. Pure."""

from __future__ import annotations

from typing import Final

from gateway.checkouts.orders.cancellations import in_version
from gateway.checkouts.orders.shown import DIALECTS
from gateway.documents import JsonObject
from gateway.storage.outbox import CANCELLATIONS

_BY_VERSION: Final = {dialect.version: dialect for dialect in DIALECTS}


def order_in_version(event_type: str, document: JsonObject, version: str) -> JsonObject:
    """Return the document of an event, which is stored in the canonical form, as a version shows it."""
    dialect = _BY_VERSION[version]
    return in_version(document, dialect) if event_type in CANCELLATIONS else dialect.from_canonical(document)
