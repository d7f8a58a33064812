"""The inbox over HTTP and by the command line: dead letters are found, replayed one by one and in bulk, set aside."""

from __future__ import annotations

import json

import pytest
from checkout_gateway import assert_error
from click.testing import CliRunner
from sqlalchemy import select, update

from gateway.cli import main
from gateway.storage.tables import audit, inbox

pytestmark = pytest.mark.asyncio(loop_scope="module")
INBOX = "/tmf-api/checkoutManagement/v1/inbox"
WHY = {"reason": "the mapping is corrected"}


async def notify(gateway, event_id, order_id="00000001", upstream="plain", **order):
    body = {"eventId": event_id, "eventType": "ProductOrderStateChangeEvent", "productOrder": {"id": order_id, **order}}
    answer = await gateway.post(body, f"/notifications/{upstream}")
    assert answer.status_code in {200, 201}


async def dead(gateway, *event_ids, **kwargs):
    """Let notifications be dead that came."""
    for event_id in event_ids:
        await notify(gateway, event_id, **kwargs)
    buried = update(inbox).where(inbox.c.dedup_key.in_(event_ids)).values(state="dead", due_at=None, detail="too old")
    await gateway.services.database.write(lambda connection: connection.execute(buried))


async def listed(gateway, query=""):
    answer = await gateway.client.get(INBOX + query)
    assert answer.status_code in {200, 206}, answer.text
    return answer.json()


async def states(gateway):
    rows = await gateway.services.database.read(lambda connection: list(connection.execute(select(inbox))))
    return {row.dedup_key: row.state for row in rows}


async def test_what_is_not_dealt_with_is_listed_the_latest_first_without_bodies(gateway):
    await dead(gateway, "e1", order_id="42", state="Held.X")
    await notify(gateway, "e2", upstream="shop")
    first, second = await listed(gateway)
    assert (first["eventId"], second["eventId"]) == ("e2", "e1")
    assert second == {
        "@type": "Notification",
        "id": second["id"],
        "href": f"http://gateway.test{INBOX}/{second['id']}",
        "upstream": "plain",
        "eventId": "e1",
        "eventType": "ProductOrderStateChangeEvent",
        "state": "dead",
        "statusReason": "too old",
        "receivedDate": second["receivedDate"],
        "attempts": 0,
        "productOrder": {"id": "42", "state": "Held.X"},
        "byteCount": second["byteCount"],
    }
    one = (await gateway.client.get(f"{INBOX}/{second['id']}")).json()
    assert one["payload"]["productOrder"] == {"id": "42", "state": "Held.X"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"e1", "e2", "e3"}),
        ("?state=dead", {"e1", "e2"}),
        ("?state=dead,done", {"e1", "e2", "e4"}),
        ("?upstream=shop", {"e3"}),
        ("?productOrder.id=7", {"e2"}),
        ("?eventId=e1", {"e1"}),
        ("?eventType=other", set()),
        ("?since=2020-01-01T00:00:00Z", {"e1", "e2", "e3"}),
        ("?until=2020-01-01T00:00:00%2B01:00", set()),
    ],
)
async def test_the_list_has_filters(gateway, query, found):
    await dead(gateway, "e1")
    await dead(gateway, "e2", order_id="7")
    await notify(gateway, "e3", upstream="shop")
    await notify(gateway, "e4")
    done = update(inbox).where(inbox.c.dedup_key == "e4").values(state="done")
    await gateway.services.database.write(lambda connection: connection.execute(done))
    assert {each["eventId"] for each in await listed(gateway, query)} == found


async def test_the_list_has_pages_and_says_what_is_wrong_with_a_query(gateway):
    await dead(gateway, "e1", "e2", "e3")
    answer = await gateway.client.get(f"{INBOX}?limit=2&offset=0&state=dead")
    assert (answer.status_code, answer.headers["x-total-count"], len(answer.json())) == (206, "3", 2)
    error = assert_error(await gateway.client.get(f"{INBOX}?state=lost&since=soon&colour=red&limit=0"), 400)
    assert {problem["path"] for problem in error["problem"]} == {"state", "since", "colour", "limit"}


async def test_a_dead_letter_is_replayed_and_its_order_is_read(gateway):
    checkout = await gateway.check_out(upstream="plain")
    await gateway.work()
    order_id = (await gateway.get(checkout))["productOrder"]["id"]
    await dead(gateway, "e1", order_id=order_id, state="completed")
    gateway.plain.orders[order_id]["state"] = "completed"
    (letter,) = await listed(gateway)
    answer = await gateway.post(WHY, f"{INBOX}/{letter['id']}/replay")
    assert (answer.status_code, answer.json()["state"], answer.json()["attempts"]) == (202, "received", 0)
    await gateway.tracker().once()
    assert await states(gateway) == {"e1": "done"}
    assert (await gateway.get(checkout))["state"] == "completed"
    deeds = await gateway.services.database.read(
        lambda c: list(c.execute(select(audit).where(audit.c.action == "replay")))
    )
    assert [(deed.resource, deed.resource_id, deed.reason) for deed in deeds] == [
        ("notification", letter["id"], WHY["reason"])
    ]


async def test_what_names_no_order_stays_dead_until_it_can_be_read(gateway):
    await gateway.post({"eventId": "e1", "order": {"number": "42"}}, "/notifications/plain")
    (letter,) = await listed(gateway)
    assert_error(await gateway.post(WHY, f"{INBOX}/{letter['id']}/replay"), 409, "names no order")
    # What a later version, or a corrected mapping, makes of the same body is what counts.
    raw = '{"eventId": "e1", "productOrder": {"id": "42"}}'
    await gateway.services.database.write(lambda c: c.execute(update(inbox).values(raw=raw)))
    assert (await gateway.post(WHY, f"{INBOX}/{letter['id']}/replay")).json()["productOrder"]["id"] == "42"


