"""What JSON Schema has no keyword or format for: rules that the schema files name and that are written here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from gateway.documents import Json, JsonObject
from gateway.tmf.moments import parse_date_time

if TYPE_CHECKING:
    from jsonschema_rs import KeywordValidator

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def is_uri(value: str) -> bool:
    """Tell whether a text is a whole URI (RFC 3986): with a scheme, and nothing in it that must be percent-encoded."""
    return _URI.fullmatch(value) is not None


def is_date_time(value: str) -> bool:
    """Tell whether a text is a date-time as RFC 3339 wants it, with seconds and zone, and in the calendar."""
    return _RFC_3339.fullmatch(value) is not None and parse_date_time(value) is not None


def is_understood_date_time(value: str) -> bool:
    """Tell whether a text is a date-time that is understood: seconds and zone may be missing."""
    return parse_date_time(value) is not None


STRICT_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {"date-time": is_date_time, "uri": is_uri}
LENIENT_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {"date-time": is_understood_date_time, "uri": is_uri}


class _Keyword:
    """A keyword of our own; a class of this kind says in `is_kept` what it asks for."""

    def __init__(self, _parent: JsonObject, value: Json, _path: list[str | int]) -> None:
        self._value = value

    def is_kept(self, instance: Json) -> bool:
        """Return whether a value keeps the rule."""
        raise NotImplementedError

    def validate(self, instance: object) -> None:
        """Raise ValueError where the rule is not kept, as the library wants it."""
        if not self.is_kept(instance):
            raise ValueError


class _WholeNumber(_Keyword):
    """`wholeNumber`: a number is written without fraction and exponent. JSON Schema takes 2.0 for an integer."""

    def is_kept(self, instance: Json) -> bool:
        return type(instance) is int


class _AnyCase(_Keyword):
    """`anyCase`: a text is one of the words, however its letters are written, with underscores or without."""

    def is_kept(self, instance: Json) -> bool:
        plain = {word.replace("_", "").lower() for word in self._value}
        return type(instance) is str and instance.replace("_", "").lower() in plain


class _InOrder(_Keyword):
    """`inOrder`: of two attributes that are moments the second is not before the first."""

    def is_kept(self, instance: Json) -> bool:
        if type(instance) is not dict:
            return True
        moments = [parse_date_time(text) for name in self._value if type(text := instance.get(name)) is str]
        known = [moment for moment in moments if moment is not None]
        return len(known) < len(self._value) or known == sorted(known)


KEYWORDS: Final[dict[str, type[KeywordValidator]]] = {
    "wholeNumber": _WholeNumber,
    "anyCase": _AnyCase,
    "inOrder": _InOrder,
}
