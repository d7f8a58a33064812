"""The commands of operators, each with its reason, and the one function that handles each.

None of them makes an order, so none can make a second one: `retry` looks before it sends, `adopt` reads and compares first, and
`close` lets go of the cart only after a search for a live order. What was done, by whom and why is recorded with it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from sqlalchemy import Connection

from gateway.callers import Caller
from gateway.carts import store as carts
from gateway.checkouts import store
from gateway.checkouts.accepting.accept import CHECKOUT_PATH
from gateway.checkouts.changes import audited, not_found
from gateway.checkouts.model import CheckoutRecord, lines_decoder, marker_of, order_decoder
from gateway.checkouts.recovering import settle, unclaimed
from gateway.checkouts.row_changes import PLANNED, CheckoutChanges, because, without_reason
from gateway.checkouts.states import FINAL
from gateway.errors import ConflictError, Problem, RefusedError, UnavailableError
from gateway.logs import get_logger
from gateway.operators.judging import Placed, judge_adoption, retried
from gateway.ordering import ObservedOrder, compare_live, is_draft, is_final, tmf_state
from gateway.services import Services
from gateway.upstream.evidence import FindResult
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


class Adopt(Struct, frozen=True, kw_only=True):
    """Take an order of the order system as this checkout's. `override`: although it does not hold what was sent."""

    caller: Caller
    checkout_id: str
    order_id: str
    reason: str
    override: bool = False


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
    mapping = services.mappings.get((await _get(services, command.caller, command.checkout_id)).mapping)

    def decide(connection: Connection, record: CheckoutRecord, now: datetime) -> None:
        if mapping is None:
            raise _conflict(record, command.caller, f"its mapping {record.mapping} is not configured any more")
        if record.state in FINAL or record.state == "draft":
            why = "it waits for its client" if record.state == "draft" else "it has ended"
            raise _conflict(record, command.caller, f"{why}, and there is nothing to try again")
        if record.has_lost_its_cart:
            raise _conflict(
                record,
                command.caller,
                "its order was found live after its cart was let go: adopt that order, or close it",
            )
        changes = retried(record, now, keeps_drafts=mapping.draft.supported)
        store.change(connection, record, changes, now)
        audited(connection, command.caller, "retry", record, now, reason=command.reason)

    record = await _decided(services, command.caller, command.checkout_id, decide)
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
            raise _conflict(
                record, command.caller, "no order of it is followed now; `retry` looks at one that is held and goes on"
            )
        store.change(connection, record, changes, now)
        audited(connection, command.caller, "poll", record, now, reason=command.reason)

    record = await _decided(services, command.caller, command.checkout_id, decide)
    services.work_due.notify()
    services.events_due.notify()
    return record


async def adopt(services: Services, command: Adopt) -> CheckoutRecord:
    """Read an order, compare it with what was ordered, and follow it as this checkout's; return the checkout.

    Errors: 404 unknown checkout, 409 when the checkout is not held, its cart is another checkout's by now, or the order is
    another checkout's; 422 when there is no such order, it is a draft, carries another checkout's marker or holds something
    else than was sent (`override` takes the last); 503 when it cannot be read now.
    """
    record = await _get(services, command.caller, command.checkout_id)
    _require_held(record, command.caller)
    upstream, mapping = _upstream(services, record), services.mappings[record.mapping]
    observed = await _read(upstream, command.order_id)
    placed = await services.database.read(lambda connection: _placed(connection, record))
    order = order_decoder.decode(placed.order)
    known = {item: line.line_id for item, line in lines_decoder.decode(placed.lines).items() if line.line_id}
    difference = None if observed is None else compare_live(order, known, observed, mapping)
    nobodys = await services.database.read(lambda connection: unclaimed(connection, record.upstream))
    problems = judge_adoption(
        record,
        command.order_id,
        observed,
        difference,
        mapping,
        override=command.override,
        unclaimed=any(each.order_id == command.order_id for each in nobodys),
    )
    if problems:
        raise RefusedError(
            f"Order {command.order_id} is not taken as this checkout's: {problems[0].message}.", problems=problems
        )
    assert observed is not None, "an order that is not there is a problem"

    def decide(connection: Connection, current: CheckoutRecord, now: datetime) -> None:
        _require_held(current, command.caller)
        _require_nobodys(connection, current, command)
        if current.has_lost_its_cart and current.cart_id is not None:
            if store.live_of_cart(connection, current.tenant, current.cart_id) is not None:
                raise _conflict(
                    current, command.caller, "its cart is checked out by another checkout: settle that one first"
                )
            carts.lock(connection, current.tenant, current.cart_id, current.id, now=now)
        store.change(connection, current, _adopted(current, observed, mapping_state(observed), now), now)
        settle(connection, current.upstream, command.order_id, f"adopted by checkout {current.id}", now)
        detail = f"order {command.order_id}" + (f": {difference.describe()}" if difference is not None else "")
        audited(connection, command.caller, "adopt", current, now, reason=command.reason, detail=detail)

    def mapping_state(order: ObservedOrder) -> str | None:
        return tmf_state(mapping, order.state) if order.state else None

    changed = await _decided(services, command.caller, command.checkout_id, decide)
    services.events_due.notify()
    return changed


async def close(services: Services, command: Close) -> CheckoutRecord:
    """End a checkout as `outcome`; return it. Rejected and cancelled let go of its cart.

    Errors: 404, 409 when it is neither held nor followed; before the cart is let go 409 when a live order carries one of
    its markers, and, without `override`, when the search for one proves nothing.
    """
    record = await _get(services, command.caller, command.checkout_id)
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

    return await _decided(services, command.caller, command.checkout_id, decide)


