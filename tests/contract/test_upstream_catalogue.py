"""A TMF620 catalogue over a real socket, as well and as badly behaved as one can be: what is learnt of it, what is asked."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from catalogue_server import Clock, bundle, catalogue_at, codes, offering, wanting
from upstream_server import Connection, answer, answering, serving

from gateway.ordering.translation.bundles import read_offering
from gateway.upstream import BearerAuth
from gateway.upstream.catalogue import READS_OF_TENANT_MAX
from gateway.upstream.offerings import OfferingCache, Said


async def test_what_is_mandatory_is_read_by_id_with_few_fields_and_the_token():
    documents = bundle("PLAN", ["SIM"], ["MUSIC"]), bundle("TV", [], ["HD"])
    async with (
        serving(offering(*documents)) as server,
        catalogue_at(server.url + "/", auth=BearerAuth("secret")) as client,
    ):
        found = await client.catalogue(wanting(PLAN=["SIM", "MUSIC"], TV=["HD"]))
        assert found.children("PLAN") == {"SIM"}
        assert found.children("TV") == frozenset()
        assert found.doubts == {}
        assert sorted(request.path for request in server.requests) == [
            "/api/productOffering/PLAN",
            "/api/productOffering/TV",
        ]
        assert {request.query["fields"] for request in server.requests} == {"id,bundledProductOffering"}
        assert {request.headers["authorization"] for request in server.requests} == {"Bearer secret"}


async def test_a_code_is_one_segment_of_the_path_whatever_is_in_it():
    document = bundle("A B+ü", ["SIM"])
    async with serving(offering(document)) as server, catalogue_at(server.url) as client:
        odd = {
            code: frozenset({"SIM"}) for code in ("A B+ü", "../../admin", "a/b", "http://elsewhere/x", "x" * 300, "")
        }
        found = await client.catalogue(odd)
        assert [request.target.partition("?")[0] for request in server.requests] == [
            "/api/productOffering/A%20B%2B%C3%BC"
        ]
        assert found.children("A B+ü") == {"SIM"}
        doubts = {code: doubt.message for code, doubt in found.doubts.items()}
        assert doubts.keys() == odd.keys() - {"A B+ü"}
        assert all("no address can hold its code" in message for message in doubts.values())


async def test_an_answer_is_kept_and_asked_for_again_after_its_time():
    clock = Clock()
    async with (
        serving(offering(bundle("PLAN", ["SIM"]))) as server,
        catalogue_at(server.url, clock=clock, fresh_seconds=100, unknown_seconds=10) as client,
    ):
        for _ in range(3):
            found = await client.catalogue(wanting(PLAN=["SIM"], NONE=["X"]))
            assert found.children("PLAN") == {"SIM"}
            assert found.children("NONE") is None
            assert found.doubts["NONE"].code == "catalogue_unknown"
        assert len(server.requests) == 2
        clock.ahead = 11
        await client.catalogue(wanting(PLAN=["SIM"], NONE=["X"]))
        assert [request.path.rpartition("/")[2] for request in server.requests[2:]] == ["NONE"]
        clock.ahead = 111
        await client.catalogue(wanting(PLAN=["SIM"]))
        assert len(server.requests) == 4


async def test_many_who_ask_at_once_are_served_by_one_read():
    async with serving(offering(bundle("PLAN", ["SIM"]))) as server, catalogue_at(server.url) as client:
        found = await asyncio.gather(*(client.catalogue(wanting(PLAN=["SIM"])) for _ in range(50)))
        assert [each.children("PLAN") for each in found] == [{"SIM"}] * 50
        assert len(server.requests) == 1


async def test_memory_is_bounded_and_what_was_not_used_longest_goes():
    documents = [bundle(f"P{number}", [f"S{n}" for n in range(9)]) for number in range(5)]
    async with serving(offering(*documents)) as server, catalogue_at(server.url, cache_entries_max=25) as client:
        for code in ("P0", "P1", "P0", "P2", "P0"):
            await client.catalogue(wanting(**{code: ["S1"]}))
        assert len(client._cache) <= 25
        asked = [request.path.rpartition("/")[2] for request in server.requests]
        assert asked == ["P0", "P1", "P2"]
        await client.catalogue(wanting(P1=["S1"]))
        assert len(server.requests) == 4


async def test_an_old_answer_is_used_while_the_catalogue_is_down_and_the_doubt_tells_its_age():
    clock, down = Clock(), False
    good = answer(200, bundle("PLAN", ["SIM"]))
    async with (
        serving(answering(lambda _request: answer(500) if down else good)) as server,
        catalogue_at(server.url, clock=clock, fresh_seconds=60, stale_seconds=600, retry_seconds=5) as client,
    ):
        assert await codes(client, PLAN=["SIM"]) == {}
        down, clock.ahead = True, 300
        found = await client.catalogue(wanting(PLAN=["SIM"]))
        assert found.children("PLAN") == {"SIM"}
        assert found.doubts["PLAN"].code == "catalogue_stale"
        assert "5 minutes ago" in found.doubts["PLAN"].message
        clock.ahead = 700
        assert await codes(client, PLAN=["SIM"]) == {"PLAN": "catalogue_unavailable"}
        down, clock.ahead = False, 800
        assert await codes(client, PLAN=["SIM"]) == {}


async def test_a_slow_catalogue_takes_no_more_than_its_time_and_its_answer_serves_the_next():
    release = asyncio.Event()

    async def slow(connection: Connection) -> None:
        await connection.request()
        await release.wait()
        await connection.write(answer(200, bundle("PLAN", ["SIM"])))

    async with serving(slow) as server, catalogue_at(server.url, checkout_seconds=0.2) as client:
        assert await codes(client, PLAN=["SIM"]) == {"PLAN": "catalogue_unavailable"}
        release.set()
        async with asyncio.timeout(10):
            while (await client.catalogue(wanting(PLAN=["SIM"]))).children("PLAN") is None:  # noqa: ASYNC110 - a look is what is tried
                await asyncio.sleep(0.01)
        assert len(server.requests) == 1


async def test_reads_under_way_at_once_are_bounded_and_none_fails_for_waiting():
    under_way = most = 0

    async def counting(connection: Connection) -> None:
        nonlocal under_way, most
        while True:
            request = await connection.request()
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.3)
            under_way -= 1
            await connection.write(answer(200, bundle(request.path.rpartition("/")[2], ["SIM"])))

    async with serving(counting) as server, catalogue_at(server.url, concurrency_max=3, deadline_seconds=2.5) as client:
        # The third is left to other tenants.
        found = await client.catalogue(wanting(**{f"P{number}": ["SIM"] for number in range(30)}))
        assert (found.doubts, len(found.mandatory), most) == ({}, 30, 2)
        for number, each in enumerate(
            await asyncio.gather(
                *(client.catalogue(wanting(**{f"{tenant}{n}": ["SIM"] for n in range(9)}), tenant) for tenant in "ABC")
            )
        ):
            assert (each.doubts, len(each.mandatory)) == ({}, 9), number
        assert most == 3


async def test_one_tenant_keeps_the_catalogue_from_no_other():
    asked: list[str] = []
    go_on = asyncio.Event()

    async def slow_for_made_up_offerings(connection: Connection) -> None:
        while True:
            request = await connection.request()
            code = request.path.rpartition("/")[2]
            asked.append(code)
            if code.startswith("X"):
                await go_on.wait()
                await connection.write(answer(404, {"code": "60", "reason": "not found"}))
            else:
                await connection.write(answer(200, bundle(code, ["SIM"])))

    async with (
        serving(slow_for_made_up_offerings) as server,
        catalogue_at(server.url, concurrency_max=3, offerings_max=2000) as client,
    ):
        made_up = wanting(**{f"X{number}": ["SIM"] for number in range(READS_OF_TENANT_MAX + 100)})
        greedy = asyncio.create_task(client.catalogue(made_up, "greedy"))
        async with asyncio.timeout(20):
            while len(asked) < 2:  # noqa: ASYNC110 - the server's side of it
                await asyncio.sleep(0.005)
            found = await client.catalogue(wanting(PLAN=["SIM"]), "modest")
        assert (found.children("PLAN"), found.doubts) == ({"SIM"}, {})
        assert sum(code.startswith("X") for code in asked) == 2
        go_on.set()
        doubts = Counter(doubt.code for doubt in (await greedy).doubts.values())
        assert doubts == {"catalogue_unknown": READS_OF_TENANT_MAX, "catalogue_unavailable": 100}
        assert client._reads_of == {}


async def test_what_another_tenant_asks_for_behind_much_else_is_read_at_its_own_turn():
    asked: list[str] = []
    go_on = asyncio.Event()

    async def slow_for_made_up_offerings(connection: Connection) -> None:
        while True:
            code = (await connection.request()).path.rpartition("/")[2]
            asked.append(code)
            if code != "PLAN":
                await go_on.wait()
            await connection.write(answer(200, bundle(code, ["SIM"])))

    async with (
        serving(slow_for_made_up_offerings) as server,
        catalogue_at(server.url, concurrency_max=3, offerings_max=2000) as client,
    ):
        wanted = [*(f"MADE-UP-{number}" for number in range(20)), "PLAN"]
        greedy = asyncio.create_task(client.catalogue(wanting(**{code: ["SIM"] for code in wanted}), "greedy"))
        async with asyncio.timeout(20):
            while len(asked) < 2:  # noqa: ASYNC110 - the server's side of it
                await asyncio.sleep(0.005)
            found = await client.catalogue(wanting(PLAN=["SIM"]), "modest")
        assert (found.children("PLAN"), found.doubts) == ({"SIM"}, {})
        go_on.set()
        assert (await greedy).doubts == {}
        # It served the greedy one as well.
        assert asked.count("PLAN") == 1
        assert (client._reading, client._asked, client._reads_of) == ({}, {}, {})


def test_made_up_offerings_make_no_offering_forgotten():
    kept = OfferingCache(10)
    real = read_offering(bundle("PLAN", ["SIM"]))
    kept.put("PLAN", Said(real, 1.0))
    for number in range(100):
        kept.put(f"X{number}", Said(None, 1.0))
    assert (kept.get("PLAN"), kept.get("X0"), len(kept)) == (Said(real, 1.0), None, 12)
    kept.put("X99", Said(real, 2.0))
    kept.put("PLAN", Said(None, 3.0))
    assert (kept.get("X99"), kept.get("PLAN")) == (Said(real, 2.0), Said(None, 3.0))


async def test_a_child_that_the_bundle_does_not_list_is_looked_for_in_its_mandatory_bundles():
    documents = [
        bundle("HOME", ["ACCESS", "VOICE"], ["TV"]),
        bundle("ACCESS", ["CPE"], ["FILTER"]),
        bundle("CPE", ["PSU"]),
        bundle("VOICE"),
        bundle("PSU"),
        bundle("TV", ["BOX"]),
    ]
    async with serving(offering(*documents)) as server, catalogue_at(server.url) as client:
        found = await client.catalogue(wanting(HOME=["ACCESS", "TV"]))
        assert (found.children("HOME"), len(server.requests)) == ({"ACCESS"}, 1), "nothing more is asked than is needed"
        found = await client.catalogue(wanting(HOME=["ACCESS", "PSU", "FILTER", "BOX", "TV"]))
        assert found.children("HOME") == {"ACCESS", "PSU"}
        assert found.doubts == {}
        assert "TV" not in {request.path.rpartition("/")[2] for request in server.requests}


async def test_bundles_in_bundles_are_followed_no_deeper_than_set_and_circles_end():
    chain = [bundle(f"L{number}", [f"L{number + 1}"]) for number in range(20)]
    circle = [bundle("A", ["B"]), bundle("B", ["C"]), bundle("C", ["A", "B"])]
    async with serving(offering(*chain, *circle)) as server, catalogue_at(server.url, depth_max=3) as client:
        found = await client.catalogue(wanting(L0=["L3"]))
        assert (found.children("L0"), found.doubts) == ({"L3"}, {})
        assert await codes(client, L0=["DEEP"]) == {"L0": "catalogue_unavailable"}
        assert len(server.requests) == 4
        found = await client.catalogue(wanting(A=["C", "NOWHERE"]))
        assert (found.children("A"), found.doubts) == ({"C"}, {})


async def test_a_million_offerings_by_nesting_cost_no_more_than_the_limit():
    def reply(request):
        code = request.path.rpartition("/")[2]
        return answer(200, bundle(code, [f"{code}.{number}" for number in range(100)]))

    async with serving(answering(reply)) as server, catalogue_at(server.url, offerings_max=50) as client:
        began = time.monotonic()
        assert await codes(client, P=["NOWHERE"]) == {"P": "catalogue_unavailable"}
        assert len(server.requests) == 50
        assert time.monotonic() - began < 10


async def test_a_cart_with_more_bundles_than_are_read_says_so_of_the_rest():
    documents = [bundle(f"P{number}", ["SIM"]) for number in range(9)]
    async with serving(offering(*documents)) as server, catalogue_at(server.url, offerings_max=5) as client:
        found = await client.catalogue(wanting(**{f"P{number}": ["SIM"] for number in range(9)}))
        assert len(found.mandatory) == len(server.requests) == 5
        assert {doubt.code for doubt in found.doubts.values()} == {"catalogue_unavailable"}
        assert len(found.doubts) == 4


async def test_a_failed_read_of_a_nested_bundle_is_a_doubt_about_the_bundle_of_the_cart():
    def reply(request):
        return answer(200, bundle("HOME", ["ACCESS"])) if request.path.endswith("HOME") else answer(500)

    async with serving(answering(reply)) as server, catalogue_at(server.url) as client:
        found = await client.catalogue(wanting(HOME=["ACCESS", "CPE"]))
        assert found.children("HOME") == {"ACCESS"}
        assert found.doubts["HOME"].code == "catalogue_unavailable"
        assert len(server.requests) >= 2
