"""Several misbehaviours at once, which single ones do not show: each ended wrong before the rule that it asks for. And none at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hostile_tally import MAPPINGS, offence
from hostile_verdicts import drawn, fault_of, play, play_all
from hostile_world import Weather
from quick_world import QuickHost, quick_hosting

from gateway.sandbox.misbehaviours import MISBEHAVIOURS

pytestmark = pytest.mark.timeout(600)
WORLDS = 30


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
        (("refused-but-done", "own-external-id", "list-young-blind"), {"held"}),
        (("marker-shared", "marker-forgotten"), {"held"}),
        (("replay-later", "filter-lag"), {"held"}),
        (("replay", "list-page-empty"), {"unverified"}),
        (("replay", "list-young-blind", "filter-other"), {"held", "unverified"}),
        (("cancelled-for-twin", "filter-empty"), {"completed"}),
        (("state-unknown", "back-to-draft"), {"waits"}),
    ],
    ids=lambda given: "+".join(given) if isinstance(given, tuple) else "",
)
def test_misbehaviours_of_a_live_post_at_once_end_right(live_host, faults, ends):
    weather = Weather(tuple(fault_of(name, "always") for name in faults), crashes=False)
    for seed in range(2):
        played = play(live_host, seed, weather)
        assert played.verdict in ends, str(played)
        assert not offence(played, "live"), str(played)


def test_ordinary_faults_alone_end_in_completed_orders_and_nothing_is_said_to_be_unverified(live_host):
    """Lost and late answers, 429, 5xx, broken connections: nothing of these is a reason to hold a checkout, or to doubt its end."""
    weathers = ((seed, drawn(seed, drafts=False, carts=2)) for seed in range(200))
    ordinary = [
        (seed, weather)
        for seed, weather in weathers
        if not any(fault.name in MISBEHAVIOURS for fault in weather.faults)
    ]
    assert len(ordinary) > WORLDS
    for seed, weather in ordinary[:WORLDS]:
        for played in play_all(live_host, seed, weather):
            assert played.verdict == "completed", str(played)
            codes = {finding["code"] for finding in played.ended.document["finding"]}
            assert not codes & {"order_not_verified", "refusal_not_verified", "contents_differ"}, str(played)
