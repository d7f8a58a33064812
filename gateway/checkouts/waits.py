"""How long to wait: schedules of waits, and their spreading. Pure."""

from __future__ import annotations

from typing import Final
from zlib import crc32

# The part of a wait by which those who wait for the same thing are spread.
SPREAD_MAX: Final = 0.1
# How far waits grow where it is told when to come back, as a multiple of what was told.
TOLD_GROWTH_MAX: Final = 8.0


def schedule(waits_seconds: tuple[float, ...], count: int) -> float:
    """Return the wait in seconds after `count` earlier ones; the last of the list repeats."""
    return waits_seconds[min(count, len(waits_seconds) - 1)]


def growth_max(waits_seconds: tuple[float, ...], told_seconds: float | None) -> int:
    """Return how many earlier waits make the next one longer.

    All of the schedule do where nobody says when to come back. Where it is told, the waits grow to eight times that at most:
    a pause of a second that all calls share says nothing of this one, and must not make it wait for minutes.
    """
    if not told_seconds:
        return len(waits_seconds) - 1
    return max(sum(wait <= told_seconds * TOLD_GROWTH_MAX for wait in waits_seconds) - 1, 0)


def spread(seed: str, wait_seconds: float) -> float:
    """Return `wait_seconds` and up to a tenth more: those who were turned away together must not come back together.

    The share comes from `seed` (an id and a count), so that a decision stays a pure one.
    """
    return wait_seconds * (1.0 + crc32(seed.encode()) / 2**32 * SPREAD_MAX)
