"""The process, its command line, its sockets, and the token endpoint."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from click.testing import CliRunner

from gateway.sandbox.__main__ import sandbox
from gateway.sandbox.catalog import load_catalog

TOKEN = "/services/oauth2/token"
CIRCLE = """
[[product]]
code = "A"
child = [{code = "B", minimum = 1}]

[[product]]
code = "B"
child = [{code = "A", minimum = 1}]
"""
FORM = {"grant_type": "client_credentials", "client_id": "me", "client_secret": "mine"}


@contextlib.contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "gateway.sandbox", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        alarm = threading.Timer(20, running.kill)
        alarm.start()
        try:
            yield running, running.stdout.readline()
        finally:
            running.kill()
            alarm.cancel()


@pytest.mark.processes
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_ready_line_ledger_and_clean_end(tmp_path, make, end):
    ledger = tmp_path / "deep" / "ledger.jsonl"
    with process("--ledger", str(ledger), "--state-delay", "60") as (running, line):
        address = re.fullmatch(r"sandbox ready on (http://127\.0\.0\.1:\d+)\n", line).group(1)
        root = "/services/apexrest/vlocity_cmt/tmforum/productopenapi/v1/productorder"
        with httpx.Client() as client:
            item = make.add("1", "SIM_CARD", quantity=1, product=make.attributes(color="White"))
            assert client.post(address + root, json=make.draft(item)).status_code == 201
            (entry,) = [json.loads(text) for text in ledger.read_text(encoding="utf-8").splitlines()]
            at = entry.pop("at")
            assert at.endswith("+00:00")
            assert entry == {
                "effect": "created",
                "order": "00000001",
                "externalId": "CART-1",
                "state": "Draft",
                "lines": [
                    {
                        "id": "802000000000000001",
                        "parent": None,
                        "offering": "SIM_CARD",
                        "product": None,
                        "action": "add",
                        "quantity": 1,
                        "characteristics": {"color": "White"},
                        "alterations": [],
                    },
                ],
            }
            running.send_signal(end)  # with the client's connection still open
            assert running.wait(10) == 0
        assert running.stdout.read() == ""
        assert running.stderr.read() == ""


@pytest.mark.processes
def test_a_taken_port_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with process("--port", str(taken.getsockname()[1])) as (running, line):
            assert line == ""
            assert running.wait(10) == 1
            assert "address already in use" in running.stderr.read()


def test_help_names_every_option_and_has_examples():
    output = CliRunner().invoke(sandbox, ["--help"]).output
    for name in ("--mapping", "--notify", "--fault", "--seed", "--ledger", "--catalog", "--require-token", "--port"):
        assert name in output
    assert "Examples:" in output
    assert "notify-reorder" in output


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--fault", "gremlins=1"], "unknown fault"),
        (["--fault", "throttle=7"], "from 0 to 1"),
        (["--mapping", "sap"], "salesforce-v4"),
        (["--port", "70000"], "65535"),
        (["--catalog", "/nowhere.toml"], "does not exist"),
    ],
)
def test_wrong_usage_is_told_with_exit_code_2(arguments, hint):
    result = CliRunner().invoke(sandbox, arguments)
    assert result.exit_code == 2
    assert hint in result.output


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[[product]]\ncode = 1", "str"),
        ("product = [", "catalog.toml"),
        ('[[product]]\ncode = "A"\ncolour = "red"', "colour"),
        ('[[product]]\ncode = "A"\n[[product]]\ncode = "A"', "twice"),
        ('[[product]]\ncode = "A"\nchild = [{code = "B"}]', "no [[product]]"),
        ('[[product]]\ncode = "A"\nchild = [{code = "A", minimum = 2, maximum = 1}]', "minimum <= maximum"),
        (CIRCLE, "contains itself"),
    ],
)
def test_a_wrong_catalogue_is_told(tmp_path, text, hint):
    path = tmp_path / "catalog.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(hint)):
        load_catalog(path)


# -- tokens -------------------------------------------------------------------------------------------------------


async def test_without_a_token_the_session_is_invalid(start):
    upstream = await start(require_token=True)
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic x"}):
        answer = await upstream.get(headers=headers)
        assert answer.status_code == 401
        assert answer.json()[0]["errorCode"] == "INVALID_SESSION_ID"
    plain = await start(require_token=True, mapping="tmf622-v4")
    answer = await plain.get()
    assert (answer.status_code, answer.json()["@type"]) == (401, "Error")


@pytest.mark.parametrize("basic", [True, False])
async def test_client_credentials_in_form_or_basic_header(start, make, basic):
    upstream = await start(require_token=True)
    form, headers = dict(FORM), {}
    if basic:
        del form["client_id"], form["client_secret"]
        headers["Authorization"] = "Basic " + base64.b64encode(b"me:mine").decode()
    answer = await upstream.client.post(upstream.server.address + TOKEN, data=form, headers=headers)
    assert answer.status_code == 200
    token = answer.json()
    assert token["token_type"] == "Bearer"
    assert token["instance_url"] == upstream.server.address
    assert token["issued_at"].isdigit()
    assert "expires_in" not in token
    assert "refresh_token" not in token
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    assert (await upstream.post(make.draft(), headers=bearer)).status_code == 201


async def bearer(upstream):
    answer = await upstream.client.post(upstream.server.address + TOKEN, data=FORM)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_tokens_expire(start):
    upstream = await start(require_token=True, token_seconds=0.3)
    headers = await bearer(upstream)
    assert (await upstream.get(headers=headers)).status_code == 200
    deadline = time.monotonic() + 5
    while (await upstream.get(headers=headers)).status_code == 200:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert (await upstream.get(headers=headers)).status_code == 401
    assert (await upstream.get(headers=await bearer(upstream))).status_code == 200


async def test_tokens_can_be_made_to_expire(start):
    upstream = await start(require_token=True)
    headers = await bearer(upstream)
    assert (await upstream.get(headers=headers)).status_code == 200
    await upstream.client.post(upstream.server.address + "/_sandbox/expire-tokens")
    assert (await upstream.get(headers=headers)).status_code == 401


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_id": ""}, "invalid_client"),
        ({"client_id": "you"}, "invalid_client_id"),
        ({"client_secret": "yours"}, "invalid_client"),
    ],
)
async def test_wrong_credentials(start, change, error):
    upstream = await start(client_id="me", client_secret="mine")
    answer = await upstream.client.post(upstream.server.address + TOKEN, data=FORM | change)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert (await upstream.client.post(upstream.server.address + TOKEN, data=FORM)).status_code == 200


# -- sockets ------------------------------------------------------------------------------------------------------


async def test_chunked_bodies_and_kept_connections(start, make):
    upstream = await start()
    body = json.dumps(make.draft()).encode()

    async def chunks():
        for first in range(0, len(body), 50):
            yield body[first : first + 50]

    headers = {"Content-Type": "application/json"}
    for _ in range(3):
        answer = await upstream.client.post(upstream.orders, content=chunks(), headers=headers)
        assert answer.status_code == 201
    assert len(upstream.server._connections) == 1


async def raw(upstream, content: bytes) -> bytes:
    host, port = upstream.server.address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(content)
    if not content.endswith(b"\n"):
        writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc", 400),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 404),
        (b"GET / HTTP/1.0\r\n\r\n", 404),
    ],
)
async def test_bytes_that_are_no_proper_request(start, content, status):
    upstream = await start()
    assert (await raw(upstream, content)).startswith(f"HTTP/1.1 {status} ".encode())
    assert (await upstream.get()).status_code == 200


async def test_expect_continue_is_answered(start):
    upstream = await start()
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    answer = await raw(upstream, head + b"{}")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 ")


async def test_a_defect_within_is_a_500_and_not_silence(start, make, monkeypatch, capsys):
    upstream = await start()
    monkeypatch.setattr(upstream.server.application.intake, "view", lambda *_, **__: 1 / 0)
    answer = await upstream.post(make.draft())
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (500, "APEX_ERROR")
    assert "ZeroDivisionError" in capsys.readouterr().err


async def test_a_defect_in_the_middle_of_a_patch_leaves_nothing_of_it(start, make, monkeypatch, capsys):
    upstream = await start()
    await upstream.post(make.draft())
    before = (await upstream.get("00000001")).json()

    def broken(*_):
        raise RuntimeError("a defect")

    monkeypatch.setattr("gateway.sandbox.salesforce.items.Lines.named", broken)
    items = [make.add("2", "B"), {"id": "1", "action": "modify", "quantity": 2}]
    assert (await upstream.patch("00000001", {"productOrderItem": items})).status_code == 500
    assert "RuntimeError" in capsys.readouterr().err
    assert (await upstream.get("00000001")).json() == before
