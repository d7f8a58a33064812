"""Mapping files are read again while the service runs: on SIGHUP, and when they changed if the settings say so."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog

from gateway.errors import MappingError, SettingsError
from gateway.resources import load_mappings, mapping_stamp, unknown_mappings
from gateway.services import Services
from gateway.settings import MappingSettings
from gateway.upstream.client import UpstreamClient

log = structlog.get_logger(__name__)


@asynccontextmanager
async def reloading(services: Services) -> AsyncIterator[None]:
    """Read the mapping files again on SIGHUP, and when they changed if the settings say so."""
    reloader = Reloader(services)
    loop = asyncio.get_running_loop()
    # Only the main thread hears signals, and not every system has this one.
    with contextlib.suppress(RuntimeError, ValueError, NotImplementedError, AttributeError):
        loop.add_signal_handler(signal.SIGHUP, reloader.wake)
    task = asyncio.create_task(reloader.run(), name="reloader")
    try:
        yield
    finally:
        with contextlib.suppress(RuntimeError, ValueError, NotImplementedError, AttributeError):
            loop.remove_signal_handler(signal.SIGHUP)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Reloader:
    """Exchanges the mappings of a running service for those of the files; all of them, or none.

    New checkouts are translated and planned by the new ones. A checkout that runs keeps its plan; it is rendered and read
    back by the new mapping of the same name, as after a restart. Settings are not read again.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Read the files now."""
        self._wake.set()

    async def run(self) -> None:
        """Wait and reload until cancelled."""
        settings = self._services.settings.mappings
        seen = await asyncio.to_thread(_stamp, settings)
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), settings.check_seconds or None)
            stamp = await asyncio.to_thread(_stamp, settings)
            if self._wake.is_set() or stamp != seen:
                self._wake.clear()
                await self.reload()
            seen = stamp

    async def reload(self) -> bool:
        """Read every mapping file; tell whether they are in use now. With a mistake in one, everything stays as it was."""
        services = self._services
        try:
            fresh = await asyncio.to_thread(load_mappings, services.settings.mappings)
            mistakes = [str(problem) for problem in unknown_mappings(services.settings, fresh)]
        except (MappingError, SettingsError) as error:
            mistakes = str(error).splitlines()
        except Exception:
            log.exception("mappings.crashed")
            return False
        if mistakes:
            for mistake in mistakes:
                log.error("mappings.refused", mistake=mistake)
            log.error("mappings.kept", mistakes=len(mistakes))
            return False
        current: Any = services.mappings
        changed = sorted(name for name, mapping in fresh.items() if current.get(name) != mapping)
        # One that has no file any more is kept: a checkout may still need it.
        current.update(fresh)
        for name, upstream in services.upstreams.items():
            if isinstance(upstream, UpstreamClient) and name in services.settings.upstreams:
                upstream.use(fresh[services.settings.upstreams[name].mapping])
        log.info("mappings.reloaded", changed=changed, hashes={name: fresh[name].hash for name in changed})
        return True


def _stamp(settings: MappingSettings) -> frozenset[tuple[str, int, int]]:
    try:
        return mapping_stamp(settings)
    except (OSError, SettingsError):
        return frozenset()
