"""Finding orders by their marker in the order system's list, and knowing when "not found" is a proof.

A proof of absence needs every page up to an empty one, no error, no order that could not be read, the paging at work (the
same page twice proves nothing), a total, if the answers carry one, that was reached and did not change on the way, and at
least one marker in sight unless the list is empty (a list that does not show markers proves nothing about them).
Filters are not trusted: systems ignore the ones they do not know and return everything, so markers are compared here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from collections.abc import Mapping as Headers
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from msgspec import Struct

from gateway.ordering import Mapping, ObservedOrder, Paging, read_order
from gateway.upstream.port import FindResult, ReadFailed

SINCE_SKEW: Final = timedelta(minutes=15)
NOT_FOUND: Final = 404


class Page(Struct, frozen=True):
    """One page of a list: its rows, and the total number of rows where the answer says it (X-Total-Count)."""

    rows: list[Any]
    total: int | None = None


ReadPage: TypeAlias = Callable[[dict[str, str]], Awaitable[Page]]
"""Reads the page with these query parameters; raises ReadFailed."""


class Walk(Struct, frozen=True):
    """What a walk over a list saw: the orders that carry a marker, and whether that is all there is."""

    by_marker: dict[str, tuple[ObservedOrder, ...]]
    complete: bool
    filter_ignored: bool = False

    def result(self, marker: str) -> FindResult:
        """Return the answer for one marker."""
        return FindResult(self.by_marker.get(marker, ()), self.complete)


async def walk(
    read_page: ReadPage,
    mapping: Mapping,
    parameters: Headers[str, str],
    *,
    in_time: Callable[[], bool] = lambda: True,
    only_marker: str | None = None,
) -> Walk:
    """Read the list page by page until an empty page, or until something shows that the rest cannot be seen.

    With `only_marker` the list is meant to be filtered by it: the first order that carries another ends the walk.
    """
    seen: dict[str, ObservedOrder] = {}
    totals: set[int | None] = set()
    previous: AbstractSet[str] = set()
    readable, ended, short = True, False, False
    paging = mapping.api.paging
    fixed = {**parameters, **_selection(mapping), paging.limit_parameter: str(paging.limit_max)}
    rows_seen = 0
    for page_index in range(mapping.recovery.scan_pages_max):
        offset = paging_offset(paging, page_index, rows_seen)
        try:
            page = await read_page({**fixed, paging.offset_parameter: str(offset)})
        except ReadFailed as failure:
            # Some systems answer a page beyond the end with 404; that is the end only if the last page was not full.
            ended = short and failure.status == NOT_FOUND
            break
        totals.add(page.total)
        if not page.rows:
            ended = True
            break
        orders = [read_order(row, mapping) for row in page.rows]
        readable = readable and None not in orders
        on_page = {order.id: order for order in orders if order is not None}
        if on_page.keys() == previous:
            break
        previous = on_page.keys()
        seen.update(on_page)
        if only_marker is not None and any(order.marker != only_marker for order in on_page.values()):
            return Walk(_grouped(seen.values()), complete=False, filter_ignored=True)
        rows_seen += len(page.rows)
        short = len(page.rows) < paging.limit_max
        if not in_time():
            break
    by_marker = _grouped(seen.values())
    markers_shown = bool(by_marker) or not seen
    return Walk(by_marker, ended and readable and markers_shown and _total_agrees(totals, len(seen)))


def paging_offset(paging: Paging, page_index: int, rows_seen: int) -> int:
    """Return the offset of the page number `page_index` (from 0): in pages, or in the rows that were really received."""
    return paging.first + (page_index if paging.style == "page" else rows_seen)


def scan_parameters(mapping: Mapping, since: datetime) -> dict[str, str]:
    """Return the mapping's scan parameters.

    `{since}` becomes the time (15 minutes earlier: clocks differ), `{since_date}` the day before, for attributes that
    lose their time of day.
    """
    earliest = (since - SINCE_SKEW).astimezone(UTC)
    moment, day = earliest.strftime("%Y-%m-%dT%H:%M:%SZ"), (earliest - timedelta(days=1)).strftime("%Y-%m-%d")
    return {
        name: value.replace("{since}", moment).replace("{since_date}", day)
        for name, value in mapping.recovery.scan_parameters.items()
    }


def _selection(mapping: Mapping) -> dict[str, str]:
    if not mapping.api.fields_parameter:
        return {}
    names = dict.fromkeys(("id", "state", mapping.recovery.marker_slot.partition(".")[0]))
    return {mapping.api.fields_parameter: ",".join(names)}


def _grouped(orders: Iterable[ObservedOrder]) -> dict[str, tuple[ObservedOrder, ...]]:
    groups: dict[str, list[ObservedOrder]] = {}
    for order in orders:
        if order.marker is not None:
            groups.setdefault(order.marker, []).append(order)
    return {marker: tuple(group) for marker, group in groups.items()}


def _total_agrees(totals: set[int | None], rows_distinct: int) -> bool:
    """Tell whether the totals the pages named leave no row unseen: one value, and reached."""
    named = {total for total in totals if total is not None}
    return not named or (len(named) == 1 and rows_distinct >= named.pop())


class Scanner:
    """Shares scans: at most one runs, and one scan answers everybody who asked before it started.

    A find never joins a scan that runs already, because that one may have passed the place where its order appeared
    since. The cost of an outage is therefore a scan per interval, not a scan per checkout.
    """

    def __init__(
        self,
        scan: Callable[[datetime], Awaitable[Walk]],
        *,
        interval_seconds: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._scan = scan
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._sleep = sleep
        self._running: asyncio.Task[Walk] | None = None
        self._waiting: asyncio.Task[Walk] | None = None
        self._since: datetime | None = None
        self._ended_at = float("-inf")

    async def find(self, marker: str, since: datetime) -> FindResult:
        """Wait for a scan that starts after this call, and return what it saw of `marker`."""
        self._since = since if self._since is None else min(self._since, since)
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._run(self._running), name="order scan")
        return (await asyncio.shield(self._waiting)).result(marker)

    async def close(self) -> None:
        """Stop what runs or waits."""
        tasks = [task for task in (self._running, self._waiting) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, previous: asyncio.Task[Walk] | None) -> Walk:
        if previous is not None:
            await asyncio.wait([previous])
        await self._sleep(max(0.0, self._ended_at + self._interval_seconds - self._clock()))
        self._running, self._waiting = self._waiting, None
        since, self._since = self._since, None
        assert since is not None, "a scan is only started by a find"
        try:
            return await self._scan(since)
        finally:
            self._ended_at = self._clock()
            self._running = None
