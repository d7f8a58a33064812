"""Reading an order back: what counts as a proof, what is tried again, and for how long."""

from __future__ import annotations

import asyncio
import itertools
import threading
from urllib.parse import unquote

import msgspec
import pytest
from upstream_server import (
    NOT_FOUND,
    PLAIN,
    answer,
    answering,
    client_of,
    create_step,
    is_silent,
    no_sleep,
    order,
    serving,
    trickles,
)

from gateway.ordering.mapping.model import Answers, Api
from gateway.ordering.model import Marker
from gateway.upstream import NotSent, ReadFailed, Unknown, reads
from gateway.upstream.breaker import CALLS_MIN
from gateway.upstream.cancel_task import CancelWish


async def test_an_order_is_read_whole():
    document = order(1, "gw1-a-1") | {"productOrderItem": [{"id": "1", "action": "Add", "quantity": 1}]}
    async with serving(answering(lambda _: answer(200, document))) as server, client_of(server.url) as client:
        observed = await client.get_order("00000001")
    assert (observed.id, observed.state, observed.marker) == ("00000001", "Draft", Marker(("gw1-a-1",)))
    assert [line.item_id for line in observed.lines] == ["1"]


@pytest.mark.parametrize("items", [[], [{"id": "1", "action": "Add"}]], ids=["asked for", "told all the same"])
async def test_a_head_is_the_order_without_its_lines(items):
    document = order(1, "gw1-a-1") | ({"productOrderItem": items} if items else {})
    async with serving(answering(lambda _: answer(200, document))) as server, client_of(server.url) as client:
        observed = await client.get_head("00000001")
        assert "fields=id%2Cstate%2CexternalId" in str(server.requests[0])
    assert (observed.id, observed.state, observed.marker, observed.lines) == (
        "00000001",
        "Draft",
        Marker(("gw1-a-1",)),
        (),
    )


async def test_a_head_that_is_no_json_is_no_head():
    broken = answer(200, raw=b'{"id":"00000001","state":"Draft","productOrderItem":[{"id":]}')
    async with serving(answering(lambda _: broken)) as server, client_of(server.url, sleep=no_sleep) as client:
        with pytest.raises(ReadFailed):
            await client.get_head("00000001")


@pytest.mark.parametrize("gone", [NOT_FOUND, answer(410, {"code": "60", "reason": "archived"})], ids=["404", "410"])
async def test_an_order_that_is_not_there_or_not_any_more_is_proven_absent(gone):
    async with serving(answering(lambda _: gone)) as server, client_of(server.url) as client:
        assert await client.get_order("00000001") is None
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [404, 410])
async def test_a_page_of_something_in_between_is_no_proof(status):
    page = answer(status, raw=b"<html>no such host</html>")
    async with serving(answering(lambda _: page)) as server, client_of(server.url) as client:
        with pytest.raises(ReadFailed, match="before the order system"):
            await client.get_order("00000001")


