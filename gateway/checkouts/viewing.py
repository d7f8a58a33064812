"""What a checkout shows depending on who looks, and on the settings: what may be done, and whole addresses."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from gateway.callers import Caller
from gateway.checkouts.actions import actions_of
from gateway.checkouts.model import CheckoutRecord
from gateway.services import Services


def complete(document: dict[str, Any], record: CheckoutRecord, caller: Caller, services: Services) -> dict[str, Any]:
    """Complete the resource of a record in place, and return it.

    An address that the order system gives without its host is one there, not here.
    """
    mapping, upstream = services.mappings.get(record.mapping), services.settings.upstreams.get(record.upstream)
    takes_cancellations = mapping is not None and bool(mapping.api.cancel_resource)
    document["actions"] = actions_of(record, caller, takes_cancellations=takes_cancellations)
    order = document.get("productOrder")
    if order is not None and order["href"] and upstream is not None:
        order["href"] = urljoin(upstream.base_url, order["href"])
    return document
