from __future__ import annotations

import asyncio
import hashlib
import json

import pytest
import pytest_asyncio
from checkout_gateway import running, settings_of
from checkout_work import request
from msgspec.structs import replace
from sqlalchemy import select, update

from gateway.runtime import submission, tracking
from gateway.settings import LimitSettings, SecuritySettings, StorageSettings, SubmissionSettings, TrackingSettings
from gateway.storage.tables import inbox

pytestmark = pytest.mark.asyncio(loop_scope="module")
TMF622 = {"eventType": "ProductOrderStateChangeEvent", "event": {"productOrder": {"id": "00000001", "state": "x"}}}
BARE = {"productOrder": {"id": "00000001", "state": "Completed"}}


async def events(gateway):
    rows = await gateway.services.database.read(
        lambda connection: list(connection.execute(select(inbox).order_by(inbox.c.dedup_key)))
    )
    return [(row.upstream, row.dedup_key, row.order_id, row.state) for row in rows]


@pytest.mark.parametrize(("upstream", "status"), [("shop", 200), ("plain", 201)])
@pytest.mark.parametrize("path", ["", "/listener/productOrderStateChangeEvent", "/listener/anything"])
@pytest.mark.parametrize("document", [TMF622, BARE])
async def test_the_answer_is_the_one_the_order_system_expects(gateway, upstream, status, path, document):
    answer = await gateway.post({"eventId": "e1", **document}, f"/notifications/{upstream}{path}")
    assert (answer.status_code, answer.content) == (status, b"")
    assert await events(gateway) == [(upstream, "e1", "00000001", "received")]


async def test_e1_a_repetition_is_answered_alike_and_kept_once(gateway):
    for _ in range(3):
        assert (await gateway.post({"eventId": "e1", **TMF622}, "/notifications/plain")).status_code == 201
    for _ in range(3):
        assert (await gateway.post(TMF622, "/notifications/plain")).status_code == 201
    found = await events(gateway)
    assert len(found) == 2
    assert found[0][1] == "e1"
    assert found[1][1].startswith("sha256-")


async def test_e4_the_answer_tells_nothing_about_which_orders_there_are(gateway):
    await gateway.check_out(upstream="plain")
    await gateway.work()
    known = await gateway.post(TMF622, "/notifications/plain")
    unknown = await gateway.post({"productOrder": {"id": "no such order"}}, "/notifications/plain")
    nameless = await gateway.post({"eventId": "e9"}, "/notifications/plain")
    answers = {(answer.status_code, answer.content) for answer in (known, unknown, nameless)}
    assert answers == {(201, b"")}
    assert [state for *_, state in await events(gateway)].count("dead") == 1


async def test_a_notification_that_names_no_order_is_told_in_the_log_once_without_its_values(gateway, log):
    nameless = {"eventId": "e9", "eventType": "Erika", "event": {"productOrder": {"note": [{"text": "Mustermann"}]}}}
    for body in (nameless, nameless, {"event": {"name": "Mustermann"}}, TMF622):
        assert (await gateway.post(body, "/notifications/plain")).status_code == 201

    dead = {key for _, key, _, state in await events(gateway) if state == "dead"}
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [line for line in lines if line["event"] == "notification.dead"]
    assert "e9" in dead
    assert sorted(line["event_key"] for line in told) == sorted(dead)
    assert len(told) == 2
    for line in told:
        assert (line["level"], line["tenant"], line["upstream"]) == ("warning", "default", "plain")
        assert line["reason"] == "names no order"
    assert "Erika" not in log.getvalue()
    assert "Mustermann" not in log.getvalue()


