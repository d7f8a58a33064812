"""Shapes of JSON documents: what type each known attribute has. Everything that is wrong is reported, not the first.

A check takes a value, the path of what holds it, its own name there, and the list that problems go to. Attributes that a
shape does not know are left alone. A known attribute that is null is removed: null means "not set", as in a merge patch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from gateway.errors import Problem
from gateway.tmf.moments import parse_moment
from gateway.tmf.paths import path_text

Path: TypeAlias = tuple[str | int, ...]
Check: TypeAlias = Callable[[Any, Path, str | int, list[Problem]], None]

PROBLEMS_MAX = 100
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)


def json_kind(value: Any) -> str:
    """Return what a decoded JSON value is, in words: `a list`, `a number` ..."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else "a number"


def report(problems: list[Problem], path: Path, message: str) -> None:
    """Add a problem; after PROBLEMS_MAX of them the rest is not worth listing."""
    if len(problems) < PROBLEMS_MAX:
        problems.append(Problem(path_text(path), message))


def text(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
    """Want text."""
    if type(value) is not str:
        report(problems, (*path, name), f"must be text, not {json_kind(value)}")


def boolean(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
    """Want true or false."""
    if type(value) is not bool:
        report(problems, (*path, name), f"must be true or false, not {json_kind(value)}")


def number(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
    """Want a number (decoding has refused NaN, Infinity and absurd sizes already)."""
    if type(value) is not int and type(value) is not Decimal:
        report(problems, (*path, name), f"must be a number, not {json_kind(value)}")


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """The check for a whole number in a range, written without a fraction."""

    smallest: int
    largest: int

    def __call__(self, value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
        """Want such a number."""
        if type(value) is Decimal:
            report(problems, (*path, name), "must be a whole number, written without fraction or exponent")
        elif type(value) is not int:
            report(problems, (*path, name), f"must be a whole number, not {json_kind(value)}")
        elif not self.smallest <= value <= self.largest:
            report(problems, (*path, name), f"must be from {self.smallest} to {self.largest}")


def whole_number(smallest: int, largest: int) -> Check:
    """Return the check for a whole number in a range, written without a fraction."""
    return WholeNumber(smallest, largest)


@dataclass(frozen=True, slots=True)
class OneOf:
    """The check for one of `words`, spelled exactly."""

    words: tuple[str, ...]

    def __call__(self, value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
        """Want one of them."""
        if type(value) is not str or value not in self.words:
            report(problems, (*path, name), f"must be one of {', '.join(self.words)}")


def one_of(*words: str) -> Check:
    """Return the check for one of `words`, spelled exactly."""
    return OneOf(words)


def identifier(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
    """Want an id: text of 1 to 255 characters that can be seen."""
    if type(value) is not str:
        report(problems, (*path, name), f"must be text, not {json_kind(value)}")
    elif not value.isprintable() or len(value) > 255 or not value or value.isspace():  # noqa: PLR2004 - as the docstring says
        report(problems, (*path, name), "must be 1 to 255 printable characters")


def uri(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
    """Want a URI (RFC 3986): with a scheme, and nothing in it that must be percent-encoded."""
    if type(value) is not str or _URI.fullmatch(value) is None:
        report(problems, (*path, name), "must be a whole URI as in https://example.com/schemas/cart.json")


def parse_date_time(value: str) -> datetime | None:
    """Return the moment of an RFC 3339 text, lenient: seconds and zone may be missing (UTC then). None for other texts."""
    moment = parse_moment(value)
    return moment if moment is None else moment.astimezone(UTC)


def date_time(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
    """Want a date-time text."""
    if type(value) is not str or parse_date_time(value) is None:
        report(problems, (*path, name), "must be a date-time as in 2026-12-01T08:30:00Z")


@dataclass(frozen=True, slots=True)
class ListOf:
    """The check for a list whose entries all pass `check`; null is no entry."""

    check: Check

    def __call__(self, value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
        """Want such a list."""
        inside = (*path, name)
        if type(value) is not list:
            report(problems, inside, f"must be a list, not {json_kind(value)}")
            return
        check = self.check
        for index, entry in enumerate(value):
            check(entry, inside, index, problems)


def list_of(check: Check) -> Check:
    """Return the check for a list whose entries all pass `check`; null is no entry."""
    return ListOf(check)


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """The check for an object: known attributes by their checks, `needs` present, one of `needs_one_of` present."""

    attributes: Mapping[str, Check]
    needs: Sequence[str] = ()
    needs_one_of: Sequence[str] = ()

    def __call__(self, value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
        """Want such an object."""
        inside = (*path, name)
        if type(value) is not dict:
            report(problems, inside, f"must be an object, not {json_kind(value)}")
            return
        check_attributes(value, self.attributes, inside, problems)
        for needed in self.needs:
            if needed not in value:
                report(problems, (*inside, needed), "is missing")
        if self.needs_one_of and not any(value.get(candidate) for candidate in self.needs_one_of):
            report(problems, inside, f"needs {' or '.join(self.needs_one_of)}")


def object_of(attributes: Mapping[str, Check], *, needs: Sequence[str] = (), needs_one_of: Sequence[str] = ()) -> Check:
    """Return the check for an object: known attributes by their checks, `needs` present, one of `needs_one_of` present."""
    return ObjectOf(attributes, needs, needs_one_of)


def check_attributes(
    document: dict[str, Any], attributes: Mapping[str, Check], path: Path, problems: list[Problem]
) -> None:
    """Check the known attributes of `document` in place; those that are null are removed."""
    nulls: list[str] = []
    for name, value in document.items():
        check = attributes.get(name)
        # Most attributes are texts that need no more than to be one: no call for these.
        if check is None or (check is text and type(value) is str):
            continue
        if value is None:
            nulls.append(name)
        else:
            check(value, path, name, problems)
    for name in nulls:
        del document[name]


def check_text_lengths(document: Any, characters_max: int, problems: list[Problem]) -> None:
    """Report every text, attribute names included, of more than `characters_max` characters."""
    stack: list[tuple[Any, Path]] = [(document, ())]
    while stack:
        node, path = stack.pop()
        if isinstance(node, str):
            if len(node) > characters_max:
                report(problems, path, f"is longer than {characters_max} characters")
        elif isinstance(node, dict):
            for name, child in node.items():
                if len(name) > characters_max:
                    report(problems, path, f"an attribute's name is longer than {characters_max} characters")
                elif isinstance(child, str | dict | list):
                    stack.append((child, (*path, name)))
        elif isinstance(node, list):
            stack.extend((child, (*path, index)) for index, child in enumerate(node))
