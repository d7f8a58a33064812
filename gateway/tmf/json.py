"""JSON in and out with every attribute and every digit kept.

Numbers with a fraction or an exponent are decoded as `Decimal` and written back with the digits that were sent (a plain
float would turn 19.90 into 19.9). Refused with a message that names the path where there is one: what is not JSON, invalid
UTF-8, NaN and Infinity, numbers of absurd size, nesting deeper than the limit, a name that one object has twice (who sent it meant
one of the two), and U+0000 (PostgreSQL cannot store it).
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Final

import msgspec

from gateway.documents import Json
from gateway.errors import MalformedBodyError, Problem
from gateway.tmf import json_faults as faults

DEPTH_MAX_DEFAULT: Final = 32
NUMBER_DIGITS_MAX: Final = 64
NUMBER_EXPONENT_MAX: Final = 64


class _NumberError(ValueError):
    """A number that is JSON, but no quantity or amount of this world."""


def decimal_from_json(text: str) -> Decimal:
    """Return the exact value of the JSON number `text`.

    Raises ValueError when it has more than 64 digits or an exponent beyond +-64: such a number is an attack or a defect,
    and arithmetic on it would take unbounded time and memory.
    """
    if len(text) <= NUMBER_DIGITS_MAX and "e" not in text and "E" not in text:
        return Decimal(text)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _NumberError("a number is too large") from None
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or len(digits) > NUMBER_DIGITS_MAX or abs(exponent) > NUMBER_EXPONENT_MAX:
        raise _NumberError("a number has more than 64 digits or an exponent beyond 64")
    return value


_decoder: Final = msgspec.json.Decoder(float_hook=decimal_from_json)
_encoder: Final = msgspec.json.Encoder(decimal_format="number")
_sorted_encoder: Final = msgspec.json.Encoder(decimal_format="number", order="sorted")
_HOLDERS: Final = frozenset({dict, list})
# Every digit as 0: a number with too many of them is then one fixed run of bytes.
_DIGITS_ALIKE: Final = bytes.maketrans(b"123456789", b"0" * 9)
_DIGITS_TOO_MANY: Final = b"0" * (NUMBER_DIGITS_MAX + 1)
_BLANK_COLONS: Final = (b" :", b"\n:", b"\t:", b"\r:")
_BYTE: Final = re.compile(r"\(byte ([0-9]+)\)")
# The digits of a whole number, from the first one on.
_WHOLE: Final = re.compile(rb"(?<![0-9.eE+])(?<![eE]-)[0-9]")
# Indented, deep JSON is as many times larger as it is deep: only so much is looked at in that form.
_INDENTED_BYTES_MAX: Final = 16 * 1024


def encode_json(value: object) -> bytes:
    """Return a value as JSON in UTF-8; Decimals are written as numbers with their own digits.

    Args:
        value: what `decode_json` returns, or a Struct of ours.

    Raises:
        TypeError: the value has no form in JSON: a fault of ours, never of a client.

    Source: RFC 8259; decision 5 (one stored form).
    """
    return _encoder.encode(value)


def encode_canonical(value: object) -> bytes:
    """Return `value` as JSON with sorted names: equal documents give equal bytes (for hashes)."""
    return _sorted_encoder.encode(value)


def decode_stored(raw: bytes | str) -> Json:
    """Return JSON that this service wrote itself as Python values: no limits, digits kept.

    Args:
        raw: what `encode_json` wrote, as bytes or text.

    Raises:
        ValueError: it is not JSON, which nothing that was stored is.

    Source: RFC 8259; decision 5 (one stored form).
    """
    return _decoder.decode(raw)


def decode_json(raw: bytes, *, depth_max: int = DEPTH_MAX_DEFAULT) -> Json:
    """Return the JSON of somebody else as Python values: Decimals for numbers with a fraction or an exponent, digits kept.

    Args:
        raw: the text, UTF-8.
        depth_max: levels of nesting that it may have.

    Raises:
        MalformedBodyError: (400) not JSON, not UTF-8, empty, too deep; a name twice in an object, NUL, NaN, a number that nobody
            can store. It says where, in line and column.

    Source: RFC 8259; decision 5 (one stored form).
    """
    if not raw:
        raise MalformedBodyError.about("The body", "is empty; send a JSON object", "")
    try:
        value = _decoder.decode(raw)
    except RecursionError:
        raise _too_deep(raw, depth_max) from None
    except UnicodeDecodeError:
        raise _not_utf8(raw, faults.utf8_fault(raw) or 0) from None
    except (msgspec.ValidationError, _NumberError) as error:
        raise _unfit_number(raw, error) from None
    except msgspec.DecodeError as error:
        raise _not_json(raw, str(error)) from None
    if not _is_plainly_sound(raw, value, depth_max):
        names = _names_in(value, depth_max)
        if names is None:
            raise _too_deep(raw, depth_max)
        # Each name is followed by a colon, mostly at once. What else looks like that only makes a count larger.
        if (
            names != raw.count(b":")
            and (names < (at_once := raw.count(b'":')) or names != at_once + sum(map(raw.count, _BLANK_COLONS)))
            and (repeated := faults.repeated_names(raw, names)) is not None
        ):
            raise repeated
    if b"\\u0000" in raw and (nul := faults.nul_escape(raw)) is not None:
        raise _nul_error(raw, nul)
    if _DIGITS_TOO_MANY in raw.translate(_DIGITS_ALIKE) and _has_long_integer(raw):
        path = faults.unfit_number(raw, _fits)
        problem = Problem(path or "", "the number has more than 64 digits")
        raise MalformedBodyError(f"The JSON holds a number of more than 64 digits{_where(path)}.", problems=[problem])
    return value


def _is_plainly_sound(raw: bytes, value: object, depth_max: int) -> bool:
    """Return whether no name is there twice and nothing nested deeper than `depth_max` (1 or more), without a walk.

    False says nothing. Most clients write JSON as compactly as it is written here: then `value`, which holds each name once,
    gives `raw` again. What an object or array holds stands on lines of its own, indented by its depth; no text has a line break.
    """
    try:
        return (
            len(raw) <= _INDENTED_BYTES_MAX
            and _encoder.encode(value) == raw
            and _deepest_line(depth_max) not in msgspec.json.format(raw, indent=1)
        )
    except RecursionError:
        # What could just be decoded is a few calls too deep to be written from here.
        return False


@cache
def _deepest_line(depth_max: int) -> bytes:
    return b"\n" + b" " * depth_max


def _too_deep(raw: bytes, depth_max: int) -> MalformedBodyError:
    path = faults.too_deep_place(raw, depth_max)
    problem = Problem(path or "", f"nested deeper than {depth_max} levels")
    return MalformedBodyError(f"The JSON is {problem.message}{_where(path)}.", problems=[problem])


def _where(path: str | None) -> str:
    """Return where something is, for a sentence; nothing when its place is not known."""
    return "" if path is None else f" at {path or 'the top'}"


def _not_utf8(raw: bytes, offset: int) -> MalformedBodyError:
    return _malformed("The body is not valid UTF-8", raw, offset, "is not valid UTF-8")


def _malformed(what: str, raw: bytes, offset: int, message: str) -> MalformedBodyError:
    """Return the error for bytes that are wrong at `offset`, up to which the body is well formed."""
    path = faults.place_of(raw, offset)
    text = f"{what} (byte {offset}){f' at {path}' if path else ''}."
    return MalformedBodyError(text, problems=[Problem(path or "", f"{message} (byte {offset})")])


def _fits(text: str) -> bool:
    """Return whether a number is one that can be kept; a whole number may have a sign and NUMBER_DIGITS_MAX digits."""
    try:
        return len(text.removeprefix("-")) <= NUMBER_DIGITS_MAX if text.lstrip("-").isdigit() else bool(_kept(text))
    except ValueError:
        return False


def _kept(text: str) -> str:
    decimal_from_json(text)
    return text


def _unfit_number(raw: bytes, error: Exception) -> MalformedBodyError:
    path = faults.unfit_number(raw, _fits)
    message = "the number has more than 64 digits or an exponent beyond 64"
    if path is None:
        return MalformedBodyError(f"The JSON holds a number that cannot be kept ({type(error).__name__}).")
    return MalformedBodyError(
        f"The JSON holds a number that cannot be kept{_where(path)}: {message}.", problems=[Problem(path, message)]
    )


def _not_json(raw: bytes, error: str) -> MalformedBodyError:
    """Return the error for what is not JSON, in better words than the decoder's where there are any."""
    if (offset := faults.utf8_fault(raw)) is not None:
        return _not_utf8(raw, offset)
    found = _BYTE.search(error)
    position = int(found.group(1)) if found else -1
    if position >= 0 and raw.startswith((b"NaN", b"Infinity"), position):
        path = faults.place_of(raw, position)
        problem = Problem(path or "", "must be a number; JSON has neither NaN nor Infinity")
        where = f"byte {position}" if path is None else path or "the top"
        return MalformedBodyError(f"The body is not valid JSON: {where} {problem.message}.", problems=[problem])
    if ("truncated" in error or "surrogate" in error) and (lone := faults.lone_surrogate(raw)) is not None:
        message = "send both halves instead of half of a surrogate pair alone"
        return _malformed(f"The body is not valid JSON: {message}", raw, lone, message)
    if "truncated" in error:
        return _malformed(f"The body is not valid JSON: {_CUT}", raw, len(raw), _CUT)
    message = _lower_first(_BYTE.sub("", error.removeprefix("JSON is malformed: ")).strip(" ()"))
    return _malformed(f"The body is not valid JSON: {message}", raw, position if position >= 0 else len(raw), message)