async def test_an_unknown_upstream_is_not_found(gateway):
    for path in ("/notifications/elsewhere", "/notifications/elsewhere/listener/x"):
        answer = await gateway.post(TMF622, path)
        assert answer.status_code == 404
        assert answer.json()["problem"] == [{"path": "upstream", "message": "names no upstream"}]
    assert await events(gateway) == []


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"x"', "application/json", 400),
        (b"null", "application/json", 400),
        (b'{"a": "\xff"}', "application/json", 400),
        (b'{"a": "\\u0000"}', "application/json", 400),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "application/json", 400),
        (b'{"a": 1e999999}', "application/json", 400),
        (b'{"a": NaN}', "application/json", 400),
        (json.dumps({"a": "x" * 262_144}).encode(), "application/json", 413),
        (b"{}", "text/xml", 415),
        (b"{}", None, 415),
    ],
)
async def test_what_is_no_notification_is_refused_and_not_kept(gateway, content, content_type, status):
    headers = {"Content-Type": content_type} if content_type else {}
    for upstream in ("shop", "plain"):
        answer = await gateway.client.post(f"/notifications/{upstream}", content=content, headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.json()["@type"] == "Error"
    assert await events(gateway) == []


@pytest.mark.parametrize("event_id", ["a\x00b", "x" * 300, 7, None, {"a": 1}, "é\u202e"])
async def test_whatever_an_event_id_looks_like_the_event_is_kept(gateway, event_id):
    content = json.dumps({"eventId": event_id, **BARE}).encode()
    answer = await gateway.post(content, "/notifications/plain")
    if event_id == "a\x00b":
        assert answer.status_code == 400
        return
    assert answer.status_code == 201
    ((_, key, order_id, _),) = await events(gateway)
    assert key == "7" or key.startswith("sha256-")
    assert order_id == "00000001"


async def test_a_notification_is_kept_word_for_word(gateway):
    content = '{ "eventId":"e1", "productOrder": {"id":"00000001", "price": 19.90, "text": "é"} }'.encode()
    await gateway.post(content, "/notifications/plain")
    raw = await gateway.services.database.read(lambda connection: connection.execute(select(inbox.c.raw)).scalar_one())
    assert raw.encode() == content


async def test_who_may_notify_is_said_by_the_upstreams_own_token(tmp_path):
    storage = StorageSettings(url=f"sqlite:///{tmp_path / 'gateway.db'}")
    settings = settings_of(storage, security=SecuritySettings())
    secret = hashlib.sha256(b"secret").hexdigest()
    shop = replace(settings.upstreams["shop"], notification_token_sha256=secret)
    settings = replace(settings, upstreams={**settings.upstreams, "shop": shop})
    async with running(settings) as gateway:
        for token, status in ((None, 401), ("wrong", 401), ("secret", 200)):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            assert (await gateway.post(BARE, "/notifications/shop", **headers)).status_code == status
        assert len(await events(gateway)) == 1
        assert (await gateway.post(BARE, "/notifications/plain")).status_code == 201


# -- with everything running ------------------------------------------------------------------------------------------------


async def until(gateway, checkout, *states):
    deadline = asyncio.get_running_loop().time() + 20
    while (found := await gateway.get(checkout))["state"] not in states:
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.02)
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def whole(tmp_path):
    """A gateway whose worker and tracker run; nothing is polled in the time of a test, so that only events can tell."""
    storage = StorageSettings(url=f"sqlite:///{tmp_path / 'gateway.db'}")
    settings = settings_of(
        storage,
        submission=SubmissionSettings(poll_seconds=0.05),
        tracking=TrackingSettings(poll_seconds=(3600.0,), coalesce_seconds=0.05),
    )
    async with running(settings, background=[submission, tracking]) as gateway:
        yield gateway


async def test_an_order_is_followed_to_its_end_by_its_events(whole):
    checkout = await whole.check_out(upstream="plain")
    live = await until(whole, checkout, "submitted")
    order = whole.plain.orders[live["productOrder"]["id"]]
    for number, state in enumerate(("inProgress", "completed")):
        order["state"] = state
        event = {"eventId": f"e{number}", "event": {"productOrder": {"id": order["id"], "state": "a lie"}}}
        assert (await whole.post(event, "/notifications/plain")).status_code == 201
    done = await until(whole, checkout, "completed")
    assert done["productOrder"]["state"] == "completed"
    assert {item["state"] for item in done["item"]} == {"completed"}


