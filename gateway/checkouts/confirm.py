"""Asks a TMF679 service whether the qualifications of a request are evidence, where one is set."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from gateway.checkouts.model import Prepared
from gateway.checkouts.prepare import refusal
from gateway.checkouts.qualification import PATH, added_items, not_qualified, unreadable
from gateway.services import Services


class Qualifications(Protocol):
    """Reads qualifications."""

    async def get(self, qualification_id: str) -> dict[str, Any] | None:
        """Return the document with this id, None when there is none such; raises UnavailableError (503)."""


async def confirm_qualified(
    services: Services, cart: Mapping[str, Any], request: Mapping[str, Any], prepared: Prepared
) -> None:
    """Raise RefusedError (422) with every finding unless each item to be added is called qualified.

    Does nothing where no evidence is required or no service is set. Raises UnavailableError (503) when it does not answer.
    """
    reader: Qualifications | None = services.qualifications
    if reader is None or not services.settings.checkout.require_qualification:
        return
    items = list(added_items(prepared.order, cart))
    if not items:
        return
    found = unreadable(request, services.settings.qualification.references_max)
    if not found:
        documents = await asyncio.gather(*(reader.get(each["id"]) for each in request.get(PATH) or []))
        found = not_qualified(items, list(documents), services.clock())
    if found:
        raise refusal((*prepared.findings, *found))
