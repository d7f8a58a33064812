"""The request of a channel is followed through everything that is done for it: its checkout, the log, the calls to the order system."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from checkout_gateway import CHECKOUTS, set_columns
from checkout_work import request

from gateway.upstream.port import ReadFailed

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
# Events of the log that belong to one checkout.
OF_A_CHECKOUT = ("checkout.", "step.", "tracking.", "order.", "draft.", "lease.")


async def made(gateway, headers, **attributes):
    body = {**request(), "shoppingCart": {"id": await gateway.new_cart()}, **attributes}
    answer = await gateway.post(body, **headers)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def test_every_line_of_a_submission_names_the_request_that_asked_for_it(gateway, log):
    first = await made(gateway, {"X_Correlation_ID": "shop-1", "traceparent": PARENT})
    second = await made(gateway, {"X_Request_ID": "shop-2"}, submit=False)
    await gateway.work()
    gateway.shop.script_reads([ReadFailed("no answer in time", cause="upstream_unreachable")])
    for _ in range(2):
        await gateway.look_at_orders()
    answer = await gateway.client.patch(
        f"{CHECKOUTS}/{second['id']}", json={"relatedParty": [{"id": "B", "role": "customer"}]}
    )
    assert answer.is_success
    await gateway.work()
    await gateway.cleanup().once()

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told = {"shop-1": set(), "shop-2": set()}
    for line in lines:
        if line["event"].startswith(OF_A_CHECKOUT) and "checkout" in line:
            expected = "shop-1" if line["checkout"] == first["id"] else "shop-2"
            assert line.get("correlation") == expected, line
            assert line.get("trace_id") == (TRACE_ID if expected == "shop-1" else None)
            told[expected].add(line["event"])
    assert {"checkout.state", "step.outcome", "tracking.read_failed"} <= told["shop-1"]
    assert {"checkout.state", "step.outcome"} <= told["shop-2"]


@pytest.mark.parametrize(
    ("headers", "correlation", "parent"),
    [
        ({"X_Correlation_ID": "a", "X_Request_ID": "b", "traceparent": PARENT}, "a", PARENT),
        ({"X_Request_ID": "b", "traceparent": f"cc-{PARENT[3:]}-what-will-be"}, "b", PARENT),
        ({"X_Correlation_ID": "not sane \u00e9".encode("latin-1"), "X_Request_ID": "b"}, "b", None),
        ({"X_Correlation_ID": "x" * 129, "traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"}, None, None),
        ({"traceparent": PARENT.upper()}, None, None),
        ({"traceparent": f"ff{PARENT[2:]}"}, None, None),
    ],
)
async def test_a_request_is_named_by_its_headers_where_they_are_sane(gateway, headers, correlation, parent):
    body = {**request(), "shoppingCart": {"id": await gateway.new_cart()}}
    answer = await gateway.post(body, **headers)
    shown = answer.json()
    assert shown["correlationId"] == answer.headers["x-correlation-id"]
    assert shown["correlationId"] == correlation or correlation is None
    assert shown["traceparent"] == parent


@pytest.mark.parametrize(
    ("columns", "due", "expected"),
    [
        ({"state": "drafting"}, 0.0, "1"),
        ({"state": "drafting"}, 12.5, "13"),
        ({"state": "submitted"}, 3600.0, "60"),
        ({"state": "drafting", "due_at": None}, None, "1"),
        ({"state": "draft", "submit": True}, 5.0, "5"),
        ({"state": "draft", "submit": False}, None, None),
        ({"state": "held"}, None, None),
        ({"state": "completed"}, None, None),
    ],
)
async def test_a_running_checkout_says_when_to_ask_again(gateway, columns, due, expected):
    checkout = await gateway.check_out()
    clock = gateway.services.clock
    now = clock()
    object.__setattr__(gateway.services, "clock", lambda: now)
    try:
        due_at = None if due is None else now + timedelta(seconds=due)
        await set_columns(gateway, checkout, **{"due_at": due_at, "track_due_at": None, **columns})
        answer = await gateway.client.get(f"{CHECKOUTS}/{checkout['id']}")
        assert answer.headers.get("retry-after") == expected
        unmodified = {"If-None-Match": answer.headers["etag"]}
        again = await gateway.client.get(f"{CHECKOUTS}/{checkout['id']}", headers=unmodified)
        assert (again.status_code, again.headers.get("retry-after")) == (304, expected)
    finally:
        object.__setattr__(gateway.services, "clock", clock)
