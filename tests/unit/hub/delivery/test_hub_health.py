"""The schedule of deliveries, and when an event or a subscriber is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.hub.delivery.health import (
    Gone,
    Health,
    Refused,
    Taken,
    Throttled,
    after_failure,
    after_success,
    blocked_after,
    is_dead,
    is_failing,
    is_given_up,
)
from gateway.hub.delivery.sender import outcome_of
from gateway.hub.model import Blocked
from gateway.settings import HubSettings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SETTINGS = HubSettings()
WELL = Health(failures=0, failing_since=None, last_success_at=None, last_failure_at=None, last_failure=None, due_at=NOW)
REFUSED = Refused("answered with status 500")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Taken),
        (201, Taken),
        (204, Taken),
        (299, Taken),
        (301, Refused),
        (302, Refused),
        (400, Refused),
        (404, Refused),
        (500, Refused),
        (410, Gone),
        (429, Throttled),
        (502, Throttled),
        (503, Throttled),
        (504, Throttled),
    ],
)
def test_what_a_status_means(status, kind):
    assert isinstance(outcome_of(status, {}), kind)


def test_an_event_is_tried_as_the_schedule_of_the_standard_says():
    waits, blocked, now = [], None, NOW
    health = WELL
    settings = HubSettings(failures_before_pause=1000)
    for _ in range(7):
        health = after_failure(health, REFUSED, now, settings)
        blocked = blocked_after(blocked, 1, REFUSED, now, health, settings)
        waits.append((blocked.due_at - now).total_seconds())
        now = blocked.due_at

    assert waits == [5, 300, 1800, 7200, 18000, 36000, 36000]
    assert blocked.since == NOW
    assert blocked.attempts == 7


def test_being_throttled_is_not_the_fault_of_the_event():
    throttled = Throttled("answered with status 429", 90.0)
    health = after_failure(WELL, throttled, NOW, SETTINGS)
    blocked = blocked_after(None, 1, throttled, NOW, health, SETTINGS)

    assert health.due_at == later(90)
    assert (blocked.attempts, blocked.due_at) == (0, later(90))


def test_a_throttle_that_does_not_say_how_long_pauses_as_a_failing_subscriber():
    assert after_failure(WELL, Throttled("answered with status 503"), NOW, SETTINGS).due_at == later(5)


def test_a_success_does_not_lift_a_throttle():
    health = after_failure(WELL, Throttled("answered with status 429", 90.0), NOW, SETTINGS)

    assert after_success(health, NOW).due_at == later(90)


def test_a_subscriber_that_takes_nothing_is_tried_with_one_event_and_waits_in_between():
    health, pauses = WELL, []
    for _ in range(9):
        health = after_failure(health, REFUSED, NOW, SETTINGS)
        pauses.append((is_failing(health, SETTINGS), (health.due_at - NOW).total_seconds()))

    assert pauses[:4] == [(False, 0.0)] * 4
    assert pauses[4:] == [(True, 5.0), (True, 30.0), (True, 60.0), (True, 300.0), (True, 300.0)]
    recovered = after_success(health, NOW)
    assert not is_failing(recovered, SETTINGS)
    assert recovered.failing_since is None


def test_an_event_is_given_up_only_when_its_subscriber_took_others_since():
    blocked = Blocked(position=1, attempts=8, since=NOW, due_at=NOW)
    failing = after_failure(WELL, REFUSED, NOW, SETTINGS)

    assert not is_given_up(blocked, failing, SETTINGS)
    assert is_given_up(blocked, after_success(failing, later(1)), SETTINGS)
    assert not is_given_up(
        Blocked(position=1, attempts=7, since=NOW, due_at=NOW), after_success(failing, later(1)), SETTINGS
    )


def test_five_days_without_a_success_are_too_many():
    health = after_failure(WELL, REFUSED, NOW, SETTINGS)

    assert not is_dead(health, NOW + timedelta(days=5, seconds=-1), SETTINGS)
    assert is_dead(health, NOW + timedelta(days=5), SETTINGS)
    assert not is_dead(after_success(health, later(60)), NOW + timedelta(days=5), SETTINGS)
