"""How often clients may ask, and how much at once: looked at before a body is read, for each tenant and for each client.

A bucket holds `burst` tokens, each request takes one, and `requests_per_second` come back. Each process has its own. Of the requests that
have a token `concurrent_max` are worked on at the same time: what the others of a flood wait for is their own tenant, not everybody.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, TypeAlias

from gateway.errors import TooManyRequestsError
from gateway.fair_limiter import TurnsByKey
from gateway.settings.limits import ClientRate, LimitSettings, TenantRate

Rate: TypeAlias = TenantRate | ClientRate
Headers: TypeAlias = list[tuple[bytes, bytes]]

# Buckets kept at most; then full ones are forgotten, which are as good as new, and after them the ones longest not asked.
BUCKETS_MAX: Final = 20_000
# A request that has not got its turn after so long is answered 429.
TURN_SECONDS_MAX: Final = 10.0


class Bucket(NamedTuple):
    """How many tokens there were at a monotonic time, in seconds."""

    tokens: float
    at: float


def refilled(bucket: Bucket | None, rate: Rate, now: float) -> float:
    """Return how many tokens a bucket holds now; a new one is full."""
    if bucket is None:
        return float(rate.burst)
    return min(float(rate.burst), bucket.tokens + max(0.0, now - bucket.at) * rate.requests_per_second)


class Admission:
    """The buckets of one process."""

    def __init__(self) -> None:
        # In the order in which they were last asked.
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def admit(self, tenant: str, client: str, limits: LimitSettings, now: float) -> Headers:
        """Take a token for a request; return the headers that tell how many are left (RateLimit of the IETF draft).

        `now` is monotonic, in seconds. Raises TooManyRequestsError (429, with Retry-After) when there is none; then none is taken.
        """
        wanted: list[tuple[str, tuple[str, str], Rate]] = [
            ("client", (tenant, client), limits.client),
            ("tenant", (tenant, ""), limits.tenant),
        ]
        asked = [(name, key, rate) for name, key, rate in wanted if rate.requests_per_second > 0]
        left = {name: refilled(self._buckets.get(key), rate, now) for name, key, rate in asked}
        for name, _, rate in asked:
            if left[name] < 1:
                seconds = max(1, math.ceil((1 - left[name]) / rate.requests_per_second))
                told = {key.decode(): value.decode() for key, value in _headers(asked, left)}
                raise TooManyRequestsError(
                    f"Requests of this {name} come faster than {rate.requests_per_second:g} a second; slow down.",
                    headers={"Retry-After": str(seconds), **told},
                )
        for name, key, _ in asked:
            self._buckets.pop(key, None)
            left[name] -= 1
            self._buckets[key] = Bucket(left[name], now)
        if len(self._buckets) > BUCKETS_MAX:
            self._forget(limits, now)
        return _headers(asked, left)

    def _forget(self, limits: LimitSettings, now: float) -> None:
        kept = {
            key: bucket
            for key, bucket in self._buckets.items()
            if refilled(bucket, limits.client if key[1] else limits.tenant, now)
            < (limits.client if key[1] else limits.tenant).burst
        }
        for key in list(kept)[: max(0, len(kept) - BUCKETS_MAX // 2)]:
            del kept[key]
        self._buckets = kept


class Turns:
    """The turns of one process: so many requests of a client, and of a tenant, are worked on at the same time."""

    def __init__(self, limits: LimitSettings, *, wait_seconds_max: float = TURN_SECONDS_MAX) -> None:
        self._of_client = _turns(limits.client, wait_seconds_max)
        self._of_tenant = _turns(limits.tenant, wait_seconds_max)

    @asynccontextmanager
    async def slot(self, tenant: str, client: str) -> AsyncIterator[None]:
        """Have a turn, in the order of asking. Raises TooManyRequestsError (429) when there is none in time."""
        async with self._of_client.slot((tenant, client)), self._of_tenant.slot(tenant):
            yield


def _turns(rate: Rate, wait_seconds_max: float) -> TurnsByKey:
    # Without a bound there is a turn for whatever comes.
    return TurnsByKey(rate.concurrent_max or 1_000_000, wait_seconds_max=wait_seconds_max, busy=_no_turn)


def _no_turn() -> TooManyRequestsError:
    return TooManyRequestsError(
        "Too many requests of this client or tenant are being worked on; send fewer at the same time.",
        headers={"Retry-After": "2"},
    )


def _headers(asked: list[tuple[str, tuple[str, str], Rate]], left: dict[str, float]) -> Headers:
    """Return `RateLimit-Policy` and `RateLimit`: by name the tokens of a full bucket and how long it takes to fill, then what is left."""
    if not asked:
        return []
    policies, states = [], []
    for name, _, rate in asked:
        window = math.ceil(rate.burst / rate.requests_per_second)
        policies.append(f'"{name}";q={rate.burst};w={window}')
        until_full = math.ceil((rate.burst - left[name]) / rate.requests_per_second)
        states.append(f'"{name}";r={int(left[name])};t={until_full}')
    return [(b"ratelimit-policy", ", ".join(policies).encode()), (b"ratelimit", ", ".join(states).encode())]
