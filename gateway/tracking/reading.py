"""Reading one order and recording what it has become: the only way a live order's state gets here."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from sqlalchemy import Connection

from gateway.checkouts import store as checkouts
from gateway.checkouts.model import CheckoutRecord, LineState, lines_decoder
from gateway.ordering import Mapping as OrderMapping
from gateway.ordering import ObservedOrder
from gateway.settings import Settings
from gateway.storage import Database
from gateway.threads import LARGE_LINES_MIN, beside
from gateway.tmf.json import decode_stored, encode_json
from gateway.tracking import store
from gateway.tracking.machine import Applied, apply_absence, apply_observation, is_live_after_its_end, line_states
from gateway.upstream.port import ReadFailed, Upstream

log = structlog.get_logger(__name__)


class OrderReader:
    """Reads orders for the tracker."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        upstreams: Mapping[str, Upstream],
        mappings: Mapping[str, OrderMapping],
    ) -> None:
        self._poll_seconds = settings.tracking.poll_seconds
        self._database = database
        self._upstreams = upstreams
        self._mappings = mappings

    async def read_and_apply(self, record: CheckoutRecord, *, polled: bool) -> str:
        """Read the order and record what it has become; return a sentence about it. Raises ReadFailed."""
        upstream = self._upstreams.get(record.upstream)
        mapping = self._mappings.get(record.mapping)
        if upstream is None or mapping is None or record.order_id is None:
            raise ReadFailed("the upstream or its mapping is not configured (any more)")
        observed = await upstream.get_order(record.order_id)
        if observed is not None and is_live_after_its_end(record, observed, mapping):
            log.error("order.live_after_end", checkout=record.id, tenant=record.tenant, order=record.order_id)
            return f"the checkout is {record.state}, and its order is live: cancel it in the order system"
        lines = await self._fresh_lines(record, observed, mapping) if observed is not None else None

        def function(connection: Connection) -> Applied:
            current = checkouts.get_for_update(connection, record.tenant, record.id)
            if current is None:
                return Applied(ignored="the checkout is gone")
            now = self._database.now(connection)
            if observed is None:
                applied = apply_absence(current, now, self._poll_seconds)
            else:
                applied = apply_observation(current, observed, mapping, now, self._poll_seconds, polled=polled)
            new_lines = lines if applied.ignored is None else None
            if applied.changes or new_lines is not None:
                checkouts.change(connection, current, {**applied.changes, **applied.poll}, now)
            elif applied.poll:
                store.set_poll(connection, current, applied.poll)
            if new_lines is not None:
                checkouts.put_documents(connection, record.tenant, record.id, {"lines": new_lines})
            return applied

        applied = await self._database.write(function)
        if "state" in applied.changes:
            log.info(
                "checkout.state",
                checkout=record.id,
                tenant=record.tenant,
                state=applied.changes["state"],
                order=record.order_id,
            )
        return applied.ignored or "applied"

    async def _fresh_lines(
        self, record: CheckoutRecord, observed: ObservedOrder, mapping: OrderMapping
    ) -> bytes | None:
        """Return the document `lines` with what the order shows; None when it says nothing new."""
        stored = await self._database.read(
            lambda connection: checkouts.documents(connection, record.tenant, record.id, ("items", "lines"))
        )
        return await beside(len(observed.lines) > LARGE_LINES_MIN, _new_lines, stored, observed, mapping)


def _new_lines(stored: Mapping[str, str], observed: ObservedOrder, mapping: OrderMapping) -> bytes | None:
    item_ids = [pair["productOrderItemId"] for pair in decode_stored(stored.get("items", "[]"))]
    before: dict[str, LineState] = lines_decoder.decode(stored.get("lines", "{}"))
    after = line_states(item_ids, before, observed, mapping)
    return encode_json(after) if after != before else None
