"""A circuit breaker: when half of the recent calls got no usable answer, stop asking for a while. No I/O; the clock is given.

Only failures that say "the order system is not there" count: no connection, no complete answer, 5xx. A refusal (4xx) is an
answer. While open, nothing is sent. After the pause one harmless read probes; a call with an effect never does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Literal

CALLS_MIN: Final = 20
WINDOW_SECONDS: Final = 30.0
OPEN_SECONDS: Final = 30.0
FAILED_SHARE: Final = 0.5
_CALLS_KEPT: Final = 10_000


class Breaker:
    """Closed: everything passes. Open: nothing does. Half-open: one probe at a time does.

    `clock` returns monotonic seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        calls_min: int = CALLS_MIN,
        window_seconds: float = WINDOW_SECONDS,
        open_seconds: float = OPEN_SECONDS,
        failed_share: float = FAILED_SHARE,
    ) -> None:
        self._clock = clock
        self._calls_min = calls_min
        self._window_seconds = window_seconds
        self._open_seconds = open_seconds
        self._failed_share = failed_share
        self._calls: deque[tuple[float, bool]] = deque()
        self._failures = 0  # among them
        self._open_until: float | None = None
        self._probing = False

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        """Return the state at this moment."""
        if self._open_until is None:
            return "closed"
        return "open" if self._clock() < self._open_until else "half-open"

    @property
    def retry_after_seconds(self) -> float:
        """Return how long it stays open; at least one second unless it is closed."""
        return 0.0 if self._open_until is None else max(1.0, self._open_until - self._clock())

    def begin_probe(self) -> bool:
        """Claim the right to probe: half-open, and nobody else is probing. The claim ends with `end_probe`."""
        if self.state != "half-open" or self._probing:
            return False
        self._probing = True
        return True

    def end_probe(self, *, answered: bool | None) -> None:
        """Close after an answer, open again after a failure; None: the probe was cancelled and proves nothing."""
        self._probing = False
        if answered:
            self._open_until = None
            self._calls.clear()
            self._failures = 0
        elif answered is not None:
            self._open_until = self._clock() + self._open_seconds

    def record(self, *, failed: bool) -> None:
        """Count one ordinary call. What ends while the circuit is open began before and is not news."""
        if self._open_until is not None:
            return
        now = self._clock()
        self._calls.append((now, failed))
        self._failures += failed
        while self._calls and (self._calls[0][0] <= now - self._window_seconds or len(self._calls) > _CALLS_KEPT):
            _, was_failed = self._calls.popleft()
            self._failures -= was_failed
        if len(self._calls) >= self._calls_min and self._failures >= self._failed_share * len(self._calls):
            self._open_until = now + self._open_seconds
