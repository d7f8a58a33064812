"""Searching one order system for a marker: by its filter or by a scan, and with a control of the search where that counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Final, Literal, TypeAlias

from msgspec.structs import replace

from gateway.ordering import Mapping, ObservedOrder, carries
from gateway.upstream.control import (
    AGE_SECONDS_MAX,
    SIDES,
    Clocks,
    Side,
    Witness,
    clocks_of,
    shows_kept,
    verdict,
    witnesses,
)
from gateway.upstream.evidence import (
    Absence,
    CallInDoubt,
    FindResult,
    Hint,
    MarkedOrders,
    incomplete,
    uncontrolled,
)
from gateway.upstream.port import ReadFailed
from gateway.upstream.rows import Row, hint_of
from gateway.upstream.search import (
    Question,
    ReadPage,
    Scan,
    Scanner,
    Walk,
    joined,
    named,
    scan_parameters,
    walk,
    with_listed,
)
from gateway.upstream.strangers import READ_MAX, ReadOrder, among_strangers

_BY_ROW: Final = frozenset({"marker_not_understood", "markers_not_shown"})
_PASSED_OVER: Final = frozenset({"row_unreadable", "totals_disagree"})
"""What says that a list which was read holds an order that it does not show."""
_ENDLESS: Final = frozenset({"too_many_pages", "out_of_time", "paging_unclear"})
"""Why the rest of a list was not read although every page could be."""
MARKER_BEGINNING: Final = "gw1-"
CONTROL_PAGES_MAX: Final = 20
"""Pages of the plain list that are read for orders to control a filter with."""
ASKED_AGAIN: Final = 2
WITNESSES_MAX: Final = 4
_LIMITS: Final = 20
_FOUND_MAX: Final = 1_000
_FOUND_SECONDS: Final = 60.0

Kind: TypeAlias = Literal["filter", "scan"]


class Finder:
    """Finds orders by their marker. `read_page` and `read_order` raise ReadFailed; a find never does.

    `clock` returns monotonic seconds. What was found last, and when, is remembered while the process lives.
    """

    def __init__(
        self,
        mapping: Mapping,
        read_page: ReadPage,
        read_order: ReadOrder,
        *,
        deadline_seconds: float,
        interval_seconds: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._mapping = mapping
        self._read_page = read_page
        self._read_order = read_order
        self._deadline_seconds = deadline_seconds
        self._clock = clock
        self._scanner = Scanner(self._scan, interval_seconds=interval_seconds, clock=clock, sleep=sleep)
        self._kept = False
        self._turns = count(int(clock()))
        self._found_at: dict[Kind, deque[float]] = {
            "filter": deque(maxlen=_FOUND_MAX),
            "scan": deque(maxlen=_FOUND_MAX),
        }

    def use(self, mapping: Mapping) -> None:
        """Search by `mapping` from now on."""
        self._mapping = mapping

    def recall(self, *, found_seconds_ago: float) -> None:
        """Begin with what was measured: markers are kept, and the search of the mapping found an order so long ago."""
        self._kept = True
        kind: Kind = "filter" if self._mapping.recovery.find == "filter" else "scan"
        self._found_at[kind].appendleft(self._clock() - found_seconds_ago)

    async def close(self) -> None:
        """Stop what runs or waits."""
        await self._scanner.close()

    async def find(
        self, marker: str, since: datetime, doubt: CallInDoubt | None, *, live: bool = False, beside: str | None = None
    ) -> FindResult:
        """Search the orders that carry `marker`; see `Upstream.find`."""
        find = self._mapping.recovery.find
        if find == "none":
            return FindResult((), incomplete("no_search"))
        if doubt is not None:
            search = self._controlled if doubt.answered == "lost" else self._beside_a_refusal
            return await search(marker, since, doubt)
        found = await self._filtered(marker) if find == "filter" else None
        if found is not None and (beside is None or any(order.id == beside for order in found.orders)):
            return found
        if found is not None and len(found.orders) > 1:
            return found
        pages_max = None if found is None else CONTROL_PAGES_MAX
        listed = await self._scanner.see(Scan(marker=marker, since=since, live=live, pages_max=pages_max))
        seen = self._noted("scan", listed.result(marker))
        if find != "filter" or beside is None:
            return seen
        # A filter that gives orders for anything shows nothing, and what the list is worth is judged all the same.
        return with_listed(found or FindResult(), listed, marker, beside)

    async def list_marked(self, since: datetime) -> MarkedOrders:
        """List the orders that carry a marker of a gateway, in whatever state; see `Upstream.list_marked`.

        Of the mapping's parameters of a scan only those are used that name the time: others may leave live orders out.
        """
        given, recovery = scan_parameters(self._mapping, since), self._mapping.recovery
        timed = {name: value for name, value in given.items() if "{since" in recovery.scan_parameters[name]}
        walked = await self._walk(Question(parameters=timed, markers=frozenset(), dated=True))
        orders = tuple(
            row.order
            for row in walked.rows
            if any(MARKER_BEGINNING in text.casefold() for text in row.order.marker.texts)
        )
        if walked.age_seconds > AGE_SECONDS_MAX:
            return MarkedOrders(orders, incomplete("from_a_cache"), bool(timed))
        return MarkedOrders(orders, walked.absence, bool(timed))

    # -- one search --------------------------------------------------------------------------------------------------------

    async def _scan(self, scans: Sequence[Scan]) -> Walk:
        question = joined(scans, self._mapping, self._limit())
        walked = await self._walk(question)
        if walked.absence.code == "page_failed" and question.whole and not walked.rows:
            # Whole orders may be more than one answer holds.
            return await self._walk(replace(question, whole=False, dated=True))
        return walked

    async def _walk(self, question: Question) -> Walk:
        ends_at = self._clock() + self._deadline_seconds
        return await walk(
            self._read_page, self._mapping, question, in_time=lambda: self._clock() < ends_at, clock=self._clock
        )

    async def _filtered(self, marker: str, limit: int | None = None) -> FindResult | None:
        """Ask the filter; None when it turns out to be ignored.

        An order that it gives and that does not show our marker is a hint, unless the filter gives orders for anything.
        """
        walked = await self._walk(self._filter(marker, limit))
        if walked.absence.code == "page_failed" and limit is not None and not walked.rows:
            # Whole orders may be more than one answer holds.
            walked = await self._walk(self._filter(marker, None))
        if walked.age_seconds > AGE_SECONDS_MAX:
            return FindResult(walked.result(marker).orders, incomplete("from_a_cache"))
        found = walked.result(marker)
        if walked.absence.code != "filter_not_shown" or found.hints:
            return self._noted("filter", found)
        for_nothing = await self._walk(self._filter(marker[::-1], limit))
        if for_nothing.rows:
            return None
        if for_nothing.absence.kind == "incomplete":
            return FindResult(found.orders, for_nothing.absence)
        return await self._given(marker, walked, found.orders)

    async def _given(self, marker: str, walked: Walk, orders: tuple[ObservedOrder, ...]) -> FindResult:
        """Read the orders that a filter gave for our marker and that do not show it on the list."""
        given = [row for row in walked.rows if marker not in row.carried]
        hints: list[Hint] = []
        for row in given[:READ_MAX]:
            try:
                order = await self._read_order(row.order.id)
            except ReadFailed:
                order = row.order
            if order is None:
                continue
            if carries(order, marker, self._mapping):
                orders = (*orders, order)
            else:
                hints.append(hint_of(order, marker))
        return FindResult(orders, incomplete("filter_not_shown", named(hints)), tuple(hints))

    def _filter(self, text: str, limit: int | None) -> Question:
        """Return the question for one marker; with a `limit` of its own it asks for whole orders."""
        parameters = {self._mapping.recovery.filter_parameter: text}
        return Question(
            parameters=parameters, markers=frozenset({text}), only=text, whole=limit is not None, limit=limit
        )

    def _noted(self, kind: Kind, found: FindResult) -> FindResult:
        if found.orders:
            self._kept = True
            self._note(kind)
        return found

    def _note(self, kind: Kind) -> None:
        """Remember that this kind of question found an order now."""
        times = self._found_at[kind]
        if not times or self._clock() - times[-1] >= _FOUND_SECONDS:
            times.append(self._clock())

    def _limit(self) -> int:
        """Return a size of pages that was not used lately: an answer that is in a cache belongs to another address."""
        largest = self._mapping.api.paging.limit_max
        return largest - next(self._turns) % min(_LIMITS, (largest + 1) // 2)

    # -- the control -------------------------------------------------------------------------------------------------------

    async def _controlled(self, marker: str, since: datetime, doubt: CallInDoubt) -> FindResult:
        asked_at = self._clock()
        kind: Kind = "scan"
        found: FindResult | None = None
        if self._mapping.recovery.find == "filter":
            found = await self._filtered(marker, self._limit())
            kind = "filter" if found is not None else "scan"
            if found is not None and (found.orders or not found.complete):
                return found
        pages_max = CONTROL_PAGES_MAX if kind == "filter" else None
        listed = await self._scanner.see(
            Scan(marker=marker, since=self._back_to(since, doubt), whole=True, pages_max=pages_max)
        )
        seen = listed.result(marker)
        passed_over = seen.absence.code in _PASSED_OVER or (kind == "scan" and seen.absence.code not in _BY_ROW)
        if seen.orders or seen.hints or (not seen.complete and passed_over):
            return self._noted("scan", seen)
        if listed.age_seconds > AGE_SECONDS_MAX:
            return FindResult((), incomplete("from_a_cache"))
        clocks = clocks_of(doubt, listed, asked_at)
        try:
            found = await among_strangers(self._read_order, self._mapping, marker, listed, doubt, clocks)
            if found is not None:
                return found
            absence = await self._judged(kind, listed, doubt, clocks, asked_at)
            return await self._asked_again(kind, marker, absence)
        except ReadFailed as failure:
            return FindResult((), incomplete("page_failed", str(failure)))

    async def _beside_a_refusal(self, marker: str, since: datetime, doubt: CallInDoubt) -> FindResult:
        """Search after a call that was answered with a refusal: nothing is to be proven, and nothing that is shown is passed over.

        The list is read as well, because a filter misses an order whose marker was changed, and those that it shows late or never. It
        is uncontrolled for `marker_never_seen` where orders are shown, and nothing tells that those of gateways are.
        """
        asked_at = self._clock()
        filtered = await self._filtered(marker, self._limit()) if self._mapping.recovery.find == "filter" else None
        if filtered is not None and (filtered.orders or filtered.changed):
            return filtered
        by_filter = filtered is not None and filtered.complete
        pages_max = CONTROL_PAGES_MAX if by_filter else None
        listed = await self._scanner.see(
            Scan(marker=marker, since=self._back_to(since, doubt), whole=True, pages_max=pages_max)
        )
        seen = listed.result(marker)
        if seen.orders or seen.hints:
            return self._noted("scan", seen)
        if listed.age_seconds > AGE_SECONDS_MAX:
            return FindResult((), incomplete("from_a_cache"))
        if not seen.complete and seen.absence.code not in (_BY_ROW | _ENDLESS if by_filter else _BY_ROW):
            return FindResult((), seen.absence)
        try:
            clocks = clocks_of(doubt, listed, asked_at)
            found = await among_strangers(self._read_order, self._mapping, marker, listed, doubt, clocks)
            return found or FindResult((), await self._ours_are_shown(listed, doubt, by_filter=by_filter))
        except ReadFailed as failure:
            return FindResult((), incomplete("page_failed", str(failure)))

    async def _ours_are_shown(self, listed: Walk, doubt: CallInDoubt, *, by_filter: bool) -> Absence:
        """Return what it is worth that an order of ours was not shown: whether others of ours are, in the same way."""
        self._kept = self._kept or shows_kept(listed.rows, self._mapping)
        shown = {row.order.id: row for row in listed.rows}
        for known in doubt.known:
            if (row := shown.get(known.id)) is not None:
                if row.shows_marker and not carries(row.order, known.marker, self._mapping):
                    return incomplete("known_order_not_found", known.id)
                continue
            witness = Witness(known.id, known.marker, "older", 0.0, is_ours=True)
            is_endless = by_filter and listed.absence.code in _ENDLESS
            if is_endless and await self._finds("filter", listed, witness):
                self._kept = True
            elif await self._read_order(known.id) is not None and not self._may_be_elsewhere("scan"):
                return incomplete("known_order_not_found", known.id)
        return uncontrolled() if self._kept or not listed.rows else uncontrolled("marker_never_seen")

    async def _asked_again(self, kind: Kind, marker: str, absence: Absence) -> FindResult:
        """Ask the filter after its control, too, and twice: behind one address there may be several indexes, by turns."""
        for _ in range(ASKED_AGAIN if kind == "filter" and absence.kind == "proven" else 0):
            again = await self._filtered(marker, self._limit())
            if again is None:
                return FindResult((), incomplete("filter_not_shown"))
            if again.orders or not again.complete:
                return again
        return FindResult((), absence)

    def _back_to(self, since: datetime, doubt: CallInDoubt) -> datetime:
        """Return since when to scan, so that the last order that was made before is on the list."""
        before = [known.accepted_at for known in doubt.known if known.accepted_at < doubt.sent_at]
        return min(since, max(before) - timedelta(seconds=self._deadline_seconds)) if before else since

    async def _judged(self, kind: Kind, listed: Walk, doubt: CallInDoubt, clocks: Clocks, asked_at: float) -> Absence:
        found: dict[Side, str] = {}
        self._kept = self._kept or shows_kept(listed.rows, self._mapping)
        for side in SIDES:
            met = await self._first_found(kind, listed, witnesses(doubt, listed.rows, clocks, side))
            if isinstance(met, Absence):
                return met
            if met is not None:
                found[side] = met.id
                self._kept = self._kept or met.is_ours
        if "older" not in found and self._found_before(kind, doubt, asked_at):
            found["older"] = "found at that time"
        if not found and kind == "filter" and not await self._finds_any(listed.rows):
            return incomplete("known_order_not_found", "the filter finds no order that the list shows")
        return verdict(found, kept=self._kept, anything_there=bool(listed.rows or doubt.known))

    async def _first_found(self, kind: Kind, listed: Walk, among: Sequence[Witness]) -> Witness | Absence | None:
        """Return the first of the orders that is found in this way, None when there is none to look for, or what that means."""
        missed: Witness | None = None
        for witness in among[:WITNESSES_MAX]:
            if await self._finds(kind, listed, witness):
                self._note(kind)
                return witness
            if not witness.is_ours:
                missed = missed or witness
            elif await self._read_order(witness.id) is not None and not self._may_be_elsewhere(kind):
                return incomplete("known_order_not_found", witness.id)
        return None if missed is None else incomplete("known_order_not_found", missed.id)

    async def _finds(self, kind: Kind, listed: Walk, witness: Witness) -> bool:
        if kind == "filter":
            walked = await self._walk(self._filter(witness.text, self._limit()))
            return any(row.order.id == witness.id for row in walked.rows)
        shown = [row for row in listed.rows if row.order.id == witness.id and row.shows_marker]
        return any(not witness.is_ours or carries(row.order, witness.text, self._mapping) for row in shown)

    def _may_be_elsewhere(self, kind: Kind) -> bool:
        """Tell whether an order that is there may rightly be missing: a scan may be narrowed to some state."""
        return kind == "scan" and bool(self._mapping.recovery.scan_parameters)

    def _found_before(self, kind: Kind, doubt: CallInDoubt, asked_at: float) -> bool:
        """Tell whether this kind of question found an order not long before the call was sent."""
        sent_at = asked_at - (doubt.now - doubt.sent_at).total_seconds()
        since = asked_at - self._mapping.recovery.control_hours * 3600.0
        return any(since <= moment <= sent_at for moment in self._found_at[kind])

    async def _finds_any(self, rows: Sequence[Row]) -> bool:
        """Tell whether the filter finds one of the orders that the list shows, or the list shows none to look for."""
        tried = [row for row in rows if row.shows_marker][:WITNESSES_MAX]
        for row in tried:
            walked = await self._walk(self._filter(row.order.marker.texts[0], self._limit()))
            if any(each.order.id == row.order.id for each in walked.rows):
                return True
        return not tried
