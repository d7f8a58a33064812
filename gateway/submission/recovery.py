"""Lists the orders of order systems that know more than this database, until each was listed whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from gateway.background import Loop
from gateway.checkouts.stored import recovering
from gateway.checkouts.stored.recovering import FoundOrder, Recovery
from gateway.checkouts.stored.store import accepted_orders
from gateway.logs import get_logger
from gateway.ordering import Mapping as OrderMapping
from gateway.ordering import ObservedOrder, is_alive
from gateway.services import Services
from gateway.upstream.evidence import MarkedOrders
from gateway.upstream.port import ReadFailed, Upstream

log = get_logger(__name__)
ROUND_SECONDS: Final = 5.0
KNOWN_MAX: Final = 3


class RecoveryLoop:
    """Looks for recoveries that are not listed yet; does nothing while there are none."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.loop = Loop("recovery", self.once, seconds=ROUND_SECONDS)

    async def once(self) -> bool:
        """List what is to be listed now; tell that there is nothing more to do at once."""
        for found in await self._services.database.read(recovering.unlisted):
            await self._list(found)
        return False

    async def _list(self, found: Recovery) -> None:
        services = self._services
        settings, upstream = services.settings.upstreams.get(found.upstream), services.upstreams.get(found.upstream)
        mapping = services.mappings.get(settings.mapping) if settings is not None else None
        if settings is None or upstream is None or mapping is None:
            return
        # Calls of the gateway that was replaced may still take effect, and be shown late.
        wait_seconds = settings.limits.deadline_seconds + services.settings.submission.settle_seconds
        now = await services.database.read(services.database.now)
        if now < found.begun_at + timedelta(seconds=wait_seconds):
            return
        marked = await upstream.list_marked(since=recovering.listed_from(found.since))
        known = await services.database.read(lambda c: accepted_orders(c, found.upstream, KNOWN_MAX))
        missing = await incomplete_because(upstream, marked, known)
        orders = found_orders(marked.orders, mapping)

        def keep(connection: Connection) -> None:
            at = services.database.now(connection)
            recovering.put_found(connection, found.upstream, orders, at)
            if missing is None:
                recovering.listed(connection, found.upstream, at)
            else:
                recovering.put_off(connection, found.upstream, missing)

        await services.database.write(keep)
        if missing is not None:
            log.warning("recovery.incomplete", upstream=found.upstream, why=missing)
            return
        open_orders = await services.database.read(lambda c: recovering.unclaimed(c, found.upstream))
        log.warning(
            "recovery.listed",
            upstream=found.upstream,
            orders=len(orders),
            unclaimed=[each.order_id for each in open_orders],
        )
        services.work_due.notify()


async def incomplete_because(upstream: Upstream, marked: MarkedOrders, known: Sequence[tuple[str, str]]) -> str | None:
    """Return why a list does not show every order of ours, or None: it is whole, and holds those that are known to be there."""
    if not marked.complete and (marked.absence.code != "markers_not_shown" or known):
        return marked.absence.sentence
    shown = {order.id for order in marked.orders}
    for order_id, _marker in known if not marked.since_only else ():
        if order_id in shown:
            continue
        try:
            order = await upstream.get_order(order_id)
        except ReadFailed as failure:
            return f"order {order_id} is not on the list, and cannot be read: {failure}"
        if order is not None:
            return f"order {order_id} is there, and is not on the list"
    return None


def found_orders(orders: Sequence[ObservedOrder], mapping: OrderMapping) -> list[FoundOrder]:
    """Return the orders of a list as they are kept, each with the text that holds the marker."""
    kept = []
    for order in orders:
        marker = next((text for text in order.marker.texts if recovering.root_of(text)), "")
        if marker:
            kept.append(
                FoundOrder(order_id=order.id, marker=marker, state=order.state, is_live=is_alive(mapping, order))
            )
    return kept


def keeps_drafts(services_mappings: Mapping[str, OrderMapping], upstreams: Mapping[str, str]) -> dict[str, bool]:
    """Return by upstream whether its mapping has drafts; `upstreams` are their mappings' names."""
    return {
        name: services_mappings[mapping].draft.supported
        for name, mapping in upstreams.items()
        if mapping in services_mappings
    }
