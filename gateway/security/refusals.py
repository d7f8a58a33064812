"""What clients were not allowed to do, for the audit: so many of each client in an hour, so that nobody fills the disk by being refused."""

from __future__ import annotations

from typing import Final, NamedTuple

REFUSALS_PER_HOUR: Final = 20
HOUR_SECONDS: Final = 3_600.0
CLIENTS_MAX: Final = 10_000


class _Hour(NamedTuple):
    """Since when (monotonic, seconds), how many were recorded, and how many were not."""

    began: float
    recorded: int
    passed_over: int


class Refusals:
    """Which refusals of one process are recorded."""

    def __init__(self) -> None:
        self._hours: dict[tuple[str, str], _Hour] = {}

    def __len__(self) -> int:
        return len(self._hours)

    def passed_over(self, tenant: str, client: str, now: float) -> int | None:
        """Count a refusal of a client at a monotonic time.

        Return how many before it were not recorded, or None when this one is not to be recorded either.
        """
        key = (tenant, client)
        hour = self._hours.pop(key, None) or _Hour(now, 0, 0)
        missed: int | None = None
        if now - hour.began >= HOUR_SECONDS:
            hour = _Hour(now, 0, hour.passed_over)
        if hour.recorded < REFUSALS_PER_HOUR:
            missed = hour.passed_over
            hour = hour._replace(recorded=hour.recorded + 1, passed_over=0)
        else:
            hour = hour._replace(passed_over=hour.passed_over + 1)
        if len(self._hours) >= CLIENTS_MAX:
            # Those that were refused last are kept.
            for old in list(self._hours)[: CLIENTS_MAX // 2]:
                del self._hours[old]
        self._hours[key] = hour
        return missed
