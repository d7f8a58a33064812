"""An order of the order system is taken as a checkout's: read, compared with what was ordered, and followed from then on."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection

from gateway.callers import Caller
from gateway.carts import holding
from gateway.checkouts.changing.changes import audited, change_locked
from gateway.checkouts.model import CheckoutRecord, lines_decoder, order_decoder
from gateway.checkouts.row_changes import PLANNED, CheckoutChanges, without_reason
from gateway.checkouts.stored import store
from gateway.checkouts.stored.recovering import settle, unclaimed
from gateway.errors import RefusedError, UnavailableError
from gateway.operators.commands import conflict, required, upstream_of
from gateway.operators.judging import Placed, judge_adoption
from gateway.ordering import ObservedOrder, compare_live, tmf_state
from gateway.services import Services
from gateway.upstream.port import AnotherOrder, ReadFailed, Upstream


class Adopt(Struct, frozen=True, kw_only=True):
    """Take an order of the order system as this checkout's. `override`: although it does not hold what was sent."""

    caller: Caller
    checkout_id: str
    order_id: str
    reason: str
    override: bool = False


async def adopt(services: Services, command: Adopt) -> CheckoutRecord:
    """Read an order, compare it with what was ordered, and follow it as this checkout's; return the checkout.

    Errors: 404 unknown checkout, 409 when the checkout is not held, its cart is another checkout's by now, or the order is
    another checkout's; 422 when there is no such order, it is a draft, carries another checkout's marker or holds something
    else than was sent (`override` takes the last); 503 when it cannot be read now.
    """
    record = await required(services, command.caller, command.checkout_id)
    _require_held(record, command.caller)
    upstream, mapping = upstream_of(services, record), services.mappings[record.mapping]
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
                raise conflict(
                    current, command.caller, "its cart is checked out by another checkout: settle that one first"
                )
            holding.lock(connection, current.tenant, current.cart_id, current.id, now=now)
        store.change(connection, current, _adopted(current, observed, mapping_state(observed), now), now)
        settle(connection, current.upstream, command.order_id, f"adopted by checkout {current.id}", now)
        detail = f"order {command.order_id}" + (f": {difference.describe()}" if difference is not None else "")
        audited(connection, command.caller, "adopt", current, now, reason=command.reason, detail=detail)

    def mapping_state(order: ObservedOrder) -> str | None:
        return tmf_state(mapping, order.state) if order.state else None

    changed = await change_locked(services, command.caller, command.checkout_id, decide)
    services.events_due.notify()
    return changed


def _placed(connection: Connection, record: CheckoutRecord) -> Placed:
    found = store.documents(connection, record.tenant, record.id, ("order", "lines"))
    return Placed(order=found["order"], lines=found.get("lines", "{}"))


async def _read(upstream: Upstream, order_id: str) -> ObservedOrder | None:
    try:
        return await upstream.get_order(order_id)
    except AnotherOrder as error:
        return error.order
    except ReadFailed as error:
        raise UnavailableError(
            f"The order cannot be read now: {error}. Nothing was changed; try again.", headers={"Retry-After": "30"}
        ) from None


def _require_held(record: CheckoutRecord, caller: Caller) -> None:
    if record.state != "held":
        raise conflict(record, caller, "only one that is held can be given an order")


def _require_nobodys(connection: Connection, record: CheckoutRecord, command: Adopt) -> None:
    """Raise ConflictError when the order is another checkout's, of any tenant: nothing is told of another tenant's."""
    others = store.others_of_order(connection, record, command.order_id)
    if others:
        which = store.named_to(record, others[0])
        raise conflict(record, command.caller, f"order {command.order_id} is the order of {which}")


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
