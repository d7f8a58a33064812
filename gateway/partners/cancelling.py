"""Asking for an order to be cancelled (cancelProductOrder): its checkout is cancelled, and the request tells what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection

from gateway.callers import Caller
from gateway.carts.dialects.forms import unmarked
from gateway.checkouts.changing.changes import Cancel, cancel
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.orders import cancellations
from gateway.checkouts.orders.cancellations import Cancellation
from gateway.checkouts.orders.events import cancellation_created
from gateway.checkouts.orders.shown import OrderDialect
from gateway.checkouts.orders.states import facts_of, order_state
from gateway.checkouts.orders.words import order_sentence
from gateway.checkouts.states import FINAL
from gateway.documents import JsonObject
from gateway.errors import ConflictError, InvalidBodyError, NotFoundError, Problem, RefusedError
from gateway.partners.changing import PAGE, find
from gateway.services import Services
from gateway.settings import CartSettings
from gateway.tmf.json import encode_json
from gateway.tmf.moments import parse_moment
from gateway.tmf.schema import Shape, lenient_definitions
from gateway.tmf.schema_keywords import LENIENT_FORMATS
from gateway.tmf.shapes import check_text_lengths

_SHAPES: Final = {
    "v4": Shape(lenient_definitions("tmf622_v4", mandatory=False), "CancelProductOrder_Create", LENIENT_FORMATS),
    "v5": Shape(lenient_definitions("tmf622_v5"), "CancelProductOrder_FVO", LENIENT_FORMATS),
}
# What the gateway says of a request; it is ignored when a client sends it.
_SERVERS_OWN: Final = frozenset({"id", "href", "state", "creationDate", "effectiveCancellationDate"})


# States in which only the order system cancels an order, or a person decides.
_LIVE: Final = frozenset({"submitted", "held"})


class CancelOrder(Struct, frozen=True, kw_only=True):
    """Ask for an order to be cancelled: a checked request, in the canonical form."""

    caller: Caller
    request: dict[str, Any]


def read_cancellation(given: JsonObject, dialect: OrderDialect, limits: CartSettings) -> JsonObject:
    """Return a request to cancel in the canonical form. Raises InvalidBodyError (400) with every problem."""
    problems: list[Problem] = []
    _SHAPES[dialect.version].check(given, problems)
    check_text_lengths(given, limits.text_characters_max, problems)
    if problems:
        raise InvalidBodyError(problems)
    canonical: dict[str, Any] = unmarked({name: value for name, value in given.items() if name not in _SERVERS_OWN})
    return canonical


async def cancel_order(services: Services, command: CancelOrder) -> tuple[Cancellation, bool]:
    """Ask for the cancellation, and tell whether it had been asked for before: then that request is returned.

    When it is to be cancelled is handed over to the order system with the rest of the request. Errors: 404 no such order, 409 where
    it cannot be cancelled from here, 422 for a later time where no order is live: that is cancelled here, at once.
    """
    caller, order_id = command.caller, command.request["productOrder"]["id"]
    new = Cancellation(
        tenant=caller.tenant,
        id=services.new_id(),
        checkout_id=order_id,
        document=encode_json(command.request).decode(),
        state=cancellations.ACKNOWLEDGED,
        created_at=services.clock(),
    )
    found: list[Cancellation] = []

    def ask(connection: Connection, record: CheckoutRecord, now: datetime) -> None:
        find(connection, caller, order_id)
        earlier = cancellations.latest_of(connection, caller.tenant, order_id)
        found.append(earlier or new)
        if earlier is not None:
            return
        if record.state in FINAL:
            raise ConflictError(f"The order is {order_state(facts_of(record))}: it has come to its end.")
        if not (record.state in _LIVE or record.submit_intent_order is not None):
            _require_now(command.request, now)
        cancellations.put(connection, new)
        cancellation_created(connection, record, new, now)

    try:
        await cancel(services, Cancel(caller=caller, checkout_id=order_id), also=ask)
    except NotFoundError:
        raise NotFoundError(
            "There is no such product order.", problems=[Problem("productOrder.id", "names no product order")]
        ) from None
    except ConflictError as error:
        if found and found[-1] is not new:
            return found[-1], True
        message = order_sentence(error.message).replace("The checkout is", "The order's checkout is")
        raise ConflictError(f"{message} See {PAGE}.", extension=error.extension) from None
    return await _current(services, caller, found[-1]), found[-1] is not new


async def _current(services: Services, caller: Caller, asked: Cancellation) -> Cancellation:
    """Return a request as it is now: a draft may be cancelled at once."""
    found = await services.database.read(
        lambda connection: cancellations.get(connection, caller.tenant, asked.id, owner=caller.owner_scope)
    )
    return found or asked


def _require_now(request: dict[str, Any], now: datetime) -> None:
    """Raise RefusedError (422) for a cancellation at a later time of an order that only the gateway has: nobody waits for it here."""
    given = request.get("requestedCancellationDate")
    moment = parse_moment(given) if isinstance(given, str) else None
    if moment is not None and moment > now:
        raise RefusedError(
            "The order is not live yet, so it is cancelled here and at once: leave requestedCancellationDate out, or ask when its "
            f"time has come. See {PAGE}.",
            problems=[Problem("requestedCancellationDate", "is later than now, and the order is not live yet")],
        )
