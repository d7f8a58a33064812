"""A gateway with order systems in memory, started once for all tests of a file and empty for each of them.

In a module of its own, which the `conftest` above all tests takes them from.
"""

from __future__ import annotations

import pytest_asyncio
from checkout_gateway import running, settings_of

from gateway.settings import StorageSettings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def application(tmp_path_factory):
    storage = StorageSettings(url=f"sqlite:///{tmp_path_factory.mktemp('gateway') / 'gateway.db'}", readers_max=2)
    async with running(settings_of(storage)) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(application):
    return await application.make_empty()
