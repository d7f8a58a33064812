"""How the forms of two versions are told apart and turned into each other, without losing anything.

A `Form` renames attributes and converts what is inside them. A rename is an exchange of two names, so that an attribute of the
client's own that happens to bear the other version's name is kept too. Where a conversion is not reversible by itself, `exact`
keeps what was sent beside the result, under a mark (`@r17`, `@v5`) that the other versions pass on untouched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from gateway.documents import Json, JsonObject
from gateway.tmf.hrefs import last_segment
from gateway.tmf.json import decode_stored, encode_json
from gateway.tmf.moments import parse_date_time

Convert: TypeAlias = Callable[[Any], Any]

V1_MARK: Final = "@r17"
V5_MARK: Final = "@v5"
# Where a cart that was sent whole had numbers for identifiers.
IDS_MARK: Final = "@numericIds"
MARKS: Final = frozenset({V1_MARK, V5_MARK, IDS_MARK})
WRAPPED: Final = ("partyOrPartyRole", "place")
"""What v5 has inside, and the stored form flat: a party beside its role, a place beside its role."""
_SAME_IN_BOTH: Final = frozenset({"role", "@type", "@baseType", "@schemaLocation", "@referredType"})
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
# The value of a mark where the dialect's form is the canonical form itself.
SAME: Final = "same"
# How the list of an item's totals is called: in R17, in v4 and v5, and in the API file of v4.0.0.
TOTALS: Final = ("totalItemPrice", "itemTotalPrice", "ItemTotalPrice")


class Part(NamedTuple):
    """The two ways of a conversion: `up` to the canonical form, `down` from it."""

    up: Convert
    down: Convert


class Form:
    """One kind of object: `names` maps the dialect's names to the canonical ones, `parts` are by canonical name.

    `type_name` is what `@type` is in the dialect when nobody says otherwise (then `down` adds it); `canonical_type` is its name
    in the canonical form where that differs. `reference`: the dialect needs an `id`, taken from the end of `href` if need be.
    """

    def __init__(
        self,
        *,
        names: Mapping[str, str] | None = None,
        parts: Mapping[str, Part] | None = None,
        type_name: str = "",
        canonical_type: str = "",
        reference: bool = False,
    ) -> None:
        renamed = names or {}
        self._names: dict[str, str] = {**renamed, **{theirs: ours for ours, theirs in renamed.items()}}
        self._parts = dict(parts or {})
        self._type_name = type_name
        self._types = exchanged(type_name, canonical_type) if canonical_type else {}
        self._reference = reference

    def add(self, name: str, part: Part) -> None:
        """Add a part: for an object that contains its own kind."""
        self._parts[name] = part

    def up(self, node: object) -> Json:
        """Return the canonical form of `node`; what is not an object stays as it is."""
        if type(node) is not dict:
            return node
        attributes: dict[str, Any] = node
        found: dict[str, Any] = {}
        for name, value in attributes.items():
            new_name = self._names.get(name, name)
            part = self._parts.get(new_name)
            found[new_name] = value if part is None else part.up(value)
        self._exchange_type(found)
        return found

    def down(self, node: object) -> Json:
        """Return the dialect's form of `node`."""
        if type(node) is not dict:
            return node
        attributes: dict[str, Any] = node
        found: dict[str, Any] = {}
        for name, value in attributes.items():
            part = self._parts.get(name)
            new_name = self._names.get(name, name)
            found[new_name] = value if part is None else part.down(value)
        self._exchange_type(found)
        if self._type_name and "@type" not in found:
            found["@type"] = self._type_name
        return with_id(found) if self._reference else found

    def part(self) -> Part:
        """Return itself as a part of a larger object."""
        return Part(self.up, self.down)

    def listed(self) -> Part:
        """Return a list of itself as a part of a larger object."""
        return each(self.part())

    def _exchange_type(self, node: JsonObject) -> None:
        given = node.get("@type")
        if self._types and type(given) is str and given in self._types:
            node["@type"] = self._types[given]


def exchanged(first: str, second: str) -> dict[str, str]:
    """Return the exchange of two words, as a table."""
    return {first: second, second: first}


def each(part: Part) -> Part:
    """Return the part for a list of what `part` is for; what is not a list stays as it is."""

    def up(value: object) -> Json:
        return [part.up(entry) for entry in value] if type(value) is list else value

    def down(value: object) -> Json:
        return [part.down(entry) for entry in value] if type(value) is list else value

    return Part(up, down)


