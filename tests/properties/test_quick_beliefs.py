"""The adversary in memory against beliefs that the gateway once held: with each it comes upon a wrong end soon.

A file of its own: a host in memory takes the place of the gateway's own parts, so there is one at a time.
"""

from __future__ import annotations

import pytest
from hostile_mutants import BELIEFS
from hostile_tally import MAPPINGS, Way, found_after
from quick_world import quick_hosting

FOUND_WITHIN = 3000


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("belief", BELIEFS)
def test_long_each_belief_that_is_held_again_is_shown_to_be_wrong(belief):
    at, _ = found_after(Way(quick=True), belief, 500_000)
    assert at < FOUND_WITHIN


def test_two_hosts_at_a_time_are_refused():
    with quick_hosting(MAPPINGS["live"]), pytest.raises(RuntimeError, match="one host at a time"):
        quick_hosting(MAPPINGS["live"]).__enter__()
