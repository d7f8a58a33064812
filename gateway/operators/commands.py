"""The commands of operators, each with its reason, and the one function that handles each.

None of them makes an order, so none can make a second one: `retry` looks before it sends, `adopt` reads and compares first, and
`close` lets go of the cart only after a search for a live order. What was done, by whom and why is recorded with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from sqlalchemy import Connection

from gateway.callers import Caller
from gateway.carts.after_order import CHECKOUT_PATH
from gateway.checkouts.changing.changes import audited, change_locked, not_found
from gateway.checkouts.model import CheckoutRecord, marker_of
from gateway.checkouts.row_changes import PLANNED, UNKNOWN, CheckoutChanges, because, without_reason
from gateway.checkouts.states import FINAL
from gateway.checkouts.stored import store
from gateway.errors import ConflictError, Problem, UnavailableError
from gateway.logs import get_logger
from gateway.operators.judging import retried
from gateway.ordering import DEAD_ENDS, Mapping, ObservedOrder, is_alive, is_final, tmf_state
from gateway.services import Services
from gateway.upstream.evidence import CallInDoubt, FindResult
from gateway.upstream.port import ReadFailed, Upstream

log = get_logger(__name__)
ClosedAs: TypeAlias = Literal["rejected", "cancelled", "completed"]
CLOSED_AS: Final[tuple[ClosedAs, ...]] = ("rejected", "cancelled", "completed")
# Generations whose markers are searched before a cart is let go.
GENERATIONS_SEARCHED_MAX: Final = 50


class Retry(Struct, frozen=True, kw_only=True):
    """Go on with a checkout now: look at the order first, and send only what is then known to be missing."""

    caller: Caller
    checkout_id: str
    reason: str


class Poll(Struct, frozen=True, kw_only=True):
    """Read the order of a checkout now."""

    caller: Caller
    checkout_id: str
    reason: str | None = None


class Close(Struct, frozen=True, kw_only=True):
    """End a checkout that was settled elsewhere. `override`: although no search proves that no order is live."""

    caller: Caller
    checkout_id: str
    outcome: ClosedAs
    reason: str
    override: bool = False


async def retry(services: Services, command: Retry) -> CheckoutRecord:
    """Let the process look and go on at once; return the checkout.

    Errors: 404, 409 when it has ended, waits for its client, or its order was found live after its end.
    """
    mapping = services.mappings.get((await required(services, command.caller, command.checkout_id)).mapping)

    def decide(connection: Connection, record: CheckoutRecord, now: datetime) -> None:
        if mapping is None:
            raise conflict(record, command.caller, f"its mapping {record.mapping} is not configured any more")
        if record.state in FINAL or record.state == "draft":
            why = "it waits for its client" if record.state == "draft" else "it has ended"
            raise conflict(record, command.caller, f"{why}, and there is nothing to try again")
        if record.has_lost_its_cart or (record.state == "held" and record.reason_code == "live_after_end"):
            raise conflict(
                record,
                command.caller,
                "its order was found live after its cart was let go: adopt that order, or cancel it there and close it",
            )
        changes = retried(record, now, keeps_drafts=mapping.draft.supported)
        store.change(connection, record, changes, now)
        audited(connection, command.caller, "retry", record, now, reason=command.reason)

    record = await change_locked(services, command.caller, command.checkout_id, decide)
    services.work_due.notify()
    services.events_due.notify()
    return record


async def poll(services: Services, command: Poll) -> CheckoutRecord:
    """Have the order read now; return the checkout. Errors: 404, 409 when there is no order that is followed or in doubt."""

    def decide(connection: Connection, record: CheckoutRecord, now: datetime) -> None:
        if record.state == "submitted":
            changes: CheckoutChanges = {"track_due_at": now}
        elif record.state in {"drafting", "submitting"} and record.step_state != PLANNED:
            changes = {"due_at": now}
        else:
            raise conflict(
                record, command.caller, "no order of it is followed now; `retry` looks at one that is held and goes on"
            )
        store.change(connection, record, changes, now)
        audited(connection, command.caller, "poll", record, now, reason=command.reason)

    record = await change_locked(services, command.caller, command.checkout_id, decide)
    services.work_due.notify()
    services.events_due.notify()
    return record


async def close(services: Services, command: Close) -> CheckoutRecord:
    """End a checkout as `outcome`; return it. Rejected and cancelled let go of its cart.

    Errors: 404, 409 when it is neither held nor followed; before the cart is let go 409 when a live order carries one of
    its markers, and, without `override`, when the search for one proves nothing.
    """
    record = await required(services, command.caller, command.checkout_id)
    _require_closable(record, command.caller)
    searched = "not searched: the cart stays with its order"
    if command.outcome != "completed":
        searched = await _require_no_live_order(services, record, command)

    def decide(connection: Connection, current: CheckoutRecord, now: datetime) -> None:
        _require_closable(current, command.caller)
        if current.version != record.version:
            raise ConflictError("The checkout changed meanwhile; look at it again and repeat.")
        code = {"rejected": "refused", "cancelled": "cancelled", "completed": None}[command.outcome]
        message = f"closed as {command.outcome} by an operator: {command.reason}"
        reason = because("refused" if code == "refused" else "cancelled", message) if code else without_reason()
        changes: CheckoutChanges = {"state": command.outcome, "fence": current.fence + 1, **reason}
        store.change(connection, current, changes, now)
        audited(
            connection, command.caller, "close", current, now,
            reason=command.reason, detail=f"as {command.outcome}; {searched}",
        )  # fmt: skip

    return await change_locked(services, command.caller, command.checkout_id, decide)


async def required(services: Services, caller: Caller, checkout_id: str) -> CheckoutRecord:
    """Return the checkout as it is stored now. Raises NotFoundError (404) when the caller's tenant has none of that id."""
    record = await services.database.read(lambda connection: store.get(connection, caller.tenant, checkout_id))
    if record is None:
        raise not_found()
    return record


