"""Every way an answer can fail to come whole, on real sockets: the call may have taken effect, and is Unknown."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc

import pytest
from upstream_server import (
    IMPATIENT,
    Connection,
    add_step,
    answer,
    client_of,
    create_step,
    is_silent,
    redirects,
    serving,
    trickles,
)

from gateway.upstream import Unknown

CREATED = answer(201, {"id": "00000001", "state": "Draft"})


async def commits_and_resets(connection: Connection) -> None:
    await connection.request()
    connection.reset()


async def commits_and_closes(connection: Connection) -> None:
    await connection.request()


async def resets_within_the_body(connection: Connection) -> None:
    await connection.request()
    await connection.write(CREATED[:-10])
    connection.reset()


async def closes_within_the_body(connection: Connection) -> None:
    await connection.request()
    await connection.write(CREATED[:-10])


async def closes_within_a_body_without_length(connection: Connection) -> None:
    await connection.request()
    await connection.write(b'HTTP/1.1 201 X\r\n\r\n{"id":"0000')


async def never_reads_the_body(connection: Connection) -> None:
    await connection.reader.readuntil(b"\r\n\r\n")
    connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.Event().wait()


async def answers_503_before_the_body(connection: Connection) -> None:
    await connection.reader.readuntil(b"\r\n\r\n")
    await connection.write(answer(503, headers={"Connection": "close"}))
    connection.reset()


async def is_no_http_server(connection: Connection) -> None:
    await connection.request()
    await connection.write(b"220 mail.example ESMTP\r\n")


async def never_stops(connection: Connection) -> None:
    await connection.request()
    await connection.write(b"HTTP/1.1 201 X\r\nContent-Type: application/json\r\n\r\n[")
    while True:
        await connection.write(b" " * 65_536)


async def announces_too_much(connection: Connection) -> None:
    await connection.request()
    await connection.write(b"HTTP/1.1 201 X\r\nContent-Length: 10000000000\r\n\r\n")
    while True:
        await connection.write(b" " * 65_536)


async def never_stops_with_its_401(connection: Connection) -> None:
    await connection.request()
    await connection.write(b"HTTP/1.1 401 X\r\n\r\n")
    while True:
        await connection.write(b" " * 65_536)


async def nests_deeply(connection: Connection) -> None:
    await connection.request()
    await connection.write(answer(201, raw=b'{"id":"1","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"))


BOMB = answer(201, raw=gzip.compress(b'{"id":"1"}' + b" " * 50_000_000), headers={"Content-Encoding": "gzip"})


async def inflates_a_thousandfold(connection: Connection) -> None:
    await connection.request()
    await connection.write(BOMB)


async def breaks_its_encoding(connection: Connection) -> None:
    await connection.request()
    await connection.write(answer(201, raw=gzip.compress(b'{"id":"1"}')[:-6], headers={"Content-Encoding": "gzip"}))


async def uses_an_unknown_encoding(connection: Connection) -> None:
    await connection.request()
    await connection.write(answer(201, raw=b'{"id":"1"}', headers={"Content-Encoding": "br"}))


async def answers_html(connection: Connection) -> None:
    await connection.request()
    await connection.write(answer(200, raw=b"<html>Welcome</html>"))


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(is_silent, id="N4"),
        pytest.param(commits_and_resets, id="N5"),
        pytest.param(commits_and_closes, id="N6"),
        pytest.param(resets_within_the_body, id="N7-reset"),
        pytest.param(closes_within_the_body, id="N7-close"),
        pytest.param(closes_within_a_body_without_length, id="N8"),
        pytest.param(trickles, id="N9"),
        pytest.param(is_no_http_server, id="N15"),
        pytest.param(redirects, id="N14"),
        pytest.param(never_stops, id="N16-endless"),
        pytest.param(announces_too_much, id="N16-announced"),
        pytest.param(never_stops_with_its_401, id="N16-endless-401"),
        pytest.param(nests_deeply, id="N16-deep"),
        pytest.param(inflates_a_thousandfold, id="N16-bomb"),
        pytest.param(breaks_its_encoding, id="encoding-broken"),
        pytest.param(uses_an_unknown_encoding, id="encoding-unknown"),
        pytest.param(answers_html, id="html"),
    ],
)
@pytest.mark.parametrize("step", [create_step(), add_step()], ids=["POST", "PATCH"])
async def test_a_call_that_may_have_taken_effect_is_unknown_and_sent_once(behaviour, step):
    async with serving(behaviour) as server, client_of(server.url, response_bytes_max=100_000, **IMPATIENT) as client:
        began = time.monotonic()
        outcome = await client.send(step)
        assert isinstance(outcome, Unknown), outcome
        assert time.monotonic() - began < 15
        assert len(server.requests) == 1
        assert server.connections == 1


@pytest.mark.parametrize(
    "behaviour", [never_stops, announces_too_much, never_stops_with_its_401, inflates_a_thousandfold]
)
async def test_n16_an_endless_answer_is_cut_at_the_limit_and_takes_no_memory(behaviour):
    async with serving(behaviour) as server, client_of(server.url, response_bytes_max=1_000_000) as client:
        tracemalloc.start()
        try:
            outcome = await client.send(create_step())
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert "larger than 1000000 bytes" in outcome.detail
        assert peak_bytes < 10_000_000


@pytest.mark.parametrize("behaviour", [never_reads_the_body, answers_503_before_the_body], ids=["N10", "N11"])
async def test_a_body_that_was_not_taken_whole_is_unknown(behaviour):
    async with serving(behaviour) as server, client_of(server.url, **IMPATIENT) as client:
        began = time.monotonic()
        outcome = await client.send(create_step(b'"' + b"x" * 20_000_000 + b'"'))
        assert isinstance(outcome, Unknown), outcome
        assert time.monotonic() - began < 15
