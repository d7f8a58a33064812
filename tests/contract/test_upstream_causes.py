"""Why an order system gave no answer that counts, as a code: the same for everybody who asks while the cause lasts."""

from __future__ import annotations

import msgspec
import pytest
from upstream_server import PLAIN, answer, answering, client_of, create_step, is_silent, no_sleep, order, serving

from gateway.ordering.mapping.model import Answers
from gateway.upstream import NotExecuted, NotSent, ReadFailed
from gateway.upstream.breaker import CALLS_MIN
from gateway.upstream.port import AnotherOrder

EXPIRED = msgspec.structs.replace(
    PLAIN, answers=Answers(expired_codes=("INVALID_SESSION_ID",), unavailable_not_executed=True)
)


async def failure_of(client):
    with pytest.raises(ReadFailed) as caught:
        await client.get_order("00000001")
    return caught.value


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (answer(500), "upstream_unreachable"),
        (answer(408), "upstream_unreachable"),
        (answer(503), "waiting_retry"),
        (answer(429), "throttled"),
        (answer(401), "credentials_refused"),
        (answer(403), "credentials_refused"),
        (answer(403, [{"errorCode": "INVALID_SESSION_ID", "message": "expired"}]), "credentials_refused"),
        (answer(302, headers={"Location": "/login"}), "unreadable_answer"),
        (answer(200, raw=b"\xef\xbb\xbf{}"), "unreadable_answer"),
        (answer(200, raw=b"<html>"), "unreadable_answer"),
        (answer(404, raw=b"<html>no such host"), "unreadable_answer"),
    ],
    ids=str,
)
async def test_the_cause_of_a_read_that_failed(reply, cause):
    async with (
        serving(answering(lambda _: reply)) as server,
        client_of(server.url, EXPIRED, sleep=no_sleep) as client,
    ):
        assert (await failure_of(client)).cause == cause


async def test_nobody_there_is_unreachable_for_reads_and_calls():
    async with client_of("http://127.0.0.1:9", sleep=no_sleep) as client:
        assert (await failure_of(client)).cause == "upstream_unreachable"
        outcome = await client.send(create_step())
        assert isinstance(outcome, NotSent)
        assert outcome.cause == "upstream_unreachable"


async def test_silence_is_unreachable():
    async with serving(is_silent) as server, client_of(server.url, sleep=no_sleep, deadline_seconds=0.3) as client:
        assert (await failure_of(client)).cause == "upstream_unreachable"


async def test_a_pause_after_refused_credentials_says_so_to_everybody_and_not_that_calls_are_too_many():
    async with serving(answering(lambda _: answer(401))) as server, client_of(server.url, sleep=no_sleep) as client:
        assert isinstance(await client.send(create_step()), NotExecuted)
        for _ in range(3):
            failure = await failure_of(client)
            assert failure.cause == "credentials_refused"
            assert "refuses the gateway's credentials" in str(failure)
        outcome = await client.send(create_step())
        assert isinstance(outcome, NotSent)
        assert outcome.cause == "credentials_refused"
        assert len(server.requests) == 1


async def test_a_pause_after_too_many_calls_says_that():
    busy = answer(429, headers={"Retry-After": "30"})
    async with serving(answering(lambda _: busy)) as server, client_of(server.url, sleep=no_sleep) as client:
        assert isinstance(await client.send(create_step()), NotExecuted)
        failure = await failure_of(client)
        assert failure.cause == "throttled"
        assert "asked for fewer calls" in str(failure)


async def test_an_open_circuit_is_its_own_cause():
    async with serving(answering(lambda _: answer(500))) as server, client_of(server.url, sleep=no_sleep) as client:
        for _ in range(CALLS_MIN):
            await failure_of(client)
        assert (await failure_of(client)).cause == "circuit_open"
        outcome = await client.send(create_step())
        assert isinstance(outcome, NotSent)
        assert outcome.cause == "circuit_open"


async def test_an_answer_about_another_order_comes_with_that_order():
    other = order(2, "gw1-abcdefghijklmnop-0")
    async with serving(answering(lambda _: answer(200, other))) as server, client_of(server.url) as client:
        with pytest.raises(AnotherOrder) as caught:
            await client.get_order("00000001")
    assert caught.value.order.id == "00000002"