async def test_many_are_counted_first_then_replayed_and_met_once(gateway, monkeypatch):
    monkeypatch.setattr("gateway.tracking.inbox_commands.GROUP_MAX", 3)
    await dead(gateway, *(f"e{n}" for n in range(8)))
    await dead(gateway, "other", upstream="shop")
    await gateway.post({"eventId": "nameless"}, "/notifications/plain")
    counted = (await gateway.post({"dryRun": True, "upstream": "plain"}, f"{INBOX}/replay")).json()
    assert (counted["matched"], counted["replayed"], counted["left"]) == (9, 0, 9)
    result = (await gateway.post({**WHY, "upstream": "plain"}, f"{INBOX}/replay")).json()
    assert (result["matched"], result["replayed"], result["namesNoOrder"], result["left"]) == (9, 8, 1, 0)
    found = await states(gateway)
    assert {key for key, state in found.items() if state == "dead"} == {"other", "nameless"}


async def test_one_request_does_so_many_and_says_how_many_are_left(gateway, monkeypatch):
    monkeypatch.setattr("gateway.tracking.inbox_commands.GROUP_MAX", 2)
    monkeypatch.setattr("gateway.tracking.inbox_commands.REQUEST_MAX", 4)
    await dead(gateway, *(f"e{n}" for n in range(7)))
    assert (await gateway.post(WHY, f"{INBOX}/dismiss")).json()["left"] == 3
    assert (await gateway.post(WHY, f"{INBOX}/dismiss")).json()["left"] == 0
    assert set((await states(gateway)).values()) == {"done"}


async def test_a_letter_that_is_set_aside_is_not_looked_at_again(gateway):
    await dead(gateway, "e1")
    (letter,) = await listed(gateway)
    answer = await gateway.post(WHY, f"{INBOX}/{letter['id']}/dismiss")
    assert (answer.status_code, answer.json()["state"]) == (200, "done")
    assert "dismissed by" in answer.json()["statusReason"]
    assert await listed(gateway) == []


@pytest.mark.parametrize("action", ["replay", "dismiss"])
async def test_what_is_asked_wrongly_is_told(gateway, action):
    assert_error(await gateway.post(WHY, f"{INBOX}/nothing/{action}"), 404)
    assert_error(await gateway.client.get(f"{INBOX}/nothing"), 404)
    error = assert_error(await gateway.post({"who": "me"}, f"{INBOX}/{action}"), 400)
    assert {problem["path"] for problem in error["problem"]} == {"who"}
    wrong = {"state": "lost", "since": 7, "dryRun": "yes"}
    error = assert_error(await gateway.post(wrong, f"{INBOX}/{action}"), 400)
    assert {problem["path"] for problem in error["problem"]} == {"state", "since", "dryRun", "reason"}


# -- the command line ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(gateway, monkeypatch):
    """Return what runs a command, whose calls it only records and answers."""
    calls = []

    def run(arguments, answer):
        def call(method, path, query, *, body=None, **_where):
            calls.append((method, path, {**query}, body))
            return answer

        for module in ("gateway.commands.inbox", "gateway.commands.checkouts"):
            monkeypatch.setattr(f"{module}.call", call)
        result = CliRunner().invoke(main, ["inbox", *arguments])
        return result, calls[-1] if calls else None

    return run


async def test_commands_ask_for_what_the_api_offers(gateway, command):
    await dead(gateway, "e1", order_id="42", state="Held")
    letters = await listed(gateway)
    (letter,) = letters
    whole = (await gateway.client.get(f"{INBOX}/{letter['id']}")).json()

    result, call = command(["list", "--state", "dead", "--upstream", "plain", "--limit", "5"], letters)
    assert result.exit_code == 0, result.output
    assert call == ("GET", INBOX, {"state": "dead", "upstream": "plain", "limit": "5"}, None)
    assert "42" in result.output
    result, call = command(["list", "--format", "json"], letters)
    assert json.loads(result.output) == letters
    result, call = command(["show", letter["id"]], whole)
    assert call[:2] == ("GET", f"{INBOX}/{letter['id']}")
    assert "Held" in result.output
    result, call = command(["replay", letter["id"], "--reason", "x"], whole)
    assert call == ("POST", f"{INBOX}/{letter['id']}/replay", {}, {"reason": "x"})

    counted = {"matched": 3, "replayed": 0, "dismissed": 0, "namesNoOrder": 0, "left": 3}
    result, call = command(["dismiss", "--order", "42", "--reason", "x"], counted)
    assert call == ("POST", f"{INBOX}/dismiss", {}, {"productOrder.id": "42", "reason": "x", "dryRun": True})
    assert "3 notifications" in result.output
    done = {**counted, "replayed": 1, "namesNoOrder": 1, "left": 1}
    result, call = command(["replay", "--reason", "x", "--yes"], done)
    assert call[3] == {"reason": "x", "dryRun": False}
    assert result.output == "1 of 3 replayed, 1 name no order\n1 are left; repeat the command\n"


@pytest.mark.parametrize(
    "arguments", [["replay"], ["replay", "x", "--yes", "--reason", "x"], ["list", "--state", "lost"]]
)
async def test_wrong_usage_exits_2(command, arguments):
    result, call = command(arguments, {})
    assert (result.exit_code, call) == (2, None)
