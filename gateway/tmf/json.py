"""JSON in and out with every attribute and every digit kept.

Numbers with a fraction or an exponent are decoded as `Decimal` and written back with the digits that were sent (a plain
float would turn 19.90 into 19.9). Refused with a message that names the path where there is one: what is not JSON, invalid
UTF-8, NaN and Infinity, numbers of absurd size, nesting deeper than the limit, and U+0000 (PostgreSQL cannot store it).
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from gateway.errors import MalformedBodyError, Problem

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
_WALKED: Final = frozenset({dict, list, int})
_INTEGER_LIMIT: Final = 10**NUMBER_DIGITS_MAX


def encode_json(value: Any) -> bytes:
    """Return `value` as JSON; Decimals are written as numbers with their own digits."""
    return _encoder.encode(value)


def encode_canonical(value: Any) -> bytes:
    """Return `value` as JSON with sorted names: equal documents give equal bytes (for hashes)."""
    return _sorted_encoder.encode(value)


def decode_stored(raw: bytes | str) -> Any:
    """Decode JSON that this service wrote itself: no limits, digits kept."""
    return _decoder.decode(raw)


def decode_json(raw: bytes, *, depth_max: int = DEPTH_MAX_DEFAULT) -> Any:
    """Decode JSON from outside.

    Raises MalformedBodyError (400) as the module says. An empty body is malformed too.
    """
    if not raw:
        raise MalformedBodyError("The body is empty; send a JSON object.")
    try:
        value = _decoder.decode(raw)
    except RecursionError:
        raise MalformedBodyError(f"The JSON is nested deeper than {depth_max} levels.") from None
    except UnicodeDecodeError as error:
        raise MalformedBodyError(f"The body is not valid UTF-8 (byte {error.start}).") from None
    except (msgspec.ValidationError, _NumberError) as error:
        raise MalformedBodyError(f"The JSON holds a number that cannot be kept: {error}.") from None
    except msgspec.DecodeError as error:
        what = _lower_first(str(error).removeprefix("JSON is malformed: "))
        raise MalformedBodyError(f"The body is not valid JSON: {what}.") from None
    nul_possible = b"\\u0000" in raw
    if nul_possible or not _is_plain(value, depth_max):
        _check(value, depth_max, nul_possible=nul_possible)
    return value


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")


def _is_plain(value: Any, depth_max: int) -> bool:
    """Return whether `value` is within the depth and has no integer of absurd size: the common case, level by level."""
    level = [value]
    for _ in range(depth_max):
        below: list[Any] = []
        for node in level:
            kind = type(node)
            if kind is dict:
                below += [child for child in node.values() if type(child) in _WALKED]
            elif kind is list:
                below += [child for child in node if type(child) in _WALKED]
            elif kind is int and not -_INTEGER_LIMIT < node < _INTEGER_LIMIT:
                return False
        if not below:
            return True
        level = below
    return False


def _check(value: Any, depth_max: int, *, nul_possible: bool) -> None:
    """Walk the document once, without recursion: depth, integers of absurd size, and U+0000 where one may be."""
    stack: list[tuple[Any, int, tuple[Any, ...]]] = [(value, 0, ())]
    while stack:
        node, depth, path = stack.pop()
        if isinstance(node, dict):
            children: Any = node.items()
        elif isinstance(node, list):
            children = enumerate(node)
        else:
            _check_leaf(node, path)
            continue
        if depth >= depth_max:
            problem = Problem(path_text(path), f"nested deeper than {depth_max} levels")
            raise MalformedBodyError(f"The JSON is {problem.message} at {problem.path}.", problems=[problem])
        for key, child in children:
            if nul_possible and isinstance(key, str) and "\0" in key:
                raise _nul_error(path)
            kind = type(child)
            if kind is dict or kind is list:
                stack.append((child, depth + 1, (*path, key)))
            elif kind is int:
                if not -_INTEGER_LIMIT < child < _INTEGER_LIMIT:
                    _check_leaf(child, (*path, key))
            elif nul_possible and kind is str and "\0" in child:
                raise _nul_error((*path, key))


def _check_leaf(node: Any, path: tuple[Any, ...]) -> None:
    if isinstance(node, int) and not -_INTEGER_LIMIT < node < _INTEGER_LIMIT:
        problem = Problem(path_text(path), "the number has more than 64 digits")
        raise MalformedBodyError(
            f"The JSON holds a number of more than 64 digits at {problem.path or 'the top'}.", problems=[problem]
        )
    if isinstance(node, str) and "\0" in node:
        raise _nul_error(path)


def _nul_error(path: tuple[Any, ...]) -> MalformedBodyError:
    problem = Problem(path_text(path), "holds the character U+0000, which cannot be stored; leave it out")
    return MalformedBodyError(f"The text at {problem.path or 'the top'} {problem.message}.", problems=[problem])


def path_text(path: tuple[Any, ...]) -> str:
    """Return a path of names and list positions in TMF style: `cartItem[0].product.id`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text[:400]
