"""Reading one order and recording what it has become: the only way a live order's state gets here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from msgspec.structs import replace
from sqlalchemy import Connection

from gateway.checkouts import history
from gateway.checkouts import store as checkouts
from gateway.checkouts.abandoned import AbandonedDraft, abandon
from gateway.checkouts.findings import add_findings
from gateway.checkouts.found_live import FoundLive, found_live, tell
from gateway.checkouts.history import Happening
from gateway.checkouts.keys import add_line_keys
from gateway.checkouts.model import CheckoutRecord, LineState, lines_decoder, order_decoder
from gateway.checkouts.pauses import pauses, why_paused
from gateway.checkouts.states import CART_RELEASED
from gateway.logs import on_behalf_of
from gateway.metrics import Metrics
from gateway.ordering import Mapping as OrderMapping
from gateway.ordering import ObservedOrder, carries, is_alive, live_match
from gateway.settings import Settings, UpstreamLimits
from gateway.storage import Database
from gateway.submission.decisions.refusal import CartProblem, cart_problems
from gateway.threads import LARGE_LINES_MIN, in_thread_if
from gateway.tmf.json import decode_stored, encode_json
from gateway.tracking import store
from gateway.tracking.decision import Decision, TrackingPolicy
from gateway.tracking.evidence import Contents, Evidence, Search, is_dead, showing, wants_contents, wants_search
from gateway.tracking.failures import NotConfigured
from gateway.tracking.lines import line_states
from gateway.tracking.machine import decide, not_followed
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


class SeenLines(NamedTuple):
    """What is known of an order's lines, as the document `lines`, and the ids of those that were not known before."""

    document: bytes
    new_ids: tuple[str, ...]


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
        observed = await _read(upstream, record.order_id)
        if record.state in CART_RELEASED:
            return await self._after_the_end(record, observed, mapping)
        if (why := not_followed(record)) is not None:
            return why
        search = None
        if wants_search(record, observed, mapping, polled=polled):
            search = await _search(upstream, record, observed, mapping)
        compared = wants_contents(record, observed, mapping, search)
        stored = await self._documents(record, observed, with_order=compared)
        large = observed is not None and len(observed.lines) > LARGE_LINES_MIN
        contents, lines = await in_thread_if(large, _read_lines, stored, observed, mapping, compared=compared)
        evidence = Evidence(observed=observed, search=search, contents=contents, problems=_problems(stored, observed))
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


async def _search(
    upstream: Upstream, record: CheckoutRecord, observed: ObservedOrder | None, mapping: OrderMapping
) -> Search:
    """Search for the marker, and read each order that is found by its own id. A search that fails shows nothing."""
    since = record.first_sent_at or record.created_at
    ours = showing(record, observed, mapping) == "ours" and not is_dead(mapping, observed)
    try:
        # At the first poll a twin that is a draft is looked for as well; later only what lives counts.
        found = await upstream.find(record.marker, since=since, live=record.searched_at is not None or not ours)
        ids = list(dict.fromkeys(order.id for order in found.orders))
        if observed is not None and observed.id != record.order_id:
            ids.append(observed.id)
        orders = []
        complete = found.complete and len(ids) <= HITS_MAX
        for order_id in dict.fromkeys(ids[:HITS_MAX]):
            hit = observed if observed is not None and order_id == record.order_id else await _read(upstream, order_id)
            if hit is None or hit.id != order_id:
                complete = False
            elif carries(hit, record.marker, mapping) or not hit.marker.is_shown:
                orders.append(hit)
    except ReadFailed as failure:
        return Search(orders=(), complete=False, doubt=str(failure))
    return Search(orders=tuple(orders), complete=complete, doubt="" if complete else found.absence.sentence)


def _read_lines(
    stored: Mapping[str, str], observed: ObservedOrder | None, mapping: OrderMapping, *, compared: bool
) -> tuple[Contents | None, SeenLines | None]:
    """Compare the lines with what was sent, where that is due; return that, and what is known of the lines now if that is new."""
    if observed is None or not stored:
        return None, None
    before: dict[str, LineState] = lines_decoder.decode(stored.get("lines", "{}"))
    contents = None
    if compared:
        known = {item_id: line.line_id for item_id, line in before.items() if line.line_id is not None}
        line_ids, difference = live_match(order_decoder.decode(stored["order"]), known, observed, mapping)
        contents = Contents(difference=difference, line_ids=line_ids)
    item_ids = [pair["productOrderItemId"] for pair in decode_stored(stored.get("items", "[]"))]
    after = line_states(item_ids, before, observed, mapping, contents.line_ids if contents is not None else None)
    if after == before:
        return contents, None
    known_ids = {line.line_id for line in before.values()}
    new_ids = tuple(
        line.line_id for line in after.values() if line.line_id is not None and line.line_id not in known_ids
    )
    return contents, SeenLines(document=encode_json(after), new_ids=new_ids)


def _problems(stored: Mapping[str, str], observed: ObservedOrder | None) -> tuple[CartProblem, ...]:
    """Return why an order came to nothing, as it says of itself and of its lines, in the terms of the cart."""
    if observed is None or not observed.reasons or "order" not in stored:
        return ()
    lines: dict[str, LineState] = lines_decoder.decode(stored.get("lines", "{}"))
    items = {line.line_id: item_id for item_id, line in lines.items() if line.line_id is not None}
    items |= {line.line_id: line.item_id for line in observed.lines if line.item_id is not None}
    reasons = [replace(reason, item=items.get(reason.item, reason.item)) for reason in observed.reasons]
    return cart_problems(reasons, order_decoder.decode(stored["order"]))


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
