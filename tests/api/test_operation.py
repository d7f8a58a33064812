"""Operating the service: health, metrics, the description of the API, correlation ids, and what a defect looks like."""

from __future__ import annotations

import asyncio
import io
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import GatewayApp
from gateway.errors import UnavailableError
from gateway.settings import LogSettings

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"


async def test_a_live_and_ready_service(client: httpx.AsyncClient) -> None:
    for path in ("/livez", "/readyz"):
        assert (await client.get(path)).status_code == 200


async def test_a_database_that_takes_no_writes_makes_the_service_alive_but_not_ready(
    app: GatewayApp, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_database: Any, _function: Any) -> None:
        raise UnavailableError("no")

    monkeypatch.setattr(type(app.services.database), "write", refuse)

    answer = await client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["code"] == "5"
    assert answer.headers["retry-after"]
    assert (await client.get("/livez")).status_code == 200


async def test_a_database_without_its_schema_is_not_ready(app: GatewayApp, client: httpx.AsyncClient) -> None:
    await app.services.database.write(lambda c: c.exec_driver_sql("DROP TABLE alembic_version"))

    assert (await client.get("/readyz")).status_code == 503


async def test_readiness_asks_the_database_once_for_many_questions(
    app: GatewayApp, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    write = type(app.services.database).write

    def counted(self: Any, function: Any) -> Any:
        nonlocal asked
        asked += 1
        return write(self, function)

    monkeypatch.setattr(type(app.services.database), "write", counted)

    answers = await asyncio.gather(*(client.get("/readyz") for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200}
    assert asked == 1


async def test_a_stopping_service_is_not_ready(app: GatewayApp, client: httpx.AsyncClient) -> None:
    app.services.condition.draining = True

    assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/livez")).status_code == 200


async def test_metrics_say_how_many_checkouts_are_held(client: httpx.AsyncClient) -> None:
    text = (await client.get("/metrics")).text

    assert 'gateway_checkouts{state="held"} 0.0' in text
    assert "gateway_submission_oldest_due_age_seconds 0.0" in text


async def test_metrics_count_by_template_and_never_by_id(client: httpx.AsyncClient) -> None:
    href = (await client.post(CARTS, json={})).headers["location"]
    await client.get(href)
    await client.get(f"{CARTS}/unknown")
    await client.get("/nothing/here")
    await client.request("BREW", href)

    text = (await client.get("/metrics")).text

    assert f'_count{{method="GET",route="{CARTS}/{{cart_id}}",status="200"}} 1.0' in text
    assert f'_count{{method="GET",route="{CARTS}/{{cart_id}}",status="404"}} 1.0' in text
    assert '_count{method="GET",route="unrouted",status="404"} 1.0' in text
    assert '_count{method="other",route="unrouted",status="405"} 1.0' in text
    assert href.rsplit("/", 1)[-1] not in text
    assert "nothing" not in text


async def test_the_api_description_is_complete(app: GatewayApp, client: httpx.AsyncClient) -> None:
    document = (await client.get("/schema/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    described = {
        route.path_format
        for route in app.routes
        if any(handler.resolve_include_in_schema() for handler in getattr(route, "route_handlers", ()))
    }
    assert set(document["paths"]) == described
    assert {"get", "patch", "delete"} == set(document["paths"][f"{CARTS}/{{cart_id}}"])
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references <= set(document["components"]["schemas"])


async def test_a_sane_correlation_id_is_echoed_and_another_is_replaced(client: httpx.AsyncClient) -> None:
    async def echoed(given: str) -> str:
        answer = await client.get("/livez", headers=[(b"x-correlation-id", given.encode("latin-1"))])
        return str(answer.headers["x-correlation-id"])

    assert await echoed("order-1:2/3_4.5") == "order-1:2/3_4.5"
    for insane in ("", " x", "a b", "a\tb", "x" * 129, "\xff", "<script>", '"'):
        given = await echoed(insane)
        assert given != insane
        assert re.fullmatch("[0-9a-f]{24,}", given)
    assert await echoed("") != await echoed("")
    assert (await client.get("/nothing")).headers["x-correlation-id"]


async def test_a_defect_is_a_500_without_a_word_about_the_inside_and_one_log_line(
    app: GatewayApp, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    def broken(self: Any, function: Any) -> Any:
        raise RuntimeError("SELECT * FROM cart WHERE name = 'Erika Mustermann'")

    monkeypatch.setattr(type(app.services.database), "write", broken)

    answer = await client.post(CARTS, json={"relatedParty": [{"id": "1", "name": "Erika Mustermann"}]})

    assert answer.status_code == 500
    assert answer.json()["status"] == "500"
    assert "Erika" not in answer.text
    assert "SELECT" not in answer.text
    (line,) = [json.loads(line) for line in log.getvalue().splitlines()]
    assert line["event"] == "request_failed"
    assert line["error"] == "RuntimeError"
    assert line["correlation"] == answer.headers["x-correlation-id"]
    assert line["route"] == CARTS
    assert any("create_shopping_cart" in frame for frame in line["traceback"])
    assert "Erika" not in log.getvalue()
    assert "SELECT" not in log.getvalue()


@pytest.mark.parametrize("access", [False, True])
async def test_requests_are_logged_only_when_wished_and_never_with_their_query(
    make_client: Any, log: io.StringIO, access: bool
) -> None:
    async with make_client(log=LogSettings(access=access)) as client:
        await client.get(f"{CARTS}?id=Erika")
        await client.post(CARTS, json={"x": "Erika"})

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    found = [(line["method"], line["route"], line["status"]) for line in lines if line["event"] == "request"]
    assert found == ([("GET", CARTS, 200), ("POST", CARTS, 201)] if access else [])
    assert "Erika" not in log.getvalue()


async def test_stopping_closes_the_database(make_client: Any, tmp_path: Path) -> None:
    async with make_client() as client:
        await client.post(CARTS, json={})

    assert [path.name for path in tmp_path.iterdir()] == ["gateway.db"]  # noqa: ASYNC240 - one look at a local folder
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        assert connection.execute("SELECT count(*) FROM cart").fetchone() == (1,)
