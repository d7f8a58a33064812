"""The TMF630 query language of lists and of subscriptions: parameters in, a filter as data out. Pure.

    relatedParty.id=42&validFor.endDateTime.gt=2026-12-01&cartItem.quantity%3E%3D2&cartItem.status=active,saveForLater

- A path goes by dots into objects and into the entries of lists, of which one that fits is enough (each condition by itself).
- `.eq .gt .gte .lt .lte .regex`, or raw, in the name or in the value: `== > >= < <= =~ *=`. `.eq` takes its value literally.
- Alternatives: a parameter that is repeated, values separated by commas, or conditions separated by `;`, each with a name of
  its own or with that of the first. Different parameters must all hold.
- A value with commas or semicolons stands in double quotes, of which two are one inside: `name="Miller, Anna"`. TMF630 knows no
  way to say it; a percent-encoded comma is a comma to everybody who decodes before splitting.
- A value is compared by the type of what it is compared with: numbers exactly, true and false, text by code points, and as
  moments where both are dates or date-times. Objects, lists and null fit nothing.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, get_args

from gateway.errors import Problem
from gateway.tmf.filter_values import (
    Pattern,
    asked_moment_of,
    fits,
    moment_of,
    number_of,
    pattern_of,
    split_outside_quotes,
    unquoted,
)

Path: TypeAlias = tuple[str, ...]
Operator: TypeAlias = Literal["eq", "gt", "gte", "lt", "lte", "regex"]

CONDITIONS_MAX: Final = 20
VALUES_MAX: Final = 200
VALUE_CHARACTERS_MAX: Final = 2_048
PATH_PARTS_MAX: Final = 16
PATH_CHARACTERS_MAX: Final = 200

_NAME: Final = re.compile(r"@?[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_LEADING: Final = re.compile(r"[@A-Za-z0-9_.-]*", re.ASCII)
_RAW: Final[dict[str, Operator]] = {
    ">=": "gte",
    "<=": "lte",
    "==": "eq",
    "=~": "regex",
    "*=": "regex",
    ">": "gt",
    "<": "lt",
    "=": "eq",
}
# What is left of a raw operator when the query string was split at its first equals sign.
_BEFORE_EQUALS: Final[dict[str, Operator]] = {">": "gte", "<": "lte", "*": "regex", "=": "eq"}
_AFTER_EQUALS: Final[dict[str, Operator]] = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt", "=": "eq", "~": "regex"}
_SUFFIXES: Final[dict[str, Operator]] = {name: name for name in get_args(Operator)}
_UNKNOWN_SUFFIXES: Final = frozenset({"ne", "neq", "in", "nin", "contains", "like", "exists"})
# An order and which of several values decides it: more than any of them is more than the least.
_COMPARE: Final[dict[str, tuple[Callable[[Any, Any], bool], Callable[[Any], Any]]]] = {
    "gt": (operator.gt, min),
    "gte": (operator.ge, min),
    "lt": (operator.lt, max),
    "lte": (operator.le, max),
}
_SUPPORTED: Final = (
    "is not supported; a condition is attribute=value or has one of .eq .gt .gte .lt .lte .regex after the attribute, "
    "with alternatives by comma, by ; or by repetition"
)
_PATTERNS: Final = (
    "is not supported as a regular expression; understood are literal text, ^ at its beginning, $ at its end, .* in it, "
    "and a backslash before a character that means itself"
)


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison: the values at `path` with `text`, which is also a number, a truth value or a moment if it can be."""

    __test__ = False  # no test case, whatever pytest makes of the name

    path: Path
    operator: Operator
    text: str
    number: Decimal | None = None
    boolean: bool | None = None
    moment: int | None = None
    pattern: Pattern | None = None


# All of the groups must hold, and of each group one test.
Filter: TypeAlias = tuple[tuple[Test, ...], ...]


def same_path(path: Path) -> Path:
    """Return the path: what `translate` is where there is nothing to translate."""
    return path


