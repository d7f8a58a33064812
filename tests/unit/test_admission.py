"""Buckets of tokens: what they let through, what they say, and that they do not fill the memory."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import TooManyRequestsError
from gateway.security.admission import BUCKETS_MAX, Admission, Turns
from gateway.settings import ClientRate, LimitSettings, TenantRate

LIMITS = LimitSettings(
    client=ClientRate(requests_per_second=2, burst=4), tenant=TenantRate(requests_per_second=4, burst=6)
)


def let_in(
    admission: Admission, client: str, at: float, *, tenant: str = "acme", limits: LimitSettings = LIMITS
) -> bool:
    try:
        admission.admit(tenant, client, limits, at)
    except TooManyRequestsError:
        return False
    return True


def test_a_burst_passes_and_then_what_comes_back() -> None:
    admission = Admission()
    assert [let_in(admission, "shop", 100.0) for _ in range(5)] == [True] * 4 + [False]
    assert not let_in(admission, "shop", 100.4)
    assert let_in(admission, "shop", 100.5)
    assert not let_in(admission, "shop", 100.5)
    assert [let_in(admission, "shop", 200.0) for _ in range(5)] == [True] * 4 + [False]


def test_clients_of_a_tenant_share_its_bucket_and_tenants_nothing() -> None:
    admission = Admission()
    assert [let_in(admission, name, 0.0) for name in "aaabbbc"] == [True] * 6 + [False]
    assert let_in(admission, "a", 0.0, tenant="other")
    # Who is refused for the tenant has lost nothing of its own.
    assert [let_in(admission, "c", 1.0) for _ in range(4)] == [True] * 4


def test_who_is_refused_hears_when_to_come_again() -> None:
    admission = Admission()
    slow = LimitSettings(client=ClientRate(requests_per_second=0.1, burst=1), tenant=TenantRate(requests_per_second=0))
    told = admission.admit("acme", "shop", slow, 0.0)
    assert told == [(b"ratelimit-policy", b'"client";q=1;w=10'), (b"ratelimit", b'"client";r=0;t=10')]
    with pytest.raises(TooManyRequestsError) as caught:
        admission.admit("acme", "shop", slow, 2.0)
    assert caught.value.headers == {
        "Retry-After": "8",
        "ratelimit-policy": '"client";q=1;w=10',
        "ratelimit": '"client";r=0;t=8',
    }
    assert let_in(admission, "shop", 10.0, limits=slow)


def test_without_limits_nothing_is_kept() -> None:
    off = LimitSettings(client=ClientRate(requests_per_second=0), tenant=TenantRate(requests_per_second=0))
    admission = Admission()
    assert [admission.admit("acme", "shop", off, 0.0) for _ in range(2000)][-1] == []
    assert len(admission) == 0


def test_a_flood_of_names_does_not_fill_the_memory() -> None:
    admission = Admission()
    limits = LimitSettings(client=ClientRate(requests_per_second=2, burst=4), tenant=TenantRate(requests_per_second=0))
    for number in range(5 * BUCKETS_MAX):
        assert let_in(admission, f"random-{number}", number / 1e6, limits=limits)
    assert len(admission) <= BUCKETS_MAX
    # Who asked last is remembered.
    assert [let_in(admission, f"random-{5 * BUCKETS_MAX - 1}", 0.1, limits=limits) for _ in range(4)][-1] is False


async def test_so_many_at_once_and_the_others_of_the_same_tenant_wait() -> None:
    limits = LimitSettings(client=ClientRate(concurrent_max=2), tenant=TenantRate(concurrent_max=3))
    turns, leave = Turns(limits), asyncio.Event()
    at_work: list[str] = []

    async def work(tenant: str, client: str) -> None:
        async with turns.slot(tenant, client):
            at_work.append(client)
            await leave.wait()

    asked = [("acme", "shop")] * 4 + [("acme", "app")] * 2 + [("other", "elsewhere")]
    tasks = [asyncio.create_task(work(*each)) for each in asked]
    for _ in range(20):  # turns of the loop; whoever gets in is in after a few
        await asyncio.sleep(0)
    # Another tenant does not wait for them, and a client leaves a turn of its tenant to the others.
    assert sorted(at_work) == ["app", "elsewhere", "shop", "shop"]
    leave.set()
    await asyncio.gather(*tasks)
    assert sorted(at_work) == ["app", "app", "elsewhere", "shop", "shop", "shop", "shop"]


async def test_who_gets_no_turn_in_time_is_told_so_and_a_bound_of_0_is_none() -> None:
    one = LimitSettings(client=ClientRate(concurrent_max=1), tenant=TenantRate(concurrent_max=0))
    turns = Turns(one, wait_seconds_max=0.01)
    async with turns.slot("acme", "shop"):
        with pytest.raises(TooManyRequestsError) as caught:
            async with turns.slot("acme", "shop"):
                pass
        async with turns.slot("acme", "app"), turns.slot("acme", "third"):
            pass
    assert caught.value.headers == {"Retry-After": "2"}
    async with turns.slot("acme", "shop"):
        pass
