"""Reading an order system back: what counts as a proof, and what does not."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime
from urllib.parse import unquote

import msgspec
import pytest
from upstream_server import (
    PLAIN,
    Connection,
    answer,
    answering,
    client_of,
    create_step,
    no_sleep,
    serving,
)

from gateway.ordering.mapping import Answers, Api, Mapping, Paging, Recovery
from gateway.upstream import Accepted, FindResult, NotSent, ReadFailed, Rejected, Unknown

MARKED = [{"id": f"{number:08d}", "state": "Draft", "externalId": f"gw1-{number}"} for number in range(50)]
SINCE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOT_FOUND = answer(404, {"code": "60", "reason": "Resource not found"})


def order(number: int, marker: str | None = None) -> dict[str, str]:
    return {"id": f"{number:08d}", "state": "Draft", **({"externalId": marker} if marker else {})}


def mapping(find: str = "scan", *, style: str = "record", first: int = 0, limit_max: int = 10, **recovery) -> Mapping:
    paging = Paging(style=style, first=first, limit_max=limit_max)
    return Mapping(
        name="test", api=Api(resource="productOrder", paging=paging), recovery=Recovery(find=find, **recovery)
    )


def listing(orders, *, page_numbers: bool = False, total: bool = False, page_size: int | None = None, ignores=()):
    """Return a server that lists `orders` as asked by limit and offset, and honours an externalId filter."""

    def reply(request):
        query = {name: value for name, value in request.query.items() if name not in ignores}
        marker = query.get("externalId")
        rows = [row for row in orders if marker is None or row.get("externalId") == marker]
        limit = page_size or int(query.get("limit", "1000"))
        offset = int(query.get("offset", "1" if page_numbers else "0"))
        start = (offset - 1) * limit if page_numbers else offset
        headers = {"X-Total-Count": str(len(rows))} if total else {}
        return answer(200, rows[start : start + limit], headers=headers)

    return answering(reply)


async def test_an_order_is_read_whole():
    document = order(1, "gw1-a-1") | {"productOrderItem": [{"id": "1", "action": "Add", "quantity": 1}]}
    async with serving(answering(lambda _: answer(200, document))) as server, client_of(server.url) as client:
        observed = await client.get_order("00000001")
    assert (observed.id, observed.state, observed.marker) == ("00000001", "Draft", "gw1-a-1")
    assert [line.item_id for line in observed.lines] == ["1"]


@pytest.mark.parametrize("items", [[], [{"id": "1", "action": "Add"}]], ids=["asked for", "told all the same"])
async def test_a_head_is_the_order_without_its_lines(items):
    document = order(1, "gw1-a-1") | ({"productOrderItem": items} if items else {})
    async with serving(answering(lambda _: answer(200, document))) as server, client_of(server.url) as client:
        observed = await client.get_head("00000001")
        assert "fields=id%2Cstate%2CexternalId" in str(server.requests[0])
    assert (observed.id, observed.state, observed.marker, observed.lines) == ("00000001", "Draft", "gw1-a-1", ())


async def test_a_head_that_is_no_json_is_no_head():
    broken = answer(200, raw=b'{"id":"00000001","state":"Draft","productOrderItem":[{"id":]}')
    async with serving(answering(lambda _: broken)) as server, client_of(server.url, sleep=no_sleep) as client:
        with pytest.raises(ReadFailed):
            await client.get_head("00000001")


async def test_404_is_a_proof_of_absence():
    async with serving(answering(lambda _: NOT_FOUND)) as server, client_of(server.url) as client:
        assert await client.get_order("00000001") is None
        assert len(server.requests) == 1


async def test_a_404_page_of_something_in_between_is_no_proof():
    page = answer(404, raw=b"<html>no such host</html>")
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


async def is_silent(connection: Connection) -> None:
    await connection.request()
    await connection.until_closed()


async def trickles(connection: Connection) -> None:
    await connection.request()
    await connection.write(b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n")
    while True:
        await connection.write(b" ")
        await asyncio.sleep(0.05)


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
        assert isinstance(await client.cancel(order_id, "reason"), NotSent)
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


@pytest.mark.parametrize("page_numbers", [False, True], ids=["records", "pages"])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 25])
async def test_a_scan_reads_every_page_and_then_proves_absence(page_numbers, count):
    orders = [order(number, f"gw1-{number}") for number in range(count)]
    scan = mapping(style="page" if page_numbers else "record", first=1 if page_numbers else 0)
    async with (
        serving(listing(orders, page_numbers=page_numbers)) as server,
        client_of(server.url, scan) as client,
    ):
        for number in range(count):
            found = await client.find(f"gw1-{number}", since=SINCE)
            assert [hit.id for hit in found.orders] == [f"{number:08d}"]
            assert found.complete
        assert await client.find("gw1-none", since=SINCE) == FindResult((), complete=True)
        assert server.requests[-1].query["fields"] == "id,state,externalId"
        offsets = [request.query["offset"] for request in server.requests]
        assert offsets[0] == ("1" if page_numbers else "0")


async def test_page_numbers_sent_as_record_offsets_would_miss_orders_and_are_not_a_proof():
    """The vendor's trap: 22 orders, offset 10 means the tenth page. Read with the wrong style there is still no proof."""
    orders = [order(number, f"gw1-{number}") for number in range(22)]
    wrong = mapping(style="record", first=1)
    async with (
        serving(listing(orders, page_numbers=True, total=True)) as server,
        client_of(server.url, wrong) as client,
    ):
        assert await client.find("gw1-21", since=SINCE) == FindResult((), complete=False)


