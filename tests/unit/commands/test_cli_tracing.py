"""`gateway checkouts trace` and `history`: what people see of what a gateway answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from http_servers import answering

from gateway.cli import main

TRACE: dict[str, Any] = {
    "id": "D0001",
    "foundBy": ["productOrder"],
    "shoppingCart": [
        {
            "id": "c1",
            "version": 3,
            "checkoutState": "inCheckout",
            "checkout": {"id": "k1"},
            "lastUpdate": "2026-11-21T12:00:00Z",
        }
    ],
    "checkout": [
        {
            "id": "k1",
            "state": "submitted",
            "statusReason": "[waits]",
            "externalId": "WEB-1",
            "correlationId": "shop-77",
            "reason": {"nextAttemptAt": "2026-11-21T12:01:00Z"},
            "productOrder": {"id": "00004122", "state": "inProgress"},
        }
    ],
    "productOrder": [],
    "abandonedOrder": [{"id": "D0001", "externalId": "gw1-x-0", "state": "voided", "checkout": {"id": "k1"}}],
    "item": [{"cartItemId": "1", "orderLineItemId": "802-1", "state": "inProgress"}],
    "event": [{"receivedAt": "2026-11-21T12:00:01Z", "eventType": "StateChange", "state": "done", "detail": "applied"}],
}
ENTRY: dict[str, Any] = {
    "id": "e1",
    "at": "2026-11-21T12:00:00Z",
    "kind": "answer",
    "by": "crm",
    "action": "create",
    "outcome": "accepted",
    "milliseconds": 22,
    "byteCount": 331,
    "detail": "201",
    "checkout": {"id": "k1"},
}


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATEWAY_CONFIG", "GATEWAY_CLIENT_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def run(document: Any, at: str, *arguments: str) -> Result:
    with answering(document, at=at) as url:
        return CliRunner().invoke(main, ("checkouts", *arguments, "--url", url))


def test_everything_around_an_id_is_told():
    answer = run(TRACE, "/trace", "trace", "D0001")
    assert answer.exit_code == 0, answer.output
    for told in (
        "D0001 is known as productOrder",
        "c1",
        "shop-77",
        "00004122",
        "[waits]",
        "given up      D0001 (voided) of checkout k1",
        "item          1 is 802-1 (inProgress)",
        "event         2026-11-21T12:00:01Z StateChange done: applied",
    ):
        assert told in answer.stdout
    assert json.loads(run(TRACE, "/trace", "trace", "D0001", "--format", "json").stdout) == TRACE


def test_a_history_is_a_table_or_goes_to_a_file():
    answer = run([ENTRY], "/checkout/k1/history", "history", "k1")
    assert answer.exit_code == 0, answer.output
    assert ["2026-11-21T12:00:00Z", "answer", "crm", "create", "accepted", "22", "331", "201"] in [
        line.split() for line in answer.stdout.splitlines()
    ]
    of_several = run([ENTRY], "/checkout/history", "history", "--state", "held")
    assert any(line.split()[:1] == ["k1"] for line in of_several.stdout.splitlines())
    exported = run([ENTRY], "/checkout/k1/history", "history", "k1", "--format", "jsonl")
    assert json.loads(exported.stdout) == [ENTRY], "what the gateway answers goes out as it is"
    body = run({"body": 1}, "/checkout/k1/history/e1/payload", "history", "k1", "--payload", "e1")
    assert json.loads(body.stdout) == {"body": 1}


@pytest.mark.parametrize("arguments", [(), ("k1", "--state", "held"), ("--state", "held", "--payload", "e1")])
def test_one_checkout_or_a_filter(arguments: tuple[str, ...]):
    answer = run([], "/checkout", "history", *arguments)
    assert answer.exit_code == 2
    assert "Give the ID of one checkout" in answer.stderr
