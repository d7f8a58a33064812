"""Totals of what is ordered when something stays in the cart: the items' own prices added up again, exactly, or none at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.model import OrderLine
from gateway.tmf.numbers import INEXACT
from gateway.tmf.prices import charges
from gateway.tmf.totals import Counted, total_prices


def totals_of(lines: Sequence[OrderLine], incomplete: Collection[str]) -> list[JsonObject] | None:
    """Return the sum of the prices of `lines` (parents first, with everything ordered beneath), or None when it is not known.

    A line without a price of its own counts with the total that the cart gives it, unless something beneath it counts: a
    total of a bundle speaks for that too. It is not known when such a total is of something that stays behind too (its line is
    `incomplete`), when a price has no amount (a percentage alone), when alterations are sent apart from their prices,
    when a digit would be lost, or when nothing has a price.
    """
    counted: list[Counted] = []
    counts_beneath: set[str | None] = set()
    for line in reversed(lines):
        prices, quantity = line.item.get("itemPrice"), line.item.get("quantity")
        times = Decimal(quantity) if type(quantity) is int else Decimal(1)
        beneath = line.id in counts_beneath
        if not prices and not beneath:
            if line.id in incomplete:
                return None
            prices, times = line.item.get("itemTotalPrice"), Decimal(1)
        if line.alterations:
            return None
        try:
            found = list(charges(prices))
        except INEXACT:
            return None
        if len(found) != len(prices or ()):
            return None
        if found or beneath:
            counts_beneath.add(line.parent_id)
        counted += [(charge, times) for charge in found]
    try:
        return total_prices(counted) or None
    except INEXACT:
        return None


def send_totals(
    target: JsonObject,
    key: str,
    lines: Sequence[OrderLine],
    incomplete: Collection[str],
    path: str,
    findings: Findings,
) -> None:
    """Put the totals of `lines` into `target`, or tell why there are none; `path` is the total that the cart gives.

    `incomplete` are the ids of lines whose own total in the cart is of something that stays there too.
    """
    totals = totals_of(lines, incomplete)
    if totals is None:
        findings.warning(
            "totals_not_sent", path, "Something stays in the cart, and the rest cannot be added up exactly."
        )
        return
    target[key] = totals
    findings.info("totals_recomputed", path, "Something stays in the cart; the total is that of what is ordered.")


def recompute_item_totals(lines: Iterable[OrderLine], pending: dict[str, str], findings: Findings) -> None:
    """Give the items in `pending` (by id, with the path of their total) the total of what is ordered beneath them."""
    if not pending:
        return
    above: dict[str, tuple[str, ...]] = {}
    members: dict[str, list[OrderLine]] = {item_id: [] for item_id in pending}
    tops: dict[str, OrderLine] = {}
    for line in lines:
        chain = above.get(line.parent_id, ()) if line.parent_id is not None else ()
        if line.id in pending:
            chain = (*chain, line.id)
            tops[line.id] = line
        above[line.id] = chain
        for item_id in chain:
            members[item_id].append(line)
    for item_id, path in pending.items():
        send_totals(tops[item_id].item, "itemTotalPrice", members[item_id], pending, path, findings)
