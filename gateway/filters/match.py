"""Whether a document fulfils a filter of the TMF630 query language. Pure.

A filter is made ready once and then looks at many documents; what that takes can be counted, and so be bounded.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from decimal import Decimal
from typing import Any, Final

from gateway.filters.parse import Filter, Path, Test
from gateway.filters.values import fits, moment_of

# An order and which of several values decides it: more than any of them is more than the least.
_COMPARE: Final[dict[str, tuple[Callable[[Any, Any], bool], Callable[[Any], Any]]]] = {
    "gt": (operator.gt, min),
    "gte": (operator.ge, min),
    "lt": (operator.lt, max),
    "lte": (operator.le, max),
}


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

    def fits(self, document: object) -> bool:
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
