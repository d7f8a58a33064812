"""The first requests after a start, many at once, while Python changes threads as often as it can: the process outlives them.

What native code reads (msgspec's types of the shapes) must be whole before the first request is taken. A mistake here is no exception
but a signal that ends the process, so the exit code is what is looked at.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from support import systems
from support.carts import make_cart
from support.processes import world

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("processes")]

CLIENTS = 32
CARTS = {"v1": "/shoppingCart/v1/shoppingCart", "v4": systems.CARTS, "v5": "/tmf-api/shoppingCart/v5/shoppingCart"}
# Python looks here at every start: threads change after a microsecond, so that what is rare elsewhere happens at once.
SITE = "import sys\nsys.setswitchinterval(1e-6)\n"


def body_of(version: str, number: int) -> dict[str, Any]:
    """Return a cart for one version of the API that is large enough to be read in a thread (more than 128 KiB)."""
    if version == "v4":
        return {"note": [{"text": "x" * 4_000}] * 40, **make_cart(Random(number), items=60)}
    note = {"@type": "Note", "text": "x" * 4_000}
    items = [
        {"@type": "CartItem", "id": str(at), "action": "add", "quantity": 1, "note": [note]} for at in range(1, 41)
    ]
    return {"@type": "ShoppingCart", "cartItem": items}


async def first_requests(client: httpx.AsyncClient) -> list[int | BaseException]:
    """Send every client's first request at the same moment: carts of each version, and checkouts of a cart by value."""

    async def one(number: int) -> int:
        kind = ("checkout", "v4", "checkout", "v5", "v1")[number % 5]
        if kind == "checkout":
            answer = await client.post(systems.CHECKOUTS, json={"shoppingCart": body_of("v4", number)})
        else:
            answer = await client.post(CARTS[kind], json=body_of(kind, number))
        return answer.status_code

    return await asyncio.gather(*(one(number) for number in range(CLIENTS)), return_exceptions=True)


@pytest.mark.parametrize("starts", [2, pytest.param(12, marks=pytest.mark.long)])
async def test_the_process_outlives_its_first_requests(tmp_path: Path, starts: int) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE, encoding="utf-8")
    for number in range(starts):
        folder = tmp_path / f"start-{number}"
        folder.mkdir()
        async with world(folder) as opened:
            server = systems.gateway(
                opened,
                "http://127.0.0.1:1",
                port=opened.port(),
                settings={"server": {"worker": False}},
                environment={"PYTHONPATH": str(site)},
            )
            await server.start()
            limits = httpx.Limits(max_connections=CLIENTS)
            async with httpx.AsyncClient(
                base_url=server.address, timeout=60.0, trust_env=False, limits=limits
            ) as client:
                answers = await first_requests(client)
            # A process that a signal ends has its number as the exit code, negative.
            server.stop()
            assert {*answers} <= {201, 202}, answers
