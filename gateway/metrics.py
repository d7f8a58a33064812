"""The service's own figures for Prometheus: few, with labels of bounded variety (never an id, never a raw path)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
UNROUTED: Final = "unrouted"
BUCKETS_SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"})


class _Requests(Collector):
    """Requests by route, method and status with their durations: added up in plain lists, put in form at the scrape.

    Every request passes here, on the event loop's thread alone; prometheus_client's locks and labels would cost each of them as
    much as a look-up in the database.
    """

    def __init__(self) -> None:
        # Per key: requests by duration bucket (the last is the rest), and the sum of the durations.
        self._counts: dict[tuple[str, str, int], list[int]] = {}
        self._seconds: dict[tuple[str, str, int], float] = {}

    def add(self, route: str, method: str, status: int, seconds: float) -> None:
        key = (route, method, status)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = [0] * (len(BUCKETS_SECONDS) + 1)
            self._seconds[key] = 0.0
        counts[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        self._seconds[key] += seconds

    def collect(self) -> Iterator[Metric]:
        labels = ("route", "method", "status")
        durations = HistogramMetricFamily(
            "gateway_request_duration_seconds",
            "Requests answered and the time from their heads to the ends of their answers.",
            labels=labels,
        )
        for (route, method, status), counts in list(self._counts.items()):
            bounds = [*(f"{bound:g}" for bound in BUCKETS_SECONDS), "+Inf"]
            buckets = list(zip(bounds, map(float, accumulate(counts)), strict=True))
            durations.add_metric((route, method, str(status)), buckets, self._seconds[route, method, status])
        yield durations


class Metrics:
    """Every figure of one process. `refreshers` run before each scrape, for figures that only the database knows."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.refreshers: list[Callable[[], Awaitable[None]]] = []
        self._requests = _Requests()
        self._registry.register(self._requests)
        self._outcomes = Counter(
            "gateway_submission_step_outcomes",
            "Outcomes of calls to an order system, by upstream, kind of step and outcome.",
            ("upstream", "kind", "outcome"),
            registry=self._registry,
        )
        self._deliveries = Counter(
            "gateway_event_deliveries",
            "Attempts to deliver an event to a subscriber, by kind of resource and outcome.",
            ("resource", "outcome"),
            registry=self._registry,
        )
        self._duplicates = Counter(
            "gateway_duplicate_orders",
            "Checkouts for which more than one live order was found: something repeats calls to the order system, or its answers lied.",
            ("upstream",),
            registry=self._registry,
        )
        self._checkouts = Gauge(
            "gateway_checkouts", "Checkouts by state, as of the scrape.", ("state",), registry=self._registry
        )
        self._due_age = Gauge(
            "gateway_submission_oldest_due_age_seconds",
            "How long the longest waiting due checkout has been waiting.",
            registry=self._registry,
        )

    def request_answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request. `route` is the template of the route, or UNROUTED."""
        self._requests.add(route, method if method in _METHODS else "other", status, seconds)

    def step_outcome(self, upstream: str, kind: str, outcome: str) -> None:
        """Count one outcome of a step (`kind`: create, add, price, submit, probe ...; `outcome`: the class's name)."""
        self._outcomes.labels(upstream, kind, outcome).inc()

    def duplicate_orders(self, upstream: str) -> None:
        """Count one checkout for which more than one live order was found: an alarm."""
        self._duplicates.labels(upstream).inc()

    def event_delivery(self, resource: str, outcome: str) -> None:
        """Count one attempt to deliver an event (`outcome`: the class's name: Taken, Refused, Throttled, Gone)."""
        self._deliveries.labels(resource, outcome).inc()

    def set_checkouts_by_state(self, counts: Mapping[str, int]) -> None:
        """Replace the numbers of checkouts; a state that is not named has none."""
        self._checkouts.clear()
        for state, count in counts.items():
            self._checkouts.labels(state).set(count)

    def set_oldest_due_age(self, seconds: float) -> None:
        """Say how long the oldest due checkout has been waiting; 0 when none is due."""
        self._due_age.set(max(0.0, seconds))

    async def exposition(self) -> bytes:
        """Return everything in Prometheus' text format (media type CONTENT_TYPE)."""
        for refresh in self.refreshers:
            await refresh()
        return generate_latest(self._registry)
