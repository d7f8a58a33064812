"""The nightly run: everything is played once, from its own seed, and what ended wrong is named so that it can be played again."""

from __future__ import annotations

import nightly
import pytest
import simulation_mutants as mutants
from simulation_runs import FAMILIES, run_many


def test_every_kind_is_played_as_often_as_the_others_and_each_seed_once() -> None:
    planned = list(nightly.chunks(30_000, seed=7))
    for family in FAMILIES:
        mine = [chunk for chunk in planned if chunk.family == family]
        seeds = [seed for chunk in mine for seed in range(chunk.first, chunk.first + chunk.count)]
        assert seeds == list(range(7, 10_007))
        assert sum(chunk.count for chunk in mine if chunk.liveness) == 1_000


def test_a_run_says_its_commit_and_seed_and_that_all_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert nightly.main(["--checkouts", "60", "--seed", "5", "--processes", "1"]) == 0
    said = capsys.readouterr().out
    assert "seed 5, 60 checkouts" in said
    assert "commit " in said
    assert "0 wrong" in said


def test_what_ended_wrong_is_named_by_kind_and_seed_and_is_wrong_again_when_it_is_played_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with mutants.m5_no_fence():
        tally = run_many("drafts", range(60))
        result = nightly.Result()
        result.add(nightly.Chunk("drafts", 0, 60, liveness=False), tally)
        assert result.wrong
        which, what = result.wrong[0].split()
        assert nightly.main(["--replay", which]) == 1
    assert f"{which}: {what}" in capsys.readouterr().out
    assert nightly.main(["--replay", which]) == 0


def test_a_run_whose_time_is_over_does_not_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert nightly.main(["--checkouts", "60", "--hours", "0", "--processes", "1"]) == 1
    assert "the time was over" in capsys.readouterr().out


def test_a_checkout_that_ends_too_late_after_the_faults_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a process that was killed is started again after hours, which no waiting of the gateway accounts for."""
    assert run_many("drafts", range(20), liveness=True).verdicts == {"right": 20}
    monkeypatch.setattr("simulated_gateway.RESTART_SECONDS", 5 * 3600.0)
    assert run_many("drafts", range(20), liveness=True).verdicts["late"]
