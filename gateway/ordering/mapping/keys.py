"""Tables of TOML as Structs: every mistake told with its key, what is wrong and what would be right.

An attribute of a Struct is a key, its metadata (`documented`) what it is and how large it may be; a Struct in a Struct is a table,
a tuple of Structs an array of tables. Nothing is known here of what the keys mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo

from gateway.errors import Problem
from gateway.ordering.mapping.mistakes import PROBLEMS_MAX, FirstProblems

_STAND_IN: Final = "unnamed"
_NAMES: Final = (
    ("`str`", "a string"), ("`int`", "an integer"), ("`bool`", "true or false"), ("`float`", "a number"),
    ("`array`", "an array"), ("`object`", "a table"), ("`datetime`", "a date-time"), ("`date`", "a date"), ("`time`", "a time"),
)  # fmt: skip


class KeyReader:
    """Reads tables of one kind of document, whose root is the Struct `root`; its attributes `hidden` are not keys."""

    def __init__(self, root: type[Any], problems: FirstProblems, hidden: AbstractSet[str] = frozenset()) -> None:
        self._root = root
        self._problems = problems
        self._hidden = hidden

    def read(self, table: Any, path: str = "") -> Any:
        """Return `table`, which stands at `path`, as the root; what is wrong or missing becomes a problem."""
        return self._value(self._root, table, path, "")

    def _table(self, kind: Any, table: dict[str, Any], path: str) -> Any:
        fields = {field.name: field for field in fields_of(kind) if field.name not in self._hidden}
        unknown = [key for key in table if key not in fields]
        for key in unknown[: PROBLEMS_MAX + 1]:
            self._problems.append(
                Problem(_join(path, key), f"is not a key here; {self._suggestion(key, path, fields)}")
            )
        values: dict[str, Any] = {}
        for name, field in fields.items():
            where = _join(path, name)
            if name in table:
                values[name] = self._value(field.type, table[name], where, _documentation(field))
            elif field.required:
                self._problems.append(Problem(where, f"is missing; it is {_documentation(field)}"))
            if values.get(name) is None:
                values.pop(name, None)
                if field.required:
                    values[name] = self._stand_in(field.type)
        return kind(**values)

    def _value(self, kind: Any, value: Any, where: str, documentation: str) -> Any:
        """Return `value` as `kind`, None with problems when it is something else. Every entry of a list or table is looked at."""
        if _is_table(kind):
            if isinstance(value, dict):
                return self._table(kind, value, where)
            self._problems.append(Problem(where, f"must be a table: write [{where}]"))
            return None
        if _is_table(_entry(kind)):
            if isinstance(value, list):
                return tuple(self._entries_of(_entry(kind), value, where))
            self._problems.append(Problem(where, f"must be an array of tables: write [[{where}]]"))
            return None
        entries = list(_entries(kind, value, where))
        failed = [self._converted(_entry(kind), entry, place, documentation) is None for place, entry in entries]
        return None if any(failed) else self._converted(kind, value, where, documentation)

    def _entries_of(self, kind: Any, listed: list[Any], where: str) -> Iterator[Any]:
        """Yield the tables of an array; what is not a table becomes a problem."""
        for position, entry in enumerate(listed):
            if isinstance(entry, dict):
                yield self._table(kind, entry, f"{where}[{position}]")
            else:
                keys = ", ".join(field.name for field in fields_of(kind))
                self._problems.append(Problem(f"{where}[{position}]", f"must be a table of {keys}"))

    def _converted(self, kind: Any, value: Any, where: str, documentation: str) -> Any:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            self._problems.append(Problem(where, f"{_reason(error)}; it is {documentation}"))
            return None

    def _stand_in(self, kind: Any) -> Any:
        """Return what stands for a required key that is wrong, so that the rest can be judged."""
        if get_origin(value_type(kind)) is tuple:
            return ()
        if not _is_table(kind):
            return _STAND_IN
        fields = fields_of(kind)
        return kind(**{field.name: self._stand_in(field.type) for field in fields if field.required})

    def _suggestion(self, key: str, path: str, fields: dict[str, FieldInfo]) -> str:
        """Say which key may be meant: one of this table spelt alike, one of another table, or the list of this table's."""
        close = get_close_matches(key, fields, n=1, cutoff=0.7)
        if close:
            return f"did you mean `{close[0]}`?"
        for where in self._every_key(self._root, ""):
            table, _, name = where.rpartition(".")
            if name == key and where != _join(path, key):
                return f"it belongs in [{table}]" if table else "it belongs at the top"
        return f"known are {', '.join(fields)}"

    def _every_key(self, kind: Any, path: str) -> Iterator[str]:
        for field in fields_of(kind):
            if field.name not in self._hidden:
                where = _join(path, field.name)
                yield where
                if _is_table(field.type):
                    yield from self._every_key(field.type, where)


@cache
def fields_of(kind: Any) -> tuple[FieldInfo, ...]:
    """Return the attributes of a Struct; finding out their types takes longer than reading a file by them."""
    return msgspec.structs.fields(kind)


@cache
def value_type(kind: Any) -> Any:
    """Return the type of a key's value without its metadata."""
    return get_args(kind)[0] if any(isinstance(part, Meta) for part in get_args(kind)) else kind


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _entry(kind: Any) -> Any:
    """Return the type of the entries of a list or table of words, None for anything else."""
    base = value_type(kind)
    if get_origin(base) is tuple:
        return get_args(base)[0]
    return get_args(base)[1] if get_origin(base) is dict else None


def _entries(kind: Any, value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Yield the entries of `value` with their paths, where it is a list or table and `kind` says so."""
    origin = get_origin(value_type(kind))
    if origin is tuple and isinstance(value, list):
        yield from ((f"{where}[{at}]", entry) for at, entry in enumerate(value))
    elif origin is dict and isinstance(value, dict) and _entry(kind) is not Any:
        yield from ((_join(where, key), entry) for key, entry in value.items())


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _documentation(field: FieldInfo) -> str:
    """Return the key's documentation with its range, or the table's name for a table."""
    metas = [meta for meta in get_args(field.type) if isinstance(meta, Meta)]
    if not metas:
        return f"the table [{field.name}]"
    meta = metas[0]
    bounds = [f"{word} {limit}" for word, limit in (("at least", meta.ge), ("at most", meta.le)) if limit is not None]
    choices = next((get_args(part) for part in get_args(field.type) if get_origin(part) is Literal), ())
    if choices:
        bounds.append(f"one of {', '.join(choices)}")
    return f"{meta.description} ({', '.join(bounds)})" if bounds else str(meta.description)


def _reason(error: msgspec.ValidationError) -> str:
    """Return msgspec's reason as the rest of a sentence: `must be an integer, not a string`."""
    message = str(error)
    for word, name in _NAMES:
        message = message.replace(word, name)
    if "matching regex" in message:
        return "must be a string of another form"
    message = message.replace("Invalid enum value", "must be one of the words for it, not")
    reason, _, where = message.partition(" - at ")
    _, is_expected, wanted = reason.partition("Expected ")
    expected, comma, got = wanted.partition(", got ")
    text = f"must be {expected}{comma and f', not {got}'}" if is_expected else reason
    place = where.strip("`").removeprefix("$")
    return f"{text} (at {place})" if place not in ("", "[...]") else text
