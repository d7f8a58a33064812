"""Mapping files: TOML text to a checked `Mapping`, every mistake of a file reported at once.

No file is opened here: the caller reads the bytes, so that the command line, a running service that reloads and a test
use the same function.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Final, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo

from gateway.errors import MappingError, Problem
from gateway.ordering.consistency import inconsistencies
from gateway.ordering.mapping import NOT_IN_FILE, Mapping
from gateway.ordering.mistakes import PROBLEMS_MAX
from gateway.ordering.toml import TomlMistakeError, read_toml

_STAND_INS: Final[dict[str, Any]] = {"name": "unnamed", "resource": "unnamed"}


def parse_mapping(text: bytes, source: str) -> Mapping:
    """Return the mapping that the TOML `text` describes; `source` is the file's name, for messages.

    Raises MappingError with every mistake: unknown keys, wrong types, missing keys, values out of range, and keys that
    contradict each other.
    """
    try:
        document = read_toml(text)
    except TomlMistakeError as error:
        raise MappingError(source, [Problem("", str(error))]) from None
    problems: list[Problem] = []
    mapping: Mapping = _table(Mapping, document, "", problems)
    wrong = {problem.path for problem in problems}
    problems.extend(problem for problem in inconsistencies(mapping, source) if not _touches(problem.path, wrong))
    if problems:
        raise MappingError(source, problems)
    return mapping


def _touches(path: str, wrong: set[str]) -> bool:
    """Tell whether `path` or a table above or below it is wrong already: a second message on it would only confuse."""
    return any(path == other or path.startswith(f"{other}.") or other.startswith(f"{path}.") for other in wrong)


def _table(kind: type[Any], table: dict[str, Any], path: str, problems: list[Problem]) -> Any:
    """Return `table` as the Struct `kind`; what is wrong or missing becomes a problem and is left at its default."""
    fields = {field.name: field for field in msgspec.structs.fields(kind) if field.name not in NOT_IN_FILE}
    unknown = [key for key in table if key not in fields]
    problems.extend(
        Problem(_join(path, key), f"is not a key {_of(path)}; {_suggestion(key, path, fields)}")
        for key in unknown[:PROBLEMS_MAX]
    )
    if len(unknown) > PROBLEMS_MAX:
        problems.append(Problem(path, f"holds {len(unknown) - PROBLEMS_MAX} more keys that there are not"))
    values: dict[str, Any] = {}
    for name, field in fields.items():
        where = _join(path, name)
        if name not in table:
            if field.required:
                problems.append(Problem(where, f"is missing; it is {_documentation(field)}"))
                values[name] = _stand_in(field, name)
            continue
        value = table[name]
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            if isinstance(value, dict):
                values[name] = _table(field.type, value, where, problems)
            else:
                problems.append(Problem(where, f"must be a table: write [{where}]"))
                values.update(_default(field, name))
            continue
        try:
            values[name] = msgspec.convert(value, field.type)
        except msgspec.ValidationError as error:
            problems.append(Problem(_exact(where, value), f"{_reason(error)}; it is {_documentation(field)}"))
            values.update(_default(field, name))
    return kind(**values)


def _exact(where: str, value: Any) -> str:
    """Return the path of the first word of a table of words that is none; `where` for anything else."""
    words = value.items() if isinstance(value, dict) else ()
    return next((_join(where, key) for key, word in words if not isinstance(word, str)), where)


def _default(field: FieldInfo, name: str) -> dict[str, Any]:
    """Return the stand-in for a wrong value: nothing where the Struct has a default of its own."""
    return {name: _stand_in(field, name)} if field.required else {}


def _stand_in(field: FieldInfo, name: str) -> Any:
    if isinstance(field.type, type) and issubclass(field.type, Struct):
        return _table(field.type, _stand_ins(field.type), name, [])
    return _STAND_INS[name]


def _stand_ins(kind: type[Any]) -> dict[str, Any]:
    return {field.name: _STAND_INS[field.name] for field in msgspec.structs.fields(kind) if field.required}


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _of(path: str) -> str:
    return f"of [{path}]" if path else "of a mapping"


def _suggestion(key: str, path: str, fields: dict[str, FieldInfo]) -> str:
    """Say which key may be meant: one of this table spelt alike, one of another table, or the list of this table's."""
    close = get_close_matches(key, fields, n=1, cutoff=0.7)
    if close:
        return f"did you mean `{close[0]}`?"
    elsewhere = [
        where for where in _every_key(Mapping, "") if where.rpartition(".")[2] == key and where != _join(path, key)
    ]
    if elsewhere:
        return f"it belongs in [{elsewhere[0].rpartition('.')[0]}]" if "." in elsewhere[0] else "it belongs at the top"
    return f"known are {', '.join(fields)}"


def _every_key(kind: type[Any], path: str) -> list[str]:
    found = []
    for field in msgspec.structs.fields(kind):
        if field.name in NOT_IN_FILE:
            continue
        where = _join(path, field.name)
        found.append(where)
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            found.extend(_every_key(field.type, where))
    return found


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
    for word, name in (("`str`", "a string"), ("`int`", "an integer"), ("`bool`", "true or false"), ("`float`", "a number"),
                       ("`array`", "an array"), ("`object`", "a table")):  # fmt: skip
        message = message.replace(word, name)
    reason, _, where = message.partition(" - at ")
    reason = reason.removeprefix("Expected ")
    expected, comma, got = reason.partition(", got ")
    text = f"must be {expected}{comma and f', not {got}'}" if reason != str(error) else reason
    place = where.strip("`").removeprefix("$")
    return f"{text} (at {place})" if place not in ("", "[...]") else text
