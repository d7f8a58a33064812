"""The cart's items as a tree: which are ordered, under which id, and whose children they are.

Parents come from nesting (`cartItem`, R17's `cardItem`) and from relationships whose type says parent and child (`bundles`,
`bundledBy`). Everything is a single pass or two over the items, without recursion: a cart may hold 10 000 of them.
"""

from __future__ import annotations

import re
from typing import Any, Final

from gateway.ordering.findings import Findings
from gateway.ordering.values import wrong_type

ITEM_DEPTH_MAX: Final = 32
_TO_CHILD: Final = frozenset(
    {"bundles", "bundled", "contains", "haschild", "haschildren", "haspart", "parentof", "isparentof", "includes"}
)
_TO_PARENT: Final = frozenset(
    {"bundledby", "isbundledby", "bundledin", "childof", "ischildof", "containedin", "iscontainedin", "partof",
     "ispartof", "haspackage", "hasparent", "includedin", "belongsto"}
)  # fmt: skip
_KINDS: Final = {"relyon": "reliesOn", "relieson": "reliesOn", "dependenton": "dependsOn", "dependson": "dependsOn"}
_ACTIVE: Final = frozenset({"active"})
_SAVED: Final = frozenset({"savedforlater", "saveforlater", "saved"})
_NOT_LETTERS: Final = re.compile(r"[^a-z]")


class Entry:
    """One cart item in the tree. `path` is its path in the cart, `position` its numbers on the way down (`1.2`)."""

    __slots__ = (
        "action", "cart_id", "depth", "id", "nested", "parent", "path", "position", "raw", "relations", "saved", "sent",
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
        self.sent = False
        self.visited = False


def read_tree(cart: dict[str, Any], findings: Findings) -> list[Entry]:
    """Return the items to be ordered, each parent before its children, with unique ids and resolved relationships."""
    entries = _collect(cart, findings)
    by_cart_id = _assign_ids(entries, findings)
    _assign_relations(entries, by_cart_id, findings)
    return _ordered(entries, findings)


def _collect(cart: dict[str, Any], findings: Findings) -> list[Entry]:
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


def _assign_ids(entries: list[Entry], findings: Findings) -> dict[str, list[Entry]]:
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
        findings.info("regenerated_id", f"{entry.path}.id", "The item has no id; its position is sent as one.")
    return by_cart_id


def _assign_relations(entries: list[Entry], by_cart_id: dict[str, list[Entry]], findings: Findings) -> None:
    """Resolve relationships: parents and children become the tree, the rest stays a relationship between entries."""
    for entry in entries:
        value = entry.raw.get("cartItemRelationship")
        if value is None:
            continue
        path = f"{entry.path}.cartItemRelationship"
        if type(value) is not list:
            wrong_type(value, "an array of relationships", path, findings)
            continue
        for index, member in enumerate(value):
            if type(member) is dict:
                _read_relation(entry, member, f"{path}[{index}]", by_cart_id, findings)
            else:
                wrong_type(member, "an object", f"{path}[{index}]", findings)


def _read_relation(
    entry: Entry, member: dict[str, Any], path: str, by_cart_id: dict[str, list[Entry]], findings: Findings
) -> None:
    kind = member.get("relationshipType")
    if kind is None:
        kind = member.get("type")
    if type(kind) is not str or not kind:
        if kind is None or kind == "":
            findings.warning("relationship_dropped", path, "It has no relationshipType; it is not sent.")
        else:
            wrong_type(kind, "a string", f"{path}.relationshipType", findings)
        return
    word = _NOT_LETTERS.sub("", kind.lower())
    for target_id in _target_ids(member, path, findings):
        candidates = by_cart_id.get(target_id, ())
        target = _nearest(entry, candidates, path, findings) if len(candidates) > 1 else next(iter(candidates), None)
        if target is None:
            findings.warning("relationship_dropped", path, "It refers to an item that the cart does not hold.")
        elif target is entry:
            findings.warning("relationship_dropped", path, "It refers to its own item.")
        elif word in _TO_CHILD:
            _adopt(entry, target, kind, path, findings)
        elif word in _TO_PARENT:
            _adopt(target, entry, "bundles", path, findings)
        else:
            entry.relations += ((_KINDS.get(word) or kind[:1].lower() + kind[1:], target),)


def _target_ids(member: dict[str, Any], path: str, findings: Findings) -> list[str]:
    """Return the ids a relationship refers to: its own `id` and, in R17, those of its `cartItem` list."""
    listed = member.get("cartItem")
    found: dict[str, None] = {}
    references: list[tuple[Any, str]] = []
    if type(listed) is list and listed:
        references = [
            (inner.get("id") if type(inner) is dict else inner, f"{path}.cartItem[{index}].id")
            for index, inner in enumerate(listed)
        ]
    elif listed is not None and type(listed) is not list:
        wrong_type(listed, "an array of references", f"{path}.cartItem", findings)
    if member.get("id") is not None:
        references.append((member["id"], f"{path}.id"))
    for identifier, where in references:
        if type(identifier) is str:
            found[identifier] = None
        else:
            wrong_type(identifier, "a string", where, findings)
    if not references:
        findings.warning("relationship_dropped", path, "It refers to no item; give the id of one.")
    return list(found)


def _nearest(entry: Entry, candidates: list[Entry] | tuple[Entry, ...], path: str, findings: Findings) -> Entry:
    """Choose among items that share an id: one under the same top-level item, else the first."""
    findings.warning("regenerated_id", path, "Several items have the id it refers to; the nearest one is meant.")
    top = entry.position.partition(".")[0]
    for candidate in candidates:
        if candidate is not entry and candidate.position.partition(".")[0] == top:
            return candidate
    return candidates[0] if candidates[0] is not entry else candidates[1]


def _adopt(parent: Entry, child: Entry, kind: str, path: str, findings: Findings) -> None:
    """Make `child` a child of `parent`, unless it already has one; then the relationship is kept as it is."""
    if child.parent is parent:
        return
    if child.parent is not None:
        parent.relations += ((kind[:1].lower() + kind[1:], child),)
        findings.warning("hierarchy", path, "The child already has a parent; the relationship is sent beside it.")
        return
    child.parent = parent
    findings.info("hierarchy", path, "The relationship says which item is the parent of which.")


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
            entry.depth = parent.depth + 1
            if entry.depth == ITEM_DEPTH_MAX + 1 and not entry.nested:
                findings.error("too_deep", entry.path, f"Items are related deeper than {ITEM_DEPTH_MAX} levels.")
            if parent.saved:
                entry.saved = True
                findings.info(
                    "left_behind", entry.path, "The item above it is saved for later, so it stays in the cart."
                )
        if not entry.saved and "status" in entry.raw:
            _read_status(entry, findings)
        if not entry.saved:
            ordered.append(entry)
        if entry in children:
            stack.extend(reversed(children[entry]))
    for entry in entries:
        if not entry.visited:
            findings.error("hierarchy_cycle", entry.path, "Its parents lead back to itself; remove one relationship.")
    return ordered


def _read_status(entry: Entry, findings: Findings) -> None:
    status = entry.raw["status"]
    if status is None:
        return
    path = f"{entry.path}.status"
    if type(status) is not str:
        wrong_type(status, "a string", path, findings)
        return
    word = _NOT_LETTERS.sub("", status.lower())
    if word in _SAVED:
        entry.saved = True
        findings.info("left_behind", entry.path, "The item is saved for later, so it stays in the cart.")
    elif word not in _ACTIVE:
        findings.error("unknown_status", path, "It must be active or saveForLater (R17: Active or SavedForLater).")
