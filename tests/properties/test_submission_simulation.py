"""Thousands of checkouts in virtual time: calls lost and late, processes killed and stopped, and every one ends right."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pytest
import simulation_mutants as mutants
from msgspec.structs import replace
from simulated_gateway import BEGIN, Simulation
from simulated_upstream import ModelUpstream

from gateway.checkouts.accepting.prepare import prepare
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import PLANNED
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.model import Mapping
from gateway.submission import checkout_run
from gateway.submission.decisions import next_action as machine
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
# A draft bears any lateness. What is live at once is safe as long as no call takes effect after the quiet time.
LATE_SECONDS_MAX = {DRAFTED: 8 * 3600.0, LIVE: 600.0}
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


def template(mapping_name: str) -> Work:
    """Return an accepted checkout: of a drafted order with two items a call, a create, two adds, a price and a submit."""
    mapping: Mapping = parse_mapping((MAPPINGS / f"{mapping_name}.toml").read_bytes(), mapping_name)
    if mapping.draft.supported:
        mapping = replace(mapping, limits=replace(mapping.limits, items_max=2))
    request = {"shoppingCart": {"id": "c1"}}
    prepared = prepare(decode_stored(encode_json(CART)), request, mapping, now=BEGIN)
    kinds = [step.kind for step in prepared.plan.steps]
    assert kinds == (["create", "add", "add", "price", "submit"] if mapping.draft.supported else ["create"])
    columns = dict.fromkeys(CheckoutRecord.__struct_fields__)
    columns |= {
        "tenant": "default",
        "id": "k1",
        "state": "accepted",
        "upstream": "shop",
        "mapping": mapping_name,
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


def simulate(
    mapping_name: str, count: int, *, seed: int = SEED, cancels: float = 0.1, policy: Policy = POLICY
) -> tuple[Counter[str], list[Simulation]]:
    """Simulate `count` checkouts; return how often each verdict was given, and those that did not end right."""
    work = replace(template(mapping_name), policy=policy)
    verdicts: Counter[str] = Counter()
    offenders = []
    figures: Counter[str] = Counter()
    started = time.perf_counter()
    for number in range(count):
        with patch.object(checkout_run, "log", Silence()):
            played = Simulation(work, seed + number, LATE_SECONDS_MAX[mapping_name], cancels).run()
        verdict = played.verdict()
        verdicts[verdict] += 1
        figures += Counter(
            {
                "crashes": played.crashes,
                "stops": played.stops,
                "calls": played.upstream.sent,
                "orders": len(played.upstream.orders),
                "cancelled": played.row.state == "cancelled",
            }
        )
        if verdict != "right":
            offenders.append(played)
    seconds = time.perf_counter() - started
    print(f"{mapping_name}: {count} checkouts from seed {seed}, {dict(verdicts)}, {dict(figures)}, {seconds:.1f} s")
    return verdicts, offenders


def require_right(verdicts: Counter[str], offenders: list[Simulation], count: int) -> None:
    shown = [
        f"seed {each.seed}: {each.verdict()}, told {each.told}, {each.row.status_reason}, {each.broken[:1]}, "
        f"orders {[(order.id, order.marker, order.live) for order in each.upstream.orders.values()]}"
        for each in offenders[:5]
    ]
    assert verdicts == {"right": count}, "\n".join(shown)


@pytest.mark.parametrize("mapping_name", [DRAFTED, LIVE])
def test_a_thousand_checkouts_end_right(mapping_name):
    require_right(*simulate(mapping_name, 1_000), 1_000)


def test_drafts_that_are_compared_only_before_they_are_submitted_end_right(monkeypatch):
    """As large orders are: before a call that adds or prices, only the head is read."""
    monkeypatch.setattr(machine, "WHOLE_LINES_MAX", 0)
    heads = Counter[str]()
    read_head = ModelUpstream.get_head

    async def counted(self, order_id):
        heads["read"] += 1
        return await read_head(self, order_id)

    monkeypatch.setattr(ModelUpstream, "get_head", counted)
    require_right(*simulate(DRAFTED, 500), 500)
    assert heads["read"] > 500


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("mapping_name", [DRAFTED, LIVE])
def test_long_a_hundred_thousand_checkouts_end_right(mapping_name):
    require_right(*simulate(mapping_name, 50_000, seed=1), 50_000)


@pytest.mark.parametrize(
    ("mutation", "mapping_name", "seen", "count"),
    [
        (mutants.m1_resend_after_unknown, DRAFTED, "wrong", 60),
        (mutants.m1_resend_after_unknown, LIVE, "doubled", 200),
        (mutants.m2_no_intent, LIVE, "doubled", 200),
        (mutants.m4_price_resent, DRAFTED, "wrong", 60),
        (mutants.m4b_price_believed, DRAFTED, "wrong", 60),
        (mutants.m5_no_fence, DRAFTED, "doubled", 60),
        (mutants.m6_drafts_only, LIVE, "doubled", 200),
        (mutants.m7_5xx_is_no_effect, LIVE, "doubled", 300),
        (mutants.m8_broken_search_is_proof, LIVE, "doubled", 2_000),
        (mutants.m9_unknown_is_failed, LIVE, "phantom", 200),
        (mutants.m10_new_draft_after_lost_submit, DRAFTED, "doubled", 60),
        (mutants.m11_lease_not_looked_at, LIVE, "doubled", 2_000),
        (mutants.m12_contents_not_compared, DRAFTED, "wrong", 60),
        (mutants.m13_any_child_is_the_systems_own, DRAFTED, "wrong", 300),
        (mutants.m14_an_old_read_is_looked_at_again, DRAFTED, "phantom", 200),
        (mutants.m15_intent_dated_by_the_process, LIVE, "doubled", 2_000),
    ],
)
def test_a_mutant_is_caught(mutation: mutants.Mutation, mapping_name: str, seen: str, count: int):
    with mutation():
        verdicts, _ = simulate(mapping_name, count)
    assert verdicts[seen], f"{mutation.__name__} was not seen: {verdicts}"


@pytest.mark.parametrize("quiet_seconds", [0.0, 60.0])
def test_m3_a_quiet_time_shorter_than_calls_may_take_is_caught(quiet_seconds):
    verdicts, _ = simulate(LIVE, 200, policy=replace(POLICY, quiet_seconds=quiet_seconds))
    assert verdicts["doubled"], f"a quiet time of {quiet_seconds} s was not seen: {verdicts}"
