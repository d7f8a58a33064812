"""Finding orders by their marker in the order system's list, and knowing when "not found" means "not there".

A search is complete with every page up to an empty one, no error, no row and no marker that could not be read, the paging at
work (the same page twice proves nothing), a total, if the answers carry one, that was reached and did not change on the way,
and at least one marker in sight unless the list is empty (a list that does not show markers proves nothing about them).
Filters are not trusted: systems ignore the ones they do not know and return everything, so markers are compared here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from collections.abc import Mapping as Headers
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from msgspec import Struct

from gateway.ordering import Mapping, Paging
from gateway.upstream.evidence import Absence, FindResult, Hint, incomplete, uncontrolled
from gateway.upstream.port import ReadFailed
from gateway.upstream.rows import Row, read_row

SINCE_SKEW: Final = timedelta(minutes=15)
NOT_FOUND: Final = 404


class Page(Struct, frozen=True):
    """One page of a list: its rows, and the total number of rows where the answer says it (X-Total-Count)."""

    rows: list[Any]
    total: int | None = None


ReadPage: TypeAlias = Callable[[dict[str, str]], Awaitable[Page]]
"""Reads the page with these query parameters; raises ReadFailed."""


class Walk(Struct, frozen=True):
    """What a walk over a list saw: its rows by the order's id, and what it is worth that there are no more."""

    rows: tuple[Row, ...]
    absence: Absence

    def result(self, marker: str) -> FindResult:
        """Return the answer for one of the markers that were searched."""
        orders = tuple(row.order for row in self.rows if marker in row.carried)
        hints = tuple(hint for row in self.rows for of, hint in row.hints if of == marker)
        absence = incomplete("marker_changed", _named(hints)) if hints else self.absence
        return FindResult(orders, absence, hints)


def _named(hints: tuple[Hint, ...]) -> str:
    return "; ".join(hint.sentence for hint in hints[:3])


async def walk(
    read_page: ReadPage,
    mapping: Mapping,
    parameters: Headers[str, str],
    markers: AbstractSet[str],
    *,
    in_time: Callable[[], bool] = lambda: True,
    only: str | None = None,
) -> Walk:
    """Read the list page by page until an empty page, or until something shows that the rest cannot be seen.

    `markers` are those that are searched. With `only` the list is meant to be filtered by that marker: the first page with an
    order that does not carry it ends the walk.
    """
    seen: dict[str, Row] = {}
    totals: set[int | None] = set()
    previous: AbstractSet[str] = set()
    ended: Absence | None = None
    short, unread = False, False
    paging = mapping.api.paging
    fixed = {**parameters, **_selection(mapping), paging.limit_parameter: str(paging.limit_max)}
    rows_seen = 0
    for page_index in range(mapping.recovery.scan_pages_max):
        offset = paging_offset(paging, page_index, rows_seen)
        try:
            page = await read_page({**fixed, paging.offset_parameter: str(offset)})
        except ReadFailed as failure:
            # Some systems answer a page beyond the end with 404; that is the end only if the last page was not full.
            at_end = short and failure.status == NOT_FOUND
            ended = uncontrolled() if at_end else incomplete("page_failed", str(failure))
            break
        totals.add(page.total)
        if not page.rows:
            ended = uncontrolled()
            break
        rows = [read_row(row, markers, mapping) for row in page.rows]
        unread = unread or None in rows
        on_page = {row.order.id: row for row in rows if row is not None}
        if on_page.keys() == previous:
            ended = incomplete("paging_unclear")
            break
        previous = on_page.keys()
        seen.update(on_page)
        if only is not None and any(only not in row.carried for row in on_page.values()):
            ended = incomplete("filter_not_shown")
            break
        rows_seen += len(page.rows)
        short = len(page.rows) < paging.limit_max
        if not in_time():
            ended = incomplete("out_of_time")
            break
    if ended is None:
        ended = incomplete("too_many_pages")
    if ended.kind != "incomplete":
        ended = _judged(list(seen.values()), totals, unread=unread) or ended
    return Walk(tuple(seen.values()), ended)


def _judged(rows: list[Row], totals: set[int | None], *, unread: bool) -> Absence | None:
    """Return why a list that was read to its end is not complete all the same, or None."""
    if unread:
        return incomplete("row_unreadable")
    named = {total for total in totals if total is not None}
    if named and (len(named) > 1 or len(rows) < min(named)):
        return incomplete("totals_disagree")
    if any(not row.order.marker.understood for row in rows):
        return incomplete("marker_not_understood")
    if rows and not any(row.order.marker.texts for row in rows):
        return incomplete("markers_not_shown")
    return None


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


class Scanner:
    """Shares scans: at most one runs, and one scan answers everybody who asked before it started.

    A find never joins a scan that runs already, because that one may have passed the place where its order appeared
    since. The cost of an outage is therefore a scan per interval, not a scan per checkout.
    """

    def __init__(
        self,
        scan: Callable[[datetime, frozenset[str]], Awaitable[Walk]],
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
        self._markers: set[str] = set()
        self._ended_at = float("-inf")

    async def find(self, marker: str, since: datetime) -> FindResult:
        """Wait for a scan that starts after this call, and return what it saw of `marker`."""
        self._since = since if self._since is None else min(self._since, since)
        self._markers.add(marker)
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
        markers, self._markers = frozenset(self._markers), set()
        assert since is not None, "a scan is only started by a find"
        try:
            return await self._scan(since, markers)
        finally:
            self._ended_at = self._clock()
            self._running = None
