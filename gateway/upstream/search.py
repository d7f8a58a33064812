"""Finding orders by their marker in the order system's list, and knowing when "not found" means "not there".

A search is complete with every page up to an empty one, no error, no row and no marker that could not be read, the paging at
work (the same page twice proves nothing), a total, if the answers carry one, that was reached and did not change on the way,
and at least one marker in sight unless the list is empty (a list that does not show markers proves nothing about them).
Filters are not trusted: systems ignore the ones they do not know and return everything, so markers are compared here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from msgspec import Struct

from gateway.ordering import Mapping, Paging, is_draft
from gateway.upstream.evidence import Absence, FindResult, Hint, incomplete, uncontrolled
from gateway.upstream.port import ReadFailed
from gateway.upstream.rows import DATES, Row, read_row

SINCE_SKEW: Final = timedelta(minutes=15)
NOT_FOUND: Final = 404
EMPTY_AGAIN: Final = 2


class Page(Struct, frozen=True):
    """One page of a list: its rows, and the total number of rows where the answer says it (X-Total-Count).

    `dated` is the order system's time when it answered (Date), `age_seconds` for how long a cache has kept the answer (Age).
    """

    rows: list[Any]
    total: int | None = None
    dated: datetime | None = None
    age_seconds: float = 0.0


ReadPage: TypeAlias = Callable[[dict[str, str]], Awaitable[Page]]
"""Reads the page with these query parameters; raises ReadFailed."""


class Walk(Struct, frozen=True):
    """What a walk over a list saw: its rows, one for each order, and what it is worth that there are no more.

    `dated` is the order system's time as the monotonic clock showed `dated_at`; `age_seconds` is that of its oldest page.
    """

    rows: tuple[Row, ...]
    absence: Absence
    dated: datetime | None = None
    dated_at: float = 0.0
    age_seconds: float = 0.0

    def result(self, marker: str) -> FindResult:
        """Return the answer for one of the markers that were searched."""
        orders = tuple(row.order for row in self.rows if marker in row.carried)
        hints = tuple(hint for row in self.rows for of, hint in row.hints if of == marker)
        absence = incomplete("marker_changed", named(hints)) if hints else self.absence
        return FindResult(orders, absence, hints)


def with_listed(found: FindResult, listed: Walk, marker: str, beside: str) -> FindResult:
    """Return what a filter and a list show together, where the filter does not show the order `beside`, which is there.

    The list counts where it shows that order with a marker, whichever: then it shows one on another order as well.
    """
    seen = listed.result(marker)
    orders = {order.id: order for order in (*found.orders, *seen.orders)}
    hints = tuple(hint for hint in seen.hints if hint.order_id != beside)
    absence = incomplete("marker_changed", named(hints)) if hints else listed.absence
    own = next((row for row in listed.rows if row.order.id == beside), None)
    if own is None:
        absence = incomplete("known_order_not_found", beside)
    elif not own.shows_marker and not hints:
        absence = incomplete("markers_not_shown", f"order {beside}")
    return FindResult(tuple(orders.values()), absence, hints)


def named(hints: Sequence[Hint]) -> str:
    """Return the first of the hints in words."""
    return "; ".join(hint.sentence for hint in hints[:3])


class Question(Struct, frozen=True, kw_only=True):
    """What a walk asks for, and how: `markers` are those that are searched.

    With `only` the list is meant to be filtered by that marker: the first page with an order that does not carry it ends the
    walk. `whole`: rows with all their attributes, else their heads, and with `dated` the time an order was made. `limit` is the
    size of a page, if not the largest: an address that was not asked before is in no cache. `pages_max` is the most to read.
    """

    parameters: dict[str, str]
    markers: frozenset[str]
    only: str | None = None
    whole: bool = False
    dated: bool = False
    limit: int | None = None
    pages_max: int | None = None


class _Seen:
    """What a walk has seen so far."""

    def __init__(self, question: Question, mapping: Mapping) -> None:
        self.rows: dict[str, Row] = {}
        self.count = 0
        self.short = False
        self.page: Page | None = None
        self.age_seconds = 0.0
        self._question = question
        self._mapping = mapping
        self._limit = limit_of(question, mapping)
        self._totals: set[int] = set()
        self._previous: AbstractSet[str] = set()
        self._unread = False

    def take(self, page: Page) -> Absence | None:
        """Take in one page; return why the walk ends with it, or None."""
        self.page = page
        self.age_seconds = max(self.age_seconds, page.age_seconds)
        if page.total is not None:
            self._totals.add(page.total)
        if not page.rows:
            return self._at_the_end()
        rows = [read_row(row, self._question.markers, self._mapping) for row in page.rows]
        self._unread = self._unread or None in rows
        on_page = {row.order.id: row for row in rows if row is not None}
        if on_page.keys() == self._previous:
            return incomplete("paging_unclear")
        self._previous = on_page.keys()
        self.rows.update(on_page)
        only = self._question.only
        if only is not None and any(only not in row.carried for row in on_page.values()):
            return incomplete("filter_not_shown")
        self.count += len(page.rows)
        self.short = len(page.rows) < self._limit
        return None

    def failed(self, failure: ReadFailed) -> Absence:
        """Return how the walk ends with a page that could not be read.

        Some systems answer a page beyond the end with 404; that is the end only if the last page was not full.
        """
        if self.short and failure.status == NOT_FOUND:
            return self._at_the_end()
        return incomplete("page_failed", str(failure))

    def _at_the_end(self) -> Absence:
        return _judged(list(self.rows.values()), self._totals, unread=self._unread) or uncontrolled()


async def walk(
    read_page: ReadPage,
    mapping: Mapping,
    question: Question,
    *,
    in_time: Callable[[], bool] = lambda: True,
    clock: Callable[[], float] = lambda: 0.0,
) -> Walk:
    """Read the list page by page until an empty page, or until something shows that the rest cannot be seen."""
    seen = _Seen(question, mapping)
    paging = mapping.api.paging
    fixed = {**question.parameters, paging.limit_parameter: str(limit_of(question, mapping))}
    if not question.whole:
        fixed |= selection(mapping, DATES[mapping.dialect] if question.dated else ())
    ended: Absence | None = None
    dated: tuple[datetime | None, float] = (None, 0.0)
    for page_index in range(
        min(question.pages_max or mapping.recovery.scan_pages_max, mapping.recovery.scan_pages_max)
    ):
        offset = paging_offset(paging, page_index, seen.count)
        try:
            page = await _read(read_page, {**fixed, paging.offset_parameter: str(offset)}, question)
        except ReadFailed as failure:
            ended = seen.failed(failure)
            break
        if dated[0] is None:
            dated = (page.dated, clock())
        ended = seen.take(page)
        if ended is None and not in_time():
            ended = incomplete("out_of_time")
        if ended is not None:
            break
    return Walk(tuple(seen.rows.values()), ended or incomplete("too_many_pages"), *dated, seen.age_seconds)


async def _read(read_page: ReadPage, parameters: dict[str, str], question: Question) -> Page:
    """Read a page; the empty one that ends a list of whole orders is read again, because a page may be empty now and then."""
    page = await read_page(parameters)
    for _ in range(EMPTY_AGAIN if question.whole and question.only is None else 0):
        if not page.rows:
            page = await read_page(parameters)
    return page


def limit_of(question: Question, mapping: Mapping) -> int:
    """Return the size of the pages that are asked for."""
    return question.limit or mapping.api.paging.limit_max


def _judged(rows: list[Row], totals: set[int], *, unread: bool) -> Absence | None:
    """Return why a list that was read to its end is not complete all the same, or None."""
    if unread:
        return incomplete("row_unreadable")
    if totals and (len(totals) > 1 or len(rows) < min(totals)):
        return incomplete("totals_disagree")
    if any(not row.order.marker.understood for row in rows):
        return incomplete("marker_not_understood")
    if rows and not any(row.order.marker.texts for row in rows):
        return incomplete("markers_not_shown")
    return None


def paging_offset(paging: Paging, page_index: int, rows_seen: int) -> int:
    """Return the offset of the page number `page_index` (from 0): in pages, or in the rows that were really received."""
    return paging.first + (page_index if paging.style == "page" else rows_seen)


def scan_parameters(mapping: Mapping, since: datetime, *, live: bool = False) -> dict[str, str]:
    """Return the mapping's scan parameters; with `live` without one that narrows the scan to drafts.

    `{since}` becomes the time (15 minutes earlier: clocks differ), `{since_date}` the day before, for attributes that
    lose their time of day.
    """
    earliest = (since - SINCE_SKEW).astimezone(UTC)
    moment, day = earliest.strftime("%Y-%m-%dT%H:%M:%SZ"), (earliest - timedelta(days=1)).strftime("%Y-%m-%d")
    return {
        name: value.replace("{since}", moment).replace("{since_date}", day)
        for name, value in mapping.recovery.scan_parameters.items()
        if not (live and is_draft(mapping, value))
    }


def selection(mapping: Mapping, more: tuple[str, ...]) -> dict[str, str]:
    """Return the parameter that asks for the heads of orders only, and for the attributes of `more`."""
    if not mapping.api.fields_parameter:
        return {}
    names = dict.fromkeys(("id", "state", mapping.recovery.marker_slot, *more))
    return {mapping.api.fields_parameter: ",".join(names)}


class Scan(Struct, frozen=True, kw_only=True):
    """What one who waits for a scan wants of it; with `live` also orders that are no longer drafts."""

    marker: str
    since: datetime
    whole: bool = False
    pages_max: int | None = None
    live: bool = False


def joined(scans: Sequence[Scan], mapping: Mapping, limit: int | None) -> Question:
    """Return the one question that answers everybody's."""
    whole = any(scan.whole for scan in scans)
    bounds = [scan.pages_max for scan in scans]
    known = [bound for bound in bounds if bound is not None]
    return Question(
        parameters=scan_parameters(mapping, min(scan.since for scan in scans), live=any(scan.live for scan in scans)),
        markers=frozenset(scan.marker for scan in scans),
        whole=whole,
        limit=limit if whole else None,
        pages_max=max(known) if len(known) == len(bounds) else None,
    )


class Scanner:
    """Shares scans: at most one runs, and one scan answers everybody who asked before it started.

    A find never joins a scan that runs already, because that one may have passed the place where its order appeared
    since. The cost of an outage is therefore a scan per interval, not a scan per checkout.
    """

    def __init__(
        self,
        scan: Callable[[Sequence[Scan]], Awaitable[Walk]],
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
        self._wanted: list[Scan] = []
        self._ended_at = float("-inf")

    async def see(self, wanted: Scan) -> Walk:
        """Wait for a scan that starts after this call, and return what it saw."""
        self._wanted.append(wanted)
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._run(self._running), name="order scan")
        return await asyncio.shield(self._waiting)

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
        wanted, self._wanted = self._wanted, []
        try:
            return await self._scan(wanted)
        finally:
            self._ended_at = self._clock()
            self._running = None
