from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from upstream_server import IMPATIENT, answer, answering, is_silent, serving

from gateway.errors import UnavailableError
from gateway.upstream import BearerAuth
from gateway.upstream.options import resource_options
from gateway.upstream.qualification import QualificationClient


async def no_wait(_seconds: float) -> None:
    return


@asynccontextmanager
async def client_of(url, **options):
    resource = options.pop("resource", "productOfferingQualification")
    client = QualificationClient(resource_options("qualification", resource, base_url=url, **options), sleep=no_wait)
    try:
        yield client
    finally:
        await client.close()


async def test_a_document_is_read_by_its_id_with_the_token():
    async with (
        serving(answering(lambda _request: answer(200, {"id": "q1", "state": "done"}))) as server,
        client_of(server.url + "/", auth=BearerAuth("secret")) as client,
    ):
        assert await client.get("q1") == {"id": "q1", "state": "done"}
        (request,) = server.requests
        assert (request.method, request.path) == ("GET", "/api/productOfferingQualification/q1")
        assert request.headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize("status", [404, 410])
async def test_what_does_not_exist_any_more_is_none(status):
    async with serving(answering(lambda _request: answer(status))) as server, client_of(server.url) as client:
        assert await client.get("q1") is None


async def test_an_id_that_leaves_the_resource_is_never_asked_for():
    async with serving(answering(lambda _request: answer(200, {}))) as server, client_of(server.url) as client:
        assert await client.get("..") is None
        assert server.requests == []


@pytest.mark.parametrize("reply", [answer(500), answer(401), answer(200, ["?"]), answer(200, raw=b"{")])
async def test_every_other_answer_is_unavailable_with_a_time(reply):
    async with serving(answering(lambda _request: reply)) as server, client_of(server.url) as client:
        with pytest.raises(UnavailableError) as raised:
            await client.get("q1")
        assert int(raised.value.headers["Retry-After"]) >= 5
        assert "nothing was stored" in raised.value.message


async def test_a_busy_service_says_when():
    reply = answer(429, headers={"Retry-After": "40"})
    async with serving(answering(lambda _request: reply)) as server, client_of(server.url, **IMPATIENT) as client:
        with pytest.raises(UnavailableError) as raised:
            await client.get("q1")
        assert int(raised.value.headers["Retry-After"]) >= 40


async def test_a_silent_service_is_given_up():
    async with serving(is_silent) as server, client_of(server.url, **IMPATIENT) as client:
        with pytest.raises(UnavailableError):
            await client.get("q1")
