"""Where a body is wrong: looked for only after it was refused, or when names may be repeated, because it takes a slower reading.

The one-pass decoder tells neither the names on the way to a number nor the right byte. Here the body is read again by the
standard library, which can tell both; nothing of its result is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from gateway.errors import MalformedBodyError, Problem
from gateway.tmf.paths import PATH_CHARACTERS_MAX, path_text

_PROBLEMS_MAX: Final = 100
# A backslash takes the character after it along, so that an escaped backslash before a `u` is no escape.
_ESCAPES: Final = re.compile(
    r"(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F]|\\.)", re.DOTALL
)
_LONE: Final = len("\\ud8")
# What is looked at on the way to a place: a string, a bracket, a comma, or a bare word (a number, NaN, true ...).
_PIECES: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)


def utf8_fault(raw: bytes) -> int | None:
    """Return the offset of the first byte that is not UTF-8, None when all are."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def lone_surrogate(raw: bytes) -> int | None:
    """Return the offset of the first escape that is one half of a surrogate pair alone, None when there is none."""
    if b"\\u" not in raw:
        return None
    for found in _ESCAPES.finditer(raw.decode("latin-1")):
        if len(found.group()) == _LONE:
            return found.start()
    return None


def place_of(raw: bytes, offset: int) -> str:
    """Return the path of what starts at, or holds, the byte at `offset`; the body is well formed up to there."""
    path: list[Any] = []
    key_next: list[bool] = []
    for found in _PIECES.finditer(raw[: offset + 1].decode("utf-8", "replace")):
        piece = found.group()
        if piece == "{":
            path.append("")
            key_next.append(True)
        elif piece == "[":
            path.append(0)
            key_next.append(False)
        elif piece in "]}":
            if path:
                path.pop()
                key_next.pop()
        elif piece == "," and path:
            if isinstance(path[-1], int):
                path[-1] += 1
            else:
                key_next[-1] = True
        elif piece[0] == '"' and path and key_next[-1]:
            path[-1] = _name(piece)
            key_next[-1] = False
    return path_text(tuple(path[:PATH_CHARACTERS_MAX]))


def too_deep_place(raw: bytes, depth_max: int) -> str:
    """Return the path of the first object or list that is inside `depth_max` others, empty text when there is none."""
    depth = 0
    text = raw.decode(errors="surrogateescape")
    for found in _PIECES.finditer(text):
        piece = found.group()
        if piece in "{[":
            depth += 1
        elif piece in "}]":
            depth -= 1
        if depth > depth_max:
            return place_of(raw, len(text[: found.start()].encode(errors="surrogateescape")) - 1)
    return ""


def _name(piece: str) -> str:
    try:
        return str(json.loads(piece))
    except ValueError:
        return ""


def unfit_number(raw: bytes, fits: Callable[[str], bool]) -> str | None:
    """Return the path of the first number that `fits` (its text: whether) refuses, None when there is none."""
    text = raw.decode(errors="surrogateescape")
    for found in _PIECES.finditer(text):
        piece = found.group()
        if (piece[0] == "-" or piece[0].isdigit()) and not fits(piece):
            return place_of(raw, len(text[: found.start()].encode(errors="surrogateescape")))
    return None


def refuse_repeated_names(raw: bytes) -> None:
    """Raise MalformedBodyError (400) with every name that an object has more than once, by path."""
    problems: list[Problem] = []
    path: list[Any] = []
    names: list[set[str] | None] = []
    key_next = False
    for found in _PIECES.finditer(raw.decode()):
        piece = found.group()
        if piece in "{[":
            path.append("" if piece == "{" else 0)
            names.append(set() if piece == "{" else None)
            key_next = piece == "{"
        elif piece in "]}":
            path.pop()
            names.pop()
            key_next = False
        elif piece == ",":
            key_next = names[-1] is not None
            if not key_next:
                path[-1] += 1
        elif key_next:
            path[-1], key_next = _name(piece), False
            seen = names[-1]
            if seen is not None and path[-1] in seen and len(problems) < _PROBLEMS_MAX:
                problems.append(Problem(path_text(tuple(path)), "is given more than once in one object; give it once"))
            elif seen is not None:
                seen.add(path[-1])
    if problems:
        problems = list(dict.fromkeys(problems))
        listed = "; ".join(str(problem) for problem in problems[:20])
        raise MalformedBodyError(f"The JSON repeats a name: {listed}.", problems=problems)
