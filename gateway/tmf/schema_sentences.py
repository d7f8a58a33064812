"""What is wrong by a rule of a schema, in a sentence: the library's own ones are for those who write schemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from gateway.documents import Json
from gateway.tmf.shapes import PROBLEMS_MAX, Path, json_kind

_TYPES: Final = {
    "string": "text",
    "boolean": "true or false",
    "number": "a number",
    "integer": "a whole number",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_FORMATS: Final = {
    "date-time": "must be a date-time as in 2026-12-01T08:30:00Z",
    "uri": "must be a whole URI as in https://example.com/schemas/cart.json",
}
_WRITTEN_WHOLE: Final = "must be a whole number, written without fraction or exponent"


class Said(NamedTuple):
    """A sentence, the path from the value that was looked at, and its weight: of several on one place the heaviest is told."""

    message: str
    path: Path = ()
    weight: int = 1


def said_of(keyword: str, detail: Json, value: Json, rule: Mapping[str, Json]) -> list[Said]:
    """Return what is to be said of a value that breaks a keyword of `rule`.

    `detail` is what the library found: the attribute that is missing, those that are not known. A `sentence` in the rule itself
    (a mapping of keywords to sentences) is said instead of the general one.
    """
    own = rule.get("sentence", {}).get(keyword)
    if keyword == "required":
        needs = rule.get("sentence", {}).get(f"required.{detail}", "is missing")
        return [Said(needs, (str(detail),))]
    if keyword == "additionalProperties":
        return [_unknown(name, rule) for name in detail[:PROBLEMS_MAX]]
    if keyword == "inOrder":
        first, last = rule["inOrder"]
        return [Said(f"must not be before {first}", (last,))]
    if own is not None:
        return [Said(own, weight=2)]
    return [_SENTENCES[keyword](value, rule)] if keyword in _SENTENCES else [Said("is not what is wanted here")]


def _type(value: object, rule: Mapping[str, Json]) -> Said:
    wanted = rule["type"]
    if rule.get("format") in _FORMATS:
        return Said(_FORMATS[rule["format"]])
    if isinstance(wanted, list):
        return Said(f"must be {' or '.join(_TYPES[kind] for kind in wanted)}, not {json_kind(value)}")
    if wanted == "integer" and type(value) is Decimal:
        return Said(_WRITTEN_WHOLE)
    return Said(f"must be {_TYPES[wanted]}, not {json_kind(value)}")


def _words(rule: Mapping[str, Json]) -> list[str]:
    """Return the words that may be sent: one that ends with a blank stands in an official list, and is meant without."""
    words = rule.get("enum") or rule.get("anyCase") or [rule.get("const")]
    return list(dict.fromkeys(str(word).strip() for word in words))


def _one_of(_value: object, rule: Mapping[str, Json]) -> Said:
    return Said(f"must be one of {', '.join(_words(rule))}", weight=2)


def _range(_value: object, rule: Mapping[str, Json]) -> Said:
    smallest, largest = rule.get("minimum"), rule.get("maximum")
    if smallest is None or largest is None:
        return Said(f"must be {smallest} or more" if largest is None else f"must be {largest} or less")
    return Said(f"must be from {smallest} to {largest}")


def _length(_value: object, rule: Mapping[str, Json]) -> Said:
    if "maxLength" not in rule:
        return Said("must not be empty")
    printable = "printable " if "pattern" in rule else ""
    return Said(f"must be {rule.get('minLength', 0)} to {rule['maxLength']} {printable}characters")


def _needs(_value: object, rule: Mapping[str, Json]) -> Said:
    """Say which attributes would do: the choices of `anyOf` are attributes of which one is needed."""
    names = [name for choice in rule["anyOf"] for name in choice.get("required", ())]
    return Said(f"needs {' or '.join(names)}")


def _whole(value: object, _rule: Mapping[str, Json]) -> Said:
    return Said(_WRITTEN_WHOLE if type(value) is Decimal else f"must be a whole number, not {json_kind(value)}")


_SENTENCES: Final[dict[str, Callable[[Any, Mapping[str, Any]], Said]]] = {
    "type": _type,
    "enum": _one_of,
    "const": _one_of,
    "anyCase": _one_of,
    "minimum": _range,
    "maximum": _range,
    "minLength": _length,
    "maxLength": _length,
    "pattern": _length,
    "format": lambda _value, rule: Said(_FORMATS[rule["format"]], weight=2),
    "anyOf": _needs,
    "wholeNumber": _whole,
}


def _unknown(name: str, rule: Mapping[str, Json]) -> Said:
    known = [known for known in rule["properties"] if not known.startswith("@")]
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
    said = rule.get("sentence", {}).get("additionalProperties", "is not an attribute here")
    return Said(f"{said}; {hint}", (name,))
