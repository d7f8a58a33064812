"""The items of a cart, one by one: their paths, positions, and ids that no other item has."""

from __future__ import annotations

from typing import Any, Final

from gateway.ordering.findings import Findings
from gateway.ordering.values import wrong_type

ITEM_DEPTH_MAX: Final = 32


class Entry:
    """One cart item in the tree. `path` is its path in the cart, `position` its numbers on the way down (`1.2`).

    `incomplete`: something beneath it stays in the cart.
    """

    __slots__ = (
        "action", "cart_id", "depth", "id", "incomplete", "nested", "parent", "path", "position", "raw", "relations", "saved", "sent",
        "visited",
    )  # fmt: skip

    def __init__(self, raw: dict[str, Any], path: str, position: str, parent: Entry | None) -> None:
        self.raw = raw
        self.path = path
        self.position = position
        self.parent = parent
        self.nested = parent is not None
        self.depth: int = parent.depth + 1 if parent else 1
        self.id = ""
        self.cart_id = ""
        self.relations: tuple[tuple[str, Entry], ...] = ()
        self.action = "add"
        self.saved = False
        self.incomplete = False
        self.sent = False
        self.visited = False


def collect(cart: dict[str, Any], findings: Findings) -> list[Entry]:
    """Return every item in document order."""
    entries: list[Entry] = []
    stack = _children(cart, None, findings)
    while stack:
        entry = stack.pop()
        entries.append(entry)
        raw = entry.raw
        if "cartItem" in raw or "cardItem" in raw:
            if entry.depth >= ITEM_DEPTH_MAX:
                findings.error("too_deep", entry.path, f"Items are nested deeper than {ITEM_DEPTH_MAX} levels.")
            else:
                stack.extend(_children(raw, entry, findings))
    return entries


def _children(node: dict[str, Any], parent: Entry | None, findings: Findings) -> list[Entry]:
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
        value = [value]
    if type(value) is not list:
        wrong_type(value, "an array of cart items", f"{prefix}{key}", findings)
        return []
    above = f"{parent.position}." if parent else ""
    found = []
    for index, member in enumerate(value):
        if type(member) is dict:
            found.append(Entry(member, f"{prefix}{key}[{index}]", f"{above}{index + 1}", parent))
        else:
            wrong_type(member, "an object", f"{prefix}{key}[{index}]", findings)
    found.reverse()
    return found


def assign_ids(entries: list[Entry], findings: Findings) -> dict[str, list[Entry]]:
    """Give every entry an id that no other has; return the entries by the id that the cart gives them."""
    by_cart_id: dict[str, list[Entry]] = {}
    anonymous: list[Entry] = []
    for entry in entries:
        given = entry.raw.get("id")
        if type(given) is str and given:
            by_cart_id.setdefault(given, []).append(entry)
            entry.cart_id = given
        else:
            if given is not None and type(given) is not str:
                wrong_type(given, "a string", f"{entry.path}.id", findings)
            anonymous.append(entry)
    used = set(by_cart_id)
    for given, sharing in by_cart_id.items():
        sharing[0].id = given
        number = 2
        for entry in sharing[1:]:
            while (candidate := f"{given}-{number}") in used:
                number += 1
            used.add(candidate)
            entry.id = candidate
            findings.warning(
                "regenerated_id", f"{entry.path}.id", "Another item has the same id; this one is sent under a new one."
            )
    for entry in anonymous:
        candidate = entry.position
        while candidate in used:
            candidate += "-2"
        used.add(candidate)
        entry.id = entry.cart_id = candidate
        if not entry.raw.get("id"):
            findings.info("regenerated_id", f"{entry.path}.id", "The item has no id; its position is sent as one.")
    return by_cart_id
