"""The service's own figures for Prometheus: few, with labels of bounded variety (never an id, never a raw path).

Every figure is kept by tenant. A scrape shows those of one tenant, or of all of them added up; no series names a tenant.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.counters import Counter, Requests

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
UNROUTED: Final = "unrouted"
# Requests of nobody who is known.
NO_TENANT: Final = ""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"})


class _View(Collector):
    """The figures of one tenant, of all where it is None."""

    def __init__(self, metrics: Metrics, tenant: str | None) -> None:
        self._metrics, self._tenant = metrics, tenant

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics.families(self._tenant)


class MeasuredUpstream(NamedTuple):
    """What was measured of an order system: when (seconds since 1970), what works or does not, and what its mapping claims in vain.

    `tenants` are those that may use it; none: all.
    """

    at: float
    works: Mapping[str, bool]
    contradictions: int
    tenants: tuple[str, ...] = ()


class UnfinishedCheckouts(NamedTuple):
    """The checkouts of one tenant on one order system in one state that is not final; how old the oldest is, in seconds."""

    tenant: str
    upstream: str
    state: str
    checkouts: int
    oldest_age: float


class ReconciledUpstream(NamedTuple):
    """The last comparison of an order system with the checkouts: when (seconds since 1970), whether it saw all, what differed by kind."""

    at: float
    complete: bool
    discrepancies: Mapping[str, int]
    unclaimed: int


class Metrics:
    """Every figure of one process. `refreshers` run before each scrape, for figures that only the database knows."""

    def __init__(self) -> None:
        self._paused: Mapping[str, bool] = {}
        self._upstream_tenants: Mapping[str, Collection[str]] = {}
        self.refreshers: list[Callable[[], Awaitable[None]]] = []
        self._requests = Requests()
        self._outcomes = Counter(
            "gateway_submission_step_outcomes",
            "Outcomes of calls to an order system, by upstream, kind of step and outcome.",
            ("upstream", "kind", "outcome"),
        )
        self._deliveries = Counter(
            "gateway_event_deliveries",
            "Attempts to deliver an event to a subscriber, by kind of resource and outcome.",
            ("resource", "outcome"),
        )
        self._duplicates = Counter(
            "gateway_duplicate_orders",
            "Checkouts for which more than one live order was found: something repeats calls to the order system, or its answers lied.",
            ("upstream",),
        )
        self._notifications = Counter(
            "gateway_notifications",
            "Notifications of order systems, by what came of them: recorded, repeated, full (no room), turned_away (too many at once).",
            ("upstream", "outcome"),
        )
        self._unfinished: Collection[UnfinishedCheckouts] = ()
        self._states: tuple[str, ...] = ()
        self._due_ages: Mapping[str, float] = {}
        # How many mistakes keep clients out; asked at each scrape.
        self.identity_problems: Callable[[], int] = lambda: 0
        # Whether the keys of the identity provider could not be read last; asked at each scrape.
        self.identity_provider_is_failing: Callable[[], bool] = lambda: False
        # Bytes of the embedded database's write-ahead log, None where there is none; asked at each scrape.
        self.write_ahead_log_bytes: Callable[[], int | None] = lambda: None
        self._measured: Mapping[str, MeasuredUpstream] = {}
        self._silence: Mapping[str, float] = {}
        self._reconciled: Mapping[str, ReconciledUpstream] = {}

    def request_answered(self, tenant: str, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request. `route` is the template of the route, or UNROUTED; `tenant` the client's, or NO_TENANT."""
        self._requests.add(tenant, (route, method if method in _METHODS else "other", str(status)), seconds)

    def step_outcome(self, tenant: str, upstream: str, kind: str, outcome: str) -> None:
        """Count one outcome of a step (`kind`: create, add, price, submit, probe ...; `outcome`: the class's name)."""
        self._outcomes.add(tenant, upstream, kind, outcome)

    def duplicate_orders(self, tenant: str, upstream: str) -> None:
        """Count one checkout for which more than one live order was found: an alarm."""
        self._duplicates.add(tenant, upstream)

    def event_delivery(self, tenant: str, resource: str, outcome: str) -> None:
        """Count one attempt to deliver an event (`outcome`: the class's name: Taken, Refused, Throttled, Gone)."""
        self._deliveries.add(tenant, resource, outcome)

    def notification(self, tenant: str, upstream: str, outcome: str) -> None:
        """Count one notification of an order system by what came of it; `tenant` is empty where that is not known."""
        self._notifications.add(tenant, upstream, outcome)

    def set_unfinished(self, states: tuple[str, ...], unfinished: Collection[UnfinishedCheckouts]) -> None:
        """Replace what is known of the checkouts that have not ended; one of `states` that is not named has none."""
        self._states, self._unfinished = states, unfinished

    def set_oldest_due_ages(self, ages: Mapping[str, float]) -> None:
        """Say how long the oldest due checkout of each tenant has been waiting, in seconds; not named: none is due."""
        self._due_ages = ages

    def set_capabilities(self, measured: Mapping[str, MeasuredUpstream]) -> None:
        """Replace what was measured of order systems, by upstream."""
        self._measured = measured

    def set_upstreams(self, paused: Mapping[str, bool], tenants: Mapping[str, Collection[str]]) -> None:
        """Say which order systems are paused, and which tenants each serves; none named: all of them."""
        self._paused, self._upstream_tenants = paused, tenants

    def set_silence(self, seconds: Mapping[str, float]) -> None:
        """Say for how long each order system has sent no notification; since the start where none of it is kept."""
        self._silence = seconds

    def set_reconciled(self, reconciled: Mapping[str, ReconciledUpstream]) -> None:
        """Replace what the last comparisons of order systems with the checkouts found, by upstream."""
        self._reconciled = reconciled

    def families(self, tenant: str | None) -> Iterator[Metric]:
        """Yield every figure of `tenant`, or of all of them together."""
        yield self._requests.family(tenant)
        for counter in (self._outcomes, self._deliveries, self._duplicates, self._notifications):
            yield counter.family(tenant)
        yield from self._unfinished_families(tenant)
        ages = [age for owner, age in self._due_ages.items() if tenant in {None, owner}]
        yield GaugeMetricFamily(
            "gateway_submission_oldest_due_age_seconds",
            "How long the longest waiting due checkout has been waiting.",
            value=max([0.0, *ages]),
        )
        yield GaugeMetricFamily(
            "gateway_identity_problems",
            "Mistakes in the file of clients: who they concern is not let in. Set an alarm on anything above 0.",
            value=self.identity_problems(),
        )
        yield GaugeMetricFamily(
            "gateway_identity_provider_failing",
            "1 while the keys of the identity provider could not be read when that was tried last: soon no access token is taken.",
            value=float(self.identity_provider_is_failing()),
        )
        log_bytes = self.write_ahead_log_bytes()
        if log_bytes is not None:
            yield GaugeMetricFamily(
                "gateway_sqlite_wal_bytes",
                "Size of the write-ahead log of the embedded database; while somebody reads for long, it only grows.",
                value=log_bytes,
            )
        paused = GaugeMetricFamily(
            "gateway_upstream_paused",
            "Whether an operator paused the order system (1) or not (0).",
            labels=("upstream",),
        )
        for upstream, is_paused in sorted(self._paused.items()):
            served = self._upstream_tenants.get(upstream)
            if tenant is None or not served or tenant in served:
                paused.add_metric((upstream,), float(is_paused))
        yield paused
        silence = GaugeMetricFamily(
            "gateway_notifications_silence_seconds",
            "How long an order system has sent no notification that is new; since the start of this process where none of it is kept.",
            labels=("upstream",),
        )
        for upstream, seconds in sorted(self._silence.items()):
            served = self._upstream_tenants.get(upstream)
            if tenant is None or not served or tenant in served:
                silence.add_metric((upstream,), seconds)
        yield silence
        yield from self._upstream_families(tenant)

    def _unfinished_families(self, tenant: str | None) -> Iterator[Metric]:
        checkouts = GaugeMetricFamily("gateway_checkouts", "Checkouts by state, as of the scrape.", labels=("state",))
        oldest = GaugeMetricFamily(
            "gateway_checkouts_oldest_unfinished_age_seconds",
            "How long ago the oldest checkout was made that has not ended, by order system and state.",
            labels=("upstream", "state"),
        )
        counts: dict[str, int] = dict.fromkeys(self._states, 0)
        ages: dict[tuple[str, str], float] = {}
        for each in self._unfinished:
            if tenant in {None, each.tenant}:
                key = (each.upstream, each.state)
                counts[each.state] += each.checkouts
                ages[key] = max(each.oldest_age, ages.get(key, 0.0))
        for state, count in counts.items():
            checkouts.add_metric((state,), count)
        for labels, age in sorted(ages.items()):
            oldest.add_metric(labels, age)
        yield checkouts
        yield oldest

    def _upstream_families(self, tenant: str | None) -> Iterator[Metric]:
        works = GaugeMetricFamily(
            "gateway_upstream_capability",
            "What `gateway doctor` saw of an order system: 1 works, 0 does not; what was not seen has no figure.",
            labels=("upstream", "capability"),
        )
        against = GaugeMetricFamily(
            "gateway_upstream_contradictions",
            "What a mapping relies on and `gateway doctor` did not see to work.",
            labels=("upstream",),
        )
        measured_at = GaugeMetricFamily(
            "gateway_upstream_measured_timestamp_seconds",
            "When `gateway doctor` measured an order system last.",
            labels=("upstream",),
        )
        for upstream, measured in self._measured.items():
            if tenant is None or not measured.tenants or tenant in measured.tenants:
                measured_at.add_metric((upstream,), measured.at)
                against.add_metric((upstream,), measured.contradictions)
                for capability, is_so in measured.works.items():
                    works.add_metric((upstream, capability), float(is_so))
        yield from (works, against, measured_at)
        if tenant is None:
            yield from self._reconciled_families()

    def _reconciled_families(self) -> Iterator[Metric]:
        differing = GaugeMetricFamily(
            "gateway_reconciliation_discrepancies",
            "What differed between an order system's orders and the checkouts when they were compared last, by kind.",
            labels=("upstream", "kind"),
        )
        complete = GaugeMetricFamily(
            "gateway_reconciliation_complete",
            "1 when the last comparison saw every order with a marker, 0 when it did not.",
            labels=("upstream",),
        )
        at = GaugeMetricFamily(
            "gateway_reconciliation_timestamp_seconds",
            "When an order system's orders were compared with the checkouts last.",
            labels=("upstream",),
        )
        open_orders = GaugeMetricFamily(
            "gateway_unclaimed_orders",
            "Live orders with a marker of the gateway that belong to no checkout, and that nobody settled.",
            labels=("upstream",),
        )
        for upstream, last in self._reconciled.items():
            at.add_metric((upstream,), last.at)
            complete.add_metric((upstream,), float(last.complete))
            open_orders.add_metric((upstream,), last.unclaimed)
            for kind, count in last.discrepancies.items():
                differing.add_metric((upstream, kind), count)
        yield from (differing, complete, at, open_orders)

    async def exposition(self, tenant: str | None = None) -> bytes:
        """Return the figures of `tenant`, or of all together, in Prometheus' text format (media type CONTENT_TYPE)."""
        for refresh in self.refreshers:
            await refresh()
        registry = CollectorRegistry()
        registry.register(_View(self, tenant))
        return generate_latest(registry)
