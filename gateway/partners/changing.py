"""What is asked of an order: to change or submit its draft, to be taken out of sight. An order that was submitted does not change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection

from gateway.callers import Caller
from gateway.carts.dialects.forms import unmarked
from gateway.checkouts.changing.changes import Submit, submit
from gateway.checkouts.changing.draft_changes import ChangeDraft, change_draft
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.orders.events import order_removed
from gateway.checkouts.orders.ready import INITIAL_STATE, READY, SERVERS_OWN, ReadyOrder, ready_order
from gateway.checkouts.orders.shown import KINDS, OrderDialect, product_order
from gateway.checkouts.orders.states import facts_of, order_state
from gateway.checkouts.orders.words import ITEMS, TOTALS
from gateway.checkouts.request import check_draft_change
from gateway.checkouts.states import FINAL
from gateway.checkouts.stored import store
from gateway.errors import ConflictError, InvalidBodyError, NotFoundError, PreconditionError, Problem
from gateway.partners.reading import read_order
from gateway.services import Services
from gateway.settings import CartSettings
from gateway.storage import audit
from gateway.threads import LARGE_TO_TRANSLATE_BYTES_MIN
from gateway.tmf.json import decode_stored

PAGE: Final = "docs/how-to/change-or-cancel-a-live-order.md"
SUBMITTED: Final = "acknowledged"
# Who and what an order is, for its client and for the gateway.
_FIXED: Final = ("externalId", "upstream", INITIAL_STATE)
_CHANGEABLE: Final = frozenset({"accepted", "drafting", "draft"})


class ChangeOrder(Struct, frozen=True, kw_only=True):
    """Change an order as a version shows it; `if_match`: the versions of the order that may be changed, None for any."""

    caller: Caller
    order_id: str
    dialect: OrderDialect
    change: Callable[[dict[str, Any]], Any]
    if_match: frozenset[int] | None


def not_found() -> NotFoundError:
    """Return the error for an order that this client does not have."""
    return NotFoundError("There is no such product order.", problems=[Problem("id", "names no product order")])


def find(connection: Connection, caller: Caller, order_id: str) -> CheckoutRecord:
    """Return the checkout whose order has this id. Raises NotFoundError (404) where the caller has no such order."""
    record = store.get(connection, caller.tenant, order_id, owner=caller.owner_scope)
    if record is None or record.order_removed:
        raise not_found()
    return record


async def change_order(services: Services, command: ChangeOrder) -> CheckoutRecord:
    """Change an order that is a draft, and submit it where the change says so (`state`: acknowledged).

    Errors: 400 what is wrong with the changed order, 404, 409 when it is not a draft any more, 412 when it changed, 422 when it
    cannot be ordered.
    """
    caller = command.caller

    def read(connection: Connection) -> tuple[CheckoutRecord, dict[str, str]]:
        record = find(connection, caller, command.order_id)
        return record, store.documents(connection, caller.tenant, record.id, KINDS)

    record, documents = await services.database.read(read)
    if command.if_match is not None and record.version not in command.if_match:
        raise PreconditionError(
            "If-Match does not name the order's current version: it changed. Read it again and repeat.",
            problems=[Problem("If-Match", f'the current version is "{record.version}"')],
            headers={"ETag": f'"{record.version}"'},
        )
    before = await _shown(services, command, record, documents)
    large = _is_large(documents)
    after = await services.heavy.run(caller.tenant, large, _changed, command, before)
    names = [name for name in {**before, **after} if name not in SERVERS_OWN and before.get(name) != after.get(name)]
    wants_submission = _wants_submission(before, after)
    if names or (wants_submission and (record.state in FINAL or record.cancel_requested)):
        _require_draft(record)
    if names:
        record = await change_draft(services, _draft_change(services, command, record, documents, names, after))
    if wants_submission and record.state in _CHANGEABLE and not record.submit:
        record = await submit(services, Submit(caller=caller, checkout_id=record.id))
    return record


def _is_large(documents: Mapping[str, str]) -> bool:
    return sum(map(len, documents.values())) > LARGE_TO_TRANSLATE_BYTES_MIN


async def _shown(
    services: Services, command: ChangeOrder, record: CheckoutRecord, documents: dict[str, str]
) -> dict[str, Any]:
    """Return the order as its version shows it, but for the state of a draft, which v4 has no word for."""
    caller = command.caller
    shown = await services.heavy.run(
        caller.tenant, _is_large(documents), product_order, record, documents, caller.base_url, command.dialect
    )
    return {**shown, "state": order_state(facts_of(record))}


def _changed(command: ChangeOrder, before: dict[str, Any]) -> dict[str, Any]:
    after = command.change(before)
    if not isinstance(after, dict):
        raise InvalidBodyError([Problem("", "an order must be a JSON object")])
    problems = [
        Problem(name, "is given by the server and cannot be changed; leave it out")
        for name in ("id", "href")
        if after.get(name) != before.get(name)
    ]
    problems += [
        Problem(name, "is fixed when an order is placed; cancel it and place another")
        for name in _FIXED
        if after.get(name) != before.get(name)
    ]
    if problems:
        raise InvalidBodyError(problems)
    return after


def _wants_submission(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Tell whether the draft is to be submitted. Raises InvalidBodyError (400) for a state that nobody asks for so."""
    state = after.get("state")
    if state == before["state"] or state is None:
        return False
    if state == SUBMITTED:
        return True
    hint = "cancel an order by cancelProductOrder" if state == "cancelled" else "only the order system gives others"
    raise InvalidBodyError([Problem("state", f"may be set to {SUBMITTED}, which submits a draft; {hint}")])


