"""Relationships between cart items: some say parent and child, the rest stay relationships.

Reads R17 ({type, id, cartItem: [{id}]}) and v4 ({relationshipType, id}).
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.relationship_words import RelationshipWords, plain_word
from gateway.ordering.mapping.slots import ItemSlots
from gateway.ordering.translation.entries import Collected, Entry
from gateway.ordering.values import wrong_type

_TYPES: Final = frozenset({"@type", "@baseType", "@schemaLocation"})
_OF_RELATION: Final = _TYPES | {"id", "type", "relationshipType", "cartItem"}
_OF_REFERENCE: Final = _TYPES | {"id"}


def assign_relations(collected: Collected, findings: Findings, slots: ItemSlots) -> bool:
    """Resolve relationships by the mapping's words: parents and children become the tree, the rest stays between entries.

    True when an entry has got a parent that way.
    """
    moved = False
    words = RelationshipWords(slots)
    for entry in collected.related:
        value = entry.raw.get("cartItemRelationship")
        if value is None:
            continue
        path = f"{entry.path}.cartItemRelationship"
        if type(value) is not list:
            wrong_type(value, "an array of relationships", path, findings)
            continue
        for index, member in enumerate(value):
            if type(member) is dict:
                moved |= _read_relation(entry, member, f"{path}[{index}]", collected, words, findings)
            else:
                wrong_type(member, "an object", f"{path}[{index}]", findings)
    return moved


def _read_relation(
    entry: Entry, member: JsonObject, path: str, collected: Collected, words: RelationshipWords, findings: Findings
) -> bool:
    """Read one relationship; True when it has given an entry a parent."""
    kind = member.get("relationshipType")
    if kind is None:
        kind = member.get("type")
    if type(kind) is not str or not kind:
        if kind is None or kind == "":
            findings.warning("relationship_dropped", path, "It has no relationshipType; it is not sent.")
        else:
            wrong_type(kind, "a string", f"{path}.relationshipType", findings)
        return False
    _tell_unsent(member, kind, path, findings)
    meaning = words.meaning(kind)
    moved = False
    for target_id in _target_ids(member, path, collected, findings):
        candidates = collected.with_id(target_id)
        target = _nearest(entry, candidates, path, findings) if len(candidates) > 1 else next(iter(candidates), None)
        if target is None:
            findings.warning("relationship_dropped", path, "It refers to an item that the cart does not hold.")
        elif target is entry:
            findings.warning("relationship_dropped", path, "It refers to its own item.")
            findings.warning("relationship_circular", path, "No item needs itself; name another, or remove it.")
        elif meaning == "child":
            moved |= _adopt(entry, target, words.sent(kind), path, findings, words)
        elif meaning == "parent":
            moved |= _adopt(target, entry, words.sent("bundles"), path, findings, words)
        else:
            sent = words.sent(kind)
            if sent != kind and (not entry.relations or entry.relations[-1][2] != path):
                key = "relationshipType" if member.get("relationshipType") is not None else "type"
                is_case_only = sent[1:] == kind[1:] and sent[:1] == kind[:1].lower()
                written = "with a small first letter" if is_case_only else f"as {sent}"
                findings.info("converted", f"{path}.{key}", f"The kind of relationship is sent {written}.")
            entry.relations += ((sent, target.id, path),)
    return moved


def _tell_unsent(member: JsonObject, kind: str, path: str, findings: Findings) -> None:
    """Tell what a relationship says beyond its kind and the items' ids: the order's has no place for it."""
    if member.get("type") not in (None, kind):
        findings.warning("dropped", f"{path}.type", "The relationshipType beside it is sent.")
    listed = member.get("cartItem")
    nodes = [(member, path, _OF_RELATION)]
    if type(listed) is list:
        nodes += [(inner, f"{path}.cartItem[{at}]", _OF_REFERENCE) for at, inner in enumerate(listed)]
    for node, where, read in nodes:
        for key in node if type(node) is dict else ():
            if key not in read and node[key] is not None:
                findings.info(
                    "dropped", f"{where}.{key}", "The order says of a relationship its kind and the item's id."
                )


def _target_ids(member: JsonObject, path: str, collected: Collected, findings: Findings) -> list[str]:
    """Return the ids a relationship refers to: its own `id` and, in R17, those of its `cartItem` list.

    Beside such a list the `id` may be the relationship's own; it counts only when an item has it.
    """
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
    own = member.get("id")
    if own is not None and (not references or type(own) is not str or collected.with_id(own)):
        references.append((own, f"{path}.id"))
    for identifier, where in references:
        if type(identifier) is str:
            found[identifier] = None
        else:
            wrong_type(identifier, "a string", where, findings)
    if not references:
        findings.warning("relationship_dropped", path, "It refers to no item; give the id of one.")
    return list(found)


def _nearest(entry: Entry, candidates: Sequence[Entry], path: str, findings: Findings) -> Entry:
    """Choose among items that share an id: one under the same top-level item, else the first."""
    findings.warning("regenerated_id", path, "Several items have the id it refers to; the nearest one is meant.")
    top = entry.position.partition(".")[0]
    for candidate in candidates:
        if candidate is not entry and candidate.position.partition(".")[0] == top:
            return candidate
    return candidates[0] if candidates[0] is not entry else candidates[1]


def _adopt(parent: Entry, child: Entry, kind: str, path: str, findings: Findings, words: RelationshipWords) -> bool:
    """Make `child` a child of `parent` (True), unless it already has one; then the relationship is kept as it is."""
    if child.parent is parent:
        return False
    if child.parent is not None:
        parent.relations += ((kind, child.id, path),)
        also = (
            "the relationship is sent beside it" if words.are_sent else "the order system has one parent for each item"
        )
        findings.warning("hierarchy", path, f"The child already has a parent; {also}.")
        return False
    child.parent = parent
    findings.info("hierarchy", path, "The relationship says which item is the parent of which.")
    return True


def sent_relations(entry: Entry, sent: AbstractSet[str], slots: ItemSlots, findings: Findings) -> list[dict[str, str]]:
    """Return the relationships of `entry` to the items `sent` as an order's item has them; tell those that it cannot have."""
    # What the order system reads as parent and child, and so does the code that reads its lines back.
    flat = slots.hierarchy == "flat"
    tying = {plain_word(slots.bundles_relationship), plain_word(slots.relies_on_relationship) if flat else ""}
    words = None if slots.relationships else RelationshipWords(slots)
    kept: dict[tuple[str, str], None] = {}
    lost: dict[str, str] = {}
    refused: dict[str, str] = {}
    for kind, target_id, path in entry.relations:
        if words is not None and target_id in sent and words.meaning(kind) is None:
            refused[path] = (
                "The order system takes no relationships, and nobody here knows whether this word says parent and child; "
                "nest the items, or list the word in the mapping's item.relationship_words."
            )
        elif words is not None:
            lost[path] = "The order system takes no relationships."
        elif target_id not in sent:
            lost[path] = "It refers to an item that stays behind."
        elif plain_word(kind) in tying and (entry.parent is None or target_id != entry.parent.id):
            lost[path] = "The order system would take the items for parent and child."
        else:
            kept[target_id, kind] = None
    for path, why in refused.items():
        findings.error("relationship_unknown", path, why)
    for path, why in lost.items():
        findings.warning("relationship_dropped", path, why)
    return [{"id": target, "relationshipType": kind} for target, kind in kept]
