"""What a PATCH makes of a cart: what it changed is stored, what it did not stays as it is stored. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from gateway.carts.dialects import Dialect
from gateway.carts.dialects.forms import without
from gateway.carts.dialects.v4 import taken_back
from gateway.documents import JsonObject
from gateway.errors import InvalidBodyError, Problem
from gateway.tmf.json import encode_json

_IN_ENTRY: Final = re.compile(r"([^.\[\]]+)\[(\d+)\](.*)", re.DOTALL)


def changed_cart(
    before: JsonObject, shown: JsonObject, change: Callable[[dict[str, Any]], Any], dialect: Dialect
) -> JsonObject:
    """Return the canonical document after a change made in the dialect, which shows `before` as `shown`.

    What the change left alone keeps its canonical form; problems in the dialect's own terms are those that the change brought in.
    """
    after = _cart(change(shown))
    _require_unchanged(shown, after, dialect.not_patchable)
    if problems := _brought_in(dialect, shown, after):
        raise InvalidBodyError(problems)
    if shown is before:
        return after
    # Each first-level attribute is converted by itself, and so is each entry of a first-level list: those that nobody touched need
    # not be.
    kept = {name for name in before if name in after and after[name] is shown.get(name)}
    untouched = {
        name: _untouched(before[name], shown.get(name), after.get(name)) for name in before if name not in kept
    }
    changed = taken_back(
        _touched(before, kept, untouched),
        dialect.to_canonical(_touched(shown, kept, untouched)),
        dialect.to_canonical(_touched(after, kept, untouched)),
    )
    for name, places in untouched.items():
        if places:
            others = iter(changed[name])
            changed[name] = [
                before[name][place] if place in places else next(others) for place in range(len(after[name]))
            ]
    # What a version shows and nothing stores (v5's dates and types) is not stored for being handed back.
    stored = changed | {name: before[name] for name in kept}
    return {name: stored[name] for name in (*after, *stored) if name in stored}


def _untouched(before: Any, shown: Any, after: Any) -> frozenset[int]:
    """Return the places of the entries that are in `after` to the letter as they were shown.

    None where these are not lists of pairs, and where an entry was copied: the copy is stored as its original.
    """
    if not (type(before) is type(shown) is type(after) is list and len(before) == len(shown)):
        return frozenset()
    old, new = [encode_json(entry) for entry in shown], [encode_json(entry) for entry in after]
    places = frozenset(place for place, (one, other) in enumerate(zip(old, new, strict=False)) if one == other)
    there = {old[place] for place in places}
    has_copies = any(text in there for place, text in enumerate(new) if place not in places)
    return frozenset() if has_copies else places


def _touched(
    document: dict[str, Any], kept: Collection[str], untouched: Mapping[str, frozenset[int]]
) -> dict[str, Any]:
    """Return what a change may have touched: no attribute of `kept`, and no entry in one of the `untouched` places of its list."""
    found = without(document, kept)
    for name, places in untouched.items():
        if places:
            found[name] = [entry for place, entry in enumerate(found[name]) if place not in places]
    return found


def _cart(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidBodyError([Problem("", "a cart must be a JSON object")])
    return value


def _brought_in(dialect: Dialect, shown: dict[str, Any], after: dict[str, Any]) -> list[Problem]:
    """Return what is wrong in the dialect's own terms, but for what was before: in its place, or in an entry that only moved."""
    before = dialect.check(shown)
    known = set(before)
    new = [problem for problem in dialect.check(after) if problem not in known]
    if not new or not before:
        return new
    there = set(_in_entries(before, shown))
    return [problem for problem, found in zip(new, _in_entries(new, after), strict=True) if found not in there]


def _in_entries(problems: list[Problem], document: dict[str, Any]) -> Iterator[tuple[str, str, bytes, str]]:
    """Yield each problem with the looks of the first-level list's entry that has it, in the place of where that is."""
    looks: dict[tuple[str, str], bytes] = {}
    for problem in problems:
        name, place, rest = match.groups() if (match := _IN_ENTRY.fullmatch(problem.path)) else ("", "", problem.path)
        if place and (name, place) not in looks:
            looks[name, place] = encode_json(document[name][int(place)])
        yield name, rest, looks.get((name, place), b""), problem.message


def _require_unchanged(before: dict[str, Any], after: dict[str, Any], names: Collection[str]) -> None:
    problems = [
        Problem(name, "is given by the server and cannot be changed; leave it out")
        for name in names
        if before.get(name) != after.get(name)
    ]
    if problems:
        raise InvalidBodyError(problems)
