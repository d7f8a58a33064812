"""The items of a cart, one by one: their paths, positions, ids that no other item has, and actions that go with those above them.

What is removed goes with everything beneath it, so that nothing can be added there. What else looks odd (a change beneath what is
removed, a removal beneath what is added, as of a product that the new bundle replaces) is the order system's to judge and only
told, but for one that acts on an installed product through its root alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.values import wrong_type
from gateway.tmf.item_status import ACTIVE

ITEM_DEPTH_MAX: Final = 32
ACTIONS: Final = frozenset({"add", "modify", "delete", "noChange"})
_NUMBERS: Final = re.compile(r"\[([0-9]+)\]")

CHILDREN: Final = ("cartItem", "cardItem")
"""The attributes of a cart or item that hold items; R17's text and samples write both."""


class Entry(Struct, eq=False, gc=False):
    """One cart item in the tree. `path` is its path in the cart; `incomplete`: something beneath it stays in the cart.

    `action` is empty while the item's own word for it has to be read more closely, `active` unset while its status has to be.

    Entries are kept from the garbage collector, which would look through all of a large cart again and again: they refer
    to their parents only, and relationships are kept as (kind, id of another entry, path). Nobody may make a circle of parents last.
    """

    raw: dict[str, Any]
    path: str
    parent: Entry | None
    depth: int
    id: str = ""
    cart_id: str = ""
    root_id: str = ""
    action: str = ""
    relations: tuple[tuple[str, str, str], ...] = ()
    active: bool = True
    saved: bool = False
    incomplete: bool = False

    @property
    def position(self) -> str:
        """Its numbers on the way down, from 1: `1.2` is the second item in the first."""
        return ".".join(str(int(number) + 1) for number in _NUMBERS.findall(self.path))


class Collected:
    """Every item of a cart in document order, and what was seen on the way."""

    __slots__ = ("_anonymous", "_first", "_sharing", "entries", "related")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        # Those with relationships to others.
        self.related: list[Entry] = []
        self._first: dict[str, Entry] = {}
        self._sharing: dict[str, list[Entry]] = {}
        self._anonymous: list[Entry] = []

    def with_id(self, given: str) -> Sequence[Entry]:
        """Return the entries whose id in the cart is `given`."""
        sharing = self._sharing.get(given)
        if sharing is not None:
            return sharing
        only = self._first.get(given)
        return () if only is None else (only,)

    def take(self, entry: Entry, findings: Findings) -> None:
        """Add an entry, with its own id when it is the first that has it."""
        self.entries.append(entry)
        raw = entry.raw
        given = raw.get("id")
        if type(given) is str and given:
            entry.cart_id = given
            first = self._first.setdefault(given, entry)
            if first is entry:
                entry.id = given
            else:
                self._sharing.setdefault(given, [first]).append(entry)
        else:
            if given is not None and type(given) is not str:
                wrong_type(given, "a string", f"{entry.path}.id", findings)
            self._anonymous.append(entry)
        if "cartItemRelationship" in raw:
            self.related.append(entry)
        # Read while the item is at hand: of a large cart it is in no cache when the tree is settled.
        action = raw.get("action")
        if type(action) is str and action in ACTIONS:
            entry.action = action
        status = raw.get("status")
        entry.active = status is None or status == ACTIVE

    def name_the_rest(self, findings: Findings) -> None:
        """Give an id that no other entry has to those that share one or have none."""
        used = set(self._first) if self._sharing or self._anonymous else set()
        for given, sharing in self._sharing.items():
            number = 2
            for entry in sharing[1:]:
                while (candidate := f"{given}-{number}") in used:
                    number += 1
                used.add(candidate)
                entry.id = candidate
                findings.warning(
                    "regenerated_id",
                    f"{entry.path}.id",
                    "Another item has the same id; this one is sent under a new one.",
                )
        for entry in self._anonymous:
            candidate = entry.position
            while candidate in used:
                candidate += "-2"
            used.add(candidate)
            entry.id = entry.cart_id = candidate
            if not entry.raw.get("id"):
                findings.info("regenerated_id", f"{entry.path}.id", "The item has no id; its position is sent as one.")


