"""`gateway checkouts`: what people see of the documents that a gateway answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result
from http_servers import SilentHandler, answering, served

from gateway.cli import main


def step(sequence: int, generation: int, kind: str, state: str, **attributes: Any) -> dict[str, Any]:
    times = {"startedAt": "2026-11-21T12:00:00Z", "endedAt": None, "detail": None}
    return {
        "sequence": sequence,
        "generation": generation,
        "kind": kind,
        "state": state,
        "attempts": 7,
        "itemCount": 5,
        **times,
        **attributes,
    }


CHECKOUT = {
    "id": "k1",
    "state": "drafting",
    "statusReason": None,
    "shoppingCart": {"id": "c1"},
    "upstream": "shop",
    "relatedParty": [{"id": "CD1", "role": "customer"}],
    "productOrder": {"id": "00000002", "state": None, "externalId": "gw1-abcdefghijklmnop-1"},
    "step": [
        step(1, 1, "create", "done"),
        step(2, 1, "add", "unknown", detail="[lost]"),
        step(1, 2, "create", "planned"),
    ],
    "item": [{"cartItemId": "1", "productOrderItemId": "1.1", "orderLineItemId": "802", "state": None}],
    "finding": [],
}


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATEWAY_CONFIG", "GATEWAY_CLIENT_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def shown(*arguments: str) -> str:
    with answering(CHECKOUT, at="/checkout/k1") as url:
        answer = CliRunner().invoke(main, ("checkouts", "show", "k1", "--url", url, *arguments))
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def test_each_step_is_shown_with_the_generation_of_its_draft():
    lines = [line.split() for line in shown().splitlines()]
    head = lines.index(["step", "generation", "kind", "state", "attempts", "items", "started", "ended", "detail"])
    started = "2026-11-21T12:00:00Z"

    assert lines[head + 1 : head + 4] == [
        ["1", "1", "create", "done", "7", "5", started],
        ["2", "1", "add", "unknown", "7", "5", started, "[lost]"],
        ["1", "2", "create", "planned", "7", "5", started],
    ]


@pytest.mark.parametrize("command", ["show", "submit", "cancel"])
def test_an_empty_id_is_no_wish_for_the_list(command: str):
    with answering([], at="/checkout/") as url:
        answer = CliRunner().invoke(main, ("checkouts", command, "", "--url", url))
    assert answer.exit_code == 2
    assert "ID: is empty; `gateway checkouts list` shows the ids" in answer.stderr


def test_the_customer_is_shown():
    assert "party         CD1 (customer)" in shown()


def test_programs_get_the_document_as_it_was_answered():
    assert json.loads(shown("--format", "json")) == CHECKOUT


def test_what_was_measured_of_the_order_system_is_shown():
    measured = {
        "measuredAt": "2026-11-30T09:00:00.000Z",
        "release": "1.0",
        "mappingHash": "",
        "contradiction": [{"name": "marker_found", "verdict": "fails", "detail": "the search finds none"}],
    }
    with answering({**CHECKOUT, "upstreamCapability": measured}, at="/checkout/k1") as url:
        answer = CliRunner().invoke(main, ("checkouts", "show", "k1", "--url", url))
    assert "measured      2026-11-30T09:00:00.000Z by gateway 1.0" in answer.stdout
    assert "  marker_found fails: the search finds none" in answer.stdout


def listed(*arguments: str, total: int = 2) -> tuple[Result, dict[str, list[str]]]:
    """Run `gateway checkouts list` against a gateway that has one checkout to show; return what it was asked, too."""
    asked: dict[str, list[str]] = {}
    made = (datetime.now(tz=UTC) - timedelta(hours=3, minutes=5)).isoformat()
    one = {**CHECKOUT, "creationDate": made, "externalId": "WEB-1", "progress": {"stepsDone": 1, "stepsTotal": 2}}

    class Handler(SilentHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
            asked.update(parse_qs(urlsplit(self.path).query))
            self.answer(206, [one], {"X-Total-Count": str(total)})

    with served(Handler) as url:
        return CliRunner().invoke(main, ("checkouts", "list", "--url", url, *arguments)), asked


def test_the_list_has_the_age_the_external_id_and_how_many_more_there_are():
    answer, asked = listed(total=8)

    assert answer.exit_code == 0
    head, row = [line.split() for line in answer.stdout.splitlines() if line.strip()]
    assert head[:3] == ["checkout", "state", "age"]
    assert row[:4] == ["k1", "drafting", "3h", "5m"]
    assert "WEB-1" in row
    assert answer.stderr.strip() == "7 more of 8; --limit shows more"
    assert asked == {"limit": ["50"]}
    assert listed(total=1)[0].stderr == ""


def test_the_list_is_asked_for_by_what_operators_know():
    since = ("--since", "2026-12-01T00:00:00Z")
    answer, asked = listed("--external-id", "WEB-1,2", "--upstream", "crm", "--order", "1", "--state", "held", *since)

    assert answer.exit_code == 0
    assert asked == {
        "externalId": ['"WEB-1,2"'],
        "upstream": ["crm"],
        "productOrder.id": ["1"],
        "state": ["held"],
        "creationDate.gte": ["2026-12-01T00:00:00.000Z"],
        "limit": ["50"],
    }
    assert listed("--since", "2h")[1]["creationDate.gte"][0] < datetime.now(tz=UTC).isoformat()
    assert listed("--since", "soon")[0].exit_code == 2


@pytest.mark.parametrize(
    ("command", "path", "answered"),
    [
        (("checkouts", "poll", "k1"), "/checkout/k1/poll", CHECKOUT),
        (("upstreams", "resume", "crm"), "/upstream/crm/resume", {"id": "crm", "state": "running"}),
    ],
)
@pytest.mark.parametrize(
    ("options", "sent"), [((), b""), (("--reason", "asked by phone"), b'{"reason":"asked by phone"}')]
)
def test_the_reason_of_what_decides_nothing_is_sent_where_one_is_given(
    command: tuple[str, ...], path: str, answered: dict[str, Any], options: tuple[str, ...], sent: bytes
):
    asked: list[tuple[str, bytes]] = []

    class Handler(SilentHandler):
        def do_POST(self) -> None:  # noqa: N802 - the name that http.server looks for
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.path, body.replace(b": ", b":")))
            self.answer(202, answered, {})

    with served(Handler) as url:
        answer = CliRunner().invoke(main, (*command, "--url", url, *options))

    assert answer.exit_code == 0, answer.output
    [(asked_path, body)] = asked
    assert asked_path.endswith(path)
    assert body == sent
