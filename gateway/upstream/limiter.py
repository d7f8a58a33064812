"""How much of an order system this process may use at once, and the pause when it says that it is too much.

The limits are per process: with several replicas each gets its share (Salesforce counts calls of the whole organisation).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal, TypeAlias

from aiolimiter import AsyncLimiter

from gateway.errors import GatewayError
from gateway.upstream.answers import RETRY_AFTER_SECONDS_MAX, clamp_seconds
from gateway.upstream.causes import Cause

JITTER_SHARE: Final = 0.25
BACKOFF_SECONDS_MAX: Final = 60.0
PauseCause: TypeAlias = Literal["throttled", "waiting_retry", "credentials_refused"]
_PAUSE_WORDS: Final[dict[PauseCause, str]] = {
    "throttled": "it asked for fewer calls",
    "waiting_retry": "it is busy",
    "credentials_refused": "it refuses the gateway's credentials",
}


class NoSlot(GatewayError):  # noqa: N818 - the ordinary way of saying "not now"
    """The call may not be made now; `retry_after_seconds` says when to come back, if that is known."""

    def __init__(self, detail: str, retry_after_seconds: float | None = None, cause: Cause = "waiting_retry") -> None:
        self.detail = detail
        self.cause: Cause = cause
        self.retry_after_seconds = retry_after_seconds
        super().__init__(detail)


class Limiter:
    """Bounded concurrency, an optional rate, and one pause for all.

    `clock` returns monotonic seconds, `jitter` a number in [0, 1): it only ever lengthens a pause, so that callers do not
    come back together and never earlier than they were asked to. No pause is longer than `pause_seconds_max`, whatever is
    asked for: it is one answer to one call, and all calls of all tenants wait for it.
    """

    def __init__(
        self,
        *,
        concurrency_max: int,
        rate_per_second: float | None,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        pause_seconds_max: float = RETRY_AFTER_SECONDS_MAX,
    ) -> None:
        self.pause_seconds_max = pause_seconds_max
        self._slots = asyncio.Semaphore(concurrency_max)
        # A bucket of one second's calls, of one call when the rate is lower than that.
        burst = max(1.0, rate_per_second or 1.0)
        self._rate = AsyncLimiter(burst, burst / rate_per_second) if rate_per_second else None
        self._clock = clock
        self._jitter = jitter
        self._paused_until = 0.0
        self._paused_by: PauseCause = "throttled"
        self._pauses_in_a_row = 0

    @property
    def paused_seconds(self) -> float:
        """Return how much of the pause is left; 0 when there is none."""
        return max(0.0, self._paused_until - self._clock())

    @asynccontextmanager
    async def slot(self, *, within_seconds: float) -> AsyncGenerator[None]:
        """Hold one of the slots. Raises NoSlot at once during a pause, or when none becomes free in time."""
        self._refuse_during_pause()
        try:
            async with asyncio.timeout(within_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise NoSlot(f"no free slot within {within_seconds:.1f} s: too many calls at once") from None
        try:
            if self._rate is not None:
                await self._wait_for_rate(self._rate, within_seconds)
            self._refuse_during_pause()
            yield
        finally:
            self._slots.release()

    def slow_down(self, retry_after_seconds: float | None, cause: PauseCause = "throttled") -> None:
        """Pause every call for as long as was asked; for a growing time when nothing was said. `cause` is told to all of them."""
        already_paused = self.paused_seconds > 0
        if retry_after_seconds is None:
            if already_paused:
                return  # the answers to calls that were under way together are one piece of news
            retry_after_seconds = min(BACKOFF_SECONDS_MAX, 2.0**self._pauses_in_a_row)
        if not already_paused:
            self._pauses_in_a_row = min(self._pauses_in_a_row + 1, 10)
        seconds = clamp_seconds(retry_after_seconds) * (1.0 + JITTER_SHARE * self._jitter())
        ends_at = self._clock() + min(seconds, self.pause_seconds_max)
        if ends_at > self._paused_until:
            self._paused_until, self._paused_by = ends_at, cause

    def succeeded(self) -> None:
        """Note that a call went through: the next unexplained pause starts small again."""
        self._pauses_in_a_row = 0

    def _refuse_during_pause(self) -> None:
        remaining_seconds = self.paused_seconds
        if remaining_seconds > 0:
            why = _PAUSE_WORDS[self._paused_by]
            raise NoSlot(f"paused for {remaining_seconds:.1f} s: {why}", remaining_seconds, self._paused_by)

    async def _wait_for_rate(self, rate: AsyncLimiter, within_seconds: float) -> None:
        try:
            async with asyncio.timeout(within_seconds):
                await rate.acquire()
        except TimeoutError:
            raise NoSlot(f"the call rate is used up for the next {within_seconds:.1f} s") from None