@pytest.mark.parametrize(
    ("reply", "tries"),
    [
        (answer(500), 3),
        (answer(503), 3),
        (answer(408), 3),
        (answer(200, raw=b'{"id":'), 3),
        (answer(200, raw=b"<html>"), 3),
        (answer(200), 1),
        (answer(200, []), 1),
        (answer(200, order(2)), 1),
        (answer(200, {"state": "Draft"}), 1),
        (answer(400), 1),
        (answer(403, [{"errorCode": "INSUFFICIENT_ACCESS", "message": "no"}]), 1),
        (answer(302, headers={"Location": "/"}), 1),
        (answer(200, raw=b'{"id":"00000001","a":' + b"[" * 5000 + b"]" * 5000 + b"}"), 3),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else str(value),
)
async def test_everything_else_raises_read_failed_and_only_what_may_pass_is_tried_again(reply, tries):
    async with (
        serving(answering(lambda _: reply)) as server,
        client_of(server.url, sleep=no_sleep) as client,
    ):
        with pytest.raises(ReadFailed):
            await client.get_order("00000001")
        assert len(server.requests) == tries


LIMITED = msgspec.structs.replace(PLAIN, answers=Answers(too_large_codes=("LimitException",)))
TOO_LARGE = [{"errorCode": "APEX_ERROR", "message": "System.LimitException: Exceeded max size limit of the response"}]


@pytest.mark.parametrize(
    "reply",
    [answer(500, TOO_LARGE), answer(413), answer(200, raw=b'{"id":"' + b"9" * 5000 + b'"}')],
    ids=["code", "413", "read"],
)
async def test_an_answer_that_is_too_large_is_told_and_is_no_outage(reply):
    async with (
        serving(answering(lambda _: reply)) as server,
        client_of(server.url, LIMITED, sleep=no_sleep, response_bytes_max=4096) as client,
    ):
        for _ in range(CALLS_MIN + 1):
            with pytest.raises(ReadFailed) as failure:
                await client.get_order("00000001")
            assert failure.value.too_large
        assert len(server.requests) == CALLS_MIN + 1, "not tried again at once, and the circuit stays closed"


async def test_a_burst_of_tries_gets_over_a_short_failure():
    replies = itertools.chain([answer(500), answer(502)], itertools.repeat(answer(200, order(1))))
    async with (
        serving(answering(lambda _: next(replies))) as server,
        client_of(server.url, sleep=no_sleep) as client,
    ):
        assert (await client.get_order("00000001")).id == "00000001"
        assert len(server.requests) == 3


@pytest.mark.parametrize(("deadline_seconds", "waits"), [(5, []), (60, [7 * 1.125])])
async def test_a_burst_waits_as_long_as_it_is_asked_to_unless_its_time_would_be_over(deadline_seconds, waits):
    now, waited = [1000.0], []

    async def wait(seconds):
        waited.append(seconds)
        now[0] += seconds

    replies = itertools.chain([answer(429, headers={"Retry-After": "7"})], itertools.repeat(answer(200, order(1))))
    options = {"deadline_seconds": deadline_seconds, "clock": lambda: now[0], "sleep": wait, "jitter": lambda: 0.5}
    async with serving(answering(lambda _: next(replies))) as server, client_of(server.url, **options) as client:
        if waits:
            assert (await client.get_order("00000001")).id == "00000001"
        else:
            with pytest.raises(ReadFailed) as caught:
                await client.get_order("00000001")
            assert caught.value.retry_after_seconds == pytest.approx(7 * 1.125)
        assert waited == pytest.approx(waits)
        assert len(server.requests) == 1 + len(waits)


@pytest.mark.parametrize("behaviour", [is_silent, trickles])
@pytest.mark.parametrize("read_timeout_seconds", [0.3, 10])
async def test_no_order_system_can_hold_a_read_longer_than_its_deadline(behaviour, read_timeout_seconds):
    loop = asyncio.get_running_loop()
    limits = {"deadline_seconds": 0.8, "read_timeout_seconds": read_timeout_seconds}
    async with serving(behaviour) as server, client_of(server.url, **limits) as client:
        began = loop.time()
        with pytest.raises(ReadFailed):
            await client.get_order("00000001")
        assert loop.time() - began < 2.5


@pytest.mark.parametrize(
    "order_id", ["../../x?y", "..", ".", "a/b", "a\\b", "1?x=1", "1#x", "%2e%2e", "", "a b", "1\n2"]
)
async def test_an_id_that_would_change_the_url_is_never_sent(order_id):
    deleting = msgspec.structs.replace(
        PLAIN, api=Api(resource="productOrder", cancel_resource="cancelProductOrder", delete_allowed=True)
    )
    async with serving(answering(lambda _: answer(200, order(1)))) as server, client_of(server.url, deleting) as client:
        with pytest.raises(ReadFailed):
            await client.get_order(order_id)
        assert isinstance(await client.delete(order_id), NotSent)
        assert isinstance(await client.cancel(order_id, CancelWish("reason")), NotSent)
        assert server.connections == 0


async def test_an_id_with_unusual_characters_is_one_quoted_segment():
    name = "ö;a=1&b:@+,$"
    async with (
        serving(answering(lambda _: answer(200, {"id": name, "state": "Draft"}))) as server,
        client_of(server.url) as client,
    ):
        assert (await client.get_order(name)).id == name
        assert unquote(server.requests[0].target) == f"/api/productOrder/{name}"
        assert server.requests[0].query == {}


async def test_a_created_order_with_a_hostile_id_is_unknown():
    reply = answer(201, {"id": "../../x?y", "state": "Draft"})
    async with serving(answering(lambda _: reply)) as server, client_of(server.url) as client:
        assert isinstance(await client.send(create_step()), Unknown)


async def test_a_large_answer_is_decoded_beside_the_loop(monkeypatch):
    threads = []
    real = reads.decode_answer

    def decode_answer(*arguments, **named):
        threads.append(threading.current_thread())
        return real(*arguments, **named)

    monkeypatch.setattr(reads, "decode_answer", decode_answer)
    item = {"action": "Add", "quantity": 1, "productOffering": {"id": "P"}}
    small, large = ([item | {"id": str(number)} for number in range(count)] for count in (1, 2000))
    for items, here in ((small, True), (large, False)):
        document = order(1, "gw1-a-1") | {"productOrderItem": items}
        shown = answer(200, document)
        async with serving(answering(lambda _, shown=shown: shown)) as server, client_of(server.url) as client:
            assert len((await client.get_order("00000001")).lines) == len(items)
        assert (threads.pop() is threading.main_thread()) is here
