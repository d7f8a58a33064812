"""What a delivery means for an event and for its subscriber: pure, times are arguments.

An event that is refused waits as the schedule says, and with it every later event of its resource. A subscriber that takes
nothing at all is tried with one event at a time. An event is given up when the schedule has run out *and* its subscriber
took something else meanwhile, so the event is at fault; a subscriber that takes nothing for days is switched off.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from gateway.hub.model import Blocked, Subscription
from gateway.settings import HubSettings


class Taken(Struct, frozen=True):
    """The subscriber took the event (2xx)."""


class Refused(Struct, frozen=True):
    """The subscriber did not take it, or could not be reached; `detail` says how, in our words only."""

    detail: str


class Throttled(Struct, frozen=True):
    """The subscriber wants less (429, 502, 503, 504); `retry_after_seconds` when it said how long."""

    detail: str
    retry_after_seconds: float | None = None


class Gone(Struct, frozen=True):
    """The subscriber wants nothing any more (410)."""

    detail: str


Outcome: TypeAlias = Taken | Refused | Throttled | Gone


class Health(Struct, frozen=True, kw_only=True):
    """How a subscriber has been doing; nothing is sent before `due_at`."""

    failures: int
    failing_since: datetime | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_failure: str | None
    due_at: datetime


def health_of(subscription: Subscription) -> Health:
    """Return the health that is kept with a subscription."""
    return Health(**{name: getattr(subscription, name) for name in Health.__struct_fields__})


def is_failing(health: Health, settings: HubSettings) -> bool:
    """Return whether the subscriber takes nothing at all, so that only one event is tried."""
    return health.failures >= settings.failures_before_pause


def after_success(health: Health, now: datetime) -> Health:
    """Return the health after an event was taken."""
    return replace(health, failures=0, failing_since=None, last_success_at=now)


def after_failure(health: Health, outcome: Refused | Throttled, now: datetime, settings: HubSettings) -> Health:
    """Return the health after an event was not taken, with the time until which nothing is sent."""
    failures = health.failures + 1
    pause = _wait(settings.pause_seconds, max(failures - settings.failures_before_pause, 0))
    due_at = health.due_at
    if isinstance(outcome, Throttled):
        asked = outcome.retry_after_seconds
        due_at = max(due_at, now + timedelta(seconds=pause if asked is None else asked))
    elif failures >= settings.failures_before_pause:
        due_at = max(due_at, now + timedelta(seconds=pause))
    return replace(
        health,
        failures=failures,
        failing_since=health.failing_since or now,
        last_failure_at=now,
        last_failure=outcome.detail,
        due_at=due_at,
    )


def blocked_after(
    before: Blocked | None,
    position: int,
    outcome: Refused | Throttled,
    now: datetime,
    health: Health,
    settings: HubSettings,
) -> Blocked:
    """Return when the event is tried again. `before`: what was known of this very event; being throttled is not its fault."""
    earlier = before.attempts if before is not None else 0
    attempts = earlier if isinstance(outcome, Throttled) else earlier + 1
    wait = 0.0 if isinstance(outcome, Throttled) else _wait(settings.retry_seconds, attempts)
    return Blocked(
        position=position,
        attempts=attempts,
        since=before.since if before is not None and earlier else now,
        due_at=max(now + timedelta(seconds=wait), health.due_at),
    )


def is_given_up(blocked: Blocked, health: Health, settings: HubSettings) -> bool:
    """Return whether the event is not tried again: its attempts are used up, and its subscriber took others since."""
    return (
        blocked.attempts >= len(settings.retry_seconds)
        and health.last_success_at is not None
        and health.last_success_at > blocked.since
    )


def is_dead(health: Health, now: datetime, settings: HubSettings) -> bool:
    """Return whether the subscriber took nothing for so long that it is switched off."""
    return health.failing_since is not None and now - health.failing_since >= timedelta(
        seconds=settings.disable_after_seconds
    )


def _wait(waits: tuple[float, ...], index: int) -> float:
    return waits[min(index, len(waits) - 1)]
