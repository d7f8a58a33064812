"""Calls beside those of a submission (cancelling, deleting), and the circuit that opens when calls fail."""

from __future__ import annotations

import msgspec
import pytest
from upstream_server import (
    PLAIN,
    answer,
    answering,
    client_of,
    create_step,
    serving,
)

from gateway.ordering.mapping.model import Answers, Api, Mapping
from gateway.settings import Settings, UpstreamLimits, UpstreamSettings
from gateway.upstream import Accepted, NotSent, ReadFailed, Rejected, Unknown
from gateway.upstream.building import build_upstreams


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


async def test_when_a_circuit_opens_and_for_how_long_is_set():
    limits = UpstreamLimits(
        circuit_calls_min=2, circuit_window_seconds=600.0, circuit_failed_percent=100.0, circuit_open_seconds=7.0
    )
    statuses = iter([201, 500, 500, 500])
    async with serving(answering(lambda _: answer(next(statuses), {"id": "1"}))) as server:
        upstream = UpstreamSettings(base_url=server.url, mapping="plain", limits=limits)
        client = build_upstreams(Settings(upstreams={"crm": upstream}), {"plain": PLAIN})["crm"]
        try:
            assert isinstance(await client.send(create_step()), Accepted)
            for _ in range(3):  # never all of the recent calls
                assert isinstance(await client.send(create_step()), Unknown)
        finally:
            await client.close()

        strict = msgspec.structs.replace(upstream, limits=msgspec.structs.replace(limits, circuit_failed_percent=50.0))
        statuses = iter([201, 500])
        client = build_upstreams(Settings(upstreams={"crm": strict}), {"plain": PLAIN})["crm"]
        try:
            assert isinstance(await client.send(create_step()), Accepted)
            assert isinstance(await client.send(create_step()), Unknown)
            refused = await client.send(create_step())
            assert isinstance(refused, NotSent)
            assert 1 <= refused.retry_after_seconds <= 7
        finally:
            await client.close()
