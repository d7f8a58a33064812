"""Asks a TMF679 service whether the qualifications of a request are evidence, where one is set."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from gateway.checkouts.accepting.qualification import PATH, added_items, not_qualified, unconfirmed, unreadable
from gateway.checkouts.model import Prepared
from gateway.documents import Json, JsonObject
from gateway.errors import UnavailableError
from gateway.ordering import Finding
from gateway.services import Services


async def confirmed(
    services: Services,
    cart: JsonObject,
    request: Mapping[str, Json],
    prepared: Prepared | None,
    *,
    only_shown: bool,
) -> tuple[Finding, ...]:
    """Return an error finding for each item to be added that is not called qualified, and for each reference to something else.

    Nothing where no evidence is required, none is named (that has findings of its own) or no service is set. A cart that
    cannot be translated (`prepared` is None) is judged by its own words, so that all findings come at once. Where the
    service does not answer: UnavailableError (503); with `only_shown`, or when the cart is refused anyhow, a warning.
    """
    reader = services.qualifications
    references = request.get(PATH) or []
    if reader is None or not services.settings.checkout.require_qualification or not references:
        return ()
    items = list(added_items(cart, prepared.order if prepared is not None else None))
    if not items:
        return ()
    found = unreadable(request, services.settings.qualification.references_max)
    if found:
        return found
    try:
        documents = await asyncio.gather(*(reader.get(each["id"]) for each in references))
    except UnavailableError:
        if prepared is None or only_shown:
            return (unconfirmed(),)
        raise
    return not_qualified(items, list(documents), services.clock())
