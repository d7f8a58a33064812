"""The time of a sandbox: the machine's, unless somebody who plays it in a time of his own gives another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """`monotonic` in seconds for ages, `now` for what is shown."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = _utc_now


MACHINE_CLOCK = Clock()
