"""The application, started and stopped by a test. Not in `conftest`: several folders have one, and only one of them is imported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from schema_template import give_schema

from gateway.app import ROUTES, GatewayApp

# What a handler takes is read from its annotations once, not again for every application that is made.
for _handler in ROUTES:
    _ = _handler.parsed_fn_signature


@asynccontextmanager
async def started(application: GatewayApp) -> AsyncIterator[GatewayApp]:
    """Start `application`, and stop it at the end. A database file that is not there yet is a copy of one with the schema.

    Its task group must be left by the task that entered it, and pytest runs the two halves of a fixture in different ones:
    so it lives in a task of its own.
    """
    give_schema(application.services.database.engine)
    ready, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with application.lifespan():
            ready.set()
            await stop.wait()

    task = asyncio.create_task(live())
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if not task.done():
            yield application
    finally:
        stop.set()
        await task


@asynccontextmanager
async def client_of(application: GatewayApp) -> AsyncIterator[httpx.AsyncClient]:
    """Start `application` and give a client of it, without sockets."""
    transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with (
        started(application),
        httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as connected,
    ):
        yield connected
