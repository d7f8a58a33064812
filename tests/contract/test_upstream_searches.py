"""Searching an order system for a marker: what proves that there is no such order, and what does not."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime

import pytest
from upstream_server import NOT_FOUND, Connection, answer, answering, client_of, is_silent, no_sleep, order, serving

from gateway.ordering.mapping.model import Api, Mapping, Paging, Recovery
from gateway.upstream import FindResult, incomplete, uncontrolled

MARKED = [{"id": f"{number:08d}", "state": "Draft", "externalId": f"gw1-{number}"} for number in range(50)]
SINCE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


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
        assert await client.find("gw1-none", since=SINCE) == FindResult((), uncontrolled())
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
        assert await client.find("gw1-21", since=SINCE) == FindResult((), incomplete("totals_disagree"))


async def test_smaller_pages_than_asked_for_are_followed_by_the_rows_received():
    orders = [order(number, f"gw1-{number}") for number in range(9)]
    async with serving(listing(orders, page_size=2)) as server, client_of(server.url, mapping()) as client:
        found = await client.find("gw1-8", since=SINCE)
        assert found.complete
        assert [hit.id for hit in found.orders] == ["00000008"]


@pytest.mark.parametrize(
    ("behaviour", "options", "code"),
    [
        pytest.param(listing(MARKED), {"scan_pages_max": 3}, "too_many_pages", id="too many pages"),
        pytest.param(listing(MARKED, ignores={"offset"}), {}, "paging_unclear", id="offset ignored"),
        pytest.param(listing(MARKED, ignores={"offset", "limit"}), {}, "paging_unclear", id="paging ignored"),
        pytest.param(listing([order(n) for n in range(5)]), {}, "markers_not_shown", id="no marker in sight"),
        pytest.param(answering(lambda _: answer(200, {"items": []})), {}, "page_failed", id="not a list"),
        pytest.param(answering(lambda _: answer(500)), {}, "page_failed", id="error on the first page"),
        pytest.param(answering(lambda _: NOT_FOUND), {}, "page_failed", id="404 on the first page"),
        pytest.param(
            answering(
                lambda request: (
                    NOT_FOUND
                    if int(request.query["offset"]) >= 100
                    else answer(200, [order(int(request.query["offset"]) + n, "gw1-y") for n in range(10)])
                )
            ),
            {},
            "page_failed",
            id="a cap after full pages",
        ),
        pytest.param(
            answering(
                lambda request: answer(200, [MARKED[0], {"state": "Draft"}] if request.query["offset"] == "0" else [])
            ),
            {},
            "row_unreadable",
            id="an order without an id",
        ),
        pytest.param(
            answering(
                lambda request: answer(
                    200, MARKED[:1] if request.query["offset"] == "0" else [], headers={"X-Total-Count": "2"}
                )
            ),
            {},
            "totals_disagree",
            id="total not reached",
        ),
    ],
)
async def test_a_search_that_did_not_see_everything_is_no_proof(behaviour, options, code):
    async with (
        serving(behaviour) as server,
        client_of(server.url, mapping(**options), sleep=no_sleep, read_attempts_max=1) as client,
    ):
        found = await client.find("gw1-x", since=SINCE)
        assert (found.orders, found.absence.kind, found.absence.code) == ((), "incomplete", code)


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
        assert await client.find("gw1-none", since=SINCE) == FindResult((), uncontrolled())


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
        assert await client.find("gw1-none", since=SINCE) == FindResult((), uncontrolled())


async def test_without_a_way_to_find_orders_nothing_is_asked_and_nothing_proven():
    async with serving(listing([])) as server, client_of(server.url, mapping("none")) as client:
        assert await client.find("gw1-a", since=SINCE) == FindResult((), incomplete("no_search"))
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