def parse_filter(
    pairs: Sequence[tuple[str, str]],
    problems: list[Problem],
    *,
    translate: Callable[[Path], Path] = same_path,
    prefix: str = "",
) -> Filter:
    """Return the filter of decoded query parameters; what is wrong is added to `problems`, `prefix` before its path.

    `translate` turns a path of the client's terms into one of the documents.
    """
    groups: dict[Any, list[Test]] = {}
    values = 0
    for name, value in pairs:
        found: list[Test] = []
        for path, operator_, text in _comparisons(name, value, problems, prefix):
            values += 1
            if values <= VALUES_MAX and (test := _test(translate(path), operator_, text, name, problems, prefix)):
                found.append(test)
        if found:
            # Repetition of one attribute with one operator gives alternatives; anything else is a condition more.
            kinds = {(test.path, test.operator) for test in found}
            groups.setdefault(kinds.pop() if len(kinds) == 1 else object(), []).extend(found)
    if values > VALUES_MAX:
        problems.append(Problem(prefix.rstrip("."), f"has more than {VALUES_MAX} values to compare with"))
    if len(groups) > CONDITIONS_MAX:
        problems.append(Problem(prefix.rstrip("."), f"has more than {CONDITIONS_MAX} conditions"))
    return tuple(tuple(dict.fromkeys(tests)) for tests in groups.values())


def _comparisons(name: str, value: str, problems: list[Problem], prefix: str) -> Iterator[tuple[Path, Operator, str]]:
    """Yield path, operator and value of everything that one parameter compares."""
    first, *more = _conditions(name, value)
    split = _split(*first)
    if split is None:
        problems.append(Problem(prefix + name[:100], _SUPPORTED))
        return
    for named, given in [first, *more]:
        current = split if (named, given) == first else _split(named, given)
        if current is None or not current[0]:
            # No name of its own: one more value of the first.
            current = (split[0], split[1], given)
        path, chosen, text = current
        for piece in split_outside_quotes(text, ",") if chosen != "regex" else [text]:
            yield path, chosen, unquoted(piece)


def _conditions(name: str, value: str) -> list[tuple[str, str]]:
    """Return what is between semicolons as (name, value): names that belong to no value are empty."""
    found: list[tuple[str, str]] = []
    names = split_outside_quotes(name, ";")
    if len(names) > 1:
        # `a>1;b<2`: split before the first equals sign of all.
        found = [(each, "") for each in names[:-1]]
    head, *rest = split_outside_quotes(value, ";")
    found.append((names[-1], head))
    for piece in rest:
        leading = _LEADING.match(piece)
        length = leading.end() if leading else 0
        raw = next((sign for sign in _RAW if piece.startswith(sign, length)), None)
        if not length or raw is None or not _is_path(piece[:length]):
            found.append(("", piece))
        else:
            before, _, after = piece.partition("=")
            found.append((before, after) if "=" in piece else (piece, ""))
    return found


def _split(name: str, value: str) -> tuple[Path, Operator, str] | None:
    """Return path, operator and value of `name=value` in any of its forms, None when it is none."""
    leading = _LEADING.match(name)
    attribute = name[: leading.end()] if leading else ""
    rest = name[len(attribute) :]
    chosen: Operator = "eq"
    raw = bool(rest)
    if rest in _BEFORE_EQUALS and value:
        chosen = _BEFORE_EQUALS[rest]
    elif rest:
        sign = next((sign for sign in _RAW if rest.startswith(sign)), None)
        if sign is None or len(rest) == len(sign):
            return None
        chosen, value = _RAW[sign], rest[len(sign) :] + (f"={value}" if value else "")
    path = attribute.split(".")
    if len(path) > 1 and path[-1] in _SUFFIXES and not raw:
        return (tuple(path[:-1]), _SUFFIXES[path[-1]], value) if _is_path(".".join(path[:-1])) else None
    if not _is_path(attribute) or (len(path) > 1 and path[-1] in _UNKNOWN_SUFFIXES):
        return None
    if not raw and (sign := next((sign for sign in _AFTER_EQUALS if value.startswith(sign)), None)):
        chosen, value = _AFTER_EQUALS[sign], value[len(sign) :]
    return tuple(path), chosen, value


def _is_path(text: str) -> bool:
    parts = text.split(".")
    return (
        len(text) <= PATH_CHARACTERS_MAX
        and len(parts) <= PATH_PARTS_MAX
        and all(_NAME.fullmatch(part) is not None for part in parts)
    )