def upstream_of(services: Services, record: CheckoutRecord) -> Upstream:
    """Return the order system of a checkout. Raises UnavailableError (503) when it, or its mapping, is not configured here."""
    upstream = services.upstreams.get(record.upstream)
    if upstream is None or record.mapping not in services.mappings:
        raise UnavailableError(f"The upstream {record.upstream} or its mapping is not configured here (any more).")
    return upstream


def _require_closable(record: CheckoutRecord, caller: Caller) -> None:
    if record.state not in {"held", "submitted"}:
        what = "it has ended already" if record.state in FINAL else "cancel it instead: it is not held"
        raise conflict(record, caller, what)


async def _require_no_live_order(services: Services, record: CheckoutRecord, command: Close) -> str:
    """Return what the search for a live order found out. Raises ConflictError as `close`."""
    upstream, mapping = upstream_of(services, record), services.mappings[record.mapping]
    if record.first_sent_at is None and record.generation == 0:
        return "nothing was ever sent for it"
    since = min(record.created_at, record.first_sent_at or record.created_at)
    doubts: list[str] = []
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
    doubts += await _named_orders_in_doubt(upstream, mapping, record)
    if doubts and not command.override:
        raise conflict(
            record,
            command.caller,
            "no search proves that no order of it is live, so its cart is not let go: " + "; ".join(doubts[:3])
            + '. Look in the order system; then repeat with "override": true',
        )  # fmt: skip
    return "no live order found" if not doubts else f"overridden: {'; '.join(doubts[:3])}"


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


def conflict(record: CheckoutRecord, caller: Caller, why: str) -> ConflictError:
    """Return the error (409) for a checkout whose state forbids what was asked: `why` ends the sentence. It names the checkout."""
    href = f"{caller.base_url}{CHECKOUT_PATH}/{record.id}"
    return ConflictError(
        f"The checkout is {record.state}: {why}.",
        problems=[Problem("state", f"is {record.state}")],
        extension={"referenceError": href},
    )
