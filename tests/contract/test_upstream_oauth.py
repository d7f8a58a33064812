"""Tokens for an order system, against a real token endpoint on a socket."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest
from upstream_server import answer, answering, client_of, create_step, no_sleep, serving

from gateway.ordering.mapping.model import Answers, Api, Mapping
from gateway.upstream import (
    Accepted,
    BearerAuth,
    ClientCredentialsAuth,
    NotExecuted,
    NotSent,
    ReadFailed,
    TokenRequest,
    UpstreamClient,
)

SECRET = "canary-s3cret&="
EXPIRED = [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]


@dataclass
class OrderSystem:
    """Issues token-1, token-2, ... and accepts only those it was not told to revoke."""

    expires_in: object = None
    refuses_tokens: bool = False
    token_answer: bytes | None = None
    expired_status: int = 401
    revoked: set[str] = field(default_factory=set)
    token_requests: list = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def reply(self, request):
        if request.path == "/api/token":
            self.token_requests.append(request)
            expiry = {} if self.expires_in is None else {"expires_in": self.expires_in}
            document = {"access_token": f"token-{len(self.token_requests)}", "token_type": "Bearer", **expiry}
            return self.token_answer or answer(200, document)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.seen.append(token)
        if self.refuses_tokens or token in self.revoked or not token.startswith("token-"):
            return answer(self.expired_status, EXPIRED)
        return answer(201 if request.method == "POST" else 200, {"id": "00000001", "state": "Draft"})


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def token_request(url, **more):
    return TokenRequest(url=f"{url}/token", client_id="gateway", client_secret=SECRET, **more)


@asynccontextmanager
async def signing_client(system: OrderSystem, *, clock=None, mapping=None, asked=None, **auth_options):
    async with serving(answering(system.reply)) as server:
        clock = clock or Clock()
        auth = ClientCredentialsAuth(token_request(server.url, **(asked or {})), clock=clock, **auth_options)
        options = {"auth": auth, "clock": clock, "sleep": no_sleep, "concurrency_max": 64}
        plain = mapping or Mapping(name="plain", api=Api(resource="productOrder"))
        async with client_of(server.url, plain, **options) as client:
            yield client, auth


async def test_fifty_calls_with_a_revoked_token_make_one_renewal_and_all_succeed():
    system = OrderSystem()
    async with signing_client(system) as (client, _):
        assert isinstance(await client.send(create_step()), Accepted)
        system.revoked.add("token-1")
        outcomes = await asyncio.gather(*(client.send(create_step()) for _ in range(50)))
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        assert len(system.token_requests) == 2
        assert len([token for token in system.seen if token == "token-2"]) == 50


async def test_a_401_that_arrives_after_somebody_elses_renewal_uses_that_one():
    system, renewed = OrderSystem(revoked={"token-1"}), asyncio.Event()

    async def answers_the_second_401_late(connection):
        while True:
            request = await connection.request()
            reply = system.reply(request)
            if system.seen[-1:] == ["token-2"]:
                renewed.set()
            elif system.seen == ["token-1", "token-1"] and request.path != "/api/token":
                await renewed.wait()
            await connection.write(reply)

    async with serving(answers_the_second_401_late) as server:
        auth = ClientCredentialsAuth(token_request(server.url))
        async with client_of(server.url, auth=auth) as client:
            outcomes = await asyncio.gather(client.send(create_step()), client.send(create_step()))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len(system.token_requests) == 2


async def test_fifty_first_calls_fetch_one_token():
    system = OrderSystem()
    async with signing_client(system) as (client, _):
        await asyncio.gather(*(client.send(create_step()) for _ in range(50)))
        assert len(system.token_requests) == 1


async def test_a_second_401_is_handed_up_after_one_renewal_and_pauses_everybody():
    system, clock = OrderSystem(refuses_tokens=True), Clock()
    async with signing_client(system, clock=clock) as (client, _):
        outcome = await client.send(create_step())
        assert isinstance(outcome, NotExecuted)
        assert outcome.kind == "unauthorised"
        assert system.seen == ["token-1", "token-2"]
        assert isinstance(await client.send(create_step()), NotSent)
        with pytest.raises(ReadFailed):
            await client.get_order("00000001")
        assert len(system.seen) == 2
        clock.now += 60
        system.refuses_tokens = False
        assert isinstance(await client.send(create_step()), Accepted)


async def test_an_expired_session_that_comes_as_403_is_not_sent_again_but_renewed_for_the_next_call():
    system = OrderSystem(expired_status=403, revoked={"token-1"})
    mapping = Mapping(
        name="plain", api=Api(resource="productOrder"), answers=Answers(expired_codes=("INVALID_SESSION_ID",))
    )
    async with signing_client(system, mapping=mapping) as (client, _):
        outcome = await client.send(create_step())
        assert isinstance(outcome, NotExecuted)
        assert outcome.kind == "unauthorised"
        assert system.seen == ["token-1"]
        assert isinstance(await client.send(create_step()), Accepted)
        assert system.seen == ["token-1", "token-2"]


@pytest.mark.parametrize(("expires_in", "renewed_after"), [(3600, 3540), ("3600", 3540), (30, 15), (100, 50)])
async def test_tokens_are_renewed_early_but_not_on_every_call(expires_in, renewed_after):
    system, clock = OrderSystem(expires_in=expires_in), Clock()
    async with signing_client(system, clock=clock, leeway_seconds=60) as (client, _):
        await client.send(create_step())
        clock.now += renewed_after - 1
        await client.send(create_step())
        assert len(system.token_requests) == 1
        clock.now += 1
        await client.send(create_step())
        assert len(system.token_requests) == 2


@pytest.mark.parametrize("expires_in", [None, "soon", 0, -5, {}, "NaN"])
async def test_without_a_usable_expiry_a_token_is_used_until_it_is_refused(expires_in):
    system, clock = OrderSystem(expires_in=expires_in), Clock()
    async with signing_client(system, clock=clock) as (client, _):
        await client.send(create_step())
        clock.now += 1_000_000
        assert isinstance(await client.send(create_step()), Accepted)
        assert len(system.token_requests) == 1


async def test_a_failed_early_renewal_uses_the_token_while_it_is_good():
    system, clock = OrderSystem(expires_in=3600), Clock()
    async with signing_client(system, clock=clock) as (client, _):
        await client.send(create_step())
        system.token_answer = answer(500)
        clock.now += 3550
        assert isinstance(await client.send(create_step()), Accepted)
        clock.now += 100
        assert isinstance(await client.send(create_step()), NotSent)


@pytest.mark.parametrize(
    "token_answer",
    [
        answer(400, {"error": "invalid_grant", "error_description": "request not supported on this domain"}),
        answer(401, {"error": "invalid_client", "error_description": f"secret {SECRET} is wrong"}),
        answer(200, {"token_type": "Bearer"}),
        answer(200, {"access_token": "a\r\nX-Injected: 1"}),
        answer(200, {"access_token": "abc", "token_type": "mac"}),
        answer(200, raw=b"<html>login</html>"),
        answer(200, raw=b" " * 100_000),
        answer(302, headers={"Location": "http://elsewhere.example/"}),
        answer(503, headers={"Retry-After": "9"}),
    ],
    ids=["grant", "client", "no token", "injection", "mac", "html", "huge", "redirect", "busy"],
)
async def test_without_a_token_nothing_is_sent_and_the_secret_is_not_shown(token_answer):
    system = OrderSystem(token_answer=token_answer)
    async with signing_client(system) as (client, _):
        outcomes = await asyncio.gather(*(client.send(create_step()) for _ in range(10)))
        assert all(isinstance(outcome, NotSent) for outcome in outcomes), outcomes
        assert SECRET not in repr(outcomes)
        assert system.seen == []
        assert len(system.token_requests) == 1  # the failure is shared, and the endpoint left alone for a moment


async def test_the_token_endpoint_is_asked_again_after_a_pause():
    system, clock = OrderSystem(token_answer=answer(500)), Clock()
    async with signing_client(system, clock=clock, failure_pause_seconds=2) as (client, _):
        assert isinstance(await client.send(create_step()), NotSent)
        system.token_answer = None
        assert isinstance(await client.send(create_step()), NotSent)
        clock.now += 2.1
        assert isinstance(await client.send(create_step()), Accepted)


async def test_a_renewal_that_fails_after_a_401_is_not_sent():
    system = OrderSystem()
    async with signing_client(system) as (client, _):
        await client.send(create_step())
        system.revoked.add("token-1")
        system.token_answer = answer(500)
        assert isinstance(await client.send(create_step()), NotSent)


async def test_a_renewal_that_a_deadline_cuts_off_after_a_401_is_not_sent():
    system, renewing = OrderSystem(revoked={"token-1"}), asyncio.Event()

    async def renews_never(connection):
        while True:
            request = await connection.request()
            reply = system.reply(request)
            if len(system.token_requests) == 2:
                renewing.set()
                await connection.until_closed()
            await connection.write(reply)

    async with serving(renews_never) as server:
        auth = ClientCredentialsAuth(token_request(server.url), timeout_seconds=30)
        async with client_of(server.url, auth=auth, deadline_seconds=0.5) as client:
            assert isinstance(await client.send(create_step()), NotSent)
            assert renewing.is_set()


async def test_a_cancelled_call_does_not_take_the_renewal_from_the_others():
    started, release, system = asyncio.Event(), asyncio.Event(), OrderSystem()

    async def slow_tokens(connection):
        while True:
            request = await connection.request()
            if request.path == "/api/token":
                started.set()
                await release.wait()
            await connection.write(system.reply(request))

    async with serving(slow_tokens) as server:
        auth = ClientCredentialsAuth(token_request(server.url))
        async with client_of(server.url, auth=auth) as client:
            first, second = (asyncio.create_task(client.send(create_step())) for _ in range(2))
            await started.wait()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            release.set()
            assert isinstance(await second, Accepted)
            assert len(system.token_requests) == 1


async def test_closing_ends_a_running_renewal():
    started = asyncio.Event()

    async def never_answers(connection):
        await connection.request()
        started.set()
        await connection.until_closed()

    async with serving(never_answers) as server:
        auth = ClientCredentialsAuth(token_request(server.url))
        async with client_of(server.url, auth=auth) as client:
            call = asyncio.create_task(client.send(create_step()))
            await started.wait()
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)


async def test_credentials_go_into_the_form_or_into_a_basic_header():
    for credentials in ("form", "basic"):
        system = OrderSystem()
        async with signing_client(
            system, asked={"credentials": credentials, "scope": "api orders", "parameters": {"audience": "orders"}}
        ) as (client, _):
            await client.send(create_step())
        request = system.token_requests[0]
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        assert form.pop("grant_type") == "client_credentials"
        assert (form.pop("scope"), form.pop("audience")) == ("api orders", "orders")
        if credentials == "form":
            assert form == {"client_id": "gateway", "client_secret": SECRET}
            assert "authorization" not in request.headers
        else:
            assert form == {}
            pair = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
            assert pair == "gateway:canary-s3cret%26%3D"


async def test_a_fixed_token_is_sent_and_may_be_rotated():
    tokens = ["token-a"]
    system = OrderSystem()
    async with (
        serving(answering(system.reply)) as server,
        client_of(server.url, auth=BearerAuth(lambda: tokens[0])) as client,
    ):
        assert isinstance(await client.send(create_step()), Accepted)
        tokens[0] = "token-b"
        assert isinstance(await client.send(create_step()), Accepted)
        assert system.seen == ["token-a", "token-b"]


async def test_representations_hide_secrets():
    async with signing_client(OrderSystem()) as (client, auth):
        await client.send(create_step())
        shown = f"{auth!r} {client!r} {BearerAuth(SECRET)!r}"
        assert isinstance(client, UpstreamClient)
    assert SECRET not in shown
    assert "token-1" not in shown
