from __future__ import annotations

from datetime import UTC, datetime

from checkout_work import SALESFORCE

from gateway.upstream.search import Scan, joined, scan_parameters

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_a_scan_that_is_narrowed_to_drafts_is_widened_for_who_looks_for_live_orders():
    assert scan_parameters(SALESFORCE, NOW) == {"state": "Draft"}
    assert scan_parameters(SALESFORCE, NOW, live=True) == {}
    wanted = [Scan(marker="a", since=NOW), Scan(marker="b", since=NOW, live=True)]
    assert joined(wanted[:1], SALESFORCE, None).parameters == {"state": "Draft"}
    assert joined(wanted, SALESFORCE, None).parameters == {}
