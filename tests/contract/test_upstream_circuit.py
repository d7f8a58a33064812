"""Calls beside those of a submission (cancelling, deleting), and the circuit that opens when calls fail."""

from __future__ import annotations

from pathlib import Path

import certifi
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
from gateway.upstream import Accepted, NotExecuted, NotSent, ReadFailed, Rejected, Unknown, building
from gateway.upstream.building import build_upstreams
from gateway.upstream.cancel_task import CancelWish
from gateway.upstream.transport import tls_context


async def test_cancelling_sends_the_task_resource_with_the_order_and_the_reason():
    offered = Mapping(name="plain", api=Api(resource="productOrder", cancel_resource="cancelProductOrder"))
    reply = answer(201, {"id": "c1", "state": "acknowledged"})
    async with serving(answering(lambda _: reply)) as server, client_of(server.url, offered) as client:
        assert isinstance(await client.cancel("00000001", CancelWish("customer's wish")), Accepted)
        assert server.requests[0].target == "/api/cancelProductOrder"
        body = msgspec.json.decode(server.requests[0].body)
        assert body == {"productOrder": {"id": "00000001"}, "cancellationReason": "customer's wish"}


@pytest.mark.parametrize("dialect", ["tmf622-v4", "tmf622-v5"])
async def test_cancelling_hands_over_when_the_client_wants_it(dialect):
    api = Api(resource="productOrder", cancel_resource="cancelProductOrder")
    offered = Mapping(name="plain", dialect=dialect, api=api)
    reply = answer(201, {"id": "c1", "state": "acknowledged"})
    async with serving(answering(lambda _: reply)) as server, client_of(server.url, offered) as client:
        await client.cancel("00000001", CancelWish("too late", "2999-01-01T00:00:00Z"))
        body = msgspec.json.decode(server.requests[0].body)
    typed = dialect == "tmf622-v5"
    assert body == {
        "productOrder": {"id": "00000001", **({"@type": "ProductOrderRef"} if typed else {})},
        "cancellationReason": "too late",
        "requestedCancellationDate": "2999-01-01T00:00:00Z",
        **({"@type": "CancelProductOrder"} if typed else {}),
    }


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (200, {"id": "c1", "state": "inProgress"}, ("inProgress", "open")),
        (
            200,
            {"id": "c1", "state": "TerminatedWithError", "productOrder": {"id": "1"}},
            ("TerminatedWithError", "denied"),
        ),
        (200, {"id": "c1", "state": "held"}, ("held", "waiting")),
        # Some mean the order by it.
        (200, {"id": "c1", "state": "cancelled"}, ("cancelled", "open")),
        (200, {"id": "c1", "state": ["rejected"]}, ("", "open")),
        (200, {"id": "c2", "state": "rejected"}, None),
        (200, {"id": "c1", "state": "rejected", "productOrder": {"id": "2"}}, None),
        (200, {"id": "c1", "state": "rejected", "productOrderItem": []}, None),
        (200, [], None),
        (404, {"code": "60"}, None),
    ],
)
async def test_the_task_of_a_cancellation_is_read_and_nothing_else_is_taken_for_it(status, document, expected):
    offered = Mapping(name="plain", api=Api(resource="productOrder", cancel_resource="cancelProductOrder"))
    async with (
        serving(answering(lambda _: answer(status, document))) as server,
        client_of(server.url, offered) as client,
    ):
        task = await client.get_cancel_task("c1", "1")
        assert server.requests[0].target == "/api/cancelProductOrder/c1"
        assert (None if task is None else (task.state, task.progress)) == expected
        assert await client.get_cancel_task("../c1", "1") is None
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 204, 404, 410])
async def test_deleting_succeeds_when_the_order_is_gone(status):
    allowed = Mapping(name="plain", api=Api(resource="productOrder", delete_allowed=True))
    async with serving(answering(lambda _: answer(status))) as server, client_of(server.url, allowed) as client:
        assert await client.delete("00000001") == Accepted(status)
        assert (server.requests[0].method, server.requests[0].target) == ("DELETE", "/api/productOrder/00000001")


async def test_what_the_mapping_does_not_offer_is_rejected_without_a_call():
    async with serving(answering(lambda _: answer(200))) as server, client_of(server.url) as client:
        assert isinstance(await client.cancel("1", CancelWish("x")), Rejected)
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


async def test_an_absurd_retry_after_holds_the_call_that_got_it_and_pauses_the_others_as_long_as_the_mapping_says():
    now = [1000.0]
    paused = msgspec.structs.replace(PLAIN, answers=Answers(pause_seconds_max=20.0))
    answers = iter([answer(429, headers={"Retry-After": "315360000"}), *[answer(201, {"id": "1"})] * 2])
    async with (
        serving(answering(lambda _: next(answers))) as server,
        client_of(server.url, paused, clock=lambda: now[0]) as client,
    ):
        outcome = await client.send(create_step())
        assert isinstance(outcome, NotExecuted)
        assert outcome.retry_after_seconds == 900
        other = await client.send(create_step())
        assert isinstance(other, NotSent)
        assert other.retry_after_seconds <= 20
        now[0] += 20.1
        assert isinstance(await client.send(create_step()), Accepted)

        # A mapping that is loaded anew while the process runs counts from the next answer on.
        client.use(msgspec.structs.replace(paused, answers=Answers(pause_seconds_max=5.0)))
        answers = iter([answer(429, headers={"Retry-After": "100"})])
        assert isinstance(await client.send(create_step()), NotExecuted)
        other = await client.send(create_step())
        assert isinstance(other, NotSent)
        assert other.retry_after_seconds <= 5


def test_upstreams_that_trust_the_same_certificates_share_one_tls_context(monkeypatch, tmp_path):
    made = []

    def counted(*, ca_file=None):
        made.append(ca_file)
        return tls_context(ca_file=ca_file)

    monkeypatch.setattr(building, "tls_context", counted)
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(Path(certifi.where()).read_text(encoding="utf-8"), encoding="utf-8")
    upstreams = {
        f"crm-{number}": UpstreamSettings(
            base_url="https://crm.example", mapping="plain", ca_file=str(ca_file) if number % 2 else ""
        )
        for number in range(6)
    }
    build_upstreams(Settings(upstreams=upstreams), {"plain": PLAIN})
    assert made == [None, str(ca_file)]
