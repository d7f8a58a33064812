"""What is common to everything that says what is wrong with a JSON document: kinds of values, paths, and how much is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from gateway.errors import Problem
from gateway.tmf.paths import path_text

Path: TypeAlias = tuple[str | int, ...]
Check: TypeAlias = Callable[[Any, Path, str | int, list[Problem]], None]

PROBLEMS_MAX = 100
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)


def json_kind(value: object) -> str:
    """Return what a decoded JSON value is, in words for a message: `a list`, `a number`, `text` ...

    Args:
        value: what `decode_json` returns.

    Raises:
        Nothing.

    Source: RFC 8259 section 3.
    """
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


def check_text_lengths(document: object, characters_max: int, problems: list[Problem]) -> None:
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