async def _get(services: Services, caller: Caller, checkout_id: str) -> CheckoutRecord:
    record = await services.database.read(lambda connection: store.get(connection, caller.tenant, checkout_id))
    if record is None:
        raise not_found()
    return record


async def _decided(
    services: Services,
    caller: Caller,
    checkout_id: str,
    decide: Callable[[Connection, CheckoutRecord, datetime], None],
) -> CheckoutRecord:
    def function(connection: Connection) -> CheckoutRecord:
        record = store.get_for_update(connection, caller.tenant, checkout_id)
        if record is None:
            raise not_found()
        decide(connection, record, services.database.now(connection))
        fresh = store.get(connection, caller.tenant, checkout_id)
        assert fresh is not None, "it is locked by this transaction"
        return fresh

    return await services.database.write(function)


def _placed(connection: Connection, record: CheckoutRecord) -> Placed:
    found = store.documents(connection, record.tenant, record.id, ("order", "lines"))
    return Placed(order=found["order"], lines=found.get("lines", "{}"))


def _upstream(services: Services, record: CheckoutRecord) -> Upstream:
    upstream = services.upstreams.get(record.upstream)
    if upstream is None or record.mapping not in services.mappings:
        raise UnavailableError(f"The upstream {record.upstream} or its mapping is not configured here (any more).")
    return upstream


async def _read(upstream: Upstream, order_id: str) -> ObservedOrder | None:
    try:
        return await upstream.get_order(order_id)
    except ReadFailed as error:
        raise UnavailableError(
            f"The order cannot be read now: {error}. Nothing was changed; try again.", headers={"Retry-After": "30"}
        ) from None


def _require_held(record: CheckoutRecord, caller: Caller) -> None:
    if record.state != "held":
        raise _conflict(record, caller, "only one that is held can be given an order")


def _require_closable(record: CheckoutRecord, caller: Caller) -> None:
    if record.state not in {"held", "submitted"}:
        what = "it has ended already" if record.state in FINAL else "cancel it instead: it is not held"
        raise _conflict(record, caller, what)


def _require_nobodys(connection: Connection, record: CheckoutRecord, command: Adopt) -> None:
    """Raise ConflictError when the order is another checkout's, whoever's: nothing is told of another tenant's."""
    others = store.others_of_order(connection, record, command.order_id)
    if others:
        which = store.named_to(record, others[0])
        raise _conflict(record, command.caller, f"order {command.order_id} is the order of {which}")


def _adopted(record: CheckoutRecord, observed: ObservedOrder, state: str | None, now: datetime) -> CheckoutChanges:
    changes: CheckoutChanges = {
        "state": "submitted",
        "step": record.steps_total,
        "step_state": PLANNED,
        "attempt": 0,
        "probe": 0,
        "awaiting": None,
        "order_id": observed.id,
        "order_href": observed.href,
        "order_state": state,
        "upstream_state": observed.state or None,
        "adopted_order": observed.id,
        "first_sent_at": record.first_sent_at or now,
        "cart_live": record.cart_id is not None and not record.cart_is_reopened,
        # A worker that still holds the lease must not write to what a person decided.
        "fence": record.fence + 1,
        "due_at": None,
        "track_due_at": now,
        "track_attempt": 0,
        **without_reason(),
    }
    return changes


async def _require_no_live_order(services: Services, record: CheckoutRecord, command: Close) -> str:
    """Return what the search for a live order found out. Raises ConflictError as `close`."""
    upstream, mapping = _upstream(services, record), services.mappings[record.mapping]
    if record.first_sent_at is None and record.generation == 0:
        return "nothing was ever sent for it"
    since = min(record.created_at, record.first_sent_at or record.created_at)
    doubts: list[str] = []
    first = max(0, record.generation + 1 - GENERATIONS_SEARCHED_MAX)
    for generation in range(first, record.generation + 1):
        marker = marker_of(record.marker_root, generation)
        try:
            found: FindResult = await upstream.find(marker, since=since)
            orders = [await upstream.get_order(order.id) for order in found.orders]
        except ReadFailed as error:
            doubts.append(f"the search for {marker} failed ({error})")
            continue
        live = [order for order in orders if order is not None and not is_draft(mapping, order.state)]
        running = [order for order in live if not is_final(mapping, tmf_state(mapping, order.state))]
        if running:
            raise _conflict(
                record,
                command.caller,
                f"order {running[0].id} carries its marker {marker} and is live ({running[0].state}): adopt it, or cancel it in "
                "the order system first",
            )
        doubts += [hint.sentence for hint in found.hints]
        if not found.complete:
            doubts.append(f"the search for {marker} saw less than everything: {found.absence.sentence}")
    if doubts and not command.override:
        raise _conflict(
            record,
            command.caller,
            "no search proves that no order of it is live, so its cart is not let go: " + "; ".join(doubts[:3])
            + '. Look in the order system; then repeat with "override": true',
        )  # fmt: skip
    return "no live order found" if not doubts else f"overridden: {'; '.join(doubts[:3])}"


def _conflict(record: CheckoutRecord, caller: Caller, why: str) -> ConflictError:
    href = f"{caller.base_url}{CHECKOUT_PATH}/{record.id}"
    return ConflictError(
        f"The checkout is {record.state}: {why}.",
        problems=[Problem("state", f"is {record.state}")],
        extension={"referenceError": href},
    )
