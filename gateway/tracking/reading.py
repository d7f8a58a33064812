"""Reading one order and recording what it has become: the only way a live order's state gets here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog
from msgspec.structs import replace
from sqlalchemy import Connection

from gateway.checkouts.changing.found_live import FoundLive, found_live, tell
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.states import CART_RELEASED
from gateway.checkouts.stored import history
from gateway.checkouts.stored import store as checkouts
from gateway.checkouts.stored.abandoned import AbandonedDraft, abandon
from gateway.checkouts.stored.findings import add_findings
from gateway.checkouts.stored.history import Happening
from gateway.checkouts.stored.keys import add_line_keys
from gateway.checkouts.stored.pauses import pauses, why_paused
from gateway.logs import on_behalf_of
from gateway.metrics import Metrics
from gateway.ordering import Mapping as OrderMapping
from gateway.ordering import ObservedOrder, carries, is_alive
from gateway.settings import Settings, UpstreamLimits
from gateway.storage import Database
from gateway.threads import LARGE_LINES_MIN, in_thread_if
from gateway.tracking import store
from gateway.tracking.decision import Decision, TrackingPolicy, next_poll
from gateway.tracking.evidence import Evidence, Search, is_dead, is_marked, showing, wants_contents, wants_search
from gateway.tracking.failures import NotConfigured
from gateway.tracking.machine import decide, not_followed
from gateway.tracking.seen_lines import SeenLines, problems_of, read_lines
from gateway.upstream.cancel_task import CancelTask
from gateway.upstream.exchanges import Exchange, collecting
from gateway.upstream.port import AnotherOrder, ReadFailed, Upstream

log = structlog.get_logger(__name__)
# Orders with our marker that are read, each by its id: more than two are as bad as two.
HITS_MAX = 5
# Notifications that come while their order system is paused are looked at again after this.
PAUSED_SECONDS = 30.0


def read_entry(exchanges: Sequence[Exchange], now: datetime, outcome: str, detail: str | None) -> Happening:
    """Return the entry of the history for one look at an order, with all that was read for it."""
    return Happening(
        id=history.new_entry_id(now),
        at=now,
        kind="poll",
        by=history.GATEWAY,
        action="read",
        outcome=outcome,
        milliseconds=sum(exchange.milliseconds for exchange in exchanges) if exchanges else None,
        byte_count=sum(len(exchange.answer) for exchange in exchanges) if exchanges else None,
        detail=detail,
    )


class OrderReader:
    """Reads orders for the tracker."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        upstreams: Mapping[str, Upstream],
        mappings: Mapping[str, OrderMapping],
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._database = database
        self._upstreams = upstreams
        self._mappings = mappings
        self._metrics = metrics

    async def read_and_apply(self, record: CheckoutRecord, *, polled: bool) -> str:
        """Read the order and record what it has become; return a sentence about it. Raises ReadFailed."""
        with on_behalf_of(record.correlation_id, record.trace_parent), collecting() as exchanges:
            try:
                return await self._read_and_apply(record, exchanges, polled=polled)
            except ReadFailed as failure:
                await self._note_failure(record, exchanges, failure)
                raise

    async def believe(self, record: CheckoutRecord, told: ObservedOrder, mapping: OrderMapping) -> str:
        """Record what an order has become by what its notifications tell, where it cannot be read; return a sentence about it."""
        if record.state in CART_RELEASED:
            return await self._after_the_end(record, told, mapping)
        if (why := not_followed(record)) is not None:
            return why
        return await self._judge(record, told, mapping, None, (), polled=False)

    async def put_off(self, record: CheckoutRecord) -> str:
        """Look at an order that cannot be read again later: only its notifications tell of it."""
        poll_seconds = self._settings.tracking.poll_seconds

        def function(connection: Connection) -> None:
            now = self._database.now(connection)
            store.set_poll(connection, record, next_poll(record, now, poll_seconds, restart=False, polled=True))

        await self._database.write(function)
        return "the order cannot be read: its notifications tell what becomes of it"

    async def _note_failure(self, record: CheckoutRecord, exchanges: Sequence[Exchange], failure: ReadFailed) -> None:
        """Keep in the history that an order could not be read."""
        outcome, detail = str(failure.cause), str(failure)

        def function(connection: Connection) -> None:
            if checkouts.get_for_update(connection, record.tenant, record.id) is not None:
                now = self._database.now(connection)
                history.record_read(connection, record.tenant, record.id, read_entry(exchanges, now, outcome, detail))

        await self._database.write(function)

    async def _read_and_apply(self, record: CheckoutRecord, exchanges: Sequence[Exchange], *, polled: bool) -> str:
        upstream = self._upstreams.get(record.upstream)
        mapping = self._mappings.get(record.mapping)
        if upstream is None or mapping is None or record.order_id is None:
            raise NotConfigured("the upstream or its mapping is not configured (any more)")
        if (held := (await self._database.read(pauses)).get(record.upstream)) is not None:
            raise ReadFailed(why_paused(held), retry_after_seconds=PAUSED_SECONDS)
        if not mapping.api.order_readable:
            return await self.put_off(record)
        observed = await _read(upstream, record.order_id)
        if record.state in CART_RELEASED:
            return await self._after_the_end(record, observed, mapping)
        if (why := not_followed(record)) is not None:
            return why
        search = None
        if wants_search(record, observed, mapping, polled=polled):
            search = await _search(upstream, record, observed, mapping)
        task = await _cancel_task(upstream, record)
        return await self._judge(record, observed, mapping, search, exchanges, polled=polled, task=task)

    async def _judge(
        self,
        record: CheckoutRecord,
        observed: ObservedOrder | None,
        mapping: OrderMapping,
        search: Search | None,
        exchanges: Sequence[Exchange],
        *,
        polled: bool,
        task: CancelTask | None = None,
    ) -> str:
        """Compare what was seen with what is known, where that is due, and record what it means."""
        compared = mapping.api.order_readable and wants_contents(record, observed, mapping, search)
        stored = await self._documents(record, observed, with_order=compared)
        large = observed is not None and len(observed.lines) > LARGE_LINES_MIN
        contents, lines = await in_thread_if(large, read_lines, stored, observed, mapping, compared=compared)
        problems = problems_of(stored, observed)
        evidence = Evidence(observed=observed, search=search, contents=contents, problems=problems, cancel_task=task)
        applied = await self._database.write(
            lambda connection: self._apply(connection, record, evidence, mapping, lines, exchanges, polled=polled)
        )
        self._tell(record, applied)
        return applied.ignored or "applied"

    async def _documents(
        self, record: CheckoutRecord, observed: ObservedOrder | None, *, with_order: bool
    ) -> dict[str, str]:
        """Return the documents that an order is looked at with: its lines, and what was sent where it is needed."""
        if observed is None:
            return {}
        kinds = ("items", "lines", "order") if with_order or observed.reasons else ("items", "lines")
        return await self._database.read(
            lambda connection: checkouts.documents(connection, record.tenant, record.id, kinds)
        )

    def _apply(
        self,
        connection: Connection,
        record: CheckoutRecord,
        evidence: Evidence,
        mapping: OrderMapping,
        lines: SeenLines | None,
        exchanges: Sequence[Exchange],
        *,
        polled: bool,
    ) -> Decision:
        """Decide by what was seen and the checkout as it is now, and record it."""
        current = checkouts.get_for_update(connection, record.tenant, record.id)
        if current is None:
            return Decision(ignored="the checkout is gone")
        if current.order_id != record.order_id:
            return Decision(ignored="another order is followed by now")
        now = self._database.now(connection)
        observed = evidence.observed
        outcome = "notThere" if observed is None else observed.state or "stateless"
        if mapping.api.order_readable:
            history.record_read(connection, record.tenant, record.id, read_entry(exchanges, now, outcome, None))
        if observed is not None:
            evidence = _with_others(connection, current, observed, evidence, mapping, now)
        decision = decide(current, evidence, mapping, self._policy(current), now, polled=polled)
        new_lines = lines if decision.lines_believed else None
        if not add_findings(connection, current, decision.findings):
            decision = replace(decision, findings=())
        if decision.changes or new_lines is not None or decision.findings:
            checkouts.change(connection, current, {**decision.changes, **decision.poll}, now)
        elif decision.poll:
            store.set_poll(connection, current, decision.poll)
        if new_lines is not None:
            checkouts.put_documents(connection, record.tenant, record.id, {"lines": new_lines.document})
            add_line_keys(connection, record.tenant, record.id, new_lines.new_ids)
        drafts = [AbandonedDraft(marker=current.marker, order_id=order_id) for order_id in decision.drafts]
        if decision.changes.get("state") in CART_RELEASED and current.order_id is not None:
            # The one that lives in its place may be shown late: the clean-up looks for our marker again.
            drafts.append(AbandonedDraft(marker=current.marker, order_id=current.order_id, why="own_ended"))
        abandon(connection, current, drafts, now, self._settings.submission.cleanup_seconds[0])
        followed = decision.changes.get("order_id")
        if followed is not None:
            store.wake_waiting(connection, current.tenant, current.upstream, followed, now)
        return decision

    def _policy(self, record: CheckoutRecord) -> TrackingPolicy:
        settings, upstream = self._settings, self._settings.upstreams.get(record.upstream)
        limits = upstream.limits if upstream is not None else UpstreamLimits()
        return TrackingPolicy(
            poll_seconds=settings.tracking.poll_seconds,
            doubt_seconds=settings.submission.probe_seconds,
            patience_seconds=limits.deadline_seconds + settings.submission.settle_seconds,
            live_mismatch=settings.checkout.live_mismatch,
        )

    def _tell(self, record: CheckoutRecord, decision: Decision) -> None:
        """Tell in the log what became of the checkout; several live orders are an alarm."""
        identity = {"checkout": record.id, "tenant": record.tenant}
        if decision.duplicates:
            self._metrics.duplicate_orders(record.tenant, record.upstream)
            log.error("order.duplicates", **identity, upstream=record.upstream, orders=list(decision.duplicates))
        for finding in decision.findings:
            log.warning("order.finding", **identity, order=record.order_id, code=finding.code)
        state = decision.changes.get("state")
        if state == "held":
            code, reason = decision.changes.get("reason_code"), decision.changes.get("status_reason")
            log.warning("checkout.held", **identity, order=record.order_id, code=code, reason=reason)
        if state is not None:
            log.info("checkout.state", **identity, state=state, order=record.order_id)

    async def _after_the_end(
        self, record: CheckoutRecord, observed: ObservedOrder | None, mapping: OrderMapping
    ) -> str:
        """Look whether the order of a checkout that was refused or cancelled is live all the same."""
        if observed is None or not carries(observed, record.marker, mapping) or not is_alive(mapping, observed):
            return f"the checkout is {record.state}, and its order is not live"

        def function(connection: Connection) -> FoundLive | None:
            now = self._database.now(connection)
            return found_live(connection, record.tenant, record.id, observed, mapping, now)

        tell(await self._database.write(function), observed, self._metrics)
        return f"the checkout was {record.state}, and its order is live: it is held"


