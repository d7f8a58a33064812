"""What is counted as it happens: requests with their durations, and everything else by labels, each of them by tenant."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

BUCKETS_SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)


class Requests:
    """Requests by route, method and status with their durations: added up in plain lists, put in form at the scrape.

    Every request passes here, on the event loop's thread alone; prometheus_client's locks and labels would cost each of them as
    much as a look-up in the database.
    """

    def __init__(self) -> None:
        # Per tenant and key: requests by duration bucket (the last is the rest), and the sum of the durations.
        self._counts: dict[tuple[str, tuple[str, str, str]], list[int]] = {}
        self._seconds: dict[tuple[str, tuple[str, str, str]], float] = {}

    def add(self, tenant: str, key: tuple[str, str, str], seconds: float) -> None:
        """Count one request of a route, method and status that took so many seconds."""
        counts = self._counts.get((tenant, key))
        if counts is None:
            counts = self._counts[tenant, key] = [0] * (len(BUCKETS_SECONDS) + 1)
            self._seconds[tenant, key] = 0.0
        counts[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        self._seconds[tenant, key] += seconds

    def family(self, tenant: str | None) -> Metric:
        """Return what was counted of a tenant, of all of them added up for None."""
        counts: dict[tuple[str, str, str], list[int]] = {}
        seconds: dict[tuple[str, str, str], float] = defaultdict(float)
        for (owner, key), found in list(self._counts.items()):
            if tenant in {None, owner}:
                before = counts.get(key, [0] * len(found))
                counts[key] = [old + new for old, new in zip(before, found, strict=True)]
                seconds[key] += self._seconds[owner, key]
        durations = HistogramMetricFamily(
            "gateway_request_duration_seconds",
            "Requests answered and the time from their heads to the ends of their answers.",
            labels=("route", "method", "status"),
        )
        bounds = [*(f"{bound:g}" for bound in BUCKETS_SECONDS), "+Inf"]
        for key, found in counts.items():
            buckets = list(zip(bounds, map(float, accumulate(found)), strict=True))
            durations.add_metric(key, buckets, seconds[key])
        return durations


class Counter:
    """Something that is counted by tenant and labels."""

    def __init__(self, name: str, description: str, labels: tuple[str, ...]) -> None:
        self._name, self._description, self._labels = name, description, labels
        self._counts: dict[tuple[str, tuple[str, ...]], int] = defaultdict(int)

    def add(self, tenant: str, *values: str) -> None:
        """Count one, by the values of its labels."""
        self._counts[tenant, values] += 1

    def family(self, tenant: str | None) -> Metric:
        """Return what was counted of a tenant, of all of them added up for None."""
        family = CounterMetricFamily(self._name, self._description, labels=self._labels)
        sums: dict[tuple[str, ...], int] = defaultdict(int)
        for (owner, values), count in list(self._counts.items()):
            if tenant in {None, owner}:
                sums[values] += count
        for values, count in sums.items():
            family.add_metric(values, count)
        return family