async def test_smaller_pages_than_asked_for_are_followed_by_the_rows_received():
    orders = [order(number, f"gw1-{number}") for number in range(9)]
    async with serving(listing(orders, page_size=2)) as server, client_of(server.url, mapping()) as client:
        found = await client.find("gw1-8", since=SINCE)
        assert found.complete
        assert [hit.id for hit in found.orders] == ["00000008"]


@pytest.mark.parametrize(
    ("behaviour", "options"),
    [
        pytest.param(listing(MARKED), {"scan_pages_max": 3}, id="too many pages"),
        pytest.param(listing(MARKED, ignores={"offset"}), {}, id="offset ignored"),
        pytest.param(listing(MARKED, ignores={"offset", "limit"}), {}, id="paging ignored"),
        pytest.param(listing([order(n) for n in range(5)]), {}, id="no marker in sight"),
        pytest.param(answering(lambda _: answer(200, {"items": []})), {}, id="not a list"),
        pytest.param(answering(lambda _: answer(500)), {}, id="error on the first page"),
        pytest.param(answering(lambda _: NOT_FOUND), {}, id="404 on the first page"),
        pytest.param(
            answering(
                lambda request: (
                    NOT_FOUND
                    if int(request.query["offset"]) >= 2000
                    else answer(200, [order(int(request.query["offset"]) + n, "gw1-y") for n in range(10)])
                )
            ),
            {},
            id="a cap after full pages",
        ),
        pytest.param(
            answering(
                lambda request: answer(200, [MARKED[0], {"state": "Draft"}] if request.query["offset"] == "0" else [])
            ),
            {},
            id="an order without an id",
        ),
        pytest.param(
            answering(
                lambda request: answer(
                    200, MARKED[:1] if request.query["offset"] == "0" else [], headers={"X-Total-Count": "2"}
                )
            ),
            {},
            id="total not reached",
        ),
    ],
)
async def test_a_search_that_did_not_see_everything_is_no_proof(behaviour, options):
    async with (
        serving(behaviour) as server,
        client_of(server.url, mapping(**options), sleep=no_sleep, read_attempts_max=1) as client,
    ):
        assert await client.find("gw1-x", since=SINCE) == FindResult((), complete=False)


async def test_a_total_that_changes_on_the_way_is_no_proof():
    totals = itertools.count(50)

    def reply(request):
        start = int(request.query["offset"])
        return answer(200, MARKED[start : start + 10], headers={"X-Total-Count": str(next(totals))})

    async with serving(answering(reply)) as server, client_of(server.url, mapping()) as client:
        assert not (await client.find("gw1-x", since=SINCE)).complete


