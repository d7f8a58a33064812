"""Each rule of trust is needed: without it the adversary finds a wrong end."""

from __future__ import annotations

from collections.abc import Iterator

import hostile_mutants as mutants
import pytest
from hostile_host import DRAFTED, LIVE
from hostile_verdicts import fault_of, play
from hostile_world import Weather, hosting

from gateway.ordering import Mapping
from gateway.sandbox import parse_fault
from gateway.sandbox.misbehaviours import MISBEHAVIOURS

pytestmark = pytest.mark.timeout(600)

SEEDS = range(6)
CASES = [
    (mutants.absence_without_control, LIVE, ("list-own-hidden",), "doubled"),
    (mutants.absence_without_understanding, LIVE, ("list-young-blind", "marker-moved"), "doubled"),
    (mutants.control_on_one_side, LIVE, ("list-lag=7000",), "doubled"),
    (mutants.broken_rows_are_nothing, LIVE, ("list-row-broken",), "doubled"),
    (mutants.refusal_is_believed, LIVE, ("done-422",), "denied"),
    (mutants.throttled_is_not_done, LIVE, ("done-429",), "doubled"),
    (mutants.throttled_is_not_done, DRAFTED, ("done-401=0.3",), "contents"),
    (mutants.named_order_is_ours, LIVE, ("foreign-id-only",), "lost"),
    (mutants.marker_is_looked_at_once, LIVE, ("id-reused",), "completed"),
    (mutants.live_is_not_compared, LIVE, ("offering-replaced",), "contents"),
    (mutants.live_is_not_compared, LIVE, ("drop-later",), "contents"),
    (mutants.repeats_are_not_looked_for, LIVE, ("replay",), "unnoticed"),
    (mutants.dead_end_is_believed, LIVE, ("cancelled-for-twin",), "held"),
    (mutants.dead_end_is_believed_for_good, LIVE, ("cancelled-for-twin",), "unverified"),
    (mutants.refused_submission_is_believed_at_once, DRAFTED, ("submit-refused-later",), "held"),
    (mutants.late_lines_are_missing, DRAFTED, ("late-lines",), "held"),
    (mutants.words_have_one_spelling, DRAFTED, ("state-upper",), "held"),
    (mutants.nobody_looks_again, LIVE, ("refused-then-done",), "denied"),
    (mutants.loose_pairing, LIVE, ("quantity-one", "quantity-absent"), "contents"),
    (mutants.quantities_are_not_compared, LIVE, ("quantity-doubled",), "contents"),
]


def weather_of(names: tuple[str, ...]) -> Weather:
    """Return the weather in which these happen, always or, of a call that is needed to succeed, now and then."""
    faults = tuple(parse_fault(name) if "=" in name else fault_of(name, "always") for name in names)
    listed = any(MISBEHAVIOURS[fault.name].strikes == "list" for fault in faults)
    first: tuple[str, ...] = ("reset-after",) if listed else ()
    return Weather(faults, crashes=False, first=first)


@pytest.mark.parametrize(
    ("mutation", "mapping", "names", "seen"),
    CASES,
    ids=lambda value: getattr(value, "__name__", getattr(value, "name", None)),
)
def test_a_rule_that_is_missing_is_seen(host_of, mutation, mapping, names, seen):
    weather = weather_of(names)
    sound = {play(host_of(mapping), seed, weather).verdict for seed in SEEDS[:1]}
    found = []
    with mutation():
        for seed in SEEDS:
            found.append(play(host_of(mapping), seed, weather))
            if found[-1].verdict == seen:
                break
    assert found[-1].verdict == seen, [str(each) for each in found]
    assert seen not in sound, sound


@pytest.fixture(scope="module")
def host_of() -> Iterator[object]:
    """Give a host of a mapping; one at a time, since each has a time of its own."""
    opened: dict[str, tuple[object, object]] = {}

    def host(mapping: Mapping) -> object:
        if mapping.name not in opened:
            for manager, _ in opened.values():
                manager.__exit__(None, None, None)  # type: ignore[attr-defined]
            opened.clear()
            manager = hosting(mapping)
            opened[mapping.name] = (manager, manager.__enter__())
        return opened[mapping.name][1]

    yield host
    for manager, _ in opened.values():
        manager.__exit__(None, None, None)  # type: ignore[attr-defined]
