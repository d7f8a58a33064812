"""From what was seen of an order system to what it can do, and to what its mapping claims. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.ordering import Mapping, Paging, both_spellings, carries, is_draft, spelling, unknown_state
from gateway.storage.capabilities import Capability, Verdict
from gateway.upstream.control import is_kept
from gateway.upstream.doctor.claims import claims
from gateway.upstream.doctor.judging_writes import judge_hub, judge_written
from gateway.upstream.doctor.seen import PagesSeen, Seen
from gateway.upstream.doctor.words import NAMED_MAX, made, some

_MIDNIGHT: Final = "00:00"


def judge(seen: Seen, mapping: Mapping, *, registers: bool = False) -> tuple[Capability, ...]:
    """Return every capability with what was seen of it, and what of the mapping relies on it.

    `registers`: the settings want the gateway to be registered at the order system's hub.
    """
    found = [each for part in _PARTS for each in part(seen, mapping)] + judge_written(seen.write, mapping)
    found.append(judge_hub(seen.hub, mapping))
    relied = claims(mapping, registers=registers)
    return tuple(
        Capability(name=each.name, verdict=each.verdict, detail=each.detail, claim=relied.get(each.name, ""))
        for each in found
    )


def explains(paging: Paging, pages: PagesSeen) -> bool:
    """Tell whether a way of paging explains which orders were on which page."""
    size, ids = pages.limit, pages.first
    compared = 0
    for offset, shown in pages.by_offset.items():
        index = offset - paging.first
        start = index * size if paging.style == "page" else index
        if index < 0 or start >= len(ids):
            continue
        if shown != ids[start : start + size]:
            return False
        compared += 1
    return compared > 1


def _list(seen: Seen, mapping: Mapping) -> list[Capability]:  # noqa: ARG001 - one signature for all parts
    listed = seen.listed
    if listed.failed:
        return [made("list_readable", "fails", f"the list cannot be read: {listed.why}")]
    if listed.broken:
        said = f"{listed.broken} of {listed.broken + len(listed.orders)} rows are not orders with an id"
        return [made("list_readable", "fails", said)]
    if listed.age_seconds > 0:
        said = f"the list comes from a cache that was {listed.age_seconds:.0f} s old, although none was wanted"
        return [made("list_readable", "fails", said)]
    if not listed.ended:
        return [made("list_readable", "unknown", f"{len(listed.orders)} orders were read, then it ended: {listed.why}")]
    return [made("list_readable", "works", f"{len(listed.orders)} orders")]


def _reads(seen: Seen, mapping: Mapping) -> list[Capability]:  # noqa: ARG001 - one signature for all parts
    written = seen.write
    if written is not None and written.shown is not None and written.shown.by_id is None:
        return [made("order_readable", "fails", f"order {written.order_id} was made, and cannot be read by its id")]
    if not seen.reads:
        return [made("order_readable", "unknown", "there was no order to read")]
    for read in seen.reads:
        if read.failed:
            return [made("order_readable", "fails", f"order {read.order_id}: {read.failed}")]
        if read.order is None:
            return [
                made("order_readable", "fails", f"order {read.order_id} is on the list, and is not found by its id")
            ]
    return [made("order_readable", "works", f"{len(seen.reads)} read by their ids")]


def _paging(seen: Seen, mapping: Mapping) -> list[Capability]:
    listed, pages, paging = seen.listed, seen.pages, mapping.api.paging
    if listed.empty_pages:
        return [made("paging", "fails", "a page was empty, and was not when it was asked for again")]
    if listed.repeated:
        return [made("paging", "fails", f"{listed.repeated} orders were on two pages")]
    if pages is None:
        return [made("paging", "unknown", "there are too few orders to tell (four are needed)")]
    if explains(paging, pages):
        return [made("paging", "works", f"offset counts {paging.style}s from {paging.first}")]
    for style in ("record", "page"):
        for first in (0, 1):
            if explains(Paging(style=style, first=first), pages):
                said = f"offset counts {style}s from {first}, not {paging.style}s from {paging.first}"
                return [made("paging", "fails", said)]
    return [made("paging", "fails", "no way of paging explains which orders are on which page")]


def _total(seen: Seen, mapping: Mapping) -> list[Capability]:  # noqa: ARG001 - one signature for all parts
    totals, count = seen.listed.totals, len(seen.listed.orders)
    if not totals or not seen.listed.ended:
        why = "the list names no total (X-Total-Count)" if not totals else "the list was not read to its end"
        return [made("total_count", "unknown", why)]
    if totals == {count}:
        return [made("total_count", "works", f"X-Total-Count says {count}")]
    said = ", ".join(str(total) for total in sorted(totals))
    return [made("total_count", "fails", f"X-Total-Count says {said}, the list shows {count} orders")]


def _shown(seen: Seen, mapping: Mapping) -> list[Capability]:
    orders = seen.listed.orders
    if not orders:
        return [made("marker_shown", "unknown", "the list shows no order")]
    vague = [each.id for each in orders if not each.marker.understood]
    if vague:
        said = f"what orders {some(vague)} show in {mapping.recovery.marker_slot} is not understood"
        return [made("marker_shown", "fails", said)]
    missing = [each.id for each in orders if not each.marker.texts]
    if len(missing) == len(orders):
        return [made("marker_shown", "fails", f"no order on the list shows {mapping.recovery.marker_slot}")]
    if missing:
        # An order of others may have none.
        hidden = [each.id for each in orders if not each.marker.texts and each.id in _with_marker_by_id(seen)]
        if hidden:
            said = f"orders {some(hidden)} show {mapping.recovery.marker_slot} by their ids and not on the list"
            return [made("marker_shown", "fails", said)]
    return [made("marker_shown", "works", f"{len(orders) - len(missing)} of {len(orders)} orders show one")]


def _with_marker_by_id(seen: Seen) -> set[str]:
    return {read.order_id for read in seen.reads if read.order is not None and read.order.marker.texts}


def _kept(seen: Seen, mapping: Mapping) -> list[Capability]:
    written = seen.write
    if written is not None and written.created is not None:
        if carries(written.created, written.marker, mapping):
            return [made("marker_kept", "works", "the test order shows the marker that it was sent with")]
        said = both_spellings(written.created, written.marker, mapping)
        return [made("marker_kept", "fails", f"{said} ({spelling(written.created.marker, written.marker)})")]
    read = [known for known in seen.known if known.order is not None]
    for known in read:
        if known.order is not None and not carries(known.order, known.sent, mapping):
            said = f"order {known.order.id}: {both_spellings(known.order, known.sent, mapping)}"
            return [made("marker_kept", "fails", said)]
    if read:
        return [made("marker_kept", "works", f"{len(read)} orders of this gateway show theirs")]
    compare = mapping.recovery.marker_compare
    kept = [each.id for each in seen.listed.orders if any(is_kept(text, compare) for text in each.marker.texts)]
    if kept:
        return [made("marker_kept", "works", f"orders {some(kept)} carry the marker of a gateway")]
    return [made("marker_kept", "unknown", "no order of a gateway was seen; `--write` makes one")]


def _found(seen: Seen, mapping: Mapping) -> list[Capability]:  # noqa: PLR0911 - one return for each case
    search = seen.search
    if mapping.recovery.find == "none":
        return [made("marker_found", "unknown", "the mapping names no search")]
    failed = next((asked for asked in search.asked if asked.failed), None)
    if failed is not None:
        return [made("marker_found", "fails", f"the search for order {failed.order_id} failed: {failed.failed}")]
    if not search.asked:
        return [made("marker_found", "unknown", "there was no order to search for")]
    missed = sorted({asked.order_id for asked in search.asked if asked.order_id not in asked.found})
    hit = {asked.order_id for asked in search.asked if asked.order_id in asked.found}
    others = sorted({other for asked in search.asked for other in asked.found if other != asked.order_id})
    if search.for_nothing:
        said = f"the filter is ignored: it finds {search.for_nothing} orders for a text that no order has"
        return [made("marker_found", "fails", said)]
    unmarked = sorted({row for asked in search.asked for row in asked.unmarked})
    if unmarked:
        said = f"the search shows orders {some(unmarked)} without what was searched for"
        return [made("marker_found", "fails", said)]
    if missed and not hit:
        also = f"; it finds order {some(others)} instead" if others else ""
        return [made("marker_found", "fails", f"the search finds none of orders {some(missed)}, which are there{also}")]
    if missed:
        by_turns = [each for each in missed if each in hit]
        if by_turns:
            return [made("marker_found", "fails", f"orders {some(by_turns)} are found by turns: now, and now not")]
        return [made("marker_found", "fails", f"the search finds orders {some(sorted(hit))} and not {some(missed)}")]
    if not search.ours:
        return [made("marker_found", "unknown", f"{len(hit)} orders of others are found; none of a gateway was there")]
    return [made("marker_found", "works", f"{len(hit)} orders are found, one of a gateway among them")]


def _states(seen: Seen, mapping: Mapping) -> list[Capability]:
    shown = [(each.id, each.state) for each in seen.listed.orders]
    if seen.write is not None and seen.write.created is not None:
        shown.append((seen.write.order_id, seen.write.created.state))
    if not shown:
        return [made("states_known", "unknown", "no order was seen")]
    without = [order_id for order_id, state in shown if not state and not is_draft(mapping, "")]
    if without:
        return [made("states_known", "fails", f"orders {some(without)} show no state")]
    strange = sorted({state for _, state in shown if unknown_state(mapping, state) is not None})
    if strange:
        return [made("states_known", "fails", f"unknown states: {some(strange)}")]
    return [made("states_known", "works", some(sorted({state for _, state in shown})))]


def _dates(seen: Seen, mapping: Mapping) -> list[Capability]:  # noqa: ARG001 - one signature for all parts
    forms = sorted({f"{name} as {form_of(text)}" for each in seen.listed.orders for name, text in each.dates.items()})
    if not seen.listed.orders:
        return [made("dates", "unknown", "no order was seen")]
    if not forms:
        return [made("dates", "fails", "the list shows no time at which an order was made")]
    usable = [each for each in seen.listed.orders if each.made_at is not None]
    verdict: Verdict = "works" if usable else "fails"
    return [made("dates", verdict, "; ".join(forms[:NAMED_MAX]))]


def form_of(text: str) -> str:
    """Return the form of a time in words: with or without a time of day, digits of a second, zone."""
    day, _, time = text.replace("t", "T").replace(" ", "T", 1).partition("T")
    if not time or not day:
        return "a day without a time"
    at = next((index for index, character in enumerate(time) if character in "Zz+-"), len(time))
    clock, zone = time[:at], time[at:]
    fraction = clock.partition(".")[2]
    digits = f", {len(fraction)} digits of a second" if fraction else ""
    midnight = ", midnight" if clock.startswith(_MIDNIGHT) else ""
    return f"a time{midnight}{digits}, zone {zone or 'missing'}"


_PARTS: Final[tuple[Callable[[Seen, Mapping], list[Capability]], ...]] = (
    _list, _reads, _paging, _total, _shown, _kept, _found, _states, _dates,
)  # fmt: skip
