"""The cart's items as a tree: which are ordered, under which id, and whose children they are.

Parents come from nesting (`cartItem`, R17's `cardItem`) and from relationships whose type says parent and child (`bundles`,
`bundledBy`). Everything is a single pass or two over the items, without recursion: a cart may hold 10 000 of them.
"""

from __future__ import annotations

from typing import Any

from gateway.ordering.entries import ITEM_DEPTH_MAX, Entry, assign_ids, collect
from gateway.ordering.findings import Findings
from gateway.ordering.relations import assign_relations
from gateway.ordering.values import wrong_type
from gateway.tmf.item_status import ACTIVE, SAVED, status_word


def read_tree(cart: dict[str, Any], findings: Findings) -> list[Entry]:
    """Return the items to be ordered, each parent before its children, with unique ids and resolved relationships."""
    entries = collect(cart, findings)
    by_cart_id = assign_ids(entries, findings)
    assign_relations(entries, by_cart_id, findings)
    return _ordered(entries, findings)


def _ordered(entries: list[Entry], findings: Findings) -> list[Entry]:
    """Return the active entries, parents first, and leave behind what is saved for later with everything beneath it."""
    ordered: list[Entry] = []
    children: dict[Entry, list[Entry]] = {}
    for entry in entries:
        if entry.parent is not None:
            children.setdefault(entry.parent, []).append(entry)
    stack = [entry for entry in reversed(entries) if entry.parent is None]
    while stack:
        entry = stack.pop()
        entry.visited = True
        parent = entry.parent
        if parent is not None:
            _read_parent(entry, parent, findings)
        if not entry.saved and "status" in entry.raw:
            _read_status(entry, findings)
        if not entry.saved:
            ordered.append(entry)
        elif parent is not None and not parent.saved:
            _mark_incomplete(parent)
        if entry in children:
            stack.extend(reversed(children[entry]))
    for entry in entries:
        if not entry.visited:
            findings.error("hierarchy_cycle", entry.path, "Its parents lead back to itself; remove one relationship.")
    return ordered


def _read_parent(entry: Entry, parent: Entry, findings: Findings) -> None:
    entry.depth = parent.depth + 1
    if entry.depth == ITEM_DEPTH_MAX + 1 and not entry.nested:
        findings.error("too_deep", entry.path, f"Items are related deeper than {ITEM_DEPTH_MAX} levels.")
    if parent.saved:
        entry.saved = True
        findings.info("left_behind", entry.path, "The item above it is saved for later, so it stays in the cart.")


def _mark_incomplete(entry: Entry | None) -> None:
    """Note on everything above a saved item that its totals may count what stays behind."""
    while entry is not None and not entry.incomplete:
        entry.incomplete = True
        entry = entry.parent


def _read_status(entry: Entry, findings: Findings) -> None:
    status = entry.raw["status"]
    if status is None or status == ACTIVE:
        return
    path = f"{entry.path}.status"
    if type(status) is not str:
        wrong_type(status, "a string", path, findings)
        return
    word = status_word(status)
    if word in SAVED:
        entry.saved = True
        findings.info("left_behind", entry.path, "The item is saved for later, so it stays in the cart.")
    elif word != ACTIVE:
        findings.error("unknown_status", path, "It must be active or saveForLater (R17: Active or SavedForLater).")
