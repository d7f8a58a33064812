"""Measuring by reads alone: the list, its pages, orders by their ids, the search. What was seen comes back as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.ordering import carries, is_draft
from gateway.upstream.control import is_kept
from gateway.upstream.doctor.probe import Probe
from gateway.upstream.doctor.seen import Asked, ListedOrder, ListSeen, MarkerSeen, PagesSeen, ReadSeen, SearchSeen
from gateway.upstream.port import ReadFailed
from gateway.upstream.reads import HTTP_NOT_FOUND, Reading
from gateway.upstream.rows import DATES, Row, read_row
from gateway.upstream.search import paging_offset, scan_parameters, selection

PAGES_MAX: Final = 20
SMALL: Final = 2
ORDERS_MIN: Final = 4
READ_MAX: Final = 3
ASKED_TIMES: Final = 2
EMPTY_AGAIN: Final = 2
NOWHERE: Final = "gw1-nowhere-and-never-0"
"""A text that no order carries: whatever finds orders by it is not a filter."""


async def read_list(probe: Probe, parameters: Mapping[str, str] | None = None) -> ListSeen:
    """Read the list page by page as the searches do, up to PAGES_MAX pages."""
    mapping, paging = probe.mapping, probe.mapping.api.paging
    fixed = {**(parameters or {}), **selection(mapping, DATES[mapping.dialect])}
    orders: dict[str, ListedOrder] = {}
    count = broken = empty = repeated = 0
    totals: set[int] = set()
    age, short, why, ended = 0.0, False, "it has more pages than are read", False
    for index in range(PAGES_MAX):
        offset = str(paging_offset(paging, index, count))
        asked = {**fixed, paging.limit_parameter: str(paging.limit_max), paging.offset_parameter: offset}
        try:
            page = await probe.page(asked)
            for _ in range(EMPTY_AGAIN if index else 0):
                if not page.document:
                    page = await probe.page(asked)
                    empty += bool(page.document)
        except ReadFailed as failure:
            ended = short and failure.status == HTTP_NOT_FOUND
            why = "" if ended else str(failure)
            if index == 0:
                return ListSeen(ended=False, failed=True, why=why)
            break
        age = max(age, _number(page, "age") or 0)
        total = _number(page, "x-total-count")
        if total is not None:
            totals.add(total)
        if not page.document:
            ended, why = True, ""
            break
        rows = [(row, read_row(row, frozenset(), mapping)) for row in page.document]
        broken += sum(row is None for _, row in rows)
        listed = [_listed(document, row, DATES[mapping.dialect]) for document, row in rows if row is not None]
        if listed and all(each.id in orders for each in listed):
            why = "the same page came twice"
            break
        repeated += sum(each.id in orders for each in listed)
        orders.update({each.id: each for each in listed})
        count += len(page.document)
        short = len(page.document) < paging.limit_max
    return ListSeen(
        orders=tuple(orders.values()),
        ended=ended,
        why=why,
        broken=broken,
        totals=frozenset(totals),
        age_seconds=age,
        empty_pages=empty,
        repeated=repeated,
    )


async def read_pages(probe: Probe, listed: ListSeen) -> PagesSeen | None:
    """Read small pages at the first few offsets; None where there are too few orders to tell anything."""
    paging = probe.mapping.api.paging
    if len(listed.orders) < ORDERS_MIN or listed.broken:
        return None
    by_offset: dict[int, tuple[str, ...] | None] = {}
    for offset in range(SMALL + 1):
        parameters = {paging.limit_parameter: str(SMALL), paging.offset_parameter: str(offset)}
        try:
            page = await probe.page(parameters)
        except ReadFailed:
            by_offset[offset] = None
            continue
        by_offset[offset] = tuple(str(row.get("id")) for row in page.document if isinstance(row, dict))
    return PagesSeen(first=tuple(each.id for each in listed.orders), limit=SMALL, by_offset=by_offset)


async def read_orders(probe: Probe, order_ids: Sequence[str]) -> tuple[ReadSeen, ...]:
    """Read orders by their ids."""
    seen = []
    for order_id in order_ids[:READ_MAX]:
        try:
            order = await probe.order(order_id)
            seen.append(ReadSeen(order_id=order_id, order=order))
        except ReadFailed as failure:
            seen.append(ReadSeen(order_id=order_id, failed=str(failure)))
    return tuple(seen)


async def read_known(probe: Probe, known: Sequence[tuple[str, str]]) -> tuple[MarkerSeen, ...]:
    """Read orders that this gateway made, given as (order id, marker)."""
    reads = await read_orders(probe, [order_id for order_id, _ in known])
    return tuple(
        MarkerSeen(sent=marker, order=read.order) for read, (_, marker) in zip(reads, known[:READ_MAX], strict=True)
    )


async def search_all(probe: Probe, listed: ListSeen) -> SearchSeen:
    """Ask the search of the mapping for orders that the list shows, the newest and the oldest, and for a text that is nowhere."""
    mapping = probe.mapping
    chosen = witnesses(listed, only_drafts=_only_drafts(probe), compare=mapping.recovery.marker_compare)
    if mapping.recovery.find == "none":
        return SearchSeen()
    asked = [await search(probe, each.id, each.marker.texts[0]) for each in chosen for _ in range(ASKED_TIMES)]
    nothing: int | None = None
    if mapping.recovery.find == "filter":
        try:
            nothing = len((await probe.page(_question(probe, NOWHERE))).document)
        except ReadFailed:
            nothing = None
    ours = any(is_kept(text, mapping.recovery.marker_compare) for each in chosen for text in each.marker.texts)
    return SearchSeen(asked=tuple(asked), for_nothing=nothing, ours=ours)


def witnesses(listed: ListSeen, *, only_drafts: frozenset[str] | None, compare: str) -> list[ListedOrder]:
    """Return up to four orders to search for: the newest, the oldest, and two of a gateway. `only_drafts`: words of drafts."""
    usable = [
        each
        for each in listed.orders
        if each.marker.understood
        and each.marker.texts
        and (only_drafts is None or each.state.casefold() in only_drafts)
    ]
    dated = sorted((each for each in usable if each.made_at is not None), key=lambda each: (each.made_at, each.id))
    ours = [each for each in usable if any(is_kept(text, compare) for text in each.marker.texts)]
    chosen = [*dated[-1:], *dated[:1], *ours[-1:], *ours[:1], *usable[:1], *usable[-1:]]
    return list({each.id: each for each in chosen}.values())[:4]


async def search(probe: Probe, order_id: str, text: str) -> Asked:
    """Ask the search of the mapping for one text once."""
    mapping = probe.mapping
    try:
        if mapping.recovery.find == "filter":
            rows = [read_row(row, frozenset(), mapping) for row in (await probe.page(_question(probe, text))).document]
            orders = [row.order for row in rows if row is not None]
            marked = [each for each in orders if carries(each, text, mapping)]
            unmarked = tuple(each.id for each in orders if not carries(each, text, mapping))
            return Asked(order_id=order_id, found=tuple(each.id for each in marked), unmarked=unmarked)
        listed = await read_list(probe, scan_parameters(mapping, datetime.now(UTC) - timedelta(days=3650)))
    except ReadFailed as failure:
        return Asked(order_id=order_id, found=(), failed=str(failure))
    if listed.failed:
        return Asked(order_id=order_id, found=(), failed=listed.why)
    return Asked(order_id=order_id, found=tuple(each.id for each in listed.orders if text in each.marker.texts))


def _question(probe: Probe, text: str) -> dict[str, str]:
    mapping, paging = probe.mapping, probe.mapping.api.paging
    return {
        mapping.recovery.filter_parameter: text,
        **selection(mapping, ()),
        paging.limit_parameter: str(paging.limit_max),
        paging.offset_parameter: str(paging_offset(paging, 0, 0)),
    }


def _only_drafts(probe: Probe) -> frozenset[str] | None:
    """Return the words of drafts where a scan is narrowed to them; None where it is not."""
    mapping = probe.mapping
    if mapping.recovery.find != "scan" or not mapping.recovery.scan_parameters or not mapping.draft.supported:
        return None
    return frozenset(word.casefold() for word in mapping.draft.states if is_draft(mapping, word))


def _listed(document: dict[str, Any], row: Row, names: Sequence[str]) -> ListedOrder:
    dates = {name: document[name] for name in names if isinstance(document.get(name), str)}
    return ListedOrder(
        id=row.order.id, state=row.order.state, marker=row.order.marker, made_at=row.made_at, dates=dates
    )


def _number(page: Reading, name: str) -> int | None:
    text = page.headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() else None
