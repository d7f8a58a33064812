"""Thousands of checkouts in virtual time: calls lost and late, processes killed and stopped, and every one ends right."""

from __future__ import annotations

from collections import Counter

import pytest
import simulation_mutants as mutants
from msgspec.structs import replace
from simulated_gateway import Simulation
from simulated_upstream import ModelUpstream
from simulation_runs import FAMILIES, POLICY, simulate

from gateway.submission.decisions import next_action as machine

DRAFTED, LIVE = "drafts", "live-filter"


def require_right(verdicts: Counter[str], offenders: list[Simulation], count: int) -> None:
    shown = [
        f"seed {each.seed}: {each.verdict()}, told {each.told}, {each.row.status_reason}, {each.broken[:1]}, "
        f"orders {[(order.id, order.marker, order.live) for order in each.upstream.orders.values()]}"
        for each in offenders[:5]
    ]
    assert verdicts == {"right": count}, "\n".join(shown)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_thousand_checkouts_end_right(family):
    require_right(*simulate(family, 1_000), 1_000)


@pytest.mark.parametrize("family", FAMILIES)
def test_everything_ends_soon_after_nothing_is_disturbed_any_more(family):
    """Faults that go on hide what waits for ever: here they stop at a moment that is drawn, and who was stopped goes on."""
    require_right(*simulate(family, 300, liveness=True), 300)


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
@pytest.mark.parametrize("family", FAMILIES)
def test_long_thirty_thousand_checkouts_end_right(family):
    """(A million of them are played by `make nightly`.)"""
    require_right(*simulate(family, 10_000, seed=1), 10_000)


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
