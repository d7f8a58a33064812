"""Items that need each other, each before the other: no order system can deliver them in any order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.ordering.findings import Findings
from gateway.ordering.mapping.relationship_words import plain_word
from gateway.ordering.translation.entries import Entry

# Words by which an item needs the other, and those by which the other needs it. Each is followed by itself: a parent that requires a
# child which relies on it is usual.
_NEEDS: Final = {
    "relieson": "relieson",
    "relyon": "relieson",
    "relies": "relieson",
    "rely": "relieson",
    "dependson": "dependson",
    "dependenton": "dependson",
    "isdependenton": "dependson",
    "depends": "dependson",
    "requires": "requires",
    "enables": "enables",
    "brings": "brings",
    "migratesto": "migratesto",
}
_NEEDED_BY: Final = {"reliedonby": "relieson", "requiredby": "requires", "isrequiredby": "requires"}


def tell_circles(entries: Sequence[Entry], findings: Findings) -> None:
    """Tell each relationship that closes a circle of one kind of need among the items (`relationship_circular`)."""
    graphs: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for entry in entries:
        for word, target, path in entry.relations:
            plain = plain_word(word)
            if (kind := _NEEDS.get(plain)) is not None:
                graphs.setdefault(kind, {}).setdefault(entry.id, []).append((target, path))
            elif (kind := _NEEDED_BY.get(plain)) is not None:
                graphs.setdefault(kind, {}).setdefault(target, []).append((entry.id, path))
    for graph in graphs.values():
        for path in _closing(graph):
            findings.warning(
                "relationship_circular", path, "It leads back to its own item over others; remove one of these."
            )


def _closing(graph: dict[str, list[tuple[str, str]]]) -> Iterator[str]:
    """Yield the paths of the edges that close a circle, looking at each edge once and without recursion."""
    under_way: set[str] = set()
    done: set[str] = set()
    for start, first in graph.items():
        if start in done:
            continue
        under_way.add(start)
        stack = [(start, iter(first))]
        while stack:
            node, edges = stack[-1]
            edge = next(edges, None)
            if edge is None:
                stack.pop()
                under_way.discard(node)
                done.add(node)
                continue
            target, path = edge
            if target in under_way:
                yield path
            elif target not in done:
                under_way.add(target)
                stack.append((target, iter(graph.get(target, ()))))
