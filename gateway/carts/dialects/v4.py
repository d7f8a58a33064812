"""TMF663 v4.0.0 to and from the stored form, which is v4 but for mandatory attributes that a cart may lack.

R17 knows a party by its address or its name, and v4 clients leave out what the rest of a cart tells. Such a cart is stored as
it was sent; an answer supplies what is missing (`from_canonical`), and a change of that answer, or of one in another version, is
taken back (`taken_back`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from gateway.carts.dialects.forms import MARKS
from gateway.carts.dialects.v4_kinds import CART, Kind, Member
from gateway.documents import Json, JsonObject
from gateway.tmf.json import decode_stored, encode_canonical, encode_json

_ABSENT: Final = object()


def from_canonical(
    document: JsonObject,
    *,
    created: datetime | None = None,  # noqa: ARG001 - v4 has no such attribute
    updated: datetime | None = None,  # noqa: ARG001 - v4 has no such attribute
) -> JsonObject:
    """Return a stored cart with every mandatory attribute; the same object, and the same objects in it, where none is missing."""
    return completed(document)[0]


def completed(document: JsonObject) -> tuple[JsonObject, bool]:
    """Return what `from_canonical` does, and whether all that was missing is told by the rest of the cart."""
    unknown: list[str] = []
    shown = _completed(document, CART, {}, unknown)
    return shown, not unknown


def completed_text(document: str) -> bytes:
    """Return a stored cart, given as its JSON text, as v4 shows it; its very bytes where nothing is missing."""
    stored = decode_stored(document)
    shown = from_canonical(stored)
    return document.encode() if shown is stored else encode_json(shown)


def _completed(node: JsonObject, kind: Kind, holder: JsonObject, unknown: list[str]) -> JsonObject:
    found: dict[str, Any] = {}
    has_null = False
    for name, value in node.items():
        if type(value) is dict:
            if (inner := kind.objects.get(name)) and (new := _completed(value, inner, node, unknown)) is not value:
                found[name] = new
        elif type(value) is list:
            if (inner := kind.lists.get(name)) and (
                listed := _completed_list(value, inner, node, unknown)
            ) is not value:
                found[name] = listed
        elif value is None:
            has_null = True
        if name in kind.shown and (as_shown := kind.shown[name](value)) != value:
            found[name] = as_shown
    first: dict[str, Any] = {}
    for member in kind.members:
        if not member.is_in(node):
            told = member.told_by(node, holder)
            if told is None:
                unknown.append(member.name)
                told = member.empty()
            (first if member.name == "id" else found)[member.name] = told
    kept = _without_nulls(node, kind) if has_null else node
    return {**first, **kept, **found} if found or first or kept is not node else node


def _completed_list(nodes: list[Json], kind: Kind, holder: JsonObject, unknown: list[str]) -> list[Json]:
    found = [_completed(node, kind, holder, unknown) if type(node) is dict else node for node in nodes]
    return nodes if all(new is old for new, old in zip(found, nodes, strict=True)) else found


def _without_nulls(node: JsonObject, kind: Kind) -> JsonObject:
    """Return an object without the null in attributes that v4 has a type for; the same when there is none."""
    kept = {name: value for name, value in node.items() if value is not None or name not in kind.attributes}
    return node if len(kept) == len(node) else kept


def taken_back(before: JsonObject, shown: JsonObject, after: JsonObject) -> JsonObject:
    """Return what is to be stored of `after`, a change of `shown`, which is how `before` was shown.

    All three are in the canonical form: a version that shows carts in another has its two turned back into it before.
    Objects that are still as they were shown get their stored form back. Of others everything stays but what was supplied for
    want of knowledge: that nobody has said.
    """
    taken: dict[str, Any] = after if shown is before else _taken_back(before, shown, after, CART)[0]
    return taken


def _taken_back(before: object, shown: object, after: object, kind: Kind | None) -> tuple[Json, bool]:
    """Return the value to be stored, and whether it is as it was shown."""
    if after is shown:
        # A change leaves most of a cart alone: that is not looked into.
        return before, True
    if shown is not before:
        if type(before) is type(shown) is type(after) is dict:
            return _object_taken_back(before, shown, after, kind)
        # A version may show a list with more or fewer entries than are stored (R17's relationships): those are not pairs.
        if type(before) is type(shown) is type(after) is list and len(before) == len(shown):
            found = _list_taken_back(before, shown, after, kind)
            return [value for value, _ in found], len(after) == len(shown) and all(same for _, same in found)
        if after == shown:
            return before, True
    return after, after == shown


def _object_taken_back(
    before: JsonObject, shown: JsonObject, after: JsonObject, kind: Kind | None
) -> tuple[JsonObject, bool]:
    if any(after.get(mark) != shown.get(mark) for mark in MARKS):
        # What was sent in another version is kept beside what it became, and counts only for that.
        return after, False
    is_same = after.keys() == shown.keys()
    taken: dict[str, Any] = {}
    supplied: list[str] = []
    for name, value in after.items():
        inner = None if kind is None else kind.objects.get(name) or kind.lists.get(name)
        if before.get(name) is not None and name in shown and _is_told_alike(inner, shown, after):
            taken[name], same = _taken_back(before[name], shown[name], value, inner)
        else:
            taken[name], same = value, shown.get(name, _ABSENT) == value
            if same and before.get(name) is None:
                supplied.append(name)
        is_same = is_same and same
    if is_same:
        return {name: before[name] if name in supplied else taken.get(name, before[name]) for name in before}, True
    members: dict[str, Member] = {member.name: member for member in (() if kind is None else kind.members)}
    for name in supplied:
        if name in members and _says_nothing(members[name], taken):
            del taken[name]
    return taken, False


def _is_told_alike(kind: Kind | None, shown: JsonObject, after: JsonObject) -> bool:
    """Return whether two holders tell the same of the objects of a kind: else these are shown otherwise than they were."""
    members = () if kind is None else kind.members
    return all(member.told_by({}, shown) == member.told_by({}, after) for member in members)


def _says_nothing(member: Member, node: JsonObject) -> bool:
    """Return whether the value that was supplied is nothing that anybody knows, or what the object says anyway."""
    if member.name == "@referredType":
        return bool(member.told_by(node, {}) == node[member.name])
    return member.is_empty(node[member.name])


def _list_taken_back(
    before: list[Json], shown: list[Json], after: list[Json], kind: Kind | None
) -> list[tuple[Json, bool]]:
    """Return the entries: each is paired with the one that was shown with its looks or its id, or else in its place."""
    untouched = {index for index, (old, new) in enumerate(zip(shown, after, strict=False)) if old is new}
    completed = [index for index, node in enumerate(shown) if node is not before[index] and index not in untouched]
    looks = {index: encode_canonical(shown[index]) for index in completed}
    by_looks = {look: index for index, look in looks.items()}
    by_id = {node["id"]: index for index in completed if _id_of(node := shown[index])}
    found: list[tuple[Any, bool]] = []
    for position, node in enumerate(after):
        if position in untouched:
            found.append((before[position], True))
            continue
        look = encode_canonical(node)
        index = position
        is_in_place = looks[position] == look if position in looks else shown[position : position + 1] == [node]
        if not is_in_place:
            # Entries may share an id, as the roles of one party do: then the one in the same place is meant.
            has_own_id = position < len(shown) and _id_of(shown[position]) == _id_of(node)
            index = by_looks.get(look, position if has_own_id else by_id.get(_id_of(node), position))
        if looks.get(index) == look:
            found.append((before[index], index == position))
        elif index < len(shown):
            value, same = _taken_back(before[index], shown[index], node, kind)
            found.append((value, same and index == position))
        else:
            found.append((node, False))
    return found


def _id_of(node: object) -> str:
    identifier = node.get("id") if type(node) is dict else None
    return identifier if type(identifier) is str else ""
