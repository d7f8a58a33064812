"""Whether a call may be made now, and what its result means for the calls after it: limiter and breaker together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.ordering import Mapping
from gateway.upstream.auth import UpstreamAuth
from gateway.upstream.breaker import Breaker
from gateway.upstream.limiter import Limiter, PauseCause
from gateway.upstream.options import UpstreamOptions
from gateway.upstream.outcome import NotExecuted, Outcome

UNAUTHORISED_PAUSE_SECONDS: Final = 30.0
UNAUTHORISED: Final = 401


class CallGuard:
    """The state that all calls to one order system share."""

    def __init__(self, options: UpstreamOptions, *, clock: Callable[[], float], jitter: Callable[[], float]) -> None:
        self.breaker = Breaker(
            clock,
            calls_min=options.circuit_calls_min,
            window_seconds=options.circuit_window_seconds,
            open_seconds=options.circuit_open_seconds,
            failed_share=options.circuit_failed_share,
        )
        self.limiter = Limiter(
            concurrency_max=options.concurrency_max,
            rate_per_second=options.rate_per_second,
            clock=clock,
            jitter=jitter,
            pause_seconds_max=options.mapping.answers.pause_seconds_max,
        )
        self._auth: UpstreamAuth | None = options.auth

    def use(self, mapping: Mapping) -> None:
        """Keep to what a mapping says of pauses from now on."""
        self.limiter.pause_seconds_max = mapping.answers.pause_seconds_max

    def note(self, status: int, outcome: Outcome) -> None:
        """Slow everybody down, or drop a token, when the order system asked for it by this answer."""
        if not isinstance(outcome, NotExecuted):
            self.limiter.succeeded()
        elif outcome.kind != "unauthorised":
            cause: PauseCause = "throttled" if outcome.kind == "throttled" else "waiting_retry"
            self.limiter.slow_down(outcome.retry_after_seconds, cause)
        elif status == UNAUTHORISED:
            # A renewed token was refused too: asking on would lock the account rather than let a checkout through.
            self.limiter.slow_down(outcome.retry_after_seconds or UNAUTHORISED_PAUSE_SECONDS, "credentials_refused")
        elif self._auth is not None:
            self._auth.forget()
