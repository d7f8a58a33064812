"""The calls of a measurement: reads with their short bursts, and single calls with an effect. No conclusions."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from gateway.ordering import ObservedOrder, RenderedStep, read_order
from gateway.upstream.answers import is_safe_id
from gateway.upstream.call_guard import CallGuard
from gateway.upstream.options import UpstreamOptions, port_of
from gateway.upstream.outcome import Call, NotSent, Outcome, Unknown, classify
from gateway.upstream.port import ReadFailed
from gateway.upstream.reads import HTTP_NOT_FOUND, Reader, Reading, decode_answer
from gateway.upstream.transport import ExchangeFailed

_DELETE: Final = "DELETE"


class Probe:
    """Talks to one order system while it is measured. `clock` returns monotonic seconds, `sleep` waits. Close it when done."""

    def __init__(
        self,
        options: UpstreamOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.mapping = options.mapping
        self.clock = clock
        self.sleep = sleep
        self._options = options
        self._guard = CallGuard(options, clock=clock, jitter=jitter)
        self._reader = Reader(options, self._guard, clock=clock, sleep=sleep, jitter=jitter)
        self._port = port_of(options, keep_alive=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._reader.close()
        await self._port.close()
        if self._options.auth is not None:
            await self._options.auth.close()

    async def page(self, parameters: Mapping[str, str]) -> Reading:
        """Read a page of the list; raises ReadFailed."""
        reading = await self._reader.read(self._url(self.mapping.api.resource), parameters)
        if not isinstance(reading.document, list):
            raise ReadFailed("the answer is not a list of orders")
        return reading

    async def order(self, order_id: str) -> ObservedOrder | None:
        """Read an order; None when the order system says that there is none. Raises ReadFailed, also for another order."""
        if not is_safe_id(order_id):
            raise ReadFailed("the order id cannot be part of a URL")
        try:
            reading = await self._reader.read(self._url(f"{self.mapping.api.resource}/{quote(order_id, safe='')}"))
        except ReadFailed as failure:
            if failure.status == HTTP_NOT_FOUND:
                return None
            raise
        order = read_order(reading.document, self.mapping)
        if order is None:
            raise ReadFailed("the answer is not a product order")
        if order.id != order_id:
            raise ReadFailed(f"the answer is order {order.id}, another one than the one asked for")
        return order

    async def send(self, step: RenderedStep, headers: Mapping[str, str] | None = None) -> Outcome:
        """Send one call, once."""
        call: Call = "create" if step.kind == "create" else "change"
        return await self.call(
            step.method, step.path, call, step.body, {"Content-Type": step.media_type, **(headers or {})}
        )

    async def delete(self, order_id: str) -> Outcome:
        """Delete a draft."""
        return await self.call(_DELETE, f"{self.mapping.api.resource}/{quote(order_id, safe='')}", "delete")

    async def call(
        self, method: str, path: str, call: Call, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Outcome:
        """Make one call with an effect; its outcome is a value."""
        within = self._options.deadline_seconds
        try:
            answer = await self._port.exchange(
                method, self._url(path), body=body, headers=headers, within_seconds=within
            )
        except ExchangeFailed as failure:
            return Unknown(failure.detail) if failure.sent else NotSent(failure.detail)
        document: Any
        document, unreadable = decode_answer(answer)
        return classify(answer.status, answer.headers, document, self.mapping, call=call, unreadable=unreadable)

    def _url(self, path: str) -> str:
        return f"{self._options.base_url.rstrip('/')}/{path.lstrip('/')}"
