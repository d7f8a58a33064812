"""The service's own figures for Prometheus: few, with labels of bounded variety (never an id, never a raw path)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
UNROUTED: Final = "unrouted"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"})


class Metrics:
    """Every figure of one process. `refreshers` run before each scrape, for figures that only the database knows."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.refreshers: list[Callable[[], Awaitable[None]]] = []
        self._requests = Counter(
            "gateway_requests",
            "Requests answered, by route template, method and status.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._durations = Histogram(
            "gateway_request_duration_seconds",
            "Time from a request's head to the end of its answer.",
            ("route", "method"),
            registry=self._registry,
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0),
        )
        self._outcomes = Counter(
            "gateway_submission_step_outcomes",
            "Outcomes of calls to an order system, by upstream, kind of step and outcome.",
            ("upstream", "kind", "outcome"),
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
        # One request costs two look-ups here instead of two walks through prometheus_client's label handling.
        self._request_cache: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def request_answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request. `route` is the template of the route, or UNROUTED."""
        key = (route, method, status)
        children = self._request_cache.get(key)
        if children is None:
            label = method if method in _METHODS else "other"
            children = (
                self._requests.labels(route, label, str(status)),
                self._durations.labels(route, label),
            )
            if method in _METHODS:
                self._request_cache[key] = children
        children[0].inc()
        children[1].observe(seconds)

    def step_outcome(self, upstream: str, kind: str, outcome: str) -> None:
        """Count one outcome of a step (`kind`: create, add, price, submit, probe ...; `outcome`: the class's name)."""
        self._outcomes.labels(upstream, kind, outcome).inc()

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