async def test_a_scan_that_runs_out_of_time_is_no_proof_but_keeps_what_it_found():
    now = [0.0]

    def reply(request):
        now[0] += 50.0
        start = int(request.query["offset"])
        return answer(200, [order(start + n, f"gw1-{start + n}") for n in range(10)])

    async with (
        serving(answering(reply)) as server,
        client_of(
            server.url, mapping(), clock=lambda: now[0], scan_deadline_seconds=120, deadline_seconds=100
        ) as client,
    ):
        found = await client.find("gw1-3", since=SINCE)
        assert not found.complete
        assert [hit.id for hit in found.orders] == ["00000003"]
        assert len(server.requests) == 3


async def test_404_beyond_the_end_after_a_short_page_is_the_end():
    def reply(request):
        return answer(200, [order(1, "gw1-1")]) if request.query["offset"] == "0" else NOT_FOUND

    async with serving(answering(reply)) as server, client_of(server.url, mapping()) as client:
        assert (await client.find("gw1-x", since=SINCE)).complete


async def test_a_filter_finds_its_order_and_proves_absence():
    orders = [order(number, f"gw1-{number}") for number in range(30)]
    async with serving(listing(orders)) as server, client_of(server.url, mapping("filter")) as client:
        found = await client.find("gw1-7", since=SINCE)
        assert [hit.id for hit in found.orders] == ["00000007"]
        assert found.complete
        assert server.requests[0].query["externalId"] == "gw1-7"
        assert await client.find("gw1-none", since=SINCE) == FindResult((), complete=True)


async def test_two_orders_with_one_marker_are_both_found():
    orders = [order(1, "gw1-a"), order(2, "gw1-b"), order(3, "gw1-a")]
    async with serving(listing(orders)) as server, client_of(server.url, mapping("filter")) as client:
        assert [hit.id for hit in (await client.find("gw1-a", since=SINCE)).orders] == ["00000001", "00000003"]


async def test_an_ignored_filter_is_not_believed_and_replaced_by_a_scan():
    orders = [order(number, f"gw1-{number}") for number in range(30)]
    async with (
        serving(listing(orders, ignores={"externalId"})) as server,
        client_of(server.url, mapping("filter")) as client,
    ):
        found = await client.find("gw1-29", since=SINCE)
        assert [hit.id for hit in found.orders] == ["00000029"]
        assert await client.find("gw1-none", since=SINCE) == FindResult((), complete=True)


async def test_without_a_way_to_find_orders_nothing_is_asked_and_nothing_proven():
    async with serving(listing([])) as server, client_of(server.url, mapping("none")) as client:
        assert await client.find("gw1-a", since=SINCE) == FindResult((), complete=False)
        assert server.connections == 0


async def test_scan_parameters_may_hold_the_time_since():
    narrowed = mapping(scan_parameters={"state": "Draft", "orderDate.gte": "{since}", "day": "{since_date}"})
    async with serving(listing([])) as server, client_of(server.url, narrowed) as client:
        await client.find("gw1-a", since=SINCE)
        query = server.requests[0].query
    assert (query["state"], query["orderDate.gte"], query["day"]) == ("Draft", "2026-03-01T11:45:00Z", "2026-02-28")


async def test_searches_share_a_scan_but_never_one_that_started_before_them():
    release = asyncio.Event()
    orders = [order(1, "gw1-1")]

    async def waits_on_the_first(connection: Connection) -> None:
        while True:
            request = await connection.request()
            rows = orders[int(request.query["offset"]) :]  # what it shows is fixed before the release
            if len(connection.server.requests) == 1:
                await release.wait()
            await connection.write(answer(200, rows))

    async with (
        serving(waits_on_the_first) as server,
        client_of(server.url, mapping()) as client,
    ):
        early = asyncio.create_task(client.find("gw1-2", since=SINCE))
        await server.received(1)
        orders.insert(0, order(2, "gw1-2"))  # the newest first: the running scan has passed its place
        late = [asyncio.create_task(client.find(f"gw1-{n}", since=SINCE)) for n in (1, 2, 3) * 10]
        await asyncio.sleep(0.05)
        assert len(server.requests) == 1  # one scan at a time
        late[0].cancel()  # one who gives up does not take the scan from the others
        release.set()
        assert (await early).orders == ()
        results = await asyncio.gather(*late[1:])
        assert [len(result.orders) for result in results[:3]] == [1, 0, 1]
        assert all(result.complete for result in results)
        # The first scan saw one order, then the same again; the second saw both, then an empty page. There was no third.
        assert len(server.requests) <= 4


