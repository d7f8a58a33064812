"""Every way a call can fail to be sent, and what connections are kept: on real sockets, and what the client says of it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl

import pytest
from upstream_server import (
    IMPATIENT,
    Connection,
    add_step,
    answer,
    answering,
    client_of,
    create_step,
    is_silent,
    redirects,
    serving,
)

from gateway.upstream import Accepted, NotExecuted, NotSent, Rejected, Unknown

CREATED = answer(201, {"id": "00000001", "state": "Draft"})


async def test_n1_a_refused_connection_is_not_sent():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with client_of(f"http://127.0.0.1:{unused.getsockname()[1]}") as client:
            outcome = await client.send(create_step())
    assert isinstance(outcome, NotSent), outcome


async def test_n1_a_name_that_does_not_resolve_is_not_sent():
    async with client_of("http://no-such-host.invalid") as client:
        assert isinstance(await client.send(create_step()), NotSent)


async def test_n1_a_failed_tls_handshake_is_not_sent():
    async def is_no_tls_server(connection: Connection) -> None:
        await connection.reader.read(1)
        await connection.write(b"HTTP/1.1 400 X\r\n\r\n")

    async with serving(is_no_tls_server) as server, client_of(server.url.replace("http:", "https:")) as client:
        assert isinstance(await client.send(create_step()), NotSent)


async def test_n1_a_tls_handshake_that_hangs_is_not_sent_also_when_the_total_deadline_ends_it():
    async def says_nothing(connection: Connection) -> None:
        await connection.until_closed()

    url_limits = {"deadline_seconds": 0.3, "connect_timeout_seconds": 5.0}
    async with (
        serving(says_nothing) as server,
        client_of(server.url.replace("http:", "https:"), **url_limits) as client,
    ):
        assert isinstance(await client.send(create_step()), NotSent)


async def test_n2_a_full_accept_queue_is_not_sent():
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):  # fill the queue: nobody accepts
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with client_of(url, connect_timeout_seconds=0.5) as client:
            outcome = await client.send(create_step())
    assert isinstance(outcome, NotSent), outcome


async def test_n3_without_a_free_slot_nothing_is_sent():
    async with (
        serving(is_silent) as server,
        client_of(server.url, concurrency_max=1, **IMPATIENT) as client,
    ):
        first, second = await asyncio.gather(client.send(create_step()), client.send(create_step()))
        assert isinstance(first, Unknown)
        assert isinstance(second, NotSent)
        assert len(server.requests) == 1


async def test_n12_every_call_with_an_effect_has_a_connection_of_its_own_and_reads_share_one():
    order = answer(200, {"id": "1", "state": "Draft"})
    async with serving(answering(lambda _: order)) as server, client_of(server.url) as client:
        for _ in range(3):
            assert isinstance(await client.send(create_step()), Accepted)
        assert server.connections == 3
        for _ in range(3):
            assert await client.get_order("1") is not None
        assert server.connections == 4


async def test_n13_a_kept_connection_that_the_server_closed_does_not_disturb_a_read():
    async def serves_one_request(connection: Connection) -> None:
        await connection.request()
        await connection.write(answer(200, {"id": "1", "state": "Draft"}))

    async with serving(serves_one_request) as server, client_of(server.url) as client:
        for _ in range(3):
            assert await client.get_order("1") is not None
        assert server.connections == len(server.requests) == 3


async def test_n14_a_redirection_is_not_followed_by_reads_either():
    from gateway.upstream import ReadFailed

    async with serving(redirects) as server, client_of(server.url) as client:
        with pytest.raises(ReadFailed, match="redirect"):
            await client.get_order("1")
        assert len(server.requests) == 1


async def test_a_cancelled_call_raises_cancelled_and_closes_its_connection():
    closed = asyncio.Event()

    async def notices(connection: Connection) -> None:
        await connection.request()
        await connection.until_closed()
        closed.set()

    async with (
        serving(notices) as server,
        client_of(server.url) as client,
    ):
        task = asyncio.create_task(client.send(create_step()))
        async with asyncio.timeout(5):
            await server.received(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await closed.wait()


async def test_what_was_not_sent_or_refused_can_be_sent_again():
    answers = iter(
        [
            answer(400, {"code": "24", "reason": "bad", "message": "no such party", "status": "400"}),
            answer(201, {"id": "00000007"}, headers={"Location": "/api/productOrder/00000007"}),
        ]
    )
    async with serving(answering(lambda _: next(answers))) as server, client_of(server.url) as client:
        refused = await client.send(create_step())
        assert isinstance(refused, Rejected)
        assert (refused.status, refused.code, refused.detail) == (400, "24", "400 24: bad: no such party")
        accepted = await client.send(create_step())
        assert accepted == Accepted(201, {"id": "00000007"}, "/api/productOrder/00000007")
        assert server.requests[0].headers["content-type"] == "application/json"
        assert server.requests[0].body == create_step().body


async def test_compressed_answers_are_read():
    body = gzip.compress(b'{"id":"00000007","amount":19.90}')
    reply = answer(201, raw=body, headers={"Content-Encoding": "gzip"})
    async with serving(answering(lambda _: reply)) as server, client_of(server.url) as client:
        outcome = await client.send(create_step())
        assert isinstance(outcome, Accepted)
        assert str(outcome.document["amount"]) == "19.90"


async def test_cookies_are_not_kept():
    reply = answer(200, {"id": "1"}, headers={"Set-Cookie": "session=abc; Path=/"})
    async with serving(answering(lambda _: reply)) as server, client_of(server.url) as client:
        await client.get_order("1")
        await client.get_order("1")
        assert "cookie" not in server.requests[1].headers


async def test_429_slows_everybody_down_until_the_time_that_was_asked_for():
    now = [1000.0]
    replies = iter([answer(429, headers={"Retry-After": "7"}), CREATED])
    async with (
        serving(answering(lambda _: next(replies))) as server,
        client_of(server.url, clock=lambda: now[0], jitter=lambda: 0.0) as client,
    ):
        assert await client.send(create_step()) == NotExecuted("429", 7.0, "throttled")
        now[0] += 6.9
        paused = await client.send(create_step())
        assert isinstance(paused, NotSent)
        assert paused.retry_after_seconds == pytest.approx(0.1)
        assert len(server.requests) == 1
        now[0] += 0.2
        assert isinstance(await client.send(create_step()), Accepted)


@pytest.mark.parametrize(
    "path",
    ["../../x?y", "productOrder/../x", "productOrder/%2e%2e/x", "productOrder/1?a=b", "productOrder/1#x", "a//b"],
)
async def test_a_path_that_leaves_the_api_root_is_never_sent(path):
    import msgspec

    async with serving(answering(lambda _: CREATED)) as server, client_of(server.url) as client:
        outcome = await client.send(msgspec.structs.replace(add_step(), path=path))
        assert isinstance(outcome, NotSent)
        assert server.connections == 0


async def test_an_unverifiable_certificate_is_not_sent(tmp_path):
    certificate, key = _self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    from gateway.upstream import tls_context

    received = []

    async def behave(reader, writer):
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(CREATED)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(behave, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener:
        async with client_of(url) as client:
            assert isinstance(await client.send(create_step(b"")), NotSent)
        assert received == []
        async with client_of(url, tls=tls_context(ca_file=str(certificate))) as client:
            assert isinstance(await client.send(create_step(b"")), Accepted)


def _self_signed(folder):
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "order system")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file
