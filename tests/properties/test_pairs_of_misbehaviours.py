"""Two misbehaviours at once, which single ones do not show: each of these ended wrong before the rule that it asks for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hostile_tally import MAPPINGS, offence
from hostile_verdicts import fault_of, play
from hostile_world import Weather
from quick_world import QuickHost, quick_hosting

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def live_host() -> Iterator[QuickHost]:
    with quick_hosting(MAPPINGS["live"]) as host:
        yield host


@pytest.mark.parametrize(
    ("faults", "ends"),
    [
        (("done-401", "marker-upper"), {"completed"}),
        (("done-429", "list-lag"), {"completed"}),
        (("done-429", "list-own-hidden"), {"held"}),
        (("replay-429", "list-forbidden"), {"held", "waits"}),
        (("throttled-but-done", "filter-lag"), {"completed"}),
        (("done-422", "marker-cut"), {"completed"}),
        (("done-409", "list-page-empty"), {"held"}),
        (("refused-then-done", "marker-dashes"), {"held"}),
        (("marker-shared", "marker-forgotten"), {"held"}),
        (("replay-later", "filter-lag"), {"held"}),
        (("replay", "list-page-empty"), {"unverified"}),
        (("cancelled-for-twin", "filter-empty"), {"completed"}),
    ],
    ids=lambda given: "+".join(given) if isinstance(given, tuple) else "",
)
def test_two_misbehaviours_of_a_live_post_at_once_end_right(live_host, faults, ends):
    weather = Weather(tuple(fault_of(name, "always") for name in faults), crashes=False)
    for seed in range(2):
        played = play(live_host, seed, weather)
        assert played.verdict in ends, str(played)
        assert not offence(played, "live"), str(played)
