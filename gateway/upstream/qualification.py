"""Reads TMF679 productOfferingQualifications: one GET each, bounded like every read. What they mean is not decided here."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from gateway.documents import JsonObject
from gateway.errors import UnavailableError
from gateway.upstream.answers import is_safe_id
from gateway.upstream.call_guard import CallGuard
from gateway.upstream.options import UpstreamOptions
from gateway.upstream.port import ReadFailed
from gateway.upstream.reads import NOT_THERE, Reader

RETRY_SECONDS: Final = 5.0
"""When to try again where the service does not say."""


class QualificationClient:
    """Reads qualifications by id. Close it when done."""

    def __init__(
        self,
        options: UpstreamOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._options = replace(options, base_url=options.base_url.rstrip("/"))
        guard = CallGuard(options, clock=clock, jitter=jitter)
        self._reader = Reader(options, guard, clock=clock, sleep=sleep, jitter=jitter)

    async def get(self, qualification_id: str) -> JsonObject | None:
        """Return the document with this id; None when there is no such document. Raises UnavailableError (503)."""
        if not is_safe_id(qualification_id):
            return None
        resource = self._options.mapping.api.resource
        try:
            reading = await self._reader.read(f"{self._options.base_url}/{resource}/{quote(qualification_id, safe='')}")
        except ReadFailed as failure:
            if failure.status in NOT_THERE:
                return None
            raise _unavailable(str(failure), failure.retry_after_seconds) from None
        if not isinstance(reading.document, dict):
            raise _unavailable("the answer is not a JSON object", None)
        return reading.document

    async def close(self) -> None:
        """Close every connection."""
        await self._reader.close()
        if self._options.auth is not None:
            await self._options.auth.close()


def _unavailable(why: str, retry_after_seconds: float | None) -> UnavailableError:
    seconds = max(1, round(retry_after_seconds or RETRY_SECONDS))
    return UnavailableError(
        f"The qualification cannot be confirmed now ({why}); nothing was stored, try again.",
        headers={"Retry-After": str(seconds)},
    )
