"""Claims of due checkouts: plain functions over a connection. A claim is a lease; what another one may not overwrite, the fence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, case, select, update

from gateway.checkouts.model import (
    CheckoutRecord,
)
from gateway.checkouts.row_changes import CheckoutChanges, because
from gateway.checkouts.stored import store as checkouts
from gateway.checkouts.stored.due import lanes_due
from gateway.checkouts.stored.pauses import pauses, why_paused
from gateway.lanes import Lane
from gateway.storage.leases import Lease, take_leases
from gateway.storage.tables import checkout

_DUE_LANES: Final = lanes_due(checkout.c.due_at, checkout.c.lease_until <= bindparam("now"))


def lanes_with_due_work(connection: Connection, now: datetime) -> list[Lane]:
    """Return whose checkouts, and for which order systems, are due, the longest due first.

    The one query over all tenants: it tells the others whom to name.
    """
    return [Lane(*row) for row in connection.execute(_DUE_LANES, {"now": now})]


def claim(connection: Connection, lane: Lane, lease: Lease, limit: int) -> list[CheckoutRecord]:
    """Take up to `limit` due checkouts of a tenant for an order system whose lease is free, the longest due first."""
    due = (
        select(checkout.c.id)
        .where(checkout.c.upstream == lane.upstream, checkout.c.due_at <= lease.now)
        .order_by(checkout.c.due_at)
        .limit(limit)
    )
    rows = take_leases(
        connection,
        checkout,
        lane.tenant,
        due,
        lease,
        [checkout.c[name] for name in CheckoutRecord.__struct_fields__],
        {"claims_without_progress": checkout.c.claims_without_progress + 1},
    )
    return [checkouts.record_of(row) for row in rows]


def put_back(connection: Connection, tenant: str, checkout_id: str, fence: int, until: datetime) -> bool:
    """Let the lease of a claim that was interrupted end at `until`, and do not count the claim; return whether it was still held.

    It is not the fault of the checkout that the database was away. (What was under way stays as it is recorded: a call that was
    sent, or may have been, is looked for by the worker that claims it next.)
    """
    row = (checkout.c.tenant == tenant, checkout.c.id == checkout_id, checkout.c.fence == fence)
    claims = case((checkout.c.claims_without_progress > 0, checkout.c.claims_without_progress - 1), else_=0)
    changed = connection.execute(
        update(checkout)
        .where(*row, checkout.c.lease_until > until)
        .values(lease_until=until, claims_without_progress=claims)
    )
    return changed.rowcount > 0


def without_paused(
    connection: Connection,
    claimed: list[CheckoutRecord],
    now: datetime,
    needs_no_call: Callable[[CheckoutRecord], bool],
) -> tuple[list[CheckoutRecord], int]:
    """Return the claimed checkouts whose order system may be called or need not be, and how many others were parked."""
    held = pauses(connection, for_share=True) if claimed else {}
    if not held:
        return claimed, 0
    open_ones = [record for record in claimed if record.upstream not in held or needs_no_call(record)]
    parked = [record for record in claimed if record not in open_ones]
    for record in parked:
        why = because("upstream_paused", why_paused(held[record.upstream]))
        rest: CheckoutChanges = {"due_at": None, "lease_until": now, "claims_without_progress": 0, **why}
        checkouts.change(connection, record, rest, now)
    return open_ones, len(parked)
