"""Words of a mapping and of the files beside it that nobody could mean: empty ones, ones with a space at an end, the same twice.

Each would load and do harm later: an empty error code is part of every message, a slot with a space behind it is never read back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, get_args

from msgspec import Struct

from gateway.errors import Problem
from gateway.ordering.mapping.keys import fields_of, value_type

PLACEHOLDER: Final = re.compile(r"\{[a-z_]+\}")
"""What looks as if something were put in its place."""
_MAY_HOLD_NOTHING: Final = frozenset({"draft.states"})
"""Lists in which an empty word says that none is shown."""
_WITH_PLACEHOLDERS: Final = "recovery.scan_parameters"


def unclean(word: str) -> str | None:
    """Return what is wrong with `word`, as the end of a message: empty, or with something in it that nobody sees."""
    if not word.strip():
        return "is empty; write a word or remove it"
    if word != word.strip():
        return "begins or ends with a space; remove it"
    return None if word.isprintable() else "has a character in it that cannot be seen; remove it"


def unclean_words(table: Struct, path: str = "") -> Iterator[Problem]:
    """Yield a problem for each word of a mapping's keys that is unclean, and each that a list has twice.

    A key that may be empty is; texts in tables of an order's attributes are the order system's business.
    """
    for field in fields_of(type(table)):
        where = f"{path}.{field.name}" if path else field.name
        value: Any = getattr(table, field.name)
        if isinstance(value, Struct):
            yield from unclean_words(value, where)
        elif isinstance(value, str) and value:
            yield from _unclean(value, where)
        elif isinstance(value, tuple):
            seen: set[str] = set()
            for position, word in enumerate(value):
                if word or where not in _MAY_HOLD_NOTHING:
                    yield from _unclean(word, f"{where}[{position}]")
                if word in seen:
                    yield Problem(f"{where}[{position}]", f"is {word} again; remove one")
                seen.add(word)
        elif isinstance(value, dict):
            of_words = get_args(value_type(field.type))[1] is str
            for key, word in value.items():
                # In quotes where nobody would see it otherwise.
                yield from _unclean(key, f"{where}.{key}" if key and key == key.strip() else f'{where}."{key}"')
                if of_words:
                    yield from _unclean(word, f"{where}.{key}")


def _unclean(word: str, where: str) -> Iterator[Problem]:
    message = unclean(word)
    if message is not None:
        yield Problem(where, message)
    for found in PLACEHOLDER.findall(word) if not where.startswith(_WITH_PLACEHOLDERS) else ():
        yield Problem(where, f"has {found}, which nothing is put in here; remove it")
