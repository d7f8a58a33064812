"""Which events a change of a checkout is, told by the record before and after it."""

from __future__ import annotations

from typing import Any

import pytest
from checkout_work import record_of
from msgspec.structs import replace

from gateway.checkouts.events import events_of_change, events_of_new

WAITING = {"state": "draft", "awaiting": "party", "reason_code": "waiting_party"}
STATE = ("CheckoutStateChangeEvent", "state")
ORDER_STATE = ("CheckoutStateChangeEvent", "productOrder.state")
PARTY = ("CheckoutInformationRequiredEvent", "relatedParty")
ORDER = ("CheckoutInformationRequiredEvent", "productOrder")
EXPIRED = ("CheckoutDraftExpiredEvent", "state")
FOUND = ("CheckoutLiveOrderFoundEvent", "productOrder")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"state": "accepted"}, [("CheckoutCreateEvent", None)]),
        (WAITING, [("CheckoutCreateEvent", None), PARTY]),
    ],
)
def test_a_new_checkout_is_told_and_what_it_lacks(columns: dict[str, Any], expected: list[tuple[str, str | None]]):
    assert events_of_new(record_of(**columns)) == expected


@pytest.mark.parametrize(
    ("before", "changes", "expected"),
    [
        ({"state": "drafting"}, {"step": 1, "reason_code": "waiting_retry"}, []),
        ({"state": "drafting"}, {"state": "draft"}, [STATE]),
        ({"state": "drafting"}, {"order_state": "pending"}, [ORDER_STATE]),
        ({"state": "submitting", "order_state": "pending"}, {"state": "submitted"}, [STATE]),
        ({"state": "submitted", "order_state": "inProgress"}, {"order_state": "held"}, [ORDER_STATE]),
        ({"state": "submitted", "order_state": "inProgress"}, {"order_state": "pending"}, [ORDER_STATE, ORDER]),
        ({"state": "submitted", "order_state": "pending"}, {"upstream_state": "Waiting"}, []),
        ({"state": "submitted", "order_state": "pending"}, {"order_state": "inProgress"}, [ORDER_STATE]),
        (
            {"state": "submitted", "order_state": "inProgress"},
            {"state": "completed", "order_state": "completed"},
            [STATE],
        ),
        ({"state": "drafting"}, WAITING, [STATE, PARTY]),
        (WAITING, {"updated_at": None}, []),
        (WAITING, {"cancel_requested": True, "awaiting": None, "reason_code": "expired"}, []),
        ({"state": "draft", "reason_code": "expired"}, {"state": "cancelled"}, [STATE, EXPIRED]),
        ({"state": "draft"}, {"state": "cancelled", "reason_code": "cancelled"}, [STATE]),
        ({"state": "rejected"}, {"state": "held", "reason_code": "live_after_end", "order_id": "9"}, [STATE, FOUND]),
        ({"state": "submitted"}, {"state": "held", "reason_code": "duplicate_orders"}, [STATE]),
    ],
)
def test_a_change_is_told_once_for_each_thing_that_it_is(
    before: dict[str, Any], changes: dict[str, Any], expected: list[tuple[str, str | None]]
):
    record = record_of(**before)

    assert events_of_change(record, replace(record, **changes)) == expected
