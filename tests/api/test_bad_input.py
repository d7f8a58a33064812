"""Bad input: each a TMF Error that says what is wrong, none a 500, nothing stored."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from application_runs import started

from gateway.app import GatewayApp, create_app
from gateway.carts import store
from gateway.errors import WHOLE_BODY
from gateway.settings import Settings, StorageSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
JSON = {"content-type": "application/json"}


def is_tmf_error(answer: httpx.Response, status: int) -> bool:
    body = answer.json()
    return (
        answer.status_code == status
        and answer.headers["content-type"] == "application/json"
        and body["@type"] == "Error"
        and body["status"] == str(status)
        and all(isinstance(body[name], str) and body[name] for name in ("code", "reason", "message"))
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayApp]:
    """One application for all tests of this file: what each of them sends leaves nothing behind."""
    storage = StorageSettings(url=f"sqlite:///{tmp_path_factory.mktemp('gateway') / 'gateway.db'}", readers_max=2)
    async with started(create_app(Settings(storage=storage))) as application:
        yield application


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(app: GatewayApp) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as connected:
        yield connected


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def nothing_stored(app: GatewayApp) -> AsyncIterator[None]:
    """Whatever a test of this file sends is refused: afterwards there is no cart."""
    yield
    page = await app.services.database.read(lambda c: store.list_page(c, "default", limit=10, offset=0))
    assert page.total == 0


MALFORMED = {
    "empty": b"",
    "blank": b"  ",
    "cut off": b'{"a": [1, 2',
    "trailing comma": b'{"a": 1,}',
    "two values": b"{} {}",
    "single quotes": b"{'a': 1}",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "invalid UTF-8": b'{"a": "\xff\xfe"}',
    "surrogate as UTF-8": b'{"a": "\xed\xa0\x80"}',
    "lone surrogate": b'{"a": "\\ud800"}',
    "control character": b'{"a": "\x01"}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "1e999999": b'{"a": 1e999999}',
    "1e-999999": b'{"a": 1e-999999}',
    "5000 digits": b'{"a": ' + b"1" * 5000 + b"}",
    "70 digits": b'{"a": {"b": [' + b"1" * 70 + b"]}}",
    "100 decimals": b'{"a": 0.' + b"1" * 100 + b"}",
    "leading zero": b'{"a": 01}',
    "100 000 lists deep": b"[" * 100_000,
    "100 000 objects deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "33 levels deep": b'{"a":' * 33 + b"1" + b"}" * 33,
    "U+0000 in a value": b'{"a": ["\\u0000"]}',
    "U+0000 in a name": b'{"a": {"\\u0000": 1}}',
    "a list": b"[]",
    "a text": b'"cart"',
    "a number": b"1",
    "null": b"null",
    "a form": b"cartItem=1",
    "XML": b"<cart/>",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_no_json_object_is_a_400(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post(CARTS, content=body, headers=JSON)

    assert is_tmf_error(answer, 400)
    assert answer.json()["code"] == "22"
    assert all(problem["path"] and problem["message"] for problem in answer.json()["problem"])


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"a": {"b": [10**70]}}, "a.b[0]"),
        ({"a": [{"b": "\0"}]}, "a[0].b"),
    ],
)
async def test_the_place_of_what_cannot_be_kept_is_named(client: httpx.AsyncClient, body: Any, path: str) -> None:
    answer = await client.post(CARTS, json=body)

    assert [problem["path"] for problem in answer.json()["problem"]] == [path]


@pytest.mark.parametrize(("body", "path"), [(b"{", "$"), (b"\xff", "$"), (b"NaN", "$"), (b'{"a": [1, }', "a")])
async def test_the_place_of_what_is_no_json_is_named(client: httpx.AsyncClient, body: bytes, path: str) -> None:
    answer = await client.post(CARTS, content=body, headers=JSON)

    assert [problem["path"] for problem in answer.json()["problem"]] == [path]


@pytest.mark.parametrize("depth", [32, 33])
async def test_the_depth_limit_is_exact(client: httpx.AsyncClient, app: GatewayApp, depth: int) -> None:
    body = b'{"a":' * depth + b"1" + b"}" * depth

    answer = await client.post(CARTS, content=body, headers=JSON)

    assert answer.status_code == (201 if depth == 32 else 400)
    if depth == 32:
        await client.delete(answer.headers["location"])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": ""},
        {"content-type": "text/plain"},
        {"content-type": "application/xml"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/json-patch+json"},
        {"content-type": "application/merge-patch+json"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {"content-type": "\xff"},
    ],
)
async def test_another_content_type_is_a_415(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    answer = await client.post(CARTS, content=b"{}", headers=raw)

    assert is_tmf_error(answer, 415)
    (problem,) = answer.json()["problem"]
    assert problem["path"] == ("Content-Encoding" if "content-encoding" in headers else "Content-Type")


@pytest.mark.parametrize(
    "content_type", ["application/json;charset=utf-8", 'Application/JSON; charset="UTF-8"', "application/json;v=1"]
)
async def test_json_may_be_spelled_in_several_ways(client: httpx.AsyncClient, content_type: str) -> None:
    answer = await client.post(CARTS, content=b"[]", headers={"content-type": content_type})

    assert is_tmf_error(answer, 400)


@pytest.mark.parametrize("accept", ["text/html", "application/xml, text/*", "application/json;q=0", "*/*;q=0.0", "x"])
async def test_a_client_that_accepts_no_json_is_told(client: httpx.AsyncClient, accept: str) -> None:
    for answer in (
        await client.post(CARTS, json={}, headers={"accept": accept}),
        await client.get(CARTS, headers={"accept": accept}),
    ):
        assert is_tmf_error(answer, 406)
        assert [problem["path"] for problem in answer.json()["problem"]] == ["Accept"]


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/*",
        "text/html, */*;q=0.1",
        "application/json; charset=utf-8",
        "application/json, */*;q=0",
        "",
    ],
)
async def test_a_client_that_accepts_json_gets_it(client: httpx.AsyncClient, accept: str) -> None:
    if accept:
        assert (await client.get(CARTS, headers={"accept": accept})).status_code == 200
    else:
        request = client.build_request("GET", CARTS)
        del request.headers["accept"]
        assert (await client.send(request)).status_code == 200


async def test_a_body_over_the_limit_is_a_413(client: httpx.AsyncClient) -> None:
    body = b'{"a":"' + b"x" * 1_048_576 + b'"}'

    assert is_tmf_error(await client.post(CARTS, content=body, headers=JSON), 413)


async def test_a_body_over_the_limit_in_pieces_is_a_413(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"a":"'
        for _ in range(20):
            yield b"x" * 100_000

    answer = await client.post(CARTS, content=pieces(), headers=JSON)

    assert is_tmf_error(answer, 413)
    assert [problem["path"] for problem in answer.json()["problem"]] == [WHOLE_BODY]


@pytest.mark.parametrize("length", ["-5", "+5", "abc", "1.5", "5" * 5000])
async def test_a_content_length_that_is_none(client: httpx.AsyncClient, length: str) -> None:
    answer = await client.post(CARTS, content=b"{}", headers={**JSON, "content-length": length})

    assert answer.status_code == 400
    assert [problem["path"] for problem in answer.json()["problem"]] == ["Content-Length"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", CARTS, "GET, HEAD, OPTIONS, POST"),
        ("DELETE", CARTS, "GET, HEAD, OPTIONS, POST"),
        ("PUT", f"{CARTS}/1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("POST", f"{CARTS}/1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("BREW", f"{CARTS}/1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("POST", "/livez", "GET, HEAD, OPTIONS"),
    ],
)
async def test_another_method_is_a_405_with_allow(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)

    assert is_tmf_error(answer, 405)
    assert answer.headers["allow"] == allowed

    asked = await client.options(path)
    assert (asked.status_code, asked.content, asked.headers["allow"]) == (204, b"", allowed)
    assert "x-correlation-id" in asked.headers


async def test_two_hosts_are_a_400(client: httpx.AsyncClient) -> None:
    answer = await client.get("/livez", headers=[("Host", "one.test"), ("Host", "two.test")])
    assert is_tmf_error(answer, 400)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/schema", "/schema/openapi.json"])
async def test_what_can_be_read_has_a_head(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["/nothing", "/tmf-api", f"{CARTS}/1/2/3", "/tmf-api/shoppingCart/v4", "/%ff/%00"])
async def test_another_path_is_a_404(client: httpx.AsyncClient, path: str) -> None:
    assert is_tmf_error(await client.get(path), 404)


async def test_a_host_that_is_none_is_a_400(client: httpx.AsyncClient) -> None:
    answer = await client.get(CARTS, headers={"host": "a b/../c"})

    assert is_tmf_error(answer, 400)
    assert [problem["path"] for problem in answer.json()["problem"]] == ["Host"]


@pytest.mark.parametrize("cart_id", ["%00", "a%0Ab", "%F0%9F%9B%92", "x" * 5000, "..%2F..", "%27%20OR%201=1", "%25"])
async def test_strange_ids_are_unknown_ids(client: httpx.AsyncClient, cart_id: str) -> None:
    for method in ("GET", "HEAD", "DELETE"):
        assert (await client.request(method, f"{CARTS}/{cart_id}")).status_code == 404
    assert (await client.patch(f"{CARTS}/{cart_id}", json={})).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PATCH", "DELETE"])
async def test_a_path_of_any_length_is_not_remembered(app: GatewayApp, client: httpx.AsyncClient, method: str) -> None:
    remembered = app.asgi_router.handle_routing.cache_info
    await client.request(method, f"{CARTS}/{'x' * 500}")
    before = remembered().currsize

    answer = await client.request(method, f"{CARTS}/{'x' * 60_000}")

    assert answer.status_code == 404
    assert 0 < before == remembered().currsize


async def test_no_error_quotes_what_was_sent(client: httpx.AsyncClient) -> None:
    canary = "Erika.Mustermann@example.com"
    bodies: list[bytes] = [
        json.dumps({"relatedParty": canary}).encode(),
        json.dumps({"cartItem": [{"quantity": canary, "action": canary, "note": [{"date": canary}]}]}).encode(),
        json.dumps({"contactMedium": [{"preferred": canary, "characteristic": {"emailAddress": [canary]}}]}).encode(),
        b'{"a": "' + canary.encode() + b'\xff"}',
        b'{"a": "' + canary.encode() + b'", }',
    ]
    for body in bodies:
        answer = await client.post(CARTS, content=body, headers=JSON)
        assert is_tmf_error(answer, 400)
        assert canary not in answer.text


@pytest.mark.parametrize("path", ["/notifications/x{0}/listener/{0}", "/notifications/{0}/listener/x{0}"])
async def test_a_handler_gets_the_path_that_the_guard_saw(app: GatewayApp, path: str) -> None:
    one_id = "ab" * 16
    _, parameters, _ = app.dispatch.routed(path.format(one_id), "POST")

    _, _, upstream, _, event_name = path.format(one_id).split("/")
    assert parameters == {"upstream": upstream, "event_name": event_name}