def _require_draft(record: CheckoutRecord) -> None:
    """Raise ConflictError (409) for an order that does not change any more."""
    state = order_state(facts_of(record))
    if record.state in FINAL:
        why = "it has come to its end; place another order"
    elif record.cancel_requested:
        why = "its cancellation was asked for; read the request (cancelProductOrder) to see what becomes of it"
    elif record.state in _CHANGEABLE and not record.submit:
        return
    else:
        why = "it was submitted, and order systems change no order from here; cancel it (cancelProductOrder) and place another"
    raise ConflictError(f"The order is {state}: {why}. See {PAGE}.")


def _draft_change(
    services: Services,
    command: ChangeOrder,
    record: CheckoutRecord,
    documents: Mapping[str, str],
    names: Collection[str],
    after: dict[str, Any],
) -> ChangeDraft:
    """Return the change of the draft: of an order that came ready anything, of a cart's what is not the cart's."""
    caller, if_match = command.caller, command.if_match
    if READY in documents:
        revise = partial(_revised, command, limits=services.settings.cart)
        patch: dict[str, Any] = dict.fromkeys(names)
        return ChangeDraft(caller=caller, checkout_id=record.id, patch=patch, if_match=if_match, revise=revise)
    if not {ITEMS, TOTALS}.isdisjoint(names):
        raise ConflictError(
            f"The items of the order are those of the cart {record.cart_id}, which is being checked out: cancel the order, change "
            "the cart and check it out again."
        )
    canonical = command.dialect.to_canonical(after)
    patch = {name: unmarked(canonical.get(name)) for name in names}
    check_draft_change(patch, services.settings)
    return ChangeDraft(caller=caller, checkout_id=record.id, patch=patch, if_match=if_match)


def _revised(command: ChangeOrder, text: str, *, limits: CartSettings) -> ReadyOrder | None:
    """Return what becomes of a ready order, given as it is kept; what the change left alone keeps its form. Pure."""
    kept: dict[str, Any] = decode_stored(text)
    shown = command.dialect.from_canonical({"@type": "ProductOrder", **kept, "state": "draft"})
    after = command.change({**shown, "state": "draft"})
    read = read_order(
        {name: value for name, value in after.items() if name not in SERVERS_OWN}, command.dialect, limits
    )
    untouched = {name for name in kept if name in after and after[name] == shown.get(name)}
    revised = {name: kept[name] if name in untouched else value for name, value in read.kept.items()}
    return None if revised == kept else ready_order(revised)


async def remove_order(services: Services, caller: Caller, order_id: str) -> None:
    """Take an order that has ended out of sight of TMF622; its checkout stays. Errors: 404, 409 while it has not ended."""

    def function(connection: Connection) -> None:
        find(connection, caller, order_id)
        record = store.get_for_update(connection, caller.tenant, order_id)
        assert record is not None, "it was just found"
        if record.state not in FINAL:
            state = order_state(facts_of(record))
            raise ConflictError(
                f"The order is {state}: only one that has ended is deleted; cancel it first. See {PAGE}."
            )
        now = services.database.now(connection)
        removed = store.change(connection, record, {"order_removed": True}, now)
        assert removed is not None, "nothing was asked of its version"
        order_removed(connection, removed, now)
        audit.record(connection, caller.deed("delete", "productOrder", record.id, before=record.version), now)

    await services.database.write(function)
