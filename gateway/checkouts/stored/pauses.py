"""Order systems that an operator paused: nobody calls them, and the checkouts that wait for them are parked.

A parked checkout has no time at which it is due; what resumes the order system makes it due again. However many wait, a pause costs
nothing while it lasts.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update

from gateway.storage.tables import UNFINISHED_STATES, checkout, upstream_pause


class Pause(Struct, frozen=True, kw_only=True):
    """A pause of one order system: since when, by which client, and why."""

    upstream: str
    since: datetime
    client: str
    reason: str


def pauses(connection: Connection, *, for_share: bool = False) -> dict[str, Pause]:
    """Return the pauses by upstream.

    `for_share`: no pause that is returned is ended before this transaction is, so that what it parks is found by who resumes.
    """
    query = select(upstream_pause)
    if for_share:
        query = query.with_for_update(read=True)
    return {row.upstream: Pause(**row._asdict()) for row in connection.execute(query)}


def pause(connection: Connection, wanted: Pause) -> Pause:
    """Pause an order system; one that is paused stays as it is. Returns the pause that holds."""
    current = pauses(connection).get(wanted.upstream)
    if current is not None:
        return current
    connection.execute(insert(upstream_pause), {name: getattr(wanted, name) for name in wanted.__struct_fields__})
    return wanted


def resume(connection: Connection, upstream: str, now: datetime) -> int | None:
    """End a pause and make every checkout due that waited for it; return how many, None when there was no pause."""
    if connection.execute(delete(upstream_pause).where(upstream_pause.c.upstream == upstream)).rowcount == 0:
        return None
    parked = (
        checkout.c.upstream == upstream,
        checkout.c.state.in_(UNFINISHED_STATES),
        checkout.c.reason_code == "upstream_paused",
    )
    unparked = {"reason_code": None, "status_reason": None, "version": checkout.c.version + 1, "updated_at": now}
    followed = connection.execute(
        update(checkout)
        .where(*parked, checkout.c.state == "submitted", checkout.c.cancel_requested.is_(False))
        .values(track_due_at=now, **unparked)
    )
    others = connection.execute(update(checkout).where(*parked).values(due_at=now, **unparked))
    return followed.rowcount + others.rowcount


def why_paused(paused: Pause) -> str:
    """Return the sentence for a checkout that waits."""
    return f"the order system {paused.upstream} is paused ({paused.reason}): it is gone on with when it is resumed"