def _test(path: Path, chosen: Operator, text: str, name: str, problems: list[Problem], prefix: str) -> Test | None:
    """Return one comparison with its value in every type it can have."""
    place = prefix + name[:100]
    if len(text) > VALUE_CHARACTERS_MAX or "\0" in text:
        problems.append(
            Problem(place, f"has a value of more than {VALUE_CHARACTERS_MAX} characters, or one that no text has")
        )
        return None
    if chosen == "regex":
        pattern = pattern_of(text)
        if pattern is None:
            problems.append(Problem(place, _PATTERNS))
            return None
        return Test(path, chosen, text, pattern=pattern)
    return Test(
        path,
        chosen,
        text,
        number=number_of(text),
        boolean={"true": True, "false": False}.get(text) if chosen == "eq" else None,
        moment=asked_moment_of(text),
    )


class Matcher:
    """A filter made ready for many documents: of each group every path is walked once, however many alternatives it has.

    `charge` is told how many entries of lists are looked at, times the comparisons that each takes; it may raise.
    """

    def __init__(self, wanted: Filter, charge: Callable[[int], None] | None = None) -> None:
        self._charge = charge
        self._groups: list[list[tuple[Path, _Alternatives]]] = []
        for group in wanted:
            paths: dict[Path, list[Test]] = {}
            for test in group:
                paths.setdefault(test.path, []).append(test)
            self._groups.append([(path, _Alternatives(tests)) for path, tests in paths.items()])
        self.cost = sum(alternatives.cost for group in self._groups for _, alternatives in group)

    def charged(self, charge: Callable[[int], None]) -> Matcher:
        """Return the same filter, made ready once, with another `charge`."""
        other = copy(self)
        other._charge = charge  # noqa: SLF001 - it is one of ours
        return other

    def fits(self, document: Any) -> bool:
        """Return whether a document fulfils the filter."""
        return all(any(self._holds(document, *each) for each in group) for group in self._groups)

    def _holds(self, document: Any, path: Path, alternatives: _Alternatives) -> bool:
        return any(alternatives.fit(found) for found in self._at(document, path, 0, alternatives.cost))

    def _at(self, node: Any, path: Path, depth: int, cost: int) -> Iterator[Any]:
        """Yield every value at `path`; a list stands for its entries, a list inside a list does not."""
        if type(node) is not dict or path[depth] not in node:
            return
        value = node[path[depth]]
        if self._charge is not None and type(value) is list:
            self._charge(len(value) * cost)
        for entry in value if type(value) is list else (value,):
            if depth + 1 == len(path):
                yield entry
            else:
                yield from self._at(entry, path, depth + 1, cost)


class _Alternatives:
    """The tests of one group at one path, by operator and type: one look-up or comparison stands for all of a kind."""

    def __init__(self, tests: Sequence[Test]) -> None:
        self._patterns = [test.pattern for test in tests if test.pattern is not None]
        equal = [test for test in tests if test.operator == "eq"]
        self._texts = {test.text for test in equal}
        self._booleans = {test.boolean for test in equal if test.boolean is not None}
        self._numbers = {test.number for test in equal if test.number is not None}
        self._moments = {test.moment for test in equal if test.moment is not None}
        self._bounds: dict[str, list[tuple[Callable[[Any, Any], bool], Any]]] = {"text": [], "number": [], "moment": []}
        for name, (compare, decisive) in _COMPARE.items():
            chosen = [test for test in tests if test.operator == name]
            for kind, values in (
                ("text", [test.text for test in chosen if test.moment is None]),
                ("number", [test.number for test in chosen if test.number is not None]),
                ("moment", [test.moment for test in chosen if test.moment is not None]),
            ):
                if values:
                    self._bounds[kind].append((compare, decisive(values)))
        self.cost = 1 + len(self._patterns)

    def fit(self, found: Any) -> bool:
        """Return whether one of the tests holds for a value."""
        if type(found) is str:
            return found in self._texts or self._within("text", found) or self._fits_text(found)
        if type(found) is bool:
            return found in self._booleans
        if type(found) in {int, Decimal}:
            return found in self._numbers or self._within("number", found)
        return False

    def _fits_text(self, found: str) -> bool:
        if any(fits(pattern, found) for pattern in self._patterns):
            return True
        moment = moment_of(found) if self._moments or self._bounds["moment"] else None
        return moment is not None and (moment in self._moments or self._within("moment", moment))

    def _within(self, kind: str, value: Any) -> bool:
        return any(compare(value, bound) for compare, bound in self._bounds[kind])
