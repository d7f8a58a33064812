"""The commands of operators, each with its reason, and the one function that handles each; `adopt` and `close` stand beside this file.

None of them makes an order, so none can make a second one: `retry` looks before it sends, `adopt` reads and compares first, and
`close` lets go of the cart only after a search for a live order. What was done, by whom and why is recorded with it.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection

from gateway.callers import Caller
from gateway.carts.after_order import CHECKOUT_PATH
from gateway.checkouts.changing.changes import audited, change_locked, not_found
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import PLANNED, CheckoutChanges
from gateway.checkouts.states import FINAL
from gateway.checkouts.stored import store
from gateway.errors import ConflictError, Problem, UnavailableError
from gateway.logs import get_logger
from gateway.operators.judging import retried
from gateway.services import Services
from gateway.upstream.port import Upstream

log = get_logger(__name__)


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


def conflict(record: CheckoutRecord, caller: Caller, why: str) -> ConflictError:
    """Return the error (409) for a checkout whose state forbids what was asked: `why` ends the sentence. It names the checkout."""
    href = f"{caller.base_url}{CHECKOUT_PATH}/{record.id}"
    return ConflictError(
        f"The checkout is {record.state}: {why}.",
        problems=[Problem("state", f"is {record.state}")],
        extension={"referenceError": href},
    )