def collect(cart: JsonObject, findings: Findings) -> Collected:
    """Return every item in document order, with an id that no other has."""
    collected = Collected()
    stack = _children(cart, None, findings)
    while stack:
        entry = stack.pop()
        collected.take(entry, findings)
        raw = entry.raw
        if "cartItem" in raw or "cardItem" in raw:
            if entry.depth >= ITEM_DEPTH_MAX:
                findings.error("too_deep", entry.path, f"Items are nested deeper than {ITEM_DEPTH_MAX} levels.")
            else:
                stack.extend(_children(raw, entry, findings))
    collected.name_the_rest(findings)
    return collected


def _children(node: JsonObject, parent: Entry | None, findings: Findings) -> list[Entry]:
    """Return the items nested in `node`, last first (they go on a stack)."""
    prefix = f"{parent.path}." if parent else ""
    key = "cartItem"
    value = node.get(key)
    if node.get("cardItem") is not None:
        if value is not None:
            findings.error("ambiguous_children", f"{prefix}cardItem", "Give the children as cartItem only.")
            return []
        key = "cardItem"
        value = node[key]
        findings.info("renamed", f"{prefix}cardItem", "It is read as cartItem.")
    if value is None:
        return []
    if type(value) is dict:
        findings.info("converted", f"{prefix}{key}", "A single object is read as an array of one.")
        return [Entry(value, f"{prefix}{key}", parent, parent.depth + 1 if parent else 1)]
    if type(value) is not list:
        wrong_type(value, "an array of cart items", f"{prefix}{key}", findings)
        return []
    depth = parent.depth + 1 if parent else 1
    found = []
    for index, member in enumerate(value):
        if type(member) is dict:
            found.append(Entry(member, f"{prefix}{key}[{index}]", parent, depth))
        else:
            wrong_type(member, "an object", f"{prefix}{key}[{index}]", findings)
    found.reverse()
    return found


def check_action(entry: Entry, findings: Findings, *, roots_only: bool, appears: bool = False) -> None:
    """Refuse an action that cannot be carried out beneath the item above, and tell one that contradicts it.

    `roots_only`: the order system knows an installed product by the root it belongs to, and cannot put it beneath a new one;
    `appears`: the item modifies a child that the order system adds by itself with the new bundle above it.
    """
    parent = entry.parent
    if parent is None or entry.action == parent.action:
        return
    path = f"{entry.path}.action"
    told = findings.error if roots_only else findings.warning
    if _goes_away(parent):
        _check_removed(entry.action, path, findings, told)
    elif parent.action == "add" and entry.action == "delete":
        message = (
            "The item above it is added: nothing beneath it is installed yet. Put this item beneath the product that it "
            "belongs to, or at the top of the cart."
        )
        told("conflicting_action", path, message)
    elif parent.action == "add" and roots_only and not appears:
        message = (
            "The order system cannot put an installed product beneath one that is added; give a new product the action "
            "add, an installed one a place beneath the product that it belongs to."
        )
        findings.error("unsupported_action", path, message)


def _goes_away(above: Entry) -> bool:
    """Tell whether an item is removed, itself or with an item above it that it only stands under (`noChange`)."""
    while above.action == "noChange" and above.parent is not None:
        above = above.parent
    return above.action == "delete"


def _check_removed(action: str, path: str, findings: Findings, told: Callable[[str, str, str], None]) -> None:
    """Tell what is wrong with an action beneath an item that is removed; `told` is how that of a change is."""
    if action == "add":
        message = (
            "The item above it is removed, and nothing can be added beneath it; put this item elsewhere in the cart, or give "
            "the one above noChange or modify."
        )
        findings.error("conflicting_action", path, message)
    elif action == "modify":
        message = (
            "The item above it is removed, and this product with it; give this item the action delete, or the one above "
            "noChange or modify."
        )
        told("conflicting_action", path, message)
    elif action == "noChange":
        message = "The item above it is removed, and this product with it; the action delete would say so."
        findings.warning("conflicting_action", path, message)
