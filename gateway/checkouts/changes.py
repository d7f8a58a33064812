"""What a client may do to a checkout it has: submit its draft, cancel it, change its draft."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from gateway.checkouts import store
from gateway.checkouts.accept import CHECKOUT_PATH, item_document
from gateway.checkouts.model import PLANNED, CheckoutRecord, Prepared, plan_hash
from gateway.checkouts.prepare import prepare, require_expected_totals
from gateway.checkouts.states import CART_RELEASED, FINAL
from gateway.errors import ConflictError, NotFoundError
from gateway.ordering.mapping import Mapping as OrderMapping
from gateway.services import Services
from gateway.submission.actions import AbandonedDraft
from gateway.submission.store import abandon
from gateway.tmf.json import decode_stored, encode_json
from gateway.tmf.merge_patch import merge_patch

CANCEL_REASON = "cancelled by the client"


def not_found() -> NotFoundError:
    """Return the error for a checkout that this tenant does not have."""
    return NotFoundError("There is no such checkout.")


async def submit(services: Services, tenant: str, checkout_id: str) -> CheckoutRecord:
    """Ask for the submission of a checkout; asking again changes nothing. 409 when it ended without an order."""

    def decide(connection: Connection, record: CheckoutRecord, now: datetime) -> None:
        if record.state in CART_RELEASED | {"held"} or record.cancel_requested:
            raise _state_conflict(record, "it cannot be submitted")
        if record.submit:
            return
        store.change(connection, record, {"submit": True, "due_at": now}, now)

    record = await _change(services, tenant, checkout_id, decide)
    services.work_due.ring()
    return record


async def cancel(services: Services, tenant: str, checkout_id: str) -> CheckoutRecord:
    """Ask for the cancellation of a checkout.

    Before its order is submitted this always succeeds, at once or as soon as a call in flight has come to an end. A live
    order is the order system's: 409, unless the checkout is cancelled already.
    """

    def decide(connection: Connection, record: CheckoutRecord, now: datetime) -> None:
        if record.state == "cancelled" or (record.cancel_requested and record.state not in FINAL):
            return
        if record.state in FINAL or record.state == "submitted" or record.submit_intent_order is not None:
            raise _state_conflict(record, "its order is the order system's; cancel it there")
        if record.state == "held":
            raise _state_conflict(record, "a person must decide first")
        store.change(connection, record, {"cancel_requested": True, "due_at": now}, now)

    record = await _change(services, tenant, checkout_id, decide)
    services.work_due.ring()
    return record


async def change_draft(
    services: Services, tenant: str, checkout_id: str, patch: dict[str, Any], *, if_match: frozenset[int] | None
) -> CheckoutRecord:
    """Change the request of a draft (merge patch) and draft it anew.

    The draft that was made is abandoned and a new one is made: an order system lets few attributes of a draft be changed,
    and a new draft is exactly what a checkout with the changed request would have made. Errors: 409 when it is no draft,
    412 when it changed, 422 when the result cannot be ordered.
    """
    row = await services.database.read(lambda connection: _load(connection, tenant, checkout_id))
    if row is None:
        raise not_found()
    record, documents = row
    _require_draft(record, if_match)
    mapping: OrderMapping = services.mappings[record.mapping]
    request = merge_patch(decode_stored(documents["request"]), patch)
    cart = decode_stored(documents["cart"])
    require_expected_totals(cart, request, services.settings.checkout)
    prepared = prepare(cart, request, mapping, now=services.clock())

    def decide(connection: Connection, current: CheckoutRecord, now: datetime) -> None:
        _require_draft(current, frozenset({record.version}))
        _redraft(connection, current, request, prepared, mapping, now, services.settings.submission.cleanup_seconds[0])

    changed = await _change(services, tenant, checkout_id, decide)
    services.work_due.ring()
    return changed


def _load(connection: Connection, tenant: str, checkout_id: str) -> tuple[CheckoutRecord, dict[str, str]] | None:
    record = store.get(connection, tenant, checkout_id)
    if record is None:
        return None
    return record, store.documents(connection, tenant, checkout_id, ("request", "cart"))


def _require_draft(record: CheckoutRecord, if_match: frozenset[int] | None) -> None:
    if record.state != "draft" or record.submit or record.cancel_requested:
        raise _state_conflict(record, "only a draft that was not submitted can be changed")
    if if_match is not None and record.version not in if_match:
        raise ConflictError("The checkout changed meanwhile; read it again and repeat.")


def _redraft(
    connection: Connection,
    record: CheckoutRecord,
    request: dict[str, Any],
    prepared: Prepared,
    mapping: OrderMapping,
    now: datetime,
    cleanup_after_seconds: float,
) -> None:
    documents = prepared.documents()
    store.put_documents(
        connection,
        record.tenant,
        record.id,
        {**documents, "items": item_document(prepared.order), "request": encode_json(request), "lines": b"{}"},
    )
    begun = mapping.draft.supported and record.first_sent_at is not None
    if begun:
        draft = AbandonedDraft(marker=record.marker, order_id=record.order_id)
        abandon(connection, record, [draft], now, cleanup_after_seconds)
    store.change(
        connection,
        record,
        {
            "state": "drafting" if mapping.draft.supported else "draft",
            "generation": record.generation + 1,
            "plan_hash": plan_hash(documents),
            "steps_total": len(prepared.plan.steps),
            "step": 0,
            "step_state": PLANNED,
            "attempt": 0,
            "probe": 0,
            "unknowns": 0,
            "mismatches": 0,
            "absent_at": None,
            "sent_at": None,
            "first_sent_at": None,
            "order_id": None,
            "order_href": None,
            "order_state": None,
            "upstream_state": None,
            "due_at": now,
            # A worker that still holds the lease of the old draft must not write to the new one.
            "fence": record.fence + 1,
            "lease_until": now,
        },
        now,
    )
    fresh = store.get(connection, record.tenant, record.id)
    assert fresh is not None, "it was just changed"
    store.plan_steps(connection, fresh, prepared.plan, [len(step.item_ids) for step in prepared.plan.steps])


async def _change(
    services: Services,
    tenant: str,
    checkout_id: str,
    decide: Callable[[Connection, CheckoutRecord, datetime], None],
) -> CheckoutRecord:
    """Run `decide` on the current record in one transaction and return the record as it is then."""

    def function(connection: Connection) -> CheckoutRecord:
        record = store.get_for_update(connection, tenant, checkout_id)
        if record is None:
            raise not_found()
        decide(connection, record, services.database.now(connection))
        fresh = store.get(connection, tenant, checkout_id)
        assert fresh is not None, "it is locked by this transaction"
        return fresh

    return await services.database.write(function)


def _state_conflict(record: CheckoutRecord, why: str) -> ConflictError:
    return ConflictError(
        f"The checkout is {record.state}: {why}.", extension={"referenceError": f"{CHECKOUT_PATH}/{record.id}"}
    )
