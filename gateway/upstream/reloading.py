"""Mapping files are read again while the service runs: on SIGHUP, and when they changed if the settings say so."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

from gateway.background import Loop
from gateway.errors import MappingError, SettingsError
from gateway.resources import load_mappings, mapping_stamp, unknown_mappings
from gateway.services import Services
from gateway.settings import MappingSettings
from gateway.upstream.client import UpstreamClient

log = structlog.get_logger(__name__)


# The SIGHUP that came while nobody could act on it. Nothing with a lock: a second one may come while the first is being noted.
_noted: Final[set[int]] = set()


def note_hangups() -> None:
    """Let SIGHUP end this process no more: it is remembered, and acted on as soon as `reloading` begins."""
    _handle(_note)


def _note(number: int, _frame: Any) -> None:
    _noted.add(number)


@asynccontextmanager
async def reloading(services: Services) -> AsyncIterator[None]:
    """Read the mapping files again on SIGHUP, and when they changed if the settings say so."""
    reloader = Reloader(services)
    loop = asyncio.get_running_loop()
    # Not the loop's own handlers: what was there before is put back in one step, so that no signal finds none.
    before = _handle(lambda _number, _frame: loop.call_soon_threadsafe(reloader.wake))
    if _noted:
        _noted.clear()
        reloader.wake()
    task = asyncio.create_task(reloader.loop.run(), name="reloader")
    try:
        yield
    finally:
        # A process that ends has nothing to read again; an interpreter that ends would fall back to being ended by it.
        _handle(signal.SIG_IGN if before is _note else before)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _handle(handler: Any) -> Any:
    """Handle SIGHUP by `handler` and return what did before; None is what did before where nothing can."""
    # Only the main thread hears signals, and not every system has this one.
    with contextlib.suppress(ValueError, AttributeError):
        return signal.signal(signal.SIGHUP, handler if handler is not None else signal.SIG_DFL)
    return None


class Reloader:
    """Exchanges the mappings of a running service for those of the files; all of them, or none.

    New checkouts are translated and planned by the new ones. A checkout that runs keeps its plan; it is rendered and read
    back by the new mapping of the same name, as after a restart. Settings are not read again.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._asked = False
        self._seen: frozenset[tuple[str, int, int]] | None = None
        self.loop = Loop("mappings", self._round, seconds=services.settings.mappings.check_seconds or None)

    def wake(self) -> None:
        """Read the files now."""
        self._asked = True
        self.loop.wake()

    async def _round(self) -> bool:
        stamp = await asyncio.to_thread(_stamp, self._services.settings.mappings)
        asked, self._asked = self._asked, False
        if asked or (self._seen is not None and stamp != self._seen):
            await self.reload()
        self._seen = stamp
        return False

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
        current = services.mappings
        changed = sorted(name for name, mapping in fresh.items() if current.get(name) != mapping)
        # One that has no file any more is kept: a checkout may still need it.
        current.update(fresh)
        for name, upstream in services.upstreams.items():
            if isinstance(upstream, UpstreamClient) and name in services.settings.upstreams:
                upstream.use(fresh[services.settings.upstreams[name].mapping])
        log.info("mappings.reloaded", changed=changed, hashes=[fresh[name].hash for name in changed])
        return True


def _stamp(settings: MappingSettings) -> frozenset[tuple[str, int, int]]:
    try:
        return mapping_stamp(settings)
    except (OSError, SettingsError):
        return frozenset()
