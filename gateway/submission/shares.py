"""How many checkouts of whom a worker takes next: by dynamic thresholds, so that nobody's backlog takes every place. Pure.

A place is one checkout worked on. Order systems differ in how fast they answer: a lane (a tenant's checkouts for one order system)
that has hundreds waiting for a slow one would sooner or later hold every place, and all others would wait for its calls. So a lane, a
tenant and an order system may take a place only while each has fewer than `GREED` times as many as are free: one alone gets three
quarters of the places, two get three sevenths each, and there is one free for the next that comes. A lane that has none may take one
while that leaves one, whatever its tenant and its order system have: a tenant with one checkout does not wait for another's hundreds.
(A. Choudhury and E. Hahne, Dynamic queue length thresholds for shared-memory packet switches, 1998.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.lanes import Lane

GREED: Final = 3


def shares(due: Sequence[Lane], running: Iterable[Lane], places_max: int) -> dict[Lane, int]:
    """Return how many more checkouts each of the lanes may have worked on; lanes that get none are not in it.

    `due` are lanes with work, in the order in which they are served where they have equally much; `running` has the lane of each
    checkout that is worked on now.
    """
    of_lane = Counter(running)
    of_tenant: Counter[str] = Counter()
    of_upstream: Counter[str] = Counter()
    for lane, count in of_lane.items():
        of_tenant[lane.tenant] += count
        of_upstream[lane.upstream] += count
    granted: dict[Lane, int] = {}
    open_lanes = list(due)
    free = places_max - of_lane.total()
    while free > 0 and open_lanes:
        lane = min(open_lanes, key=lambda each: (of_lane[each], of_tenant[each.tenant], of_upstream[each.upstream]))
        most = max(of_lane[lane], of_tenant[lane.tenant], of_upstream[lane.upstream])
        if most >= GREED * free and (of_lane[lane] or free == 1):
            # Its counts and its bound only get worse.
            open_lanes.remove(lane)
            continue
        granted[lane] = granted.get(lane, 0) + 1
        of_lane[lane] += 1
        of_tenant[lane.tenant] += 1
        of_upstream[lane.upstream] += 1
        free -= 1
    return granted
