"""Each tenant's share of the processor while others ask too: who used more rests before more of its work is begun.

The threads of a process share one interpreter, so whatever is computed for one tenant slows everybody. Each tenant has a bucket of
processor time: what its requests take fills it, and it empties with the tenant's share of a processor. While a bucket is more than full
the next request of its tenant, and its next piece of large work, wait, unless another tenant's is as full. Who asks alone waits for
nothing, and nothing is measured of it but what threads do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import coroutine as generator_coroutine
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

# Processor time, in seconds, that a tenant may use at once: a few checkouts, or a large cart.
BURST_SECONDS: Final = 0.05
# Less is not worth a timer.
REST_SECONDS_MIN: Final = 0.001
# Nothing rests longer than this, whatever it took.
REST_SECONDS_MAX: Final = 1.0
# No request waits longer than this for its tenant to have rested.
WAIT_SECONDS_MAX: Final = 1.0
# Less than this of a request is booked when more has come, or it has ended.
BOOKED_SECONDS_MIN: Final = 0.001
# What HTTP takes of a processor around each request, in seconds: where that is done nobody knows yet whose it is.
REQUEST_SECONDS: Final = 0.0004
# So long after its last request a tenant counts as one that asks.
ASKING_SECONDS: Final = 1.0


class Bucket(NamedTuple):
    """How many seconds of processor time were in it at a monotonic time."""

    level: float
    at: float


def emptied(bucket: Bucket | None, share: float, now: float) -> float:
    """Return how many seconds of processor time are in a bucket now; none are in a new one."""
    return 0.0 if bucket is None else max(0.0, bucket.level - share * (now - bucket.at))


def filled(bucket: Bucket | None, seconds: float, share: float, now: float) -> Bucket:
    """Return the bucket after work that took so many seconds of processor time."""
    return Bucket(min(emptied(bucket, share, now) + seconds, BURST_SECONDS + share * REST_SECONDS_MAX), now)


def rest_seconds(level: float, others: Iterable[float], share: float) -> float:
    """Return how long a tenant rests whose bucket holds `level`: until it is not more than full, or another's holds as much."""
    seconds = (level - max([BURST_SECONDS, *others])) / share
    return seconds if seconds >= REST_SECONDS_MIN else 0.0


class Account:
    """What a request takes of its tenant's share. Threads that work for it add to it; the event loop books it."""

    __slots__ = ("_shares", "_times", "key", "seconds")

    def __init__(self, shares: FairShares, key: Hashable, times: float = 1.0) -> None:
        self._shares = shares
        # What follows in the background is counted with what began it, as so many times as much.
        self._times = times
        self.key = key
        self.seconds = 0.0

    def book(self) -> None:
        """Put what has been added into the bucket of the tenant; on the event loop only."""
        seconds, self.seconds = self.seconds, 0.0
        self._shares.spent(self.key, seconds * self._times)

    async def rested(self) -> None:
        """Wait until the tenant has rested, a second at most."""
        await self._shares.rested(self.key)


# Of the request that is worked on; None: of nobody's, such as work in the background.
_account: Final[ContextVar[Account | None]] = ContextVar("account", default=None)


