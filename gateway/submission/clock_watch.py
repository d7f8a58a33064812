"""A process's eye on the database's clock: what was put off by a wrong one is due again, and a jump ahead ends no proof by waiting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gateway.logs import get_logger
from gateway.storage import Database
from gateway.submission.wrong_clock import (
    FORWARD_TOLERANCE,
    LongestWaits,
    is_anything_put_off_too_far,
    pull_in,
    wait_anew,
)

# At the start, and this often, it is looked whether a clock that was ahead has put anything off too far.
LOOK_SECONDS: Final = 60.0
log = get_logger(__name__)


class ClockWatch:
    """The clock as the process `owner` saw it last. Its methods raise UnavailableError (503) while the database is away."""

    def __init__(
        self, database: Database, owner: str, waits: Callable[[], LongestWaits], monotonic: Callable[[], float]
    ) -> None:
        self._database = database
        self._owner = owner
        self._waits = waits
        self._monotonic = monotonic
        self._look_at = monotonic()
        # The database's time, and the monotonic time before it was asked for it.
        self._before: tuple[datetime, float] | None = None

    async def look(self) -> None:
        """Make due what a clock that was ahead put off too far, now and then."""
        if self._monotonic() < self._look_at:
            return
        waits, now = self._waits(), self._database.now
        if await self._database.read(lambda c: is_anything_put_off_too_far(c, now(c), waits)):
            checkouts = await self._database.write(lambda c: pull_in(c, now(c), waits))
            log.warning("clock.was_ahead", checkouts=checkouts)
        self._look_at = self._monotonic() + LOOK_SECONDS

    async def note(self, now: datetime, asked_at: float) -> None:
        """See to it that a clock that is set forward does not end the waits by which it is proven that a call had no effect.

        The database was asked at the monotonic time `asked_at`, and said `now` at some time since: the jump that is found is the least
        that it was.
        """
        if self._before is not None:
            seen, seen_at = self._before
            jump = now - seen - timedelta(seconds=self._monotonic() - seen_at)
            if jump > FORWARD_TOLERANCE:
                moved = await self._database.write(lambda c: wait_anew(c, self._owner, jump))
                log.warning("clock.went_forward", seconds=round(jump.total_seconds()), checkouts=moved)
        self._before = now, asked_at
