"""How many rows of a tenant may be kept: counted seldom, because counting a million rows for each new one would cost more than the rows.

After a count so many may be added without another one: a tenth of what is left, so that the counts come closer together towards the bound.
Each process counts for itself; several together may exceed a bound by that tenth.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

# A count is believed for so long: meanwhile others may have added or removed.
BELIEVED_SECONDS: Final = 60.0
# Who is at the bound is counted again after so long at the earliest.
FULL_SECONDS: Final = 5.0
TENANTS_MAX: Final = 10_000


class Allowance(NamedTuple):
    """How many rows may be added before the next count, and since when (monotonic, seconds); whether the bound was reached then."""

    left: int
    at: float
    is_full: bool


def allowance(count: int, rows_max: int, now: float) -> Allowance:
    """Return what may be added after a count; nothing at the bound."""
    return (
        Allowance(max(1, (rows_max - count) // 10), now, is_full=False)
        if count < rows_max
        else Allowance(0, now, is_full=True)
    )


class RowQuota:
    """The rows of one kind, of every tenant."""

    def __init__(self) -> None:
        self._allowances: dict[str, Allowance] = {}

    async def is_free(self, tenant: str, rows_max: int, count: Callable[[], Awaitable[int]], now: float) -> bool:
        """Take the place of one row of a tenant; False when it has `rows_max` already. `now` is monotonic, in seconds.

        `count` is awaited now and then and returns how many rows there are, or `rows_max` when there are more.
        """
        known = self._allowances.get(tenant)
        if known is None or _is_stale(known, now):
            known = allowance(await count(), rows_max, now)
        if not known.is_full:
            self._keep(tenant, Allowance(known.left - 1, known.at, is_full=False))
            return True
        self._keep(tenant, known)
        return False

    def _keep(self, tenant: str, known: Allowance) -> None:
        if len(self._allowances) >= TENANTS_MAX and tenant not in self._allowances:
            self._allowances.clear()
        self._allowances[tenant] = known


def _is_stale(known: Allowance, now: float) -> bool:
    if known.is_full:
        return now - known.at >= FULL_SECONDS
    return known.left <= 0 or now - known.at >= BELIEVED_SECONDS
