"""The gateway against order systems that do not keep to their mapping: each misbehaviour by itself, and several drawn at random."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import hostile_verdicts
import pytest
from hostile_host import DRAFTED, DRAFTED_V5, NAMED_BY_EVENT, Host
from hostile_tally import CARTS, MAPPINGS, Tally, complaints, offence
from hostile_verdicts import WRONG, Played, drawn, fault_of, play, play_all
from hostile_world import Weather, hosting
from misbehaviour_ends import Kind, ends_of

from gateway.sandbox.misbehaviours import MISBEHAVIOURS, RULES

SHORT_RUNS = 3
WORLD_CARTS = 4
SHORT = (
    "done-422",
    "done-429",
    "replay",
    "replay-422",
    "refused-then-done",
    "marker-upper",
    "own-external-id",
    "marker-list",
    "filter-empty",
    "list-row-broken",
    "foreign-id-only",
    "foreign-order",
    "answer-id-number",
    "id-by-event",
    "no-state",
    "live-at-once",
    "state-upper",
    "partial",
    "quantity-doubled",
    "cancelled-for-twin",
    "late-lines",
    "stale-read",
    "submit-refused-stale",
    "submit-refused-later",
    "self-submit",
    "events-repeat",
)
"""At least one for each rule; the long form plays them all."""
LONG_RUNS = int(os.environ.get("HOSTILE_RUNS", "50000"))
LONG_SEEDS = 3
"""With a database; the worlds in memory play four times as many in a third of the time (test_quick_worlds)."""


@pytest.fixture(scope="module")
def host(kind: Kind) -> Iterator[Host]:
    with hosting(MAPPINGS[kind]) as host:
        yield host


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["sometimes", "always"])
def test_each_misbehaviour_ends_as_the_table_says(host, kind, mode):
    """Every second one now and then, the others always; the long form plays all of them in both ways, and more often."""
    wrong = complaints(host, kind, list(SHORT[mode == "always" :: 2]), (mode,), range(1))
    assert not wrong, "\n".join(wrong)


def test_a_world_that_comes_to_no_end_is_a_wrong_end_with_its_seed(host, monkeypatch):
    """Whatever spins is stopped from outside: no task of the gateway can take that for an error of its own."""
    monkeypatch.setattr(hostile_verdicts, "TURNS_MAX", 100)
    played = play(host, 7, Weather())
    assert played.verdict == "endless"
    assert played.verdict in WRONG
    assert "seed 7: endless" in str(played)
    monkeypatch.undo()
    assert play(host, 7, Weather()).verdict == "completed"


@pytest.mark.parametrize("later", [5.0, 3000.0])
def test_two_checkouts_never_end_at_one_order(host, later):
    """The order system takes a second cart of the same contents for a repetition, and names the first one's order again."""
    weather = Weather((fault_of("same-order", "always"),), crashes=False, later=(later,))
    played, other = play_all(host, 3, weather)
    second = other.ended.document
    assert played.ended.state == "completed", str(played)
    assert second["state"] == "held", second
    assert second["reason"]["code"] in {"foreign_order", "marker_changed", "followed_twice"}, second["reason"]
    assert played.ended.document["productOrder"]["id"] in second["statusReason"]
    assert (len(played.ended.live), other.ended.live) == (1, [])


def test_every_rule_is_attacked_in_the_short_form_and_every_misbehaviour_has_an_end():
    assert {MISBEHAVIOURS[name].rule for name in SHORT} >= set(RULES) - {"bounds", "lost", "reason", "understood"}
    assert all(ends_of(name, "drafts") or ends_of(name, "live") for name in MISBEHAVIOURS)


def played_at_random(host: Host, kind: Kind, first: int, count: int) -> list[Played]:
    """Play one checkout in each world but the last, where several of the same contents meet."""
    found = []
    for seed in range(first, first + count):
        carts = WORLD_CARTS if seed == first + count - 1 else 1
        found += play_all(host, seed, drawn(seed, drafts=kind == "drafts", carts=carts))
    return found


@pytest.mark.timeout(600)
def test_misbehaviours_at_random_end_right(host, kind):
    wrong = [str(each) for each in played_at_random(host, kind, 1, SHORT_RUNS) if offence(each, kind)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.timeout(600)
def test_an_order_system_that_keeps_to_its_mapping_leaves_nothing_held(host):
    """What happens to every order system: calls lost, late and refused, processes killed. `held` is no way out."""
    for seed in range(5):
        weather = drawn(seed, drafts=host.mapping == DRAFTED.name)
        ordinary = tuple(fault for fault in weather.faults if fault.name not in MISBEHAVIOURS)
        played = play(
            host, seed, replace(weather, faults=ordinary, passing=frozenset(f.name for f in ordinary), crashes=True)
        )
        assert played.verdict == "completed", str(played)


@pytest.mark.long
@pytest.mark.timeout(20_000)
def test_long_each_misbehaviour_ends_as_the_table_says(host, kind):
    wrong = complaints(host, kind, list(MISBEHAVIOURS), ("sometimes", "always"), range(LONG_SEEDS))
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.timeout(50_000)
def test_long_misbehaviours_at_random_end_right(host, kind):
    """As many as HOSTILE_RUNS says; prints how often each was met, and the share that ended held."""
    tally = Tally(kind)
    for seed in range(-(-LONG_RUNS // CARTS)):
        for line in tally.add(play_all(host, seed, drawn(seed, drafts=kind == "drafts", carts=CARTS))):
            print(line, flush=True)
    print(tally.told())
    assert not tally.wrong, "\n".join(tally.wrong[:20])


OTHER_MAPPINGS = {"v5": (DRAFTED_V5, "drafts"), "named by event": (NAMED_BY_EVENT, "live")}
OTHER_SHORT = ("done-429", "replay", "own-external-id", "id-by-event")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", OTHER_MAPPINGS)
@pytest.mark.parametrize("seeds", [range(1), pytest.param(range(LONG_SEEDS), marks=pytest.mark.long)], ids=len)
def test_other_kinds_of_order_systems_end_as_the_table_says(name, seeds):
    """Drafts of version 5, and a POST that is live at once whose order is named by a notification only.

    The table is that of Salesforce and of a plain server of version 4: what has another end there may end right here.
    """
    mapping, kind = OTHER_MAPPINGS[name]
    played = MISBEHAVIOURS if len(seeds) > 1 else OTHER_SHORT
    with hosting(mapping) as host:
        wrong = complaints(host, kind, list(played), ("sometimes", "always"), seeds, better=True)
    assert not wrong, "\n".join(wrong)
