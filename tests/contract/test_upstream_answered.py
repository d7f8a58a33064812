"""What may be begun when an answer is there and has not been looked into: once, after the whole of it, and only after a success."""

from __future__ import annotations

import asyncio

import pytest
from upstream_server import IMPATIENT, Connection, add_step, answer, answering, client_of, create_step, serving

from gateway.upstream import Accepted, NotSent, Rejected, Unknown

DRAFT = {"id": "00000001", "state": "Draft"}


class Noted:
    """Counts how often it was told of an answer."""

    def __init__(self):
        self.times = 0

    async def answered(self):
        await asyncio.sleep(0)
        self.times += 1


@pytest.mark.parametrize(
    ("given", "outcome", "times"),
    [
        (answer(200, DRAFT), Accepted, 1),
        (b"HTTP/1.1 204 X\r\n\r\n", Accepted, 1),
        (b"HTTP/1.1 200 X\r\nContent-Length: 6\r\n\r\n<html>", Unknown, 1),
        (answer(200, [{"errorCode": "X", "message": "x"}]), Unknown, 1),
        (answer(400, {"code": "X", "reason": "x"}), Rejected, 0),
        (answer(500, {"code": "X", "reason": "x"}), Unknown, 0),
        (answer(302, {}), Unknown, 0),
    ],
    ids=["accepted", "without a body", "a page", "an error that says 200", "refused", "failed", "redirected"],
)
async def test_a_status_of_success_is_told_whatever_the_answer_turns_out_to_say(given, outcome, times):
    noted = Noted()
    async with serving(answering(lambda _: given)) as server, client_of(server.url) as client:
        assert isinstance(await client.send(add_step(), answered=noted.answered), outcome)
    assert noted.times == times


async def test_an_answer_that_is_cut_short_is_not_told():
    async def closes_within_the_body(connection: Connection) -> None:
        await connection.request()
        await connection.write(answer(200, DRAFT)[:-10])

    noted = Noted()
    async with serving(closes_within_the_body) as server, client_of(server.url, **IMPATIENT) as client:
        assert isinstance(await client.send(add_step(), answered=noted.answered), Unknown)
        assert isinstance(await client.send(create_step(b""), answered=noted.answered), Unknown | NotSent)
    assert noted.times == 0


async def test_what_is_begun_then_has_the_slot_of_the_call():
    """Where only one call may be under way, a read that is begun by the answer is not kept waiting by it."""
    async with (
        serving(answering(lambda _: answer(200, DRAFT))) as server,
        client_of(server.url, concurrency_max=1, slot_timeout_seconds=0.2) as client,
    ):

        async def read():
            order = await client.get_head("00000001")
            assert order is not None

        assert isinstance(await client.send(add_step(), answered=read), Accepted)


async def test_a_call_that_is_cancelled_while_something_is_begun_is_cancelled():
    begun = asyncio.Event()

    async def never():
        begun.set()
        await asyncio.Event().wait()

    async with serving(answering(lambda _: answer(200, DRAFT))) as server, client_of(server.url) as client:
        task = asyncio.create_task(client.send(add_step(), answered=never))
        async with asyncio.timeout(10):
            await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