async def test_e3_an_event_that_comes_before_the_answer_to_the_post_is_not_lost(whole):
    send = whole.plain.send

    async def notified_first(rendered, **_):
        answer = await send(rendered)
        order = whole.plain.orders["00000001"]
        order["state"] = "completed"
        event = {"eventId": "early", "event": {"productOrder": {"id": "00000001"}}}
        assert (await whole.post(event, "/notifications/plain")).status_code == 201
        order["state"] = "acknowledged"
        answer = replace(answer, document={**answer.document, "state": "acknowledged"})
        order["state"] = "completed"
        return answer

    whole.plain.send = notified_first
    body = {**request(), "shoppingCart": {"id": await whole.new_cart()}, "upstream": "plain"}
    checkout = (await whole.post(body)).json()
    await until(whole, checkout, "completed")
    # What became of the event is recorded after what became of the order.
    deadline = asyncio.get_running_loop().time() + 20
    while (told := [(key, state) for _, key, _, state in await events(whole)]) != [("early", "done")]:
        assert asyncio.get_running_loop().time() < deadline, told
        await asyncio.sleep(0.02)


# -- bounds -----------------------------------------------------------------------------------------------------------------


async def test_a_full_inbox_is_answered_503_and_what_was_dealt_with_makes_room(tmp_path, log):
    storage = StorageSettings(url=f"sqlite:///{tmp_path / 'gateway.db'}")
    settings = settings_of(storage, limits=LimitSettings(inbox_rows_max=2))
    async with running(settings) as gateway:
        statuses = []
        for number in range(4):
            answer = await gateway.post({"eventId": f"e{number}", **BARE}, "/notifications/plain")
            statuses.append(answer.status_code)
        assert statuses == [201, 201, 503, 503]
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["@type"] == "Error"
        assert (await gateway.post({"eventId": "e0", **BARE}, "/notifications/plain")).status_code == 201, "known"
        done = update(inbox).values(state="done")
        await gateway.services.database.write(lambda connection: connection.execute(done))
        assert (await gateway.post({"eventId": "e9", **BARE}, "/notifications/plain")).status_code == 201
        assert [key for _, key, _, _ in await events(gateway)] == ["e9"]
        figures = (await gateway.services.metrics.exposition()).decode()
    told = [json.loads(line) for line in log.getvalue().splitlines() if "inbox.full" in line]
    assert [(line["tenant"], line["level"]) for line in told] == [("default", "error")], "not every time"
    for outcome, count in (("recorded", 3), ("full", 2), ("repeated", 1)):
        assert f'gateway_notifications_total{{outcome="{outcome}",upstream="plain"}} {count}.0' in figures


async def test_more_that_wait_at_once_than_may_are_turned_away_and_the_others_are_kept(tmp_path):
    storage = StorageSettings(url=f"sqlite:///{tmp_path / 'gateway.db'}")
    async with running(settings_of(storage, tracking=TrackingSettings(waiting_max=20))) as gateway:
        sent = (gateway.post({"eventId": f"e{n}", **BARE}, "/notifications/plain") for n in range(60))
        answers = await asyncio.gather(*sent)
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {201, 503}
        assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
        assert statuses.count(201) == len(await events(gateway)) >= 20


async def test_hundreds_at_once_are_recorded_in_few_transactions(gateway):
    database = gateway.services.database
    write, writes = database.write, 0

    async def counted(function):
        nonlocal writes
        writes += 1
        return await write(function)

    database.write = counted
    try:
        sent = (gateway.post({"eventId": f"e{n}", **BARE}, "/notifications/plain") for n in range(300))
        assert {answer.status_code for answer in await asyncio.gather(*sent)} == {201}
    finally:
        del database.write
    assert len(await events(gateway)) == 300
    assert writes < 100