class FairShares:
    """The buckets of one process. `share` is of one processor, `clock` monotonic, in seconds."""

    def __init__(
        self,
        share: float = 0.25,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._share = share
        self._clock = clock
        self._sleep = sleep
        # Only of who used something while others asked; those that were filled last at the end.
        self._buckets: dict[Hashable, Bucket] = {}
        # Who asked last, and when somebody else did.
        self._last: Hashable = None
        self._last_at = self._others_at = float("-inf")
        # Who rests is begun again in the order of asking, each with a lock that is kept while somebody waits for it.
        self._waiting: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    def __len__(self) -> int:
        """Return of how many something is kept: they used something in the last seconds, or wait."""
        self._forget(self._clock())
        return len(self._buckets.keys() | self._waiting.keys())

    def asks(self, key: Hashable) -> None:
        """Note that somebody asks: others that use more than their share rest for the next second."""
        if key != self._last:
            self._last, self._others_at = key, self._last_at
        self._last_at = self._clock()

    def others_ask(self, key: Hashable) -> bool:
        """Tell whether anybody else asked within the last second; with a whole processor for each that does not matter."""
        if self._share >= 1:
            return False
        at = self._others_at if key == self._last else self._last_at
        return self._clock() - at < ASKING_SECONDS

    def spent(self, key: Hashable, seconds: float) -> None:
        """Note so many seconds of processor time; nothing is kept of who asks alone."""
        if seconds <= 0 or not self.others_ask(key):
            return
        now = self._clock()
        self._buckets[key] = filled(self._buckets.pop(key, None), seconds, self._share, now)
        self._forget(now)

    def rest_of(self, key: Hashable) -> float:
        """Return how many seconds somebody rests still: none when nobody else asks."""
        now = self._clock()
        level = self._level(key, now)
        if level <= BURST_SECONDS or not self.others_ask(key):
            return 0.0
        return rest_seconds(level, (self._level(other, now) for other in self._buckets if other != key), self._share)

    async def rested(self, key: Hashable) -> None:
        """Wait until somebody has rested, a second at most, in the order of asking; at once for who need not."""
        if key not in self._waiting and self.rest_of(key) <= 0:
            return
        lock, waiting = self._waiting.get(key, (asyncio.Lock(), 0))
        self._waiting[key] = lock, waiting + 1
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX), lock:
                while (seconds := self.rest_of(key)) > 0:
                    await self._sleep(seconds)
        except TimeoutError:
            pass
        finally:
            lock, waiting = self._waiting.pop(key)
            if waiting > 1:
                self._waiting[key] = lock, waiting - 1

    async def worked(
        self, key: Hashable, work: Callable[[T], Coroutine[Any, Any, R]], argument: T, times: float = 1.0
    ) -> R:
        """Do what a request asks for, on the account of `key`. While others ask, each of its steps on the event loop is measured.

        It counts so many times as much as it takes.
        """
        account = Account(self, key, times)
        token = _account.set(account)
        try:
            if self.others_ask(key):
                return await _measured(work(argument), account)
            return await work(argument)
        finally:
            _account.reset(token)
            account.seconds += REQUEST_SECONDS
            account.book()

    def _forget(self, now: float) -> None:
        """Forget the buckets that are empty, of those that were filled longest ago."""
        while self._buckets:
            key = next(iter(self._buckets))
            if self._level(key, now) > 0:
                return
            del self._buckets[key]

    def _level(self, key: Hashable, now: float) -> float:
        return emptied(self._buckets.get(key), self._share, now)


def charged(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function, which does the same in a thread and adds what it takes to the account of the request that is worked on."""
    account = _account.get()
    if account is None:
        return function

    def measured(*arguments: P.args, **named: P.kwargs) -> R:
        began = time.thread_time()
        try:
            return function(*arguments, **named)
        finally:
            # Another thread of the same request that does so in the same moment may be lost: it is few, and costs no lock.
            account.seconds += time.thread_time() - began

    return measured


async def rest_before_more() -> None:
    """Wait until the tenant of the request that is worked on has rested: before its next piece of large work."""
    account = _account.get()
    if account is not None:
        account.book()
        await account.rested()


def account_of_request() -> Account | None:
    """Return the account of the request that is worked on; None where it is nobody's."""
    return _account.get()


@contextmanager
def on_account(account: Account | None) -> Iterator[None]:
    """Do what is within on an account: in a task that goes on when the request that began it has ended."""
    token = _account.set(account)
    try:
        yield
    finally:
        _account.reset(token)
        if account is not None:
            account.book()


def book() -> None:
    """Book what threads have done for the request that is worked on."""
    account = _account.get()
    if account is not None:
        account.book()


@generator_coroutine
def _measured(work: Coroutine[Any, Any, R], account: Account) -> Generator[Any, Any, R]:
    """Await the work, and add the processor time of each of its steps to the account."""
    step: Callable[[Any], Any] = work.send
    given: Any = None
    while True:
        began = time.thread_time()
        try:
            awaited = step(given)
        except StopIteration as end:
            value: R = end.value
            return value
        finally:
            account.seconds += time.thread_time() - began
            if account.seconds >= BOOKED_SECONDS_MIN:
                account.book()
        try:
            given = yield awaited
            step = work.send
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:  # noqa: BLE001 - it belongs to the work, a cancellation too
            step, given = work.throw, error
