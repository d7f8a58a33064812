"""Where a body is wrong: looked for only after it was refused, or when names may be repeated.

The one-pass decoder tells neither the names on the way to a number nor the right byte. Here the body is looked at again, piece by
piece. A body that is wrong must not cost more than one that is right: what is done for a whole body is one pass of native code, and a
place is looked for among the first PIECES_MAX pieces only; for what is wrong after them the byte is given, where it is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

import msgspec

from gateway.errors import MalformedBodyError, Problem
from gateway.tmf.paths import PATH_CHARACTERS_MAX, path_text

# So many strings, brackets, commas, colons and bare words are in some 300 kB of an ordinary document.
PIECES_MAX: Final = 50_000
_PROBLEMS_MAX: Final = 100
# Everything up to the first escape that is one half of a surrogate pair alone. A backslash takes the character after it along, so
# that an escaped backslash before a `u` is not an escape.
_BEFORE_LONE: Final = re.compile(
    rb"(?:[^\\]++|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F]).)*+", re.DOTALL
)
# What is looked at on the way to a place: a string, a bracket, a comma, or a bare word (a number, NaN, true ...). Each character
# belongs to one piece or to none, and no piece is looked at twice: a string that does not end is one piece up to the end.
_PIECES: Final = re.compile(r'"(?:[^"\\]++|\\.?)*+"?|[\[\]{},:]|[^\s\[\]{},:"]++', re.DOTALL)
_STRINGS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
# A backslash that no other one escapes, before the escape of U+0000; the look-behind begins only at the first of several.
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*+(\\u0000)")
_text_decoder: Final = msgspec.json.Decoder(str)


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
    before = _BEFORE_LONE.match(raw)
    end = before.end() if before is not None else 0
    return end if raw.startswith(b"\\u", end) else None


def nul_escape(raw: bytes) -> int | None:
    """Return the offset of the first escape of U+0000 in well-formed JSON, None when there is none."""
    # Before what looks like the first one there is none; the backslashes before it belong to it.
    start = len(raw[: raw.find(b"\\u0000")].rstrip(b"\\"))
    found = _NUL.search(raw, start)
    return None if found is None else found.start(1)


def place_of(raw: bytes, offset: int) -> str | None:
    """Return the path of what starts at, or holds, the byte at `offset`; the body is well formed up to there.

    None when that is behind the first PIECES_MAX pieces.
    """
    path: list[Any] = []
    key_next: list[bool] = []
    pieces = _PIECES.finditer(raw[: offset + 1].decode("utf-8", "replace"))
    for found in islice(pieces, PIECES_MAX):
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
            path[-1] = piece
            key_next[-1] = False
    if next(pieces, None) is not None:
        return None
    shown = [_name(part) if part and type(part) is str else part for part in path[:PATH_CHARACTERS_MAX]]
    # What is wrong inside a name is in the object around it.
    return path_text(tuple(part for part in shown if part is not None))


def too_deep_place(raw: bytes, depth_max: int) -> str | None:
    """Return the path of the first object or list that is inside `depth_max` others, None when it is not among the first pieces."""
    depth = 0
    text = raw.decode(errors="surrogateescape")
    for found in _first_pieces(text):
        piece = found.group()
        if piece in "{[":
            depth += 1
        elif piece in "}]":
            depth -= 1
        if depth > depth_max:
            return place_of(raw, _byte(text, found.start()) - 1)
    return None


def unfit_number(raw: bytes, fits: Callable[[str], bool]) -> str | None:
    """Return the path of the first number that `fits` (its text: whether) refuses, None when there is none in the first pieces."""
    text = raw.decode(errors="surrogateescape")
    for found in _first_pieces(text):
        piece = found.group()
        if (piece[0] == "-" or piece[0].isdigit()) and not fits(piece):
            return place_of(raw, _byte(text, found.start()))
    return None


def without_texts(raw: bytes) -> bytes:
    """Return well-formed JSON with all its texts and names empty."""
    return _STRINGS.sub(b'""', raw)


def repeated_names(raw: bytes, names_known: int) -> MalformedBodyError | None:
    """Return the error (400) for an object of well-formed JSON that has a name more than once, with the paths of those names.

    None when there is no such object: `names_known` is how many names all objects have together, each counted once.
    """
    problems: list[Problem] = []
    path: list[Any] = []
    names: list[set[str] | None] = []
    key_next = False
    pieces = _PIECES.finditer(raw.decode())
    for found in islice(pieces, PIECES_MAX):
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
            if seen is not None and path[-1] in seen:
                problems.append(Problem(path_text(tuple(path)), "is given more than once in one object; give it once"))
                if len(problems) == _PROBLEMS_MAX:
                    break
            elif seen is not None:
                seen.add(path[-1])
    if not problems:
        if next(pieces, None) is None or without_texts(raw).count(b":") == names_known:
            return None
        message = "an object has a name more than once; give it once"
        return MalformedBodyError(f"The JSON repeats a name: {message}.", problems=[Problem("", message)])
    problems = list(dict.fromkeys(problems))
    listed = "; ".join(str(problem) for problem in problems[:20])
    return MalformedBodyError(f"The JSON repeats a name: {listed}.", problems=problems)


def _first_pieces(text: str) -> Iterator[re.Match[str]]:
    return islice(_PIECES.finditer(text), PIECES_MAX)


def _byte(text: str, position: int) -> int:
    return len(text[:position].encode(errors="surrogateescape"))


def _name(piece: str) -> str | None:
    """Return the name that a piece stands for; None for a string that does not end."""
    try:
        return _text_decoder.decode(piece)
    except ValueError:
        return None
