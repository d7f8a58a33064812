"""A TMF620 catalogue that answers badly, or not at all: each is a doubt about the bundle, in time, and never an error."""

from __future__ import annotations

import time

import pytest
from catalogue_server import IMPATIENT, bundle, catalogue_at, codes, offering, saying, wanting
from upstream_server import Connection, answer, is_silent, serving, trickles


async def cut(connection: Connection) -> None:
    await connection.request()
    await connection.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id": "PLAN", "bundled')


async def reset(connection: Connection) -> None:
    await connection.request()
    connection.reset()


async def endless(connection: Connection) -> None:
    await connection.request()
    await connection.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await connection.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


HUGE = bundle("PLAN", [f"S{number}" for number in range(2_000)])
BAD = {
    "500": saying(answer(500, {"code": "1"})),
    "503 page": saying(answer(503, raw=b"<html>")),
    "401": saying(answer(401)),
    "403": saying(answer(403, {"code": "50"})),
    "404 page": saying(answer(404, raw=b"<html>no such host</html>")),
    "cut": cut,
    "reset": reset,
    "silent": is_silent,
    "trickling": trickles,
    "endless": endless,
    "malformed": saying(answer(200, raw=b'{"id": "PLAN",')),
    "not UTF-8": saying(answer(200, raw=b'{"id": "\xff"}')),
    "deep": saying(answer(200, raw=b"[" * 100_000)),
    "a list": saying(answer(200, [bundle("PLAN", ["SIM"])])),
    "a text": saying(answer(200, "PLAN")),
    "nothing": saying(answer(204)),
    "another": saying(answer(200, bundle("OTHER", ["SIM"]))),
    "too many children": saying(answer(200, HUGE)),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_is_no_answer_is_a_doubt_that_says_why_and_in_time(name):
    limits = IMPATIENT if name in {"silent", "trickling"} else {}
    async with serving(BAD[name]) as server, catalogue_at(server.url, **limits) as client:
        began = time.monotonic()
        found = await client.catalogue(wanting(PLAN=["SIM"]))
        assert time.monotonic() - began < 10
        assert found.children("PLAN") is None
        assert found.doubts["PLAN"].code == "catalogue_unavailable"
        assert "could not be read from the catalogue (" in found.doubts["PLAN"].message
        asked = len(server.requests)
        assert 1 <= asked <= 3
        await client.catalogue(wanting(PLAN=["SIM"]))
        assert len(server.requests) == asked, "what failed is not asked for again at once"


@pytest.mark.parametrize("bundled", ["x", 7, {"id": "SIM"}, [7, None, {}, {"id": 7}, {"id": "SIM"}], None])
async def test_an_offering_with_odd_children_says_what_it_says(bundled):
    reply = answer(200, {"id": "PLAN", "bundledProductOffering": bundled})
    async with serving(saying(reply)) as server, catalogue_at(server.url) as client:
        found = await client.catalogue(wanting(PLAN=["SIM"]))
        assert found.children("PLAN") == frozenset()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirection_is_never_followed(status):
    async with serving(offering(bundle("PLAN", ["SIM"]))) as inner:
        elsewhere = answer(status, headers={"Location": f"{inner.url}/productOffering/PLAN"})
        async with serving(saying(elsewhere)) as server, catalogue_at(server.url) as client:
            assert await codes(client, PLAN=["SIM"]) == {"PLAN": "catalogue_unavailable"}
        assert inner.requests == []


async def test_nobody_there_is_a_doubt():
    async with serving(is_silent) as server:
        url = server.url
    async with catalogue_at(url) as client:
        assert await codes(client, PLAN=["SIM"]) == {"PLAN": "catalogue_unavailable"}
