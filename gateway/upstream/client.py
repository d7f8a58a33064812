"""The client of one order system: one call is one attempt, its outcome a value, and every read bounded.

Calls with an effect are sent once, on a connection of their own, inside a total deadline. Reads are harmless: they use
kept connections and are repeated in short bursts.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import quote, unquote

from gateway.ordering import Mapping, ObservedOrder, RenderedStep, read_order
from gateway.tmf.json import encode_json
from gateway.upstream.answers import http_date, is_safe_id
from gateway.upstream.call_guard import CallGuard
from gateway.upstream.cancel_task import CancelTask, CancelWish, cancel_body, read_task
from gateway.upstream.evidence import CallInDoubt, FindResult, MarkedOrders
from gateway.upstream.exchanges import noted_exchange
from gateway.upstream.finder import Finder
from gateway.upstream.handed_on import request_headers
from gateway.upstream.limiter import NoSlot
from gateway.upstream.options import UpstreamOptions, port_of
from gateway.upstream.outcome import Call, NotSent, Outcome, Rejected, Unknown, classify
from gateway.upstream.port import AnotherOrder, ReadFailed
from gateway.upstream.reads import NOT_THERE, Reader, decoded_answer
from gateway.upstream.reasons import with_reasons
from gateway.upstream.search import Page, paging_offset
from gateway.upstream.transport import Answer, ExchangeFailed

_NOT_OFFERED: Final = 405


class UpstreamClient:
    """Talks TMF622 to one order system. Close it when done.

    `clock` returns monotonic seconds, `jitter` a number in [0, 1), `sleep` waits; they are given for tests.
    """

    def __init__(
        self,
        options: UpstreamOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._options = options
        self._mapping = options.mapping
        self._clock = clock
        self._guard = CallGuard(options, clock=clock, jitter=jitter)
        self._reader = Reader(options, self._guard, clock=clock, sleep=sleep, jitter=jitter)
        self._finder = Finder(
            options.mapping,
            self._read_page,
            self.get_order,
            deadline_seconds=options.scan_deadline_seconds,
            interval_seconds=options.scan_interval_seconds,
            clock=clock,
            sleep=sleep,
        )
        self._port = port_of(options, keep_alive=False)

    def __repr__(self) -> str:
        return f"UpstreamClient({self._options.name!r})"

    def use(self, mapping: Mapping) -> None:
        """Talk by `mapping` from the next call on; calls under way end as they began."""
        self._mapping = mapping
        self._options = replace(self._options, mapping=mapping)
        self._guard.use(mapping)
        self._reader.use(self._options)
        self._finder.use(mapping)

    def recall(self, *, found_seconds_ago: float) -> None:
        """Begin with what was measured: this order system keeps markers, and was seen to find orders by them so long ago."""
        self._finder.recall(found_seconds_ago=found_seconds_ago)

    async def send(self, rendered: RenderedStep, *, answered: Callable[[], Awaitable[None]] | None = None) -> Outcome:
        """Send one step, once. Every outcome is a value; only cancellation is raised, and it means Unknown.

        `answered` is called when a whole answer with a status of success is there, before it is looked into.
        """
        call: Call = "create" if rendered.kind == "create" else "change"
        # What an answer says of the items is not used: they are read back. Of an order that is new, nothing is passed over.
        with_items = rendered.kind == "create"
        return await self._perform(
            call,
            rendered.method,
            rendered.path,
            rendered.body,
            rendered.media_type,
            with_items=with_items,
            answered=answered,
        )

    async def get_order(self, order_id: str) -> ObservedOrder | None:
        """Read an order with its lines. None is a proof that it does not exist; raises ReadFailed for everything else."""
        return await self._read_order(order_id, {})

    async def get_head(self, order_id: str) -> ObservedOrder | None:
        """Read an order's id, state and marker, where the mapping names a parameter for that. Results as `get_order`."""
        api, slot = self._mapping.api, self._mapping.recovery.marker_slot
        fields = {api.fields_parameter: f"id,state,{slot}"} if api.fields_parameter else {}
        return await self._read_order(order_id, fields, with_lines=False)

    async def _read_order(
        self, order_id: str, parameters: dict[str, str], *, with_lines: bool = True
    ) -> ObservedOrder | None:
        if not is_safe_id(order_id):
            raise ReadFailed("the order id cannot be part of a URL")
        try:
            reading = await self._reader.read(self._url(self._order_path(order_id)), parameters, with_items=with_lines)
        except ReadFailed as failure:
            if failure.status in NOT_THERE:
                return None
            raise
        order = read_order(reading.document, self._mapping)
        if order is None:
            raise ReadFailed("the answer is not a product order")
        if order.id != order_id:
            raise AnotherOrder(order)
        return with_reasons(order, reading.document, self._mapping) if with_lines else order

    async def find(
        self,
        marker: str,
        *,
        since: datetime,
        doubt: CallInDoubt | None = None,
        live: bool = False,
        beside: str | None = None,
    ) -> FindResult:
        """Search the orders that carry `marker` in the way the mapping names; never raises ReadFailed.

        `since` is when the first call with this marker was sent. A filter that turns out to be ignored is replaced by a scan,
        and so is one that does not show the order `beside`, which is known to carry the marker.
        """
        return await self._finder.find(marker, since, doubt, live=live, beside=beside)

    async def list_marked(self, *, since: datetime) -> MarkedOrders:
        """List the orders that carry a marker of a gateway; see `Upstream.list_marked`."""
        return await self._finder.list_marked(since)

    async def cancel(self, order_id: str, wish: CancelWish) -> Outcome:
        """Ask for the cancellation of an order (a TMF622 task); Rejected when the mapping names no such resource."""
        resource = self._mapping.api.cancel_resource
        if not resource:
            return Rejected(_NOT_OFFERED, "notOffered", "the mapping names no resource for cancelling orders")
        if not is_safe_id(order_id):
            return NotSent("the order id cannot be part of a URL", lasting=True)
        body = encode_json(cancel_body(order_id, wish, self._mapping.dialect))
        return await self._perform("cancel", "POST", resource, body, "application/json")

    async def get_cancel_task(self, task_id: str, order_id: str) -> CancelTask | None:
        """Read the task that an order is cancelled by; None where there is no such task of that order."""
        resource = self._mapping.api.cancel_resource
        if not resource or not is_safe_id(task_id):
            return None
        try:
            reading = await self._reader.read(self._url(f"{resource}/{quote(task_id, safe='')}"))
        except ReadFailed as failure:
            if failure.status in NOT_THERE:
                return None
            raise
        task = read_task(reading.document, order_id)
        return task if task is not None and task.id == task_id else None

    async def delete(self, order_id: str) -> Outcome:
        """Delete a draft; Accepted also when it is gone already, Rejected when the mapping does not allow it."""
        if not self._mapping.api.delete_allowed:
            return Rejected(_NOT_OFFERED, "notOffered", "the mapping does not allow orders to be deleted")
        if not is_safe_id(order_id):
            return NotSent("the order id cannot be part of a URL", lasting=True)
        return await self._perform("delete", "DELETE", self._order_path(order_id))

    async def close(self) -> None:
        """Stop scans and close every connection."""
        await self._finder.close()
        await self._reader.close()
        await self._port.close()
        if self._options.auth is not None:
            await self._options.auth.close()

    async def _perform(
        self,
        call: Call,
        method: str,
        path: str,
        body: bytes | None = None,
        media_type: str | None = None,
        *,
        with_items: bool = True,
        answered: Callable[[], Awaitable[None]] | None = None,
    ) -> Outcome:
        began = self._clock()
        if not _is_plain_path(path):
            return NotSent(
                "the path of the call holds separators or dot segments that do not belong there", lasting=True
            )
        if not await self._circuit_closed():
            detail, wait_seconds = "circuit open: too many recent calls failed", self._guard.breaker.retry_after_seconds
            return NotSent(detail, wait_seconds, cause="circuit_open")
        try:
            async with self._guard.limiter.slot(within_seconds=self._options.slot_timeout_seconds):
                answer = await noted_exchange(
                    self._port,
                    method,
                    self._url(path),
                    body=body,
                    headers={**request_headers(self._mapping), **({"Content-Type": media_type} if media_type else {})},
                    within_seconds=max(0.0, self._options.deadline_seconds - (self._clock() - began)),
                )
        except NoSlot as refusal:
            return NotSent(refusal.detail, refusal.retry_after_seconds, cause=refusal.cause)
        except ExchangeFailed as failure:
            self._guard.breaker.record(failed=True)
            if failure.sent:
                return Unknown(failure.detail)
            return NotSent(failure.detail, failure.retry_after_seconds, cause=failure.cause)
        if answered is not None and 200 <= answer.status <= 299:  # noqa: PLR2004 - the class of success
            await answered()
        outcome = await self._outcome(answer, call, with_items=with_items)
        self._guard.breaker.record(failed=isinstance(outcome, Unknown))
        self._guard.note(answer.status, outcome)
        return outcome

    async def _outcome(self, answer: Answer, call: Call, *, with_items: bool) -> Outcome:
        try:
            document, unreadable = await decoded_answer(answer, with_items=with_items)
            return classify(answer.status, answer.headers, document, self._mapping, call=call, unreadable=unreadable)
        except Exception as error:  # noqa: BLE001 - an answer is there: a defect in reading it must not look like "not sent"
            return Unknown(f"{answer.status} with an answer that could not be read ({type(error).__name__})")

    async def _circuit_closed(self) -> bool:
        """Tell whether calls with an effect may be sent; a circuit that may be probed is probed by a read first."""
        if self._guard.breaker.state == "half-open":
            paging = self._mapping.api.paging
            smallest = {paging.limit_parameter: "1", paging.offset_parameter: str(paging_offset(paging, 0, 0))}
            return await self._reader.probe(self._url(self._mapping.api.resource), smallest)
        return self._guard.breaker.state == "closed"

    async def _read_page(self, parameters: dict[str, str]) -> Page:
        reading = await self._reader.read(self._url(self._mapping.api.resource), parameters)
        if not isinstance(reading.document, list):
            raise ReadFailed("the answer is not a list of orders")
        total, age = reading.headers.get("x-total-count", ""), reading.headers.get("age", "").strip()
        return Page(
            reading.document,
            total=int(total) if total.isascii() and total.isdigit() else None,
            dated=http_date(reading.headers.get("date", "")),
            age_seconds=float(age) if age.isascii() and age.isdigit() else 0.0,
        )

    def _order_path(self, order_id: str) -> str:
        return f"{self._mapping.api.resource}/{quote(order_id, safe='')}"

    def _url(self, path: str) -> str:
        return f"{self._options.base_url.rstrip('/')}/{path.lstrip('/')}"


def _is_plain_path(path: str) -> bool:
    """Tell whether `path` stays below the API root, also after a server has decoded it."""
    return all(is_safe_id(unquote(segment)) for segment in path.strip("/").split("/"))
