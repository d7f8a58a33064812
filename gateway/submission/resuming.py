"""What waits for an order system goes on as soon as it answers again, not when its own long wait is over.

One checkout of those that wait is tried every few seconds; when it, or any other call, is answered, all of them are due. Plain
functions over a connection: the only ones here that look over all tenants, because an order system is the same for all.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, select, update

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reasons import OF_THE_UPSTREAM, ReasonCode
from gateway.checkouts.row_changes import SENDING
from gateway.storage.tables import checkout
from gateway.submission.decisions.actions import Save

SCOUT_SECONDS: Final = 5.0
# Those that are tried early: who is asked for fewer calls waits for as long as was said.
_SCOUTED: Final[frozenset[ReasonCode]] = OF_THE_UPSTREAM - {"throttled"}


def scout(connection: Connection, upstream: str, now: datetime) -> bool:
    """Make one of the checkouts that wait for the order system due, the one that was tried longest ago; False without any."""
    waiting = (
        select(checkout.c.tenant, checkout.c.id)
        .where(*_waits(upstream, _SCOUTED, now))
        .order_by(checkout.c.updated_at)
        .limit(1)
    )
    row = connection.execute(waiting).one_or_none()
    if row is None:
        return False
    key = (checkout.c.tenant == row.tenant, checkout.c.id == row.id, checkout.c.due_at > now)
    connection.execute(update(checkout).where(*key).values(due_at=now))
    return True


def is_waited_for(connection: Connection, upstream: str, now: datetime) -> bool:
    """Tell whether a checkout waits for the order system to answer again."""
    return (
        connection.execute(select(checkout.c.id).where(*_waits(upstream, OF_THE_UPSTREAM, now)).limit(1)).first()
        is not None
    )


def release(
    connection: Connection, upstream: str, now: datetime, codes: Collection[ReasonCode] = OF_THE_UPSTREAM
) -> int:
    """Make everything due that waits for the order system for one of the reasons `codes`; return how many there were."""
    return connection.execute(update(checkout).where(*_waits(upstream, codes, now)).values(due_at=now)).rowcount


def _waits(upstream: str, codes: Collection[ReasonCode], now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        checkout.c.due_at > now,
        checkout.c.lease_until <= now,
        checkout.c.upstream == upstream,
        checkout.c.reason_code.in_(sorted(codes)),
    )


def waits_for_upstream(fresh: CheckoutRecord, decision: Save) -> bool:
    """Tell whether a decision was to wait until the order system answers again."""
    return decision.rest and fresh.due_at is not None and fresh.reason_code in OF_THE_UPSTREAM


def was_answered(record: CheckoutRecord, fresh: CheckoutRecord, decision: Save) -> bool:
    """Tell whether a decision shows that the order system answers: a step is done, or what it was waited for is over."""
    if decision.step_changes.get("state") == "done":
        return True
    over = record.reason_code in OF_THE_UPSTREAM and fresh.reason_code not in OF_THE_UPSTREAM
    return over and fresh.reason_code != "outcome_unknown" and fresh.step_state != SENDING
