"""An operator ends a checkout that was settled elsewhere; its cart is let go only when no order of it is live."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from sqlalchemy import Connection

from gateway.callers import Caller
from gateway.checkouts.changing.changes import audited, change_locked
from gateway.checkouts.model import CheckoutRecord, marker_of
from gateway.checkouts.row_changes import UNKNOWN, CheckoutChanges, because, without_reason
from gateway.checkouts.states import FINAL
from gateway.checkouts.stored import store
from gateway.checkouts.stored.abandoned import AbandonedDraft, abandon
from gateway.clock import timestamp_text
from gateway.errors import ConflictError
from gateway.operators.commands import conflict, required, upstream_of
from gateway.ordering import DEAD_ENDS, Mapping, ObservedOrder, is_alive, is_final, is_inert, tmf_state
from gateway.services import Services
from gateway.submission.decisions.after_search import quiet_end
from gateway.submission.policy import policy_of
from gateway.upstream.evidence import CallInDoubt, FindResult
from gateway.upstream.port import ReadFailed, Upstream

ClosedAs: TypeAlias = Literal["rejected", "cancelled", "completed"]
CLOSED_AS: Final[tuple[ClosedAs, ...]] = ("rejected", "cancelled", "completed")
# Generations whose markers are searched before a cart is let go.
GENERATIONS_SEARCHED_MAX: Final = 50


class Close(Struct, frozen=True, kw_only=True):
    """End a checkout that was settled elsewhere. `override`: although no search proves that no order is live."""

    caller: Caller
    checkout_id: str
    outcome: ClosedAs
    reason: str
    override: bool = False


class Searched(Struct, frozen=True):
    """What the search for a live order found out, and the drafts of the checkout that it saw: they are cleaned up."""

    sentence: str
    drafts: tuple[AbandonedDraft, ...] = ()


async def close(services: Services, command: Close) -> CheckoutRecord:
    """End a checkout as `outcome`; return it. Rejected and cancelled let go of its cart.

    Errors: 404, 409 when it is neither held nor followed; before the cart is let go 409 when a live order carries one of
    its markers, and, without `override`, when the search for one proves nothing.
    """
    record = await required(services, command.caller, command.checkout_id)
    _require_closable(record, command.caller)
    found = Searched("not searched: the cart stays with its order")
    if command.outcome != "completed":
        found = await _require_no_live_order(services, record, command)

    def decide(connection: Connection, current: CheckoutRecord, now: datetime) -> None:
        _require_closable(current, command.caller)
        if current.version != record.version:
            raise ConflictError("The checkout changed meanwhile; look at it again and repeat.")
        message = f"closed as {command.outcome} by an operator: {command.reason}"
        reason = without_reason() if command.outcome == "completed" else because("closed", message)
        changes: CheckoutChanges = {"state": command.outcome, "fence": current.fence + 1, **reason}
        store.change(connection, current, changes, now)
        abandon(connection, current, found.drafts, now, services.settings.submission.cleanup_seconds[0])
        audited(
            connection, command.caller, "close", current, now,
            reason=command.reason, detail=f"as {command.outcome}; {found.sentence}",
        )  # fmt: skip

    return await change_locked(services, command.caller, command.checkout_id, decide)


def _require_closable(record: CheckoutRecord, caller: Caller) -> None:
    if record.state not in {"held", "submitted"}:
        what = "it has ended already" if record.state in FINAL else "cancel it instead: it is not held"
        raise conflict(record, caller, what)


async def _require_no_live_order(services: Services, record: CheckoutRecord, command: Close) -> Searched:
    """Return what the search for a live order found out. Raises ConflictError as `close`."""
    upstream, mapping = upstream_of(services, record), services.mappings[record.mapping]
    if record.first_sent_at is None and record.generation == 0:
        return Searched("nothing was ever sent for it")
    since = min(record.created_at, record.first_sent_at or record.created_at)
    doubts: list[str] = []
    drafts: list[AbandonedDraft] = []
    if record.awaiting == "order_id":
        doubts.append("the order system accepted the order, and did not tell its id")
    # After a lost live POST nothing but a search that is known to find such orders tells that there is none.
    is_lost = record.step_state == UNKNOWN and not mapping.draft.supported
    now = await services.database.read(services.database.now)
    lost = CallInDoubt(sent_at=record.sent_at or since, now=now) if is_lost else None
    first = max(0, record.generation + 1 - GENERATIONS_SEARCHED_MAX)
    for generation in range(first, record.generation + 1):
        marker = marker_of(record.marker_root, generation)
        try:
            found: FindResult = await upstream.find(marker, since=since, doubt=lost, live=True)
            orders = [await upstream.get_order(order.id) for order in found.orders]
        except ReadFailed as error:
            doubts.append(f"the search for {marker} failed ({error})")
            continue
        live = [order for order in orders if order is not None and is_alive(mapping, order)]
        if record.submit_intent_order is None:
            mere = (order for order in orders if order is not None and is_inert(mapping, order))
            drafts += [AbandonedDraft(marker=marker, order_id=order.id) for order in mere]
        running = [order for order in live if not is_final(mapping, tmf_state(mapping, order.state))]
        if running:
            raise conflict(
                record,
                command.caller,
                f"order {running[0].id} carries its marker {marker} and is live ({running[0].state}): adopt it, or cancel it in "
                "the order system first",
            )
        doubts += [f"order {order.id} carries its marker {marker} and was fulfilled ({order.state})" for order in live]
        doubts += [hint.sentence for hint in found.hints]
        if not found.complete:
            doubts.append(f"the search for {marker} saw less than everything: {found.absence.sentence}")
        elif is_lost and not orders and found.absence.kind != "proven":
            doubts.append(
                f"the search for {marker} does not prove that a lost call had no effect: {found.absence.sentence}"
            )
    if is_lost and now < (until := quiet_end(record, mapping, policy_of(services.settings, record.upstream, mapping))):
        doubts.append(f"its lost call may take effect until {timestamp_text(until)}")
    doubts += await _named_orders_in_doubt(upstream, mapping, record)
    if doubts and not command.override:
        raise conflict(
            record,
            command.caller,
            "no search proves that no order of it is live, so its cart is not let go: " + "; ".join(doubts[:3])
            + '. Look in the order system; then repeat with "override": true',
        )  # fmt: skip
    sentence = "no live order found" if not doubts else f"overridden: {'; '.join(doubts[:3])}"
    return Searched(sentence, tuple(drafts))


async def _named_orders_in_doubt(upstream: Upstream, mapping: Mapping, record: CheckoutRecord) -> list[str]:
    """Return what is known of orders that answers named, or that were followed, unless they are known to deliver nothing.

    An order system may show them under another marker, so that no search finds them. One that was sent to be carried out may be shown
    late: it delivers nothing only when it ended, not when a look finds nothing of it or a draft.
    """
    named = {record.order_id, record.answered_order, record.submit_intent_order} - {None, ""}
    sent = {record.submit_intent_order} if mapping.draft.supported else named
    doubts: list[str] = []
    for order_id in sorted(named, key=str):
        assert order_id is not None
        try:
            order = await upstream.get_order(order_id)
        except ReadFailed as error:
            doubts.append(f"order {order_id}, which it names, could not be read ({error})")
            continue
        if order is not None and is_alive(mapping, order):
            doubts.append(f"order {order_id}, which it names, is there ({order.state or 'without a state'})")
        elif order_id in sent and not _has_ended(mapping, order):
            shown = "is not found" if order is None else f"shows as {order.state or 'one without a state'}"
            doubts.append(
                f"order {order_id}, which was sent to be carried out, {shown}: that may be a look at what was before"
            )
    return doubts


def _has_ended(mapping: Mapping, order: ObservedOrder | None) -> bool:
    """Tell whether an order shows that it ended and delivers nothing."""
    return order is not None and bool(order.state) and tmf_state(mapping, order.state) in DEAD_ENDS
