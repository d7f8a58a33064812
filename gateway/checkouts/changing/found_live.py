"""A live order is found that its checkout does not go on with: it was refused or cancelled, or gave this order up as a draft.

Final states are left here, and nowhere else: a checkout that was told as rejected or cancelled, and whose order is live, becomes
`held` (docs/decisions/0013). Plain functions over a connection.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog
from msgspec import Struct
from sqlalchemy import Connection
from structlog.typing import FilteringBoundLogger

from gateway.carts import holding
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import CheckoutChanges, because
from gateway.checkouts.states import CART_RELEASED, ORDERED
from gateway.checkouts.stored import store
from gateway.checkouts.stored.findings import add_findings
from gateway.metrics import Metrics
from gateway.ordering import Finding, Mapping, ObservedOrder, tmf_state

log = structlog.get_logger(__name__)
_PATH: Final = "productOrder"


class FoundLive(Struct, frozen=True, kw_only=True):
    """What became of a checkout whose live order was found: it as it is now, and what a person is to be told.

    `rival` is the checkout that holds the same cart meanwhile, as it is now; `orders` are the live orders there may be of one
    purchase, if several; `news` is False where all this was told before.
    """

    record: CheckoutRecord
    rival: CheckoutRecord | None = None
    orders: tuple[str, ...] = ()
    news: bool = True


def found_live(
    connection: Connection, tenant: str, checkout_id: str, order: ObservedOrder, mapping: Mapping, now: datetime
) -> FoundLive | None:
    """Record that a live order of a checkout was found that it does not go on with; None when there is no such checkout.

    One that shows no state may be live, and is told as that.

    A refused or cancelled checkout becomes held and takes its cart back; one that is still at work is held before it makes
    another order; one that has an order already says that there are two. A second checkout of the freed cart is held before its
    own order is live, and each names the other.
    """
    record = store.get_for_update(connection, tenant, checkout_id)
    if record is None:
        return None
    if record.state in CART_RELEASED:
        return _reopened(connection, record, order, mapping, now)
    told = _tell(connection, record, order)
    if record.state in ORDERED or record.state == "held":
        orders = _orders(record, order) if record.state in ORDERED else ()
        return FoundLive(record=record, orders=orders, news=told)
    if record.state == "submitted":
        why = (
            f"two orders of this checkout may be delivered: {record.order_id}, which it followed, and {order.id}, a draft that was given "
            f"up and {_shown(order)}; cancel one of them in the order system"
        )
    else:
        why = f"order {order.id}, a draft that was given up, {_shown(order)}: see there whether it was submitted, and is what was wanted"
    held = _hold(connection, record, why, now)
    return FoundLive(record=held, orders=_orders(record, order) if record.state == "submitted" else ())


def tell_if_held(log: FilteringBoundLogger, record: CheckoutRecord) -> None:
    """Tell in the log that a checkout is held, and why, once that is committed."""
    if record.state == "held":
        log.warning(
            "checkout.held",
            checkout=record.id,
            tenant=record.tenant,
            order=record.order_id,
            code=record.reason_code,
            reason=record.status_reason,
        )


def tell(found: FoundLive | None, order: ObservedOrder, metrics: Metrics) -> None:
    """Tell in the log what `found_live` recorded, once it is committed; several live orders are an alarm."""
    if found is None or not found.news:
        return
    record, rival = found.record, found.rival
    identity = {"checkout": record.id, "tenant": record.tenant}
    log.error("order.found_live", **identity, order=order.id, order_state=order.state, state=record.state)
    for held in (record, rival):
        if held is not None:
            tell_if_held(log, held)
    if len(found.orders) > 1:
        metrics.duplicate_orders(record.tenant, record.upstream)
        log.error("order.duplicates", **identity, upstream=record.upstream, orders=list(found.orders))


def _orders(record: CheckoutRecord, order: ObservedOrder) -> tuple[str, ...]:
    """Return the live orders of a checkout that has one, by their ids."""
    return tuple(sorted({order.id} if record.order_id is None else {order.id, record.order_id}))


def _reopened(
    connection: Connection, record: CheckoutRecord, order: ObservedOrder, mapping: Mapping, now: datetime
) -> FoundLive:
    """Hold a checkout that was told as refused or cancelled, and the checkout that holds its cart now."""
    rival = _rival(connection, record)
    if rival is None:
        todo = "cancel the order in the order system, or take it over here"
    else:
        todo = (
            f"the cart is that of checkout {rival.id}, too{_with_its_order(rival)}: only one of the two orders is wanted; cancel "
            "the other one in the order system"
        )
    why = f"this checkout was told as {record.state}, and its order {order.id} {_shown(order)}; {todo}"
    changes: CheckoutChanges = {
        "state": "held",
        "order_id": order.id,
        "order_href": order.href,
        **because("live_after_end", why),
    }
    if order.state:
        changes |= {"upstream_state": order.state, "order_state": tmf_state(mapping, order.state)}
    if rival is None and record.cart_id is not None:
        if not record.cart_scope:
            holding.lock(connection, record.tenant, record.cart_id, record.id, now=now)
        # A cart that was open again before has got back what was ordered: it begins again.
        changes |= {
            "cart_live": True,
            "remainder_cart_id": None if record.cart_is_reopened else record.remainder_cart_id,
        }
    reopened = store.change(connection, record, changes, now)
    assert reopened is not None, "it is locked by this transaction"
    what = "was found live" if order.state else "was found without a state, and may be live,"
    message = f"Order {order.id} {what} after the checkout had been told as {record.state}."
    add_findings(connection, record, [Finding(severity="error", code="live_after_end", path=_PATH, message=message)])
    if rival is None:
        return FoundLive(record=reopened)
    return FoundLive(
        record=reopened,
        rival=_warned(connection, rival, reopened, order, now),
        orders=tuple(filter(None, (order.id, rival.order_id))),
    )


def _shown(order: ObservedOrder) -> str:
    return f"is live ({order.state})" if order.state else "shows no state, so it may be live"


def _rival(connection: Connection, record: CheckoutRecord) -> CheckoutRecord | None:
    """Return the checkout that holds the cart meanwhile, locked."""
    if record.cart_id is None:
        return None
    found = store.live_of_cart(connection, record.tenant, record.cart_id, record.cart_scope)
    if found is None or found.id == record.id:
        return None
    return store.get_for_update(connection, record.tenant, found.id)


def _with_its_order(rival: CheckoutRecord) -> str:
    return f" with order {rival.order_id}" if rival.order_id is not None else ""


def _warned(
    connection: Connection, rival: CheckoutRecord, first: CheckoutRecord, order: ObservedOrder, now: datetime
) -> CheckoutRecord:
    """Hold the second checkout of a cart before it makes an order live, or say on it that there are two."""
    message = f"The cart was ordered before by checkout {first.id}, which was told as ended; its order {order.id} is live all the same."
    add_findings(
        connection, rival, [Finding(severity="error", code="ordered_twice", path="shoppingCart", message=message)]
    )
    if rival.state in {"held", "submitted", *ORDERED}:
        return rival
    why = (
        f"the cart was ordered before by checkout {first.id}, which was told as ended, and its order {order.id} is live: decide "
        "which of the two is wanted before this one is ordered as well"
    )
    return _hold(connection, rival, why, now)


def _hold(connection: Connection, record: CheckoutRecord, why: str, now: datetime) -> CheckoutRecord:
    """Hold a checkout that somebody may be at work on: what a worker decides with its old lease is not written any more."""
    changes: CheckoutChanges = {
        "state": "held",
        "awaiting": None,
        "fence": record.fence + 1,
        "lease_until": now,
        **because("duplicate_orders", why),
    }
    held = store.change(connection, record, changes, now)
    assert held is not None, "it is locked by this transaction"
    return held


def _tell(connection: Connection, record: CheckoutRecord, order: ObservedOrder) -> bool:
    """Keep the finding that an order which was given up is live; False when it is there already."""
    return add_findings(connection, record, [abandoned_live(order.id, with_state=bool(order.state))])


def abandoned_live(order_id: str, *, with_state: bool = True) -> Finding:
    """Return the finding that a draft which was given up is live, or may be: it shows no state."""
    what = (
        "is live: somebody or something submitted it in the order system"
        if with_state
        else "shows no state: it may be live"
    )
    message = f"Order {order_id} was given up as a draft and {what}."
    return Finding(severity="error", code="abandoned_live", path=_PATH, message=message)