async def test_closing_the_client_ends_a_running_scan():
    async with serving(is_silent) as server:
        async with client_of(server.url, mapping()) as client:
            search = asyncio.create_task(client.find("gw1-a", since=SINCE))
            await server.received(1)
        with pytest.raises(asyncio.CancelledError):
            await search


async def test_cancelling_sends_the_task_resource_with_the_order_and_the_reason():
    offered = Mapping(name="plain", api=Api(resource="productOrder", cancel_resource="cancelProductOrder"))
    reply = answer(201, {"id": "c1", "state": "acknowledged"})
    async with serving(answering(lambda _: reply)) as server, client_of(server.url, offered) as client:
        assert isinstance(await client.cancel("00000001", "customer's wish"), Accepted)
        assert server.requests[0].target == "/api/cancelProductOrder"
        body = msgspec.json.decode(server.requests[0].body)
        assert body == {"productOrder": {"id": "00000001"}, "cancellationReason": "customer's wish"}


@pytest.mark.parametrize("status", [200, 204, 404, 410])
async def test_deleting_succeeds_when_the_order_is_gone(status):
    allowed = Mapping(name="plain", api=Api(resource="productOrder", delete_allowed=True))
    async with serving(answering(lambda _: answer(status))) as server, client_of(server.url, allowed) as client:
        assert await client.delete("00000001") == Accepted(status)
        assert (server.requests[0].method, server.requests[0].target) == ("DELETE", "/api/productOrder/00000001")


async def test_what_the_mapping_does_not_offer_is_rejected_without_a_call():
    async with serving(answering(lambda _: answer(200))) as server, client_of(server.url) as client:
        assert isinstance(await client.cancel("1", "x"), Rejected)
        assert isinstance(await client.delete("1"), Rejected)
        assert server.connections == 0


async def test_an_open_circuit_sends_nothing_and_is_closed_again_by_a_read_never_by_a_post():
    now, replies = [0.0], {"status": 500}
    behaviour = answering(
        lambda request: (
            answer(replies["status"])
            if replies["status"] >= 400
            else answer(200, [] if request.method == "GET" else {"id": "1"})
        )
    )
    async with serving(behaviour) as server, client_of(server.url, clock=lambda: now[0]) as client:
        for _ in range(20):
            assert isinstance(await client.send(create_step()), Unknown)
        refused = await client.send(create_step())
        assert isinstance(refused, NotSent)
        assert refused.retry_after_seconds == pytest.approx(30)
        with pytest.raises(ReadFailed, match="circuit open"):
            await client.get_order("1")
        assert len(server.requests) == 20
        now[0] += 31
        assert isinstance(await client.send(create_step()), NotSent)  # the probe failed
        assert [request.method for request in server.requests[20:]] == ["GET"]
        now[0] += 31
        replies["status"] = 200
        assert isinstance(await client.send(create_step()), Accepted)
        assert [request.method for request in server.requests[21:]] == ["GET", "POST"]


async def test_refusals_never_open_the_circuit():
    async with serving(answering(lambda _: answer(400))) as server, client_of(server.url) as client:
        for _ in range(40):
            assert isinstance(await client.send(create_step()), Rejected)
        assert len(server.requests) == 40


async def test_a_rolled_back_governor_limit_is_too_large_and_never_opens_the_circuit():
    limited = msgspec.structs.replace(PLAIN, answers=Answers(too_large_codes=("System.LimitException",)))
    error = [{"errorCode": "APEX_ERROR", "message": "System.LimitException: Apex CPU time limit exceeded"}]
    async with serving(answering(lambda _: answer(500, error))) as server, client_of(server.url, limited) as client:
        for _ in range(25):
            outcome = await client.send(create_step())
            assert isinstance(outcome, Rejected)
            assert outcome.too_large
        assert len(server.requests) == 25
