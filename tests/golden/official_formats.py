"""The formats that the official API files name, checked: a validator lets every text pass for a format it has no check of."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from urllib.parse import urlsplit

from jsonschema import FormatChecker

FORMATS = FormatChecker(formats=())
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_URI_REFERENCE = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)
_INT32 = 2**31


@FORMATS.checks("date-time", raises=ValueError)
def is_date_time(value: object) -> bool:
    """RFC 3339, with seconds and a zone."""
    if not isinstance(value, str):
        return True
    return bool(_DATE_TIME.fullmatch(value)) and datetime.fromisoformat(value.upper()).tzinfo is not None


@FORMATS.checks("uri", raises=ValueError)
def is_uri(value: object) -> bool:
    """A URI, or the reference to one: the official examples have both."""
    if not isinstance(value, str):
        return True
    urlsplit(value)
    return bool(_URI_REFERENCE.fullmatch(value))


@FORMATS.checks("int32")
def is_int32(value: object) -> bool:
    return not isinstance(value, int) or -_INT32 <= value < _INT32


@FORMATS.checks("base64", raises=ValueError)
def is_base64(value: object) -> bool:
    if isinstance(value, str):
        base64.b64decode(value, validate=True)
    return True
