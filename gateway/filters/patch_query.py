"""JSON patch with queries (TMF630 part 5): `application/json-patch-query+json`, entries of lists chosen by what they hold.

    {"op": "replace", "path": "/cartItem/quantity?cartItem.id==1203-100", "value": 2}
    {"op": "remove", "path": "/cartItem?cartItem.productOffering.id='A'&cartItem.status='saveForLater'"}

A path names attributes and goes through lists by itself; the conditions behind the question mark are those of a filter, with
paths from the top of the resource, and choose the entries of each list on the way. Every entry that fits is changed, and none
that fits is an error. `delete` is understood for `remove`, `=` for `==`, values with or without quotes, blanks around them
not minded. A path without a question mark is a JSON pointer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from gateway.documents import Json
from gateway.errors import InvalidBodyError, Problem
from gateway.filters.match import Matcher
from gateway.filters.parse import Filter, parse_filter
from gateway.filters.values import quoted
from gateway.tmf.json_patch import (
    NEEDS_FROM,
    Operation,
    Patcher,
    Pointer,
    fail,
    list_of_operations,
    parse_pointer,
    parse_verb,
    shown,
)

# Values that the conditions of one patch compare with, in all.
VALUES_MAX: Final = 20_000
# Parts of a pointer that take as long to walk as one entry to look at.
_PARTS_PER_LOOK: Final = 8
_QUOTES: Final = ("'", '"')
_SIGNS: Final = (">=", "<=", "==", "=~", "*=", "=", ">", "<")


class QueryOperation(NamedTuple):
    """An operation and the conditions that choose what it is done to; None: its path is a pointer."""

    operation: Operation
    wanted: Filter | None


def parse_query_operations(body: object) -> list[QueryOperation]:
    """Return the operations of a decoded body. Raises InvalidBodyError (400) with everything that is wrong with them."""
    problems: list[Problem] = []
    found = []
    values = 0
    for index, given in enumerate(list_of_operations(body)):
        current = given
        if type(given) is dict and given.get("op") == "delete":
            current = {**given, "op": "remove"}
        wanted: Filter | None = None
        if type(current) is dict and type(current.get("path")) is str:
            path, mark, query = current["path"].strip().partition("?")
            current = {**current, "path": path.rstrip()}
            if mark:
                wanted = _conditions(query, index, problems)
                values += sum(map(len, wanted))
                if values > VALUES_MAX:
                    problems.append(
                        Problem(f"[{index}].path", f"the patch compares with more than {VALUES_MAX} values in all")
                    )
                    break
        verb = parse_verb(current, index, problems)
        pointer = parse_pointer(current, "path", index, problems)
        source = parse_pointer(current, "from", index, problems) if verb in NEEDS_FROM else None
        if wanted is not None and verb in NEEDS_FROM:
            problems.append(Problem(f"[{index}].path", f"{verb} takes a JSON pointer, without a query"))
        if verb is not None and pointer is not None:
            found.append(QueryOperation(Operation(index, verb, pointer, source, current.get("value")), wanted))
    if problems:
        raise InvalidBodyError(problems)
    return found


def _conditions(query: str, index: int, problems: list[Problem]) -> Filter:
    before = len(problems)
    pairs = [pair for part in query.split("&") if (pair := _pair(unquote(part).strip()))]
    found = parse_filter(pairs, problems, prefix=f"[{index}].path?")
    if not found and len(problems) == before:
        problems.append(Problem(f"[{index}].path", "has no condition after its question mark"))
    return found


def _pair(part: str) -> tuple[str, str] | None:
    """Return name and value of one condition, its value without quotes and in the form that takes it literally."""
    places = [(part.find(sign), sign) for sign in _SIGNS if sign in part]
    if not places:
        return (part, "") if part else None
    place, sign = min(places, key=lambda found: (found[0], -len(found[1])))
    name, value = part[:place].strip(), part[place + len(sign) :].strip()
    if len(value) > 1 and value[0] in _QUOTES and value[-1] == value[0]:
        # What stands in quotes is one value, whatever is in it.
        value = value[1:-1]
        value = quoted(value) if not {",", ";", '"'}.isdisjoint(value) else value
    if sign in {"=", "=="}:
        has_suffix = name.rpartition(".")[2] in {"eq", "gt", "gte", "lt", "lte", "regex"}
        return name if has_suffix else f"{name}.eq", value
    return f"{name}{sign}{value}", ""


def apply_query_operations(document: object, operations: list[QueryOperation], *, depth_max: int) -> Json:
    """Return `document` with all operations applied; errors as `gateway.tmf.json_patch.apply_operations`.

    What all operations look at is bounded by WORK_MAX of that module.
    """
    patcher = Patcher(document, depth_max=depth_max, lenient=True)
    for operation, wanted in operations:
        if wanted is None:
            patcher.apply(operation)
            continue
        chosen = list(_chosen(patcher.document, operation, wanted, partial(patcher.charge, operation)))
        if not chosen:
            fail(
                operation,
                "path",
                f"nothing at {shown(operation.path)} fits the query; read the cart again and name what is there, from the "
                "cart on and by its exact value, as in /cartItem?cartItem.id=01",
            )
        patcher.charge(operation, len(chosen) * (1 + len(chosen[0]) // _PARTS_PER_LOOK))
        # From the last to the first, so that what is removed moves nothing that is still to be found.
        for path in reversed(chosen):
            patcher.apply(operation._replace(path=path))
    return patcher.document


def _chosen(document: Any, operation: Operation, wanted: Filter, charge: Callable[[int], None]) -> Iterator[Pointer]:
    """Yield the pointer of everything that the path names and the conditions choose; `charge` is told of every entry."""
    path, verb = operation.path, operation.verb
    concerns = _concerns(wanted, path)
    held: list[tuple[Any, Pointer]] = [(document, ())]
    for depth, name in enumerate(path):
        is_last = depth + 1 == len(path)
        following: list[tuple[Any, Pointer]] = []
        matcher: Matcher | None = None
        for node, pointer in held:
            if type(node) is not dict or (name not in node and not (is_last and verb == "add")):
                continue
            here = (*pointer, name)
            value = node.get(name)
            if type(value) is not list:
                following.append((value, here))
            elif is_last and verb == "add":
                following.append((value, (*here, "-")))
            elif is_last and not concerns:
                following.append((value, here))
            else:
                matcher = matcher or _matcher(path[: depth + 1], wanted, charge)
                charge(len(value) * max(1, matcher.cost))
                following += [
                    (entry, (*here, str(at))) for at, entry in enumerate(value) if matcher.fits({"entry": entry})
                ]
        held = following
    for _, pointer in held:
        yield pointer


def _concerns(wanted: Filter, path: Pointer) -> bool:
    """Return whether a condition looks into what is at `path`."""
    return any(test.path[: len(path)] == path for group in wanted for test in group)


def _matcher(path: Pointer, wanted: Filter, charge: Callable[[int], None]) -> Matcher:
    """Return what tells whether {"entry": an entry of the list at `path`} fulfils the conditions on such entries."""
    groups = []
    for group in wanted:
        inside = tuple(
            replace(test, path=("entry", *test.path[len(path) :])) for test in group if test.path[: len(path)] == path
        )
        if len(inside) == len(group):
            groups.append(inside)
    return Matcher(tuple(groups), charge)
