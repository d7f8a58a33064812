"""The sizes of calls that order systems were found to bear, in the database: one row for each upstream and mapping."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.checkouts.model import CheckoutRecord
from gateway.ordering import CallSize, Limits, Mapping, learnt, recovered
from gateway.services import Services
from gateway.storage.tables import upstream_limit

_OF_KEY = tuple(upstream_limit.c[name] == bindparam(name) for name in ("tenant", "upstream", "mapping"))
_by_key = select(upstream_limit.c.items_max, upstream_limit.c.updated_at).where(*_OF_KEY)
_forgotten = delete(upstream_limit).where(*_OF_KEY)


def known(connection: Connection, tenant: str, upstream: str, mapping: str) -> CallSize | None:
    """Return what the last refusal taught, if there was one."""
    key = {"tenant": tenant, "upstream": upstream, "mapping": mapping}
    row = connection.execute(_by_key, key).one_or_none()
    return None if row is None else CallSize(row.items_max, row.updated_at)


def remember(
    connection: Connection,
    record: CheckoutRecord,
    items_max: int,
    limits: Limits,
    now: datetime,
    recovery_seconds: float,
) -> None:
    """Keep what a refusal of one of the checkout's calls taught, for the checkouts to come."""
    before = known(connection, record.tenant, record.upstream, record.mapping)
    size = learnt(items_max, recovered(before, limits, now, recovery_seconds), now)
    values = {"items_max": size.items_max, "updated_at": size.learnt_at}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        dialect.insert(upstream_limit)
        .values(tenant=record.tenant, upstream=record.upstream, mapping=record.mapping, **values)
        .on_conflict_do_update(index_elements=["tenant", "upstream", "mapping"], set_=values)
    )


def forget(connection: Connection, record: CheckoutRecord) -> None:
    """Forget what refusals taught of calls to the checkout's upstream."""
    key = {"tenant": record.tenant, "upstream": record.upstream, "mapping": record.mapping}
    connection.execute(_forgotten, key)


async def items_max_now(services: Services, tenant: str, upstream: str, mapping: Mapping) -> int | None:
    """Return how many new items a call to the upstream may carry now; None when its mapping's limits are all that is known."""
    recovery_seconds = services.settings.submission.limit_recovery_seconds

    def function(connection: Connection) -> int | None:
        size = known(connection, tenant, upstream, mapping.name)
        if size is None:
            return None
        return recovered(size, mapping.limits, services.database.now(connection), recovery_seconds)

    return await services.database.read_brief(function)
