"""Orders on a list that may be the one in doubt although they do not show its marker: each is read by its id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from gateway.ordering import Mapping, ObservedOrder, carries, is_changed, spelling
from gateway.upstream.control import Clocks, alike_first, is_kept, may_be_ours, unmarked
from gateway.upstream.evidence import CallInDoubt, FindResult, Hint, incomplete
from gateway.upstream.rows import hint_of
from gateway.upstream.search import Walk, named

READ_MAX: Final = 20
ReadOrder: TypeAlias = Callable[[str], Awaitable[ObservedOrder | None]]
"""Reads an order by its id; None when there is none. Raises ReadFailed."""


async def among_strangers(
    read_order: ReadOrder, mapping: Mapping, marker: str, listed: Walk, doubt: CallInDoubt, clocks: Clocks
) -> FindResult | None:
    """Read the orders that the list does not tell from the one in doubt; None when none of them is it, or may be."""
    known = {order.id for order in doubt.known}
    rows = [row for row in unmarked(listed.rows, clocks) if row.order.id not in known]
    hints: list[Hint] = []
    for row in rows[:READ_MAX]:
        order = await read_order(row.order.id)
        if order is None:
            hints.append(hint_of(row.order, marker))  # it is on the list, and what it holds is not shown
            continue
        if carries(order, marker, mapping):
            return FindResult((order,), incomplete("markers_not_shown"))
        how = spelling(order.marker, marker)
        if is_changed(how) or (how in ("none", "unreadable") and _may_be(order, doubt)):
            hints.append(hint_of(order, marker))
        elif how not in ("none", "unreadable") and not _is_of_a_gateway(order, mapping) and _is_alike(order, doubt):
            hints.append(hint_of(order, marker))  # the list hides that its marker is another one
    if hints or len(rows) > READ_MAX:
        return FindResult((), incomplete("young_order_unmarked", named(hints)), tuple(hints))
    return await _among_alike(read_order, mapping, marker, listed, doubt, clocks)


def _may_be(order: ObservedOrder, doubt: CallInDoubt) -> bool:
    """Tell whether an order without a marker may be that of the call."""
    if doubt.answered == "refused" and doubt.is_alike is not None:
        return doubt.is_alike(order)
    return may_be_ours(order, doubt.offerings)


def _is_alike(order: ObservedOrder, doubt: CallInDoubt) -> bool:
    return doubt.is_alike is not None and doubt.is_alike(order)


def _is_of_a_gateway(order: ObservedOrder, mapping: Mapping) -> bool:
    return any(is_kept(text, mapping.recovery.marker_compare) for text in order.marker.texts)


async def _among_alike(
    read_order: ReadOrder, mapping: Mapping, marker: str, listed: Walk, doubt: CallInDoubt, clocks: Clocks
) -> FindResult | None:
    """Look for an order that holds what the call sent and carries a marker that is not a gateway's; None without one."""
    if doubt.is_alike is None:
        return None
    known = {order.id for order in doubt.known}
    rows = [row for row in alike_first(listed.rows, clocks, mapping) if row.order.id not in known]
    orders = [(row.order, await read_order(row.order.id)) for row in rows[:READ_MAX]]
    # One that is on the list and not there by its id may hold what was sent as well.
    hints = tuple(hint_of(order or row, marker) for row, order in orders if order is None or doubt.is_alike(order))
    return FindResult((), incomplete("young_order_alike", named(hints)), hints) if hints else None
