"""How long a checkout waits: no longer than until the look that decides, and not for minutes because of a pause of a second."""

from __future__ import annotations

import pytest
from checkout_work import NOW, POLICY, SPLIT, drafted, lost, seconds, work_of
from msgspec.structs import replace

from gateway.checkouts.waits import SPREAD_MAX
from gateway.settings.stages import SubmissionSettings
from gateway.submission.decisions.actions import Save, Send
from gateway.submission.decisions.after_call import after_send
from gateway.submission.decisions.after_read import after_read
from gateway.submission.decisions.after_search import after_search
from gateway.submission.decisions.next_action import next_action
from gateway.submission.decisions.retries import read_failed
from gateway.upstream.evidence import FindResult
from gateway.upstream.outcome import NotExecuted, NotSent
from gateway.upstream.port import ReadFailed

DEFAULTS = SubmissionSettings()
WAITING = replace(POLICY, retry_seconds=DEFAULTS.retry_seconds, probe_seconds=DEFAULTS.probe_seconds, attempts_max=100)
SETTLED_SECONDS = POLICY.deadline_seconds + POLICY.settle_seconds
PAUSED = NotSent("paused for 1.1 s: it asked for fewer calls", 1.1)


def looked(kind, seconds_ago, probe):
    """Return what a look decides that sees no effect of a call lost so long ago."""
    work = lost(work_of(SPLIT, step=kind, policy=WAITING, probe=probe), seconds_ago=seconds_ago)
    seen = drafted(work, work.record.step) if kind != "create" else None
    save = after_search(work, FindResult(), NOW, NOW) if seen is None else after_read(work, seen, NOW)
    assert isinstance(save, Save)
    return save


@pytest.mark.parametrize("kind", ["create", "add", "submit"])
def test_the_look_that_decides_on_a_lost_call_is_not_overslept(kind):
    sent_seconds_ago, looks = 0.0, []
    for probe in range(1, 10):
        save = looked(kind, sent_seconds_ago, probe)
        if not save.rest:
            break
        sent_seconds_ago += (save.changes["due_at"] - NOW).total_seconds()
        looks.append(sent_seconds_ago)
    assert looks == [2.0, 7.0, 22.0, SETTLED_SECONDS]


def test_a_read_that_failed_is_repeated_when_the_lost_call_has_settled():
    work = lost(work_of(SPLIT, step="submit", policy=WAITING, probe=4), seconds_ago=SETTLED_SECONDS - 10)
    due_in = read_failed(work, NOW, ReadFailed("503")).changes["due_at"] - NOW
    assert seconds(10) <= due_in <= seconds(10 * (1 + SPREAD_MAX))
    due_in = read_failed(work, NOW, ReadFailed("503", retry_after_seconds=20.0)).changes["due_at"] - NOW
    assert due_in >= seconds(20), "never earlier than asked for"


@pytest.mark.parametrize("probe", [0, 1, 4, 9])
def test_a_read_during_a_short_pause_is_repeated_soon_after_it(probe):
    work = work_of(SPLIT, step="submit", policy=WAITING, probe=probe, sent_at=NOW - seconds(3600))
    changes = read_failed(work, NOW, ReadFailed("paused", retry_after_seconds=1.1)).changes
    assert seconds(1.1) <= changes["due_at"] - NOW <= seconds(5 * (1 + SPREAD_MAX))
    assert changes["probe"] == max(probe, min(probe + 1, 3))
    assert read_failed(work, NOW, ReadFailed("503")).changes["probe"] == max(probe, min(probe + 1, 5))


def test_a_pause_that_all_calls_share_makes_no_call_wait_for_minutes():
    work = work_of(SPLIT, policy=WAITING)
    waits = []
    for _ in range(20):
        action = next_action(work, NOW)
        assert isinstance(action, Send)
        work = replace(work, record=replace(work.record, **action.changes))
        save = after_send(work, PAUSED, NOW)
        work = replace(work, record=replace(work.record, **save.changes))
        waits.append((save.changes["due_at"] - NOW).total_seconds())
    assert max(waits) <= 5 * (1 + SPREAD_MAX)
    # Nor does the first call that is turned away itself begin with the longest wait.
    action = next_action(work, NOW)
    assert isinstance(action, Send)
    work = replace(work, record=replace(work.record, **action.changes))
    due_in = after_send(work, NotExecuted("429"), NOW).changes["due_at"] - NOW
    assert due_in <= seconds(15 * (1 + SPREAD_MAX))


@pytest.mark.parametrize(("told", "longest"), [(0.2, 1), (1.0, 5), (30.0, 60), (60.0, 300), (None, 900)], ids=str)
def test_where_it_is_told_when_to_come_back_the_waits_grow_to_eight_times_that(told, longest):
    work = work_of(SPLIT, policy=WAITING, attempt=50)
    due_in = (
        after_send(lost(work, step_state="SENDING", attempt=50), NotSent("open", told), NOW).changes["due_at"] - NOW
    )
    assert seconds(longest) <= due_in <= seconds(longest * (1 + SPREAD_MAX))
