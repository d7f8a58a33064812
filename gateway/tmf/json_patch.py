"""JSON patch (RFC 6902): what `application/json-patch+json` means in a PATCH. Pure, and all or nothing.

The standard's own examples add to a list in ways that RFC 6902 does not know, so with `lenient` two more things are understood:
`add` of an object to a path that holds a list appends it (`{"op": "add", "path": "/cartItem", "value": {...}}`), and
`/cartItem/-` makes the list when there is none yet (an empty cart shows none).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from gateway.documents import Json
from gateway.errors import ConflictError, InvalidBodyError, Problem
from gateway.tmf.shapes import json_kind

Pointer: TypeAlias = tuple[str, ...]

OPERATIONS_MAX: Final = 1_000
# What one patch may add in all: `copy` of what was copied before would otherwise double with every operation.
NODES_MAX: Final = 200_000
# What all operations of one patch may look at: entries times conditions, those chosen once more (far down more than once), and
# what `test` compares. The dearest patch takes about half a second, and the writer waits for it.
WORK_MAX: Final = 100_000
VERBS: Final = ("add", "remove", "replace", "move", "copy", "test")
NEEDS_VALUE: Final = frozenset({"add", "replace", "test"})
NEEDS_FROM: Final = frozenset({"move", "copy"})
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")
_SHOWN_CHARACTERS_MAX: Final = 120


class Operation(NamedTuple):
    """One operation; `number` is its place in the patch, from 0, `source` the `from` of move and copy."""

    number: int
    verb: str
    path: Pointer
    source: Pointer | None = None
    value: Any = None


def parse_operations(body: object) -> list[Operation]:
    """Return the operations of a decoded body. Raises InvalidBodyError (400) with everything that is wrong with them."""
    problems: list[Problem] = []
    found = []
    for index, given in enumerate(list_of_operations(body)):
        verb = parse_verb(given, index, problems)
        path = parse_pointer(given, "path", index, problems)
        source = parse_pointer(given, "from", index, problems) if verb in NEEDS_FROM else None
        if verb is not None and path is not None:
            found.append(Operation(index, verb, path, source, given.get("value")))
    if problems:
        raise InvalidBodyError(problems)
    return found


def list_of_operations(body: object) -> list[Json]:
    """Return the body, which must be a list of no more than OPERATIONS_MAX entries."""
    if type(body) is not list:
        raise InvalidBodyError([Problem("", f"a JSON patch is a list of operations, not {json_kind(body)}")])
    if len(body) > OPERATIONS_MAX:
        raise InvalidBodyError([Problem("", f"has more than {OPERATIONS_MAX} operations")])
    return body


def parse_verb(given: object, index: int, problems: list[Problem]) -> str | None:
    """Return the `op` of an operation, None when it is not one; its value and `from` must be there when they are needed."""
    if type(given) is not dict:
        problems.append(Problem(f"[{index}]", f"an operation is an object, not {json_kind(given)}"))
        return None
    verb = given.get("op")
    if type(verb) is not str or verb not in VERBS:
        problems.append(Problem(f"[{index}].op", f"must be one of {', '.join(VERBS)}"))
        return None
    if verb in NEEDS_VALUE and "value" not in given:
        problems.append(Problem(f"[{index}].value", f"is missing; {verb} needs it"))
    return verb


def parse_pointer(given: object, name: str, index: int, problems: list[Problem]) -> Pointer | None:
    """Return a JSON pointer (RFC 6901) of an operation, None when it is not one."""
    text = given.get(name) if type(given) is dict else ""
    if type(text) is not str or (text and not text.startswith("/")) or _BAD_ESCAPE.search(text):
        problems.append(
            Problem(
                f"[{index}].{name}", "must be a JSON pointer such as /cartItem/0/quantity (with ~0 for ~, ~1 for /)"
            )
        )
        return None
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def apply_operations(
    document: object, operations: Sequence[Operation], *, depth_max: int, lenient: bool = False
) -> Json:
    """Return `document` with all operations applied; the document itself, and the values given, stay as they are.

    Raises InvalidBodyError (400) for an operation that cannot be applied, ConflictError (409) for a `test` that fails: the
    message names the operation and its path.
    """
    patcher = Patcher(document, depth_max=depth_max, lenient=lenient)
    for operation in operations:
        patcher.apply(operation)
    return patcher.document


class Patcher:
    """A document under change. `depth_max` is how deep it may become."""

    def __init__(self, document: object, *, depth_max: int, lenient: bool = False) -> None:
        self._depth_max = depth_max
        self._lenient = lenient
        self._nodes = NODES_MAX
        self._work = WORK_MAX
        self.document: Any = _copied(document)

    def charge(self, operation: Operation, amount: int) -> None:
        """Count work that an operation takes. Raises InvalidBodyError (400) when the patch takes more than WORK_MAX in all."""
        self._work -= amount
        if self._work < 0:
            fail(
                operation,
                "path",
                f"with this operation the patch looks at more than {WORK_MAX} values in all (entries of lists times "
                "conditions, and what test compares); send fewer operations at once, or JSON pointers instead of queries",
            )

    def apply(self, operation: Operation) -> None:
        """Apply one operation."""
        _, verb, path, source, value = operation
        if verb == "add":
            self._add(operation, path, value)
        elif verb == "remove":
            self._remove(operation, path)
        elif verb == "replace":
            self._replace(operation, path, value)
        elif verb == "test":
            self.charge(operation, _size(value))
            if not same(self._get(operation, path), value):
                raise ConflictError(
                    f"Operation {operation.number} tests {shown(path)}, which has another value: nothing was changed. "
                    "Read the resource again and repeat.",
                    problems=[Problem(f"[{operation.number}].value", "is not the value there is")],
                )
        elif source is not None:
            moved = self._get(operation, source, "from")
            if verb == "move":
                if source == path:
                    return
                if path[: len(source)] == source:
                    fail(operation, "path", f"is inside of {shown(source)}, which is to be moved")
                self._remove(operation, source, "from")
            self._add(operation, path, moved, is_given=False)

    def _get(self, operation: Operation, path: Pointer, name: str = "path") -> Json:
        node = self.document
        for depth, part in enumerate(path):
            if type(node) is dict and part in node:
                node = node[part]
            elif type(node) is list and (position := _position(part, len(node))) is not None:
                node = node[position]
            else:
                fail(operation, name, f"there is nothing at {shown(path[: depth + 1])}")
        return node

    def _add(self, operation: Operation, path: Pointer, value: object, *, is_given: bool = True) -> None:
        value = self._counted(operation, value, self._depth_max - len(path))
        if not path:
            self.document = value
            return
        last = path[-1]
        if self._lenient and last == "-" and len(path) > 1:
            above = self._get(operation, path[:-2])
            if type(above) is dict and path[-2] not in above:
                above[path[-2]] = []
        holder = self._get(operation, path[:-1])
        if type(holder) is dict:
            there = holder.get(last)
            if self._lenient and is_given and type(there) is list and type(value) is dict:
                there.append(value)
            else:
                holder[last] = value
        elif type(holder) is list:
            position = len(holder) if last == "-" else _position(last, len(holder) + 1)
            if position is None:
                fail(operation, "path", f"{shown(path)} is not a place in a list of {len(holder)} entries")
            holder.insert(position, value)
        else:
            fail(operation, "path", f"{shown(path[:-1])} is neither an object nor a list")

    def _remove(self, operation: Operation, path: Pointer, name: str = "path") -> None:
        if not path:
            fail(operation, name, "the whole resource cannot be removed by a patch; use DELETE")
        self._get(operation, path, name)
        holder = self._get(operation, path[:-1], name)
        del holder[int(path[-1]) if type(holder) is list else path[-1]]

    def _replace(self, operation: Operation, path: Pointer, value: object) -> None:
        self._get(operation, path)
        value = self._counted(operation, value, self._depth_max - len(path))
        if not path:
            self.document = value
            return
        holder = self._get(operation, path[:-1])
        holder[int(path[-1]) if type(holder) is list else path[-1]] = value

    def _counted(self, operation: Operation, value: object, depth_max: int) -> Json:
        """Return a copy of a value, so that no later operation changes the original; within the bounds of the patch."""
        self._nodes -= 1
        if self._nodes < 0:
            fail(operation, "path", f"the patch adds more than {NODES_MAX} values in all")
        if type(value) in {dict, list} and depth_max <= 0:
            fail(operation, "path", f"the resource would be nested deeper than {self._depth_max} levels")
        if type(value) is dict:
            return {name: self._counted(operation, child, depth_max - 1) for name, child in value.items()}
        if type(value) is list:
            return [self._counted(operation, child, depth_max - 1) for child in value]
        return value


def fail(operation: Operation, name: str, message: str) -> NoReturn:
    """Raise InvalidBodyError (400) for an operation that cannot be applied."""
    raise InvalidBodyError([Problem(f"[{operation.number}].{name}", message)])


def shown(path: Pointer) -> str:
    """Return a pointer as it is written."""
    text = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
    return (text or "the top")[:_SHOWN_CHARACTERS_MAX]


def same(left: object, right: object) -> bool:
    """Return whether two JSON values are equal: numbers by value, and true is not 1."""
    if type(left) is dict:
        return (
            type(right) is dict
            and left.keys() == right.keys()
            and all(same(value, right[name]) for name, value in left.items())
        )
    if type(left) is list:
        return type(right) is list and len(left) == len(right) and all(map(same, left, right))
    if type(left) in {int, float, Decimal}:
        return type(right) in {int, float, Decimal} and bool(left == right)
    return type(left) is type(right) and bool(left == right)


def _position(part: str, length: int) -> int | None:
    """Return the index that a part of a pointer is in a list of that length, None when it is not one."""
    return int(part) if _INDEX.fullmatch(part) and int(part) < length else None


def _size(value: object) -> int:
    """Return how many values a JSON value has, itself among them."""
    if type(value) is dict:
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if type(value) is list else 1


def _copied(value: object) -> Json:
    if type(value) is dict:
        return {name: _copied(child) for name, child in value.items()}
    return [_copied(child) for child in value] if type(value) is list else value
