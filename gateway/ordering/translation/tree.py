"""The cart's items as a tree: which are ordered, under which id, and whose children they are.

Parents come from nesting (`cartItem`, R17's `cardItem`) and from relationships whose type says parent and child (`bundles`,
`bundledBy`). Everything is a single pass or two over the items, without recursion: a cart may hold 10 000 of them.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.slots import ItemSlots
from gateway.ordering.translation.dependencies import tell_circles
from gateway.ordering.translation.entries import ACTIONS, ITEM_DEPTH_MAX, Entry, collect
from gateway.ordering.translation.relations import assign_relations
from gateway.ordering.values import wrong_type
from gateway.tmf.item_status import ACTIVE, SAVED, status_word

_LENIENT_ACTIONS: Final = {action.lower(): action for action in ACTIONS}
_USUAL: Final = ItemSlots()
_NOT_LETTERS: Final = re.compile(r"[^a-z]")


def read_tree(cart: JsonObject, findings: Findings, slots: ItemSlots = _USUAL) -> list[Entry]:
    """Return the items to be ordered, each parent before its children, with unique ids and resolved relationships.

    `slots` says in which words a relationship tells the parent; the usual ones are always read.
    """
    collected = collect(cart, findings)
    moved = assign_relations(collected, findings, slots) if collected.related else False
    tell_circles(collected.related, findings)
    entries = _parents_first(collected.entries, findings) if moved else collected.entries
    ordered = []
    for entry in entries:
        _settle(entry, findings)
        if not entry.saved:
            ordered.append(entry)
    return ordered


def _parents_first(entries: list[Entry], findings: Findings) -> list[Entry]:
    """Return the entries with each parent before its children, where a relationship has put one beneath another."""
    ordered: list[Entry] = []
    children: dict[Entry, list[Entry]] = {}
    for entry in entries:
        if entry.parent is not None:
            children.setdefault(entry.parent, []).append(entry)
    stack = [entry for entry in reversed(entries) if entry.parent is None]
    while stack:
        entry = stack.pop()
        ordered.append(entry)
        if entry in children:
            stack.extend(reversed(children[entry]))
    reached = set(ordered)
    for entry in entries:
        if entry not in reached:
            findings.error("hierarchy_cycle", entry.path, "Its parents lead back to itself; remove one relationship.")
            # The circle is opened: entries are unknown to the garbage collector.
            entry.parent = None
    return ordered


def _settle(entry: Entry, findings: Findings) -> None:
    """Tell the depth, status and action of an entry whose parent is settled."""
    parent = entry.parent
    if parent is None:
        entry.root_id = entry.id
    else:
        entry.root_id = parent.root_id
        _read_parent(entry, parent, findings)
    if not entry.saved and not entry.active:
        _read_status(entry, findings)
    if not entry.saved:
        if not entry.action:
            entry.action = _lenient_action(entry, findings)
    elif parent is not None and not parent.saved:
        _mark_incomplete(parent)


def _lenient_action(entry: Entry, findings: Findings) -> str:
    """Return the action that an unusual spelling means, `add` for none; what means nothing is an error."""
    value, path = entry.raw.get("action"), f"{entry.path}.action"
    if type(value) is str:
        action = _LENIENT_ACTIONS.get(_NOT_LETTERS.sub("", value.lower()))
        if action is not None:
            findings.info("converted", path, f"The action is sent as {action}.")
            return action
        findings.error("unknown_action", path, "It must be one of add, modify, delete and noChange.")
    elif value is None:
        findings.info("defaulted", path, "The item has no action; it is added.")
    else:
        wrong_type(value, "a string", path, findings)
    return "add"


def _read_parent(entry: Entry, parent: Entry, findings: Findings) -> None:
    entry.depth = parent.depth + 1
    if entry.depth == ITEM_DEPTH_MAX + 1 and "." not in entry.path:
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
