"""Deliveries over TLS and plain sockets: to the checked address and no other, for the name, within bounds."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hub_listener import Listener, listening, serving
from standardwebhooks import Webhook, WebhookVerificationError

from gateway.hub.delivery.health import Outcome, Refused, Taken
from gateway.hub.delivery.sender import Sender, Signer
from gateway.security.callbacks import CallbackGuard, CallbackPolicy
from gateway.upstream import tls_context

NAME = "listener.example"
LOOPBACK = CallbackPolicy(allow_http=True, ports=(), networks=(ip_network("127.0.0.0/8"),))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for NAME that is its own authority, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "listener.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


class Names:
    """A resolver that answers as it is told and counts how often it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def sending(
    resolver: Any, *, tls: ssl.SSLContext | None = None, timeout_seconds: float = 2.0
) -> AsyncIterator[Sender]:
    sender = Sender(
        CallbackGuard(LOOPBACK, resolver),
        tls=tls or tls_context(),
        timeout_seconds=timeout_seconds,
        connections_max=2,
    )
    try:
        yield sender
    finally:
        await sender.close()


@asynccontextmanager
async def listening_with_tls(certificate: Path, names_seen: list[str | None]) -> AsyncIterator[Listener]:
    """A listener behind TLS that takes down which names its clients ask for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def note(_socket: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        names_seen.append(name)

    context.sni_callback = note
    async with listening(context) as listener:
        yield listener


async def post(sender: Sender, url: str, body: bytes = b"{}") -> Outcome:
    return await sender.post(url, body, {"webhook-id": "m"})


async def test_it_connects_to_the_checked_address_and_speaks_to_the_name(certificate):
    seen: list[str | None] = []
    names = Names(["127.0.0.1"])
    async with (
        listening_with_tls(certificate, seen) as listener,
        sending(names, tls=tls_context(ca_file=str(certificate))) as sender,
    ):
        url = f"https://{NAME}:{listener.port}/a%20b?c=d"
        assert isinstance(await post(sender, url), Taken)
        assert isinstance(await post(sender, url), Taken)

    assert seen == [NAME]
    assert listener.connections == 1
    assert names.asked == 2
    first = listener.deliveries[0]
    assert first.path == "/a%20b?c=d"
    assert first.headers["host"] == f"{NAME}:{listener.port}"
    assert "cookie" not in first.headers


async def test_a_certificate_for_another_name_is_no_connection(certificate):
    async with (
        listening_with_tls(certificate, []) as listener,
        sending(Names(["127.0.0.1"]), tls=tls_context(ca_file=str(certificate))) as sender,
    ):
        outcome = await post(sender, f"https://other.example:{listener.port}/")

    assert isinstance(outcome, Refused)
    assert listener.deliveries == []


async def test_an_unknown_authority_is_no_connection(certificate):
    async with listening_with_tls(certificate, []) as listener, sending(Names(["127.0.0.1"])) as sender:
        assert isinstance(await post(sender, f"https://{NAME}:{listener.port}/"), Refused)

    assert listener.deliveries == []


async def test_a_name_that_moves_between_deliveries_is_refused():
    async with listening() as listener, sending(Names(["127.0.0.1"], ["10.0.0.1"])) as sender:
        url = f"http://{NAME}:{listener.port}/"
        assert isinstance(await post(sender, url), Taken)
        outcome = await post(sender, url)

    assert outcome == Refused("the host of the callback is at an address that is not allowed")
    assert len(listener.deliveries) == 1


async def test_the_settings_of_today_decide_not_those_of_the_subscription():
    sender = Sender(
        CallbackGuard(CallbackPolicy(), Names(["127.0.0.1"])), tls=tls_context(), timeout_seconds=1.0, connections_max=1
    )
    assert await post(sender, "http://listener.example/") == Refused(
        "the callback is not allowed by the settings (any more)"
    )
    await sender.close()


async def test_the_next_address_is_tried_when_one_does_not_answer():
    async with listening() as listener, sending(Names(["127.0.0.2", "127.0.0.1"])) as sender:
        assert isinstance(await post(sender, f"http://{NAME}:{listener.port}/"), Taken)


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with listening() as listener, sending(Names(["127.0.0.1"])) as sender:
        assert isinstance(await post(sender, f"http://{NAME}:{listener.port}/"), Taken)


@pytest.mark.parametrize("what", ["silent", "trickling", "unresolved"])
async def test_no_delivery_takes_longer_than_it_may(what):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(600):
            if what == "trickling":
                writer.write(b"H")
                await writer.drain()
            await asyncio.sleep(0.05)

    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    resolver = never if what == "unresolved" else Names(["127.0.0.1"])
    async with serving(serve) as port, sending(resolver, timeout_seconds=0.3) as sender:
        started = asyncio.get_running_loop().time()
        outcome = await post(sender, f"http://{NAME}:{port}/")
        seconds = asyncio.get_running_loop().time() - started

    assert isinstance(outcome, Refused)
    # The server would go on for half a minute.
    assert seconds < 15


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", b""])
async def test_what_is_no_whole_answer_is_judged_by_the_status_that_came(answer):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async with serving(serve) as port, sending(Names(["127.0.0.1"])) as sender:
        outcome = await post(sender, f"http://{NAME}:{port}/")

    assert isinstance(outcome, Taken if b"200" in answer else Refused)


def test_signatures_are_those_of_the_standard():
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    # The vector of the specification's reference libraries.
    headers = Signer(secret).headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"

    body = '{"text": "Grüße 🛒"}'.encode()
    both = Signer(f"{other} {secret}").headers("m", datetime.now(UTC), body)
    for known in (secret, other):
        Webhook(known).verify(body, both)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", both)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, {**both, "webhook-id": "n"})