def words(pairs: Mapping[str, str], also: Mapping[str, str] | None = None) -> Part:
    """Return the part for a word of a vocabulary: `pairs` map the dialect's words to the canonical ones.

    `also` maps further spellings, compared in lower case without `_` and blanks, that are understood. Other words stay.
    """
    back = {canonical: word for word, canonical in pairs.items()}
    spelled = {_plain(word): canonical for word, canonical in {**(also or {}), **pairs}.items()}

    def up(value: object) -> Json:
        return spelled.get(_plain(value), value) if type(value) is str else value

    def down(value: object) -> Json:
        return back.get(up(value), value) if type(value) is str else value

    return Part(up, down)


def _plain(word: str) -> str:
    return word.replace("_", "").replace(" ", "").lower()


def exact(part: Part, mark: str) -> Part:
    """Return the part that gives back what was sent, whatever it was, for as long as nobody changes it in another version."""

    def up(node: object) -> Json:
        if type(node) is not dict:
            return node
        canonical = part.up(node)
        if part.down(canonical) == node:
            return canonical
        return {**canonical, mark: SAME if canonical == node else node}

    def down(node: object) -> Json:
        if type(node) is not dict or mark not in node:
            return part.down(node)
        kept, rest = node[mark], {name: value for name, value in node.items() if name != mark}
        if kept == SAME:
            return rest
        return kept if type(kept) is dict and part.up(kept) == rest else part.down(rest)

    return Part(up, down)


def with_id(node: JsonObject) -> JsonObject:
    """Return a reference with an id: its own, or else the last segment of its href."""
    segment = "" if "id" in node else last_segment(node.get("href"))
    return {"id": segment, **node} if segment else node


def under_name(node: Json, names: Sequence[str], wanted: str) -> Json:
    """Return the object with the attribute that has one of `names` under the name `wanted`; as it is if it has several."""
    found = [name for name in names if name in node] if type(node) is dict else []
    if len(found) != 1 or found[0] == wanted:
        return node
    return {wanted if name == found[0] else name: value for name, value in node.items()}


def without(node: Mapping[str, Json], names: Iterable[str]) -> JsonObject:
    """Return the attributes of `node` but for `names`."""
    left_out = frozenset(names)
    return {name: value for name, value in node.items() if name not in left_out}


def rfc_3339(value: object) -> Json:
    """Return a date-time as RFC 3339 wants it: `2017-03-27T00:00`, as R17's samples write it, is midnight UTC; others as they are."""
    if type(value) is not str or _RFC_3339.fullmatch(value):
        return value
    moment = parse_date_time(value)
    return value if moment is None else moment.isoformat().replace("+00:00", "Z")


def unmarked(value: object) -> Json:
    """Return a canonical document without marks: what goes on to others, who know no dialects.

    Of what v5 wraps (a party, a place), one mark is left with what the wrapper itself said and the flat form has no place for, such
    as an id of its own: the code that passes it on decides what becomes of it. Parts without any mark are shared with `value`, not copied.
    """
    if type(value) is list:
        entries = [unmarked(inner) for inner in value]
        return entries if any(new is not old for new, old in zip(entries, value, strict=True)) else value
    if type(value) is not dict:
        return value
    changed = {
        name: other
        for name, inner in value.items()
        if name not in MARKS and type(inner) in (dict, list) and (other := unmarked(inner)) is not inner
    }
    if not changed and MARKS.isdisjoint(value):
        return value
    flat = {name: changed.get(name, inner) for name, inner in value.items() if name not in MARKS}
    own = _own_of_wrapper(value.get(V5_MARK))
    return {**flat, V5_MARK: own} if own else flat


def _own_of_wrapper(mark: object) -> JsonObject:
    """Return what v5's wrapper of a party or place says of itself and its content says differently."""
    if type(mark) is not dict:
        return {}
    inside = next((mark[name] for name in WRAPPED if type(mark.get(name)) is dict), None)
    if inside is None:
        return {}
    return {
        name: value
        for name, value in mark.items()
        if name in inside and name not in _SAME_IN_BOTH and inside[name] != value
    }


def unmarked_text(document: str) -> str:
    """Return a stored document, as JSON text, without marks."""
    if not any(f'"{mark}"' in document for mark in MARKS):
        return document
    return encode_json(unmarked(decode_stored(document))).decode()
