"""A sandbox inside the test's event loop, reached over a real socket, with its ledger."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sandbox_bodies import CATALOG

from gateway.sandbox import SandboxOptions, parse_fault, profile_for, serving
from gateway.sandbox.options import API_ROOTS, RESOURCES
from gateway.sandbox.server import SandboxServer


class Upstream:
    """A running sandbox, as a client sees it."""

    def __init__(self, server: SandboxServer, client: httpx.AsyncClient, ledger_path: Path) -> None:
        mapping = server.options.mapping
        self.server = server
        self.client = client
        self.root = server.address + API_ROOTS[mapping]
        self.orders = f"{self.root}/{RESOURCES[mapping]}"
        self._ledger_path = ledger_path

    async def post(self, body: Any, **keywords: Any) -> httpx.Response:
        return await self.client.post(self.orders, json=body, **keywords)

    async def patch(self, number: str, body: Any, **keywords: Any) -> httpx.Response:
        return await self.client.patch(f"{self.orders}/{number}", json=body, **keywords)

    async def get(self, number: str = "", **keywords: Any) -> httpx.Response:
        return await self.client.get(f"{self.orders}/{number}" if number else self.orders, **keywords)

    def ledger(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._ledger_path.read_text(encoding="utf-8").splitlines()]

    def effects(self) -> list[tuple[str, str]]:
        return [(entry["effect"], entry["state"]) for entry in self.ledger()]


Start = Callable[..., Awaitable[Upstream]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start sandboxes: `await start(mapping=..., faults=["throttle=1"], profile={"pricing": "replace"})`."""
    async with contextlib.AsyncExitStack() as stack:
        count = 0

        async def start_one(
            *,
            faults: list[str] | None = None,
            profile: dict[str, Any] | None = None,
            **values: Any,
        ) -> Upstream:
            nonlocal count
            count += 1
            path = tmp_path / f"ledger-{count}.jsonl"
            options = SandboxOptions(
                port=0,
                ledger_path=path,
                faults=tuple(parse_fault(text) for text in faults or ()),
                **({"state_delay_seconds": 60.0} | values),
            )
            options = replace(options, profile=replace(profile_for(options.mapping), **(profile or {})))
            server = await stack.enter_async_context(serving(options))
            client = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
            return Upstream(server, client, path)

        yield start_one


async def eventually(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Wait until a condition holds and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail("the condition did not come true in time")
        await asyncio.sleep(0.01)
    return value


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Awaitable[Any]]:
    return eventually


@pytest.fixture
async def receiver() -> AsyncIterator[SimpleNamespace]:
    """A receiver of notifications: `address`, and `received` as (path, document, authorization)."""

    found = SimpleNamespace(address="", received=[])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
        body = await reader.readexactly(int(headers["Content-Length"]))
        found.received.append((head.split(" ")[1], json.loads(body), headers.get("Authorization")))
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield found
    server.close()


def draft(*items: dict[str, Any], **header: Any) -> dict[str, Any]:
    """Return the body of a Salesforce POST that leaves a draft."""
    return {
        "externalId": "CART-1",
        "relatedParty": [{"id": "CD000001", "name": "Acme", "@referredType": "account"}],
        "requestedStartDate": "2026-12-01T10:11:12.000Z",
        "submitCart": False,
        "productOrderItem": list(items) or [add("1", "PHONE")],
    } | header


def add(item_id: str, code: str, *children: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Return an item with action add."""
    item: dict[str, Any] = {"id": item_id, "action": "add", "quantity": 1, "productOffering": {"id": code}} | values
    if children:
        item["productOrderItem"] = list(children)
    return item


def attributes(**values: Any) -> dict[str, Any]:
    """Return the product of an item with these characteristics."""
    return {"productCharacteristic": [{"name": name, "value": value} for name, value in values.items()]}


@pytest.fixture(name="make")
def make_fixture() -> SimpleNamespace:
    """The builders of bodies: `make.draft(...)`, `make.add(...)`, `make.attributes(...)`."""

    return SimpleNamespace(draft=draft, add=add, attributes=attributes)


@pytest.fixture
def catalog_path(tmp_path):
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG, encoding="utf-8")
    return path
