"""The figures of checkouts that only the database knows, brought up to date before a scrape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, func, select

from gateway.checkouts.stored.due import lanes_waiting
from gateway.checkouts.stored.pauses import pauses
from gateway.checkouts.stored.recovering import last_reconciled
from gateway.metrics import MeasuredUpstream, ReconciledUpstream, UnfinishedCheckouts
from gateway.services import Services
from gateway.storage.capabilities import measurements
from gateway.storage.tables import UNFINISHED_STATES, checkout, inbox

# However often somebody scrapes, the database is asked no more often than this.
KEPT_SECONDS: Final = 5.0


class UnfinishedGroup(NamedTuple):
    """The checkouts of one tenant on one order system that are in one state which is not final."""

    tenant: str
    upstream: str
    state: str
    checkouts: int
    oldest: datetime  # when the oldest of them was made


def unfinished_groups(connection: Connection) -> list[UnfinishedGroup]:
    """Return the checkouts that have not ended, in groups; those that ended are not counted: their number only grows."""
    state, upstream, tenant = checkout.c.state, checkout.c.upstream, checkout.c.tenant
    query = (
        select(tenant, upstream, state, func.count(), func.min(checkout.c.created_at))
        .where(state.in_(UNFINISHED_STATES))
        .group_by(state, upstream, tenant)
    )
    return [UnfinishedGroup(*row) for row in connection.execute(query)]


def longest_due(connection: Connection) -> dict[str, datetime]:
    """Return by tenant since when its longest waiting due checkout has been due, for those that have one."""
    found: dict[str, datetime] = {}
    for tenant, due in connection.execute(_LONGEST_DUE):
        found[tenant] = min(due, found.get(tenant, due))
    return found


def _longest_due() -> Select[Any]:
    lanes, due_at = lanes_waiting(checkout.c.due_at), checkout.c.due_at
    of_lane = select(func.min(due_at)).where(
        checkout.c.tenant == lanes.c.tenant, checkout.c.upstream == lanes.c.upstream, due_at.is_not(None)
    )
    return select(lanes.c.tenant, of_lane.correlate(lanes).scalar_subquery()).where(lanes.c.upstream.is_not(None))


_LONGEST_DUE: Final = _longest_due()


def last_notifications(connection: Connection, upstreams: Iterable[str]) -> dict[str, datetime]:
    """Return by order system when the latest notification of it came that is kept; nothing of those of which none is."""
    found = {}
    for upstream in upstreams:
        query = select(func.max(inbox.c.received_at)).where(inbox.c.upstream == upstream)
        latest = connection.execute(query).scalar_one()
        if latest is not None:
            found[upstream] = latest
    return found


def refresher(services: Services) -> Callable[[], Awaitable[None]]:
    """Return what brings the figures of `services.metrics` up to date."""
    refreshed_at: datetime | None = None
    began_at = services.clock()

    async def refresh() -> None:
        nonlocal refreshed_at
        now = services.clock()
        if refreshed_at is not None and 0 <= (now - refreshed_at).total_seconds() < KEPT_SECONDS:
            return
        refreshed_at = now
        unfinished, due, measured, held, reconciled, told = await services.database.read(
            lambda connection: (
                unfinished_groups(connection),
                longest_due(connection),
                measurements(connection),
                pauses(connection),
                last_reconciled(connection),
                last_notifications(connection, services.settings.upstreams),
            )
        )
        services.metrics.set_silence(
            {name: (now - told.get(name, began_at)).total_seconds() for name in services.settings.upstreams}
        )
        services.metrics.set_reconciled(
            {
                each.upstream: ReconciledUpstream(
                    each.at.timestamp(), each.complete, Counter(each.kinds), each.unclaimed
                )
                for each in reconciled
            }
        )
        upstreams = services.settings.upstreams
        services.metrics.set_upstreams(
            {name: name in held for name in upstreams}, {name: each.tenants for name, each in upstreams.items()}
        )
        services.metrics.set_unfinished(
            UNFINISHED_STATES,
            [
                UnfinishedCheckouts(
                    each.tenant, each.upstream, each.state, each.checkouts, (now - each.oldest).total_seconds()
                )
                for each in unfinished
            ],
        )
        services.metrics.set_oldest_due_ages({tenant: (now - since).total_seconds() for tenant, since in due.items()})
        services.metrics.set_capabilities(
            {
                upstream: MeasuredUpstream(
                    at=each.measured_at.timestamp(),
                    works={
                        str(one.name): one.verdict == "works" for one in each.capabilities if one.verdict != "unknown"
                    },
                    contradictions=len(each.contradictions),
                    tenants=tuple(services.settings.upstreams[upstream].tenants),
                )
                for upstream, each in measured.items()
                if upstream in services.settings.upstreams
            }
        )

    return refresh
