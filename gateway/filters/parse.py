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

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, get_args

from gateway.errors import Problem
from gateway.filters.values import (
    Pattern,
    asked_moment_of,
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
    """Return the filter that query parameters ask for: alternatives, all of which must have a test that holds.

    Args:
        pairs: names and values of the query string, decoded; without those that are not conditions (`limit`, `fields` ...).
        problems: what is wrong is added here, all of it.
        translate: turns a path of the client's terms into one of the stored documents.
        prefix: stands before the path in a problem.

    Raises:
        Nothing: what is wrong is a problem, and `refuse` raises them together.

    Source: TMF630 part 1 (filtering: `attribute.operator=value`).
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
    """Return path, operator and value of `name=value` in any of its forms, None when it is something else."""
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
