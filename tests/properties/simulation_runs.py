"""Runs of the simulation: what is simulated, how much of it, and what came of it. For tests and for `make nightly`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final
from unittest.mock import patch

from msgspec.structs import replace
from simulated_gateway import BEGIN, Simulation

from gateway.checkouts.accepting.prepare import accepted, try_prepare
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import PLANNED
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.model import Mapping
from gateway.submission import checkout_run
from gateway.submission.decisions.actions import Policy, Work, parents_of
from gateway.tmf.json import decode_stored, encode_json

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
SEED = 20261121
DRAFTED, LIVE = "salesforce-v4", "tmf622-v4"
POLICY = Policy(
    deadline_seconds=30.0,
    lease_seconds=60.0,
    settle_seconds=15.0,
    quiet_seconds=665.0,
    retry_seconds=(1.0, 5.0, 15.0, 60.0),
    probe_seconds=(1.0, 2.0, 5.0, 15.0, 60.0),
    attempts_max=100,
    generations_max=200,
    mismatches_max=5,  # calls are doubled here far more often than in life, and a draft with a doubled line is given up
    live_posts_max=20,
    track_after_seconds=60.0,
)
CART = {
    "relatedParty": [{"id": "CD1", "role": "customer"}],
    "cartItem": [
        {
            "id": "1",
            "action": "add",
            "quantity": 1,
            "productOffering": {"id": "BUNDLE"},
            "cartItem": [
                {"id": "2", "action": "add", "quantity": 1, "productOffering": {"id": "SIM"}},
                {"id": "3", "action": "add", "quantity": 2, "productOffering": {"id": "SIM"}},
            ],
        },
        {
            "id": "4",
            "action": "add",
            "quantity": 1,
            "productOffering": {"id": "PHONE"},
            "product": {"productCharacteristic": [{"name": "colour", "value": "Black"}]},
            "itemPrice": [
                {
                    "name": "Monthly",
                    "priceType": "recurring",
                    "recurringChargePeriod": "month",
                    "price": {"dutyFreeAmount": {"unit": "EUR", "value": 20}},
                    "priceAlteration": [
                        {
                            "name": "Half",
                            "priceType": "recurring",
                            "recurringChargePeriod": "month",
                            "applicationDuration": 3,
                            "price": {"percentage": 50},
                        }
                    ],
                }
            ],
        },
        {
            "id": "5",
            "action": "add",
            "quantity": 1,
            "productOffering": {"id": "PHONE"},
            "product": {"productCharacteristic": [{"name": "colour", "value": "White"}]},
        },
    ],
}


@dataclass(frozen=True)
class Family:
    """A kind of order systems: by its mapping, how late its calls take effect at most, and through how many pages a search looks."""

    mapping: str
    late_seconds_max: float
    pages: int = 1


# A draft bears any lateness. What is live at once is safe as long as no call takes effect after the quiet time.
FAMILIES: Final = {
    "drafts": Family(DRAFTED, 8 * 3600.0),
    "live-filter": Family(LIVE, 600.0),
    "live-scan": Family(LIVE, 600.0, pages=5),
}


def template(family: Family) -> Work:
    """Return an accepted checkout: of a drafted order with two items a call, a create, two adds, a price and a submit."""
    mapping: Mapping = parse_mapping((MAPPINGS / f"{family.mapping}.toml").read_bytes(), family.mapping)
    if family.pages > 1:
        mapping = replace(mapping, recovery=replace(mapping.recovery, find="scan"))
    if mapping.draft.supported:
        mapping = replace(mapping, limits=replace(mapping.limits, items_max=2))
    request = {"shoppingCart": {"id": "c1"}}
    prepared = accepted(*try_prepare(decode_stored(encode_json(CART)), request, mapping, now=BEGIN))
    kinds = [step.kind for step in prepared.plan.steps]
    assert kinds == (["create", "add", "add", "price", "submit"] if mapping.draft.supported else ["create"])
    columns = dict.fromkeys(CheckoutRecord.__struct_fields__)
    columns |= {
        "tenant": "default",
        "id": "k1",
        "state": "accepted",
        "upstream": "shop",
        "mapping": family.mapping,
        "cart_id": "c1",
        "cart_live": True,
        "request_hash": "",
        "submit": True,
        "cancel_requested": False,
        "marker_root": "abcdefghijklmnop",
        "generation": 0,
        "plan_hash": "",
        "steps_total": len(kinds),
        "step": 0,
        "step_state": PLANNED,
        "attempt": 0,
        "probe": 0,
        "unknowns": 0,
        "mismatches": 0,
        "fence": 0,
        "lease_until": BEGIN,
        "claims_without_progress": 0,
        "track_attempt": 0,
        "version": 1,
        "created_at": BEGIN,
        "updated_at": BEGIN,
    }
    record = CheckoutRecord(**columns)
    return Work(
        record=record,
        order=prepared.order,
        plan=prepared.plan,
        mapping=mapping,
        policy=POLICY,
        known={},
        parents=parents_of(prepared.order),
    )


class Silence:
    """In the place of the log: hundreds of thousands of lines would say nothing."""

    def info(self, event: str, **named: object) -> None:
        pass


def liveness_seconds(work: Work) -> float:
    """Return within how many seconds a checkout ends once nothing is disturbed any more.

    What was under way is taken over when its lease ends, and settles; a live POST in doubt waits for its whole quiet time. Then it is
    looked twice, at the longest interval, and what is left to do is done.
    """
    policy, drafts = work.policy, work.mapping.draft.supported
    quiet = 0.0 if drafts else policy.quiet_seconds
    taken_over = policy.lease_seconds + policy.deadline_seconds + policy.settle_seconds
    return taken_over + quiet + 2 * policy.probe_seconds[-1] + CALLS_SECONDS


# Every call of an undisturbed checkout and the reads between them, at their slowest.
CALLS_SECONDS: Final = 60.0
# When the calm begins: most checkouts are under way then.
CALM_SECONDS_MEAN: Final = 90.0


def play(work: Work, family: Family, seed: int, *, cancels: float = 0.1, liveness: bool = False) -> Simulation:
    """Play one checkout. With `liveness` nothing is disturbed any more from a moment on that is drawn from the seed."""
    calm = {"calm_after": Random(seed).expovariate(1 / CALM_SECONDS_MEAN)} if liveness else {}
    return Simulation(work, seed, family.late_seconds_max, cancels, pages=family.pages, **calm).run()


def complaint(played: Simulation, *, liveness: bool = False) -> str | None:
    """Return what is wrong with how a checkout ended, in a word: its verdict, or that it ended too late."""
    verdict = played.verdict()
    if verdict != "right":
        return verdict
    if liveness and (played.ended_at or 0.0) - played.calm_after > liveness_seconds(played.template):
        return "late"
    return None


@dataclass
class Tally:
    """What came of many checkouts: how often each verdict was given, figures, the wrong ones, and the longest time after the calm."""

    verdicts: Counter[str] = field(default_factory=Counter)
    figures: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[int, str]] = field(default_factory=list)
    offenders: list[Simulation] = field(default_factory=list)
    longest_seconds: float = 0.0

    def note(self, played: Simulation, *, liveness: bool = False) -> None:
        """Count one checkout."""
        found = complaint(played, liveness=liveness)
        self.verdicts[found or "right"] += 1
        self.figures += Counter(
            {
                "crashes": played.crashes,
                "stops": played.stops,
                "calls": played.upstream.sent,
                "orders": len(played.upstream.orders),
                "cancelled": played.row.state == "cancelled",
            }
        )
        self.longest_seconds = max(self.longest_seconds, (played.ended_at or 0.0) - played.calm_after)
        if found is not None:
            self.wrong.append((played.seed, found))
            self.offenders.append(played)


def run_many(
    name: str, seeds: Iterable[int], *, cancels: float = 0.1, policy: Policy = POLICY, liveness: bool = False
) -> Tally:
    """Play the checkouts of these seeds in the family `name`."""
    family = FAMILIES[name]
    work = replace(template(family), policy=policy)
    tally = Tally()
    with patch.object(checkout_run, "log", Silence()):
        for seed in seeds:
            tally.note(play(work, family, seed, cancels=cancels, liveness=liveness), liveness=liveness)
    return tally


def simulate(
    name: str, count: int, *, seed: int = SEED, cancels: float = 0.1, policy: Policy = POLICY, liveness: bool = False
) -> tuple[Counter[str], list[Simulation]]:
    """Simulate `count` checkouts; return how often each verdict was given, and those that did not end right."""
    started = time.perf_counter()
    tally = run_many(name, range(seed, seed + count), cancels=cancels, policy=policy, liveness=liveness)
    seconds = time.perf_counter() - started
    print(f"{name}: {count} checkouts from seed {seed}, {dict(tally.verdicts)}, {dict(tally.figures)}, {seconds:.1f} s")
    return tally.verdicts, tally.offenders
