"""Reading orders because their time has come: what a poll that fails says, and how waiting ends when the order system is back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import Connection

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reasons import OF_THE_UPSTREAM
from gateway.checkouts.row_changes import CheckoutChanges
from gateway.checkouts.stored import store as checkouts
from gateway.checkouts.stored.pauses import pauses
from gateway.checkouts.waits import spread
from gateway.logs import on_behalf_of
from gateway.settings import Settings, UpstreamLimits
from gateway.storage import Database
from gateway.tracking import store
from gateway.tracking.failures import says_of_failure
from gateway.tracking.reading import OrderReader
from gateway.upstream.port import ReadFailed

log = structlog.get_logger(__name__)
# While an order system does not answer, one order is read after this to see whether it does again.
PROBE_SECONDS: Final = 5.0


class Polls:
    """The polls of one process. An order system that failed is asked for one order now and then; its answer wakes the others."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        reader: OrderReader,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._database = database
        self._reader = reader
        self._monotonic = monotonic
        # Order systems that did not answer, with when one order of theirs is read next.
        self._failing: dict[str, float] = {}

    async def take(self, record: CheckoutRecord) -> bool:
        """Take an order to be read; False when another replica took it, or its order system is paused.

        A reading that comes to nothing (this process is killed, the read fails) is made up for after some time.
        """
        wait = timedelta(seconds=self._made_up_seconds(record.upstream))

        def function(connection: Connection) -> bool:
            now = self._database.now(connection)
            if (held := pauses(connection, for_share=True).get(record.upstream)) is not None:
                store.park_order(connection, record, held, now)
                return False
            return store.put_off_order(connection, record, now + wait)

        return await self._database.write(function)

    async def read(self, record: CheckoutRecord) -> None:
        """Read an order that was taken, and record what it has become, or why it cannot be read."""
        try:
            await self._reader.read_and_apply(record, polled=True)
        except ReadFailed as failure:
            await self._failed(record, failure)
            return
        await self._answers(record.upstream)

    async def probe(self) -> None:
        """Let one order of each order system that does not answer be read, where it is time for that."""
        now = self._monotonic()
        for upstream in [name for name, at in self._failing.items() if at <= now]:
            self._failing[upstream] = now + PROBE_SECONDS
            found = await self._look_again(upstream, limit=1)
            if not found:
                self._failing.pop(upstream, None)

    async def _answers(self, upstream: str) -> None:
        """Let every order be read that waits for an order system that answers again."""
        if self._failing.pop(upstream, None) is not None:
            woken = await self._look_again(upstream)
            log.info("tracking.answers_again", upstream=upstream, orders=woken)

    async def _look_again(self, upstream: str, limit: int | None = None) -> int:
        return await self._database.write(
            lambda connection: store.look_again(connection, upstream, self._database.now(connection), limit=limit)
        )

    async def _failed(self, record: CheckoutRecord, failure: ReadFailed) -> None:
        asked_seconds = failure.retry_after_seconds or 0.0
        if failure.cause in OF_THE_UPSTREAM:
            self._failing.setdefault(record.upstream, self._monotonic() + max(PROBE_SECONDS, asked_seconds))
        made_up_seconds = self._made_up_seconds(record.upstream)

        def function(connection: Connection) -> CheckoutChanges:
            current = checkouts.get_for_update(connection, record.tenant, record.id)
            if current is None or current.order_id != record.order_id:
                return {}
            now = self._database.now(connection)
            poll: CheckoutChanges = {}
            if asked_seconds > made_up_seconds:
                poll = {"track_due_at": now + timedelta(seconds=spread(record.id, asked_seconds))}
            said = says_of_failure(current, failure)
            if said:
                checkouts.change(connection, current, {**said, **poll}, now)
            elif poll:
                store.set_poll(connection, current, poll)
            return said

        if await self._database.write(function):
            identity = {"checkout": record.id, "tenant": record.tenant, "order": record.order_id}
            with on_behalf_of(record.correlation_id, record.trace_parent):
                log.warning("tracking.read_failed", **identity, cause=failure.cause, reason=str(failure))

    def _made_up_seconds(self, upstream: str) -> float:
        return 2 * read_seconds(self._settings, upstream)


def read_seconds(settings: Settings, upstream: str) -> float:
    """Return how long reading an order may take."""
    found = settings.upstreams.get(upstream)
    return (found.limits if found is not None else UpstreamLimits()).deadline_seconds