_CUT: Final = "it ends in the middle: a bracket, a brace or a quotation mark is not closed, or a value is missing"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")


def _names_in(value: Json, depth_max: int) -> int | None:
    """Return how many names all objects have together, level by level; None when it is nested deeper than `depth_max`."""
    names = 0
    level = [value] if type(value) in _HOLDERS else []
    for depth in range(1, depth_max + 1):
        if not level:
            return names
        names += sum([len(node) for node in level if type(node) is dict])
        # What is empty has no names, and is only looked at where it would be too deep.
        is_last = depth == depth_max
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in _HOLDERS and (child or is_last)
        ]
    return None if level else names


def _has_long_integer(raw: bytes) -> bool:
    """Tell whether a whole number of well-formed JSON has more than NUMBER_DIGITS_MAX digits."""
    bare = faults.without_texts(raw)
    alike = bare.translate(_DIGITS_ALIKE)
    at = alike.find(_DIGITS_TOO_MANY)
    while at >= 0:
        # The digits of a fraction were counted when it was decoded, and those of an exponent may have zeros before them.
        if _WHOLE.match(bare, at) is not None:
            return True
        at = alike.find(_DIGITS_TOO_MANY, at + NUMBER_DIGITS_MAX)
    return False


def _nul_error(raw: bytes, offset: int) -> MalformedBodyError:
    path = faults.place_of(raw, offset)
    problem = Problem(path or "", "holds the character U+0000, which cannot be stored; leave it out")
    return MalformedBodyError(f"A text{_where(path)} {problem.message}.", problems=[problem])
