"""A cart prepared with what others know of it: a catalogue of bundles, the order system's call size, a TMF679 service.

All of it is asked before anything is stored, and outside of every transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from gateway.checkouts.accepting.call_sizes import items_max_now
from gateway.checkouts.accepting.confirm import confirmed
from gateway.checkouts.accepting.prepare import PlanningHints, accepted, check_and_prepare, documents_of
from gateway.checkouts.accepting.proven import unproven_findings
from gateway.checkouts.accepting.waiting_party import lacks_only_party, put_off, with_stand_in
from gateway.checkouts.model import Prepared
from gateway.checkouts.orders.words import order_findings, order_path
from gateway.ordering import Catalogue, Finding, wanted_bundles
from gateway.ordering import Mapping as OrderMapping
from gateway.services import Services

# What a cart is warned of, and a ready order refused for.
_REFUSED_OF_ORDERS: Final = frozenset({"relationship_circular", "several_customers"})


class AcceptRequest(NamedTuple):
    """A cart to be ordered: where, by which mapping, with which request, and whether work on it goes to a thread."""

    tenant: str
    upstream: str
    mapping: OrderMapping
    cart: dict[str, Any]
    request: Mapping[str, Any]
    large: bool
    # It is not to be submitted yet: a party that is not known yet may be told later.
    is_draft: bool = False
    # What was told of an order that came ready when it was read; None of a cart.
    told: tuple[Finding, ...] | None = None


async def prepared_cart(
    services: Services,
    asked: AcceptRequest,
    *,
    qualify: bool = True,
    only_shown: bool = False,
    now: datetime | None = None,
) -> Prepared:
    """Return the cart translated, planned and confirmed.

    `qualify`: its qualifications are confirmed, where a service is set. `only_shown`: nothing will be sent, so a service that
    does not answer is a finding. Errors: 409 other totals than expected, 422 with every finding when it cannot be ordered,
    503 when its qualification cannot be confirmed now.
    """
    known = PlanningHints(
        items_max=await items_max_now(services, asked.tenant, asked.upstream, asked.mapping),
        catalogue=await catalogue_of_cart(services, asked),
    )
    prepared, findings = await services.heavy.run(
        asked.tenant,
        asked.large,
        check_and_prepare,
        asked.cart,
        asked.request,
        asked.mapping,
        services.settings.checkout,
        now=now or services.clock(),
        known=known,
    )
    if qualify:
        findings += await confirmed(services, asked.cart, asked.request, prepared, only_shown=only_shown)
    findings += await unproven_findings(services, asked.upstream, asked.mapping)
    if asked.told is not None:
        prepared, findings = in_order_words(prepared, (*asked.told, *map(_judged_of_order, findings)))
    if asked.is_draft and lacks_only_party(findings):
        stand_in = asked._replace(request=with_stand_in(asked.request, asked.mapping), is_draft=False)
        known_party = await prepared_cart(services, stand_in, qualify=False, only_shown=only_shown, now=now)
        return replace(known_party, findings=put_off(findings), waits_for_party=True)
    return accepted(prepared, findings, "cart" if asked.told is None else "order")


def _judged_of_order(finding: Finding) -> Finding:
    """Return a finding of a ready order: who sends one sees no warnings, so what makes it mean two things refuses it."""
    return replace(finding, severity="error") if finding.code in _REFUSED_OF_ORDERS else finding


def in_order_words(
    prepared: Prepared | None, findings: tuple[Finding, ...]
) -> tuple[Prepared | None, tuple[Finding, ...]]:
    """Return what was prepared of a ready order, and what is told of it, with the order's own paths."""
    if prepared is not None:
        lines = tuple(replace(line, path=order_path(line.path)) for line in prepared.order.lines)
        prepared = replace(prepared, order=replace(prepared.order, lines=lines))
    return prepared, order_findings(findings)


async def frozen_cart(
    services: Services, asked: AcceptRequest, *, qualify: bool = True, now: datetime | None = None
) -> tuple[Prepared, dict[str, bytes]]:
    """Return what a checkout of the cart does, and the documents of it that are stored. Errors as `prepared_cart`."""
    prepared = await prepared_cart(services, asked, qualify=qualify, now=now)
    documents = await services.heavy.run(
        asked.tenant, asked.large, documents_of, asked.cart, asked.request, prepared, services.settings.checkout
    )
    return prepared, documents


async def catalogue_of_cart(services: Services, asked: AcceptRequest) -> Catalogue | None:
    """Return what the TMF620 catalogue says of the cart's bundles; None where none is set or nothing is to be asked."""
    reader = services.catalogue
    if reader is None:
        return None
    wanted = await services.heavy.run(asked.tenant, asked.large, wanted_bundles, asked.cart, asked.mapping)
    return await reader.catalogue(wanted, asked.tenant) if wanted else None