async def _read(upstream: Upstream, order_id: str) -> ObservedOrder | None:
    """Read the order; an answer about another order is returned as it is: its id tells."""
    try:
        return await upstream.get_order(order_id)
    except AnotherOrder as answer:
        return answer.order


async def _cancel_task(upstream: Upstream, record: CheckoutRecord) -> CancelTask | None:
    """Read the task that the order is to be cancelled by, where there is one; what cannot be read says nothing."""
    if not record.cancel_requested or record.cancel_task is None or record.order_id is None:
        return None
    try:
        return await upstream.get_cancel_task(record.cancel_task, record.order_id)
    except ReadFailed as failure:
        log.info("cancellation.unreadable", tenant=record.tenant, checkout=record.id, reason=str(failure))
        return None


async def _search(
    upstream: Upstream, record: CheckoutRecord, observed: ObservedOrder | None, mapping: OrderMapping
) -> Search:
    """Search for the marker, and read each order that is found by its own id. A search that fails shows nothing.

    One that does not show the order itself, which carries the marker, is believed no more than the list.
    """
    since = record.first_sent_at or record.created_at
    is_ours = showing(record, observed, mapping) == "ours"
    ours = is_ours and not is_dead(mapping, observed)
    try:
        # At the first poll a twin that is a draft is looked for as well; later only what lives counts.
        live = record.searched_at is not None or not ours
        found = await upstream.find(record.marker, since=since, live=live, beside=record.order_id if is_ours else None)
        ids = list(dict.fromkeys([*(order.id for order in found.orders), *(hint.order_id for hint in found.changed)]))
        if observed is not None and observed.id != record.order_id:
            ids.append(observed.id)
        orders = []
        complete = found.complete and len(ids) <= HITS_MAX
        for order_id in dict.fromkeys(ids[:HITS_MAX]):
            hit = observed if observed is not None and order_id == record.order_id else await _read(upstream, order_id)
            if hit is None or hit.id != order_id:
                complete = False
            elif is_marked(record, hit, mapping) or not hit.marker.is_shown:
                orders.append(hit)
    except ReadFailed as failure:
        return Search(orders=(), complete=False, doubt=str(failure))
    return Search(orders=tuple(orders), complete=complete, doubt="" if complete else found.absence.sentence)


def _with_others(
    connection: Connection,
    current: CheckoutRecord,
    observed: ObservedOrder,
    evidence: Evidence,
    mapping: OrderMapping,
    now: datetime,
) -> Evidence:
    """Return the evidence with the other checkouts that follow the same order; those whose marker it does not show look soon."""
    also_of = []
    for other in store.followers_of(connection, current, observed.id):
        if carries(observed, other.marker, mapping):
            also_of.append(checkouts.named_to(current, other))
        else:
            store.look_soon(connection, other, now)
    return replace(evidence, also_of=tuple(also_of))
