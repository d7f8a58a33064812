"""What is asked of a checkout: to submit its draft, to cancel it. Each is a command, handled by one function."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from gateway.callers import Caller
from gateway.carts.after_order import CHECKOUT_PATH
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import CheckoutChanges, because, without_reason
from gateway.checkouts.states import CART_RELEASED, FINAL
from gateway.checkouts.stored import step_store, store
from gateway.checkouts.stored.keys import add_keys_of_request
from gateway.errors import ConflictError, ForbiddenError, NotFoundError, Problem
from gateway.logs import get_logger
from gateway.services import Services
from gateway.storage import audit

log = get_logger(__name__)


def not_found() -> NotFoundError:
    """Return the error for a checkout that this tenant does not have."""
    return NotFoundError("There is no such checkout.", problems=[Problem("id", "names no checkout")])


class Submit(Struct, frozen=True, kw_only=True):
    """Submit a checkout."""

    caller: Caller
    checkout_id: str


class Cancel(Struct, frozen=True, kw_only=True):
    """Cancel a checkout."""

    caller: Caller
    checkout_id: str


def audited(
    connection: Connection,
    caller: Caller,
    action: str,
    record: CheckoutRecord,
    now: datetime,
    *,
    reason: str | None = None,
    detail: str | None = None,
) -> None:
    """Record who asked for what: `record` is the checkout as it was before."""
    after = store.get(connection, record.tenant, record.id)
    deed = caller.deed(
        action, "checkout", record.id, before=record.version, after=after.version if after is not None else None
    )
    outcome = after.state if after is not None else "gone"
    audit.record(connection, replace(deed, reason=reason, outcome=outcome, detail=detail), now)
    add_keys_of_request(connection, record)


async def submit(services: Services, command: Submit) -> CheckoutRecord:
    """Ask for the submission of a checkout; asking again changes nothing. 409 when it ended without an order.

    Where a checkout is held because its draft does not cost what the cart did, this is the yes to these figures of an
    operator or administrator (403 for others): should the draft cost something else again when it is read before the submission, it is
    held again.
    """

    def decide(connection: Connection, record: CheckoutRecord, now: datetime) -> None:
        if _is_held_for_price(record):
            if not command.caller.has_role("operator", "admin"):
                raise ForbiddenError(
                    f"The checkout is held for the price of its order: {record.price_drift}. Only a client "
                    "with the role operator or admin may submit it all the same."
                )
            store.change(
                connection,
                record,
                {
                    "state": "draft",
                    "submit": True,
                    "due_at": now,
                    **without_reason(),
                    "price_drift": None,
                    "price_drift_accepted": record.price_drift,
                },
                now,
            )
            audited(connection, command.caller, "submit", record, now, detail=f"at the price: {record.price_drift}")
            log.info("checkout.price_accepted", checkout=record.id, tenant=record.tenant)
            return
        if record.state in CART_RELEASED | {"held"} or record.cancel_requested:
            raise state_conflict(record, "it cannot be submitted", command.caller.base_url)
        if record.awaiting == "party":
            why = "its order system needs to know the party: change relatedParty first, then submit"
            raise state_conflict(record, why, command.caller.base_url)
        if record.submit:
            return
        # A call that is put off stays put off; a complete draft, and one that waits for further changes, wait for nothing but this.
        waits = record.due_at if record.reason_code != "queued" else None
        store.change(connection, record, {"submit": True, "due_at": waits or now}, now)
        audited(connection, command.caller, "submit", record, now)

    record = await change_locked(services, command.caller, command.checkout_id, decide)
    services.work_due.notify()
    return record


async def cancel(
    services: Services, command: Cancel, *, also: Callable[[Connection, CheckoutRecord, datetime], None] | None = None
) -> CheckoutRecord:
    """Ask for the cancellation of a checkout; asking again changes nothing. `also` is done before, in the same transaction.

    Before its order is submitted this always succeeds, at once or as soon as a call in flight has come to an end. A live
    order is the order system's: it is asked to cancel it, as often as needed, where its mapping names a resource for that, and
    the checkout then follows the order. Otherwise, and when the checkout has ended or is held: 409. One that is held for the
    price of its draft is cancelled like a draft.
    """
    base_url = command.caller.base_url

    def decide(connection: Connection, record: CheckoutRecord, now: datetime) -> None:
        if also is not None:
            also(connection, record, now)
        if record.state == "cancelled" or (record.cancel_requested and record.state not in FINAL | {"held"}):
            return
        if record.state in FINAL:
            raise state_conflict(record, "it has ended and cannot be cancelled", base_url)
        if _is_held_for_price(record):
            changes: CheckoutChanges = {
                "state": "draft",
                "cancel_requested": True,
                "due_at": now,
                **without_reason(),
                "price_drift": None,
            }
            store.change(connection, record, changes, now)
            audited(connection, command.caller, "cancel", record, now)
            return
        if record.state == "held":
            raise state_conflict(
                record,
                "a person must decide first: an operator retries it, names its order (adopt), or closes it",
                base_url,
            )
        if record.submit_intent_order is not None or record.state == "submitted":
            _cancel_order(services, connection, record, now, base_url)
        else:
            waited = without_reason() if record.awaiting == "party" else {}
            store.change(connection, record, {"cancel_requested": True, "due_at": now, **waited}, now)
        audited(connection, command.caller, "cancel", record, now)

    record = await change_locked(services, command.caller, command.checkout_id, decide)
    services.work_due.notify()
    return record


def _is_held_for_price(record: CheckoutRecord) -> bool:
    """Tell whether nothing but the price of its draft, which was never submitted, keeps a checkout from going on."""
    return record.state == "held" and record.price_drift is not None and record.submit_intent_order is None


def _cancel_order(
    services: Services, connection: Connection, record: CheckoutRecord, now: datetime, base_url: str
) -> None:
    """Record that the order system is to be asked to cancel the order, once it is known to be live."""
    mapping = services.mappings.get(record.mapping)
    if mapping is None or not mapping.api.cancel_resource:
        raise state_conflict(
            record,
            f"its order {record.order_id} is the order system's, which takes no cancellations from here; cancel it there, and "
            "this checkout follows",
            base_url,
        )
    changes: CheckoutChanges = {"cancel_requested": True}
    if record.state == "submitted":
        why = f"order {record.order_id} is live; the order system is asked to cancel it"
        changes |= {"due_at": now, "attempt": 0, "cancel_task": None, "cancel_progress": None}
        changes |= because("cancellation_asked", why)
        step_store.put_cancel_step(
            connection, record, {"state": "planned", "attempts": 0, "detail": None, "ended_at": None}
        )
    store.change(connection, record, changes, now)


async def change_locked(
    services: Services, caller: Caller, checkout_id: str, decide: Callable[[Connection, CheckoutRecord, datetime], None]
) -> CheckoutRecord:
    """Run `decide` on the current record in one transaction and return the record as it is then. Raises NotFoundError (404)."""
    tenant = caller.tenant

    def function(connection: Connection) -> CheckoutRecord:
        record = store.get_for_update(connection, tenant, checkout_id, owner=caller.owner_scope)
        if record is None:
            raise not_found()
        decide(connection, record, services.database.now(connection))
        fresh = store.get(connection, tenant, checkout_id)
        assert fresh is not None, "it is locked by this transaction"
        return fresh

    return await services.database.write(function)


def state_conflict(record: CheckoutRecord, why: str, base_url: str) -> ConflictError:
    """Return the error (409) for a checkout whose state forbids what was asked: `why` ends the sentence. It names the checkout."""
    href = f"{base_url}{CHECKOUT_PATH}/{record.id}"
    asked = record.cancel_requested and record.state not in FINAL
    cancelled = ", and its cancellation was asked for" if asked else ""
    return ConflictError(f"The checkout is {record.state}{cancelled}: {why}.", extension={"referenceError": href})
