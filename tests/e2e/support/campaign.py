"""A campaign: carts are checked out while the order system disturbs the calls and the gateway is killed at random moments."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from support import systems
from support.carts import action_counts, make_cart
from support.oracle import FINAL, History, Verdict, judge, read_ledger
from support.processes import RealProcess, World

# More than a third of the calls of every kind, so that no long run falls below DISTURBED_MIN by chance. Refusals for too many calls
# are rare, because each stops all calls for a second; so is silence, because each lasts as long as the caller's patience.
FAULTS: Mapping[str, float] = {
    "throttle": 0.008,
    "request-limit": 0.004,
    "error-before": 0.07,
    "half-patch": 0.06,
    "error-after": 0.08,
    "reset-after": 0.08,
    "silent-after": 0.03,
    "cut-body": 0.08,
    "late-commit": 0.03,
    "read-error-before": 0.135,
    "read-reset-after": 0.125,
    "read-silent-after": 0.02,
    "read-cut-body": 0.125,
    "notify-lost": 0.2,
    "notify-double": 0.1,
    "notify-reorder": 0.1,
    "notify-early": 0.1,
}
DISTURBED_MIN = 0.30
NEXT_CUSTOMER_SECONDS = 10.0
# In runs of a few hundred calls. Each replica's circuit breaker sees few of them, and opens for 30 seconds by chance.
FEWER_FAULTS = {name: rate * 0.75 for name, rate in FAULTS.items()}
FEWER_DISTURBED_MIN = 0.15


def drawn_seed() -> int:
    """Return the seed of this run: of CAMPAIGN_SEED, or a new one. It is printed, so that a run can be repeated."""
    given = os.environ.get("CAMPAIGN_SEED")
    return int(given) if given else Random().randrange(2**32)


def make_carts(random: Random, count: int) -> list[dict[str, Any]]:
    """Return carts, of which every other one also changes and removes products that the customer has."""
    return [make_cart(random, installed=random.choice((0, 0, 0, 1, 2, 4))) for _ in range(count)]


@dataclass
class Campaign:
    """One run. `victims` are the gateway processes of which one is killed each time; `sandbox` is never killed.

    With `disturb` something else is done to them than killing. The order system is never healed: everything must come to its
    end while calls are disturbed, and of all its calls, reads included, a share of `disturbed_min` must have been.
    """

    world: World
    random: Random
    client: systems.Client
    sandbox: RealProcess
    victims: Sequence[RealProcess]
    pause_seconds: tuple[float, float] = (0.1, 1.2)
    deadline_seconds: float = 100.0
    disturb: Callable[[], Awaitable[None]] | None = None
    disturbed_min: float = DISTURBED_MIN
    carts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    history: History = field(default_factory=History)
    checkouts: list[dict[str, Any]] = field(default_factory=list)

    async def run(self, carts: Sequence[Mapping[str, Any]], *, disturbances: int) -> Verdict:
        """Check out the carts, disturb the gateway so many times, wait for the end of everything, and judge."""
        started = time.monotonic()
        last_seconds = 0.0
        watch = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(self.deadline_seconds), asyncio.TaskGroup() as clients:
                await self._first_order(carts[0])
                for round_number in range(disturbances + 1):
                    for number in range(round_number or disturbances + 1, len(carts), disturbances + 1):
                        clients.create_task(self._client(number, carts[number]))
                    if round_number < disturbances:
                        await asyncio.sleep(self.random.uniform(*self.pause_seconds))
                        await (self.disturb or self._kill)()
                        last_seconds = time.monotonic() - started
            await self._wait_for_the_end(started)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        self.checkouts = await self.client.checkouts()
        for checkout in self.checkouts:
            self.history.note(checkout)
        ledger = read_ledger(systems.ledger_path(self.world))
        verdict = judge(self.carts, self.checkouts, ledger, self.history, told=self.told)
        calls = await systems.control(self.sandbox.address, "GET", "/calls")
        share = calls["struck"] / calls["total"]
        if share < self.disturbed_min:
            verdict.problems.append(f"only {share:.1%} of the calls were disturbed: {calls}")
        actions = sum((action_counts(cart) for cart in self.carts.values()), Counter[str]())
        verdict.figures |= {
            "lines": " ".join(f"{action}={count}" for action, count in sorted(actions.items())),
            "calls": calls["total"],
            "disturbed": f"{share:.1%} ({_shares(calls['byMethod'])})",
            "kills": sum(victim.kills for victim in self.victims),
            "unsettled calls": sum(step["state"] == "abandoned" for each in self.checkouts for step in each["step"]),
            "seconds": f"{time.monotonic() - started:.1f} (disturbed last after {last_seconds:.1f})",
        }
        return verdict

    async def _first_order(self, cart: Mapping[str, Any]) -> None:
        """Let the first customer have an order: where no order was ever made nothing proves that a lost live POST had no effect.

        An order made before the call is one half of the proof, and no customer who comes later can make one.
        """
        await systems.control(self.sandbox.address, "POST", "/next-faults", ["none"])
        await self._client(0, cart)
        while True:
            if set(await self.client.states()) & {"submitted", "held", *FINAL}:
                return
            await asyncio.sleep(0.05)

    async def _client(self, number: int, cart: Mapping[str, Any]) -> None:
        cart_id = await self.client.make_cart(cart)
        self.carts[cart_id] = cart
        self.told[cart_id] = (await self.client.check_out(cart_id, f"campaign-key-{number:06d}"))["id"]

    async def _kill(self) -> None:
        victim = self.random.choice(self.victims)
        victim.kill()
        await victim.start()

    async def _wait_for_the_end(self, started: float) -> None:
        """Wait until every checkout has ended; what has not by the deadline is judged as it is.

        That a lost live POST had no effect is believed once a later order shows. Where the last calls of all were lost, nobody
        would order any more: the next customer does.
        """
        next_customer = time.monotonic() + NEXT_CUSTOMER_SECONDS
        while time.monotonic() - started < self.deadline_seconds:
            states = await self.client.states()
            if len(states) >= len(self.carts) and set(states) <= {*FINAL, "held"}:
                return
            if time.monotonic() > next_customer:
                next_customer = time.monotonic() + NEXT_CUSTOMER_SECONDS
                if any(_waits_for_a_later_order(each) for each in await self.client.checkouts()):
                    await self._client(len(self.carts), make_cart(self.random))
            await asyncio.sleep(0.3)

    async def _watch(self) -> None:
        """Look at every checkout again and again, as its client would."""
        while True:
            answer = await self.client.call("GET", f"{systems.CHECKOUTS}?limit=10000&fields=id,state,productOrder")
            if answer.is_success:
                for checkout in answer.json():
                    self.history.note(checkout)
            await asyncio.sleep(0.4)


def _waits_for_a_later_order(checkout: Mapping[str, Any]) -> bool:
    reason = checkout.get("reason") or {}
    return checkout["state"] not in {*FINAL, "held"} and reason.get("code") == "not_verifiable"


def _shares(by_method: Mapping[str, Mapping[str, int]]) -> str:
    return " ".join(f"{kind} {each['struck']}/{each['total']}" for kind, each in by_method.items())
