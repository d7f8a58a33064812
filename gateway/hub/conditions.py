"""The attribute filters of a subscription's query: `event.shoppingCart.relatedParty.id=42` (TMF630 equality).

One name is compared with each of its values: repetition and commas give alternatives, different names must all hold. A
path goes through lists: one entry that fits is enough. `compile_conditions` is all that the rest of the hub knows of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

from gateway.errors import Problem

Condition: TypeAlias = Callable[[Any], bool]

CONDITIONS_MAX: Final = 20
_PATH: Final = re.compile(r"@?[A-Za-z][A-Za-z0-9_]*(\.@?[A-Za-z][A-Za-z0-9_]*){0,15}")
_SUPPORTED: Final = (
    "supported is equality, attribute=value, with alternatives by comma (attribute=a,b) "
    "or repetition (attribute=a&attribute=b)"
)
_OPERATORS: Final = frozenset({"gt", "gte", "lt", "lte", "ne", "neq", "regex", "in", "nin", "contains"})


def compile_conditions(pairs: Sequence[tuple[str, str]], problems: list[Problem]) -> Condition | None:
    """Return what a document must fulfil, or None when `pairs` is empty. What is wrong is added to `problems`."""
    wanted: dict[tuple[str, ...], list[str]] = {}
    for name, value in pairs:
        path = name.removesuffix(".eq")
        if path.rpartition(".")[2] in _OPERATORS or not _PATH.fullmatch(path) or value[:1] in {"=", "~", ">", "<"}:
            problems.append(Problem(f"query.{name[:100]}", f"is not supported; {_SUPPORTED}"))
            continue
        wanted.setdefault(tuple(path.split(".")), []).extend(value.split(","))
    if len(wanted) > CONDITIONS_MAX:
        problems.append(Problem("query", f"has more than {CONDITIONS_MAX} conditions"))
    if not wanted:
        return None
    tests = [(path, frozenset(values)) for path, values in wanted.items()]
    return lambda document: all(_holds(document, path, values) for path, values in tests)


def _holds(document: Any, path: tuple[str, ...], values: frozenset[str]) -> bool:
    return any(_equals(found, value) for found in _at(document, path) for value in values)


def _at(node: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Yield every value at `path`, entries of lists one by one."""
    if isinstance(node, list):
        for entry in node:
            yield from _at(entry, path)
    elif not path:
        yield node
    elif isinstance(node, dict) and path[0] in node:
        yield from _at(node[path[0]], path[1:])


def _equals(found: Any, wanted: str) -> bool:
    if isinstance(found, str):
        return found == wanted
    if isinstance(found, bool):
        return wanted == ("true" if found else "false")
    if isinstance(found, int | Decimal):
        try:
            return Decimal(wanted) == found
        except InvalidOperation:
            return False
    return False
