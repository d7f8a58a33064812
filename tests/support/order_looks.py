"""Looks at a live order, one after another: what the machine of the tracker makes of each."""

from __future__ import annotations

from datetime import timedelta

from checkout_work import MARKER_ROOT, NOW, SALESFORCE, drafted, record_of, work_of
from msgspec.structs import replace

from gateway.checkouts.reasons import MEANING as REASONS
from gateway.checkouts.waits import SPREAD_MAX
from gateway.ordering import Marker, live_match
from gateway.tracking.evidence import Contents, Evidence, Search
from gateway.tracking.machine import TrackingPolicy, decide

OURS = Marker((f"gw1-{MARKER_ROOT}-0",))
STRANGERS = Marker(("WEB-4711",))
NONE = Marker()
POLICY = TrackingPolicy(
    poll_seconds=(60.0, 300.0, 900.0), doubt_seconds=(1.0, 2.0, 5.0, 15.0, 60.0), patience_seconds=45.0
)
HOLDING = replace(POLICY, live_mismatch="hold")
FOUND_NOTHING = Search(orders=(), complete=True)
INCOMPLETE = Search(orders=(), complete=False, doubt="the list shows no marker of any order")


def submitted(**columns):
    columns = {
        "order_id": "00000001",
        "order_state": "acknowledged",
        "upstream_state": "Submitted",
        "submit_intent_order": "00000001",
        "searched_at": NOW,
        **columns,
    }
    return record_of(SALESFORCE, **{"state": "submitted", **columns})


def order(state="Submitted", **attributes):
    return replace(drafted(work_of(SALESFORCE), 2), state=state, **attributes)


def evidence(observed, *, search=None, compared=True, **more):
    contents = None
    if compared and observed is not None:
        line_ids, difference = live_match(work_of(SALESFORCE).order, {}, observed, SALESFORCE)
        contents = Contents(difference=difference, line_ids=line_ids)
    return Evidence(observed=observed, search=search, contents=contents, **more)


def look(record, observed, *, mapping=SALESFORCE, policy=POLICY, now=NOW, polled=True, search=None, **more):
    return decide(record, evidence(observed, search=search, **more), mapping, policy, now, polled=polled)


def assert_wait(decision, wait):
    passed = decision.poll["track_due_at"] - NOW
    assert timedelta(seconds=wait) <= passed <= timedelta(seconds=wait * (1 + SPREAD_MAX))


def patient(record, observed, *, policy=POLICY, told=lambda record: record.awaiting is None, **given):
    """Look again and again, as often as each look asks for, until something is told; return the record, that and the seconds."""
    now = NOW
    for _ in range(50):
        decision = look(record, observed, policy=policy, now=now, **given)
        changes = {**decision.changes, **decision.poll}
        record = replace(record, **changes)
        if told(record):
            return record, decision, (now - NOW).total_seconds()
        assert record.reason_code in REASONS
        assert record.status_reason
        assert record.track_due_at is not None
        now = record.track_due_at
    raise AssertionError(f"nothing is told: {record}")
