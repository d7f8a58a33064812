"""TOML text of files that people write: read, or said what is wrong with it. The caller bounds how many bytes there are."""

from __future__ import annotations

import tomllib
from typing import Any

from gateway.errors import GatewayError


class TomlMistakeError(GatewayError):
    """The text is not a TOML document; the message is the rest of a sentence that begins with the file's name."""


def utf8(raw: bytes) -> str:
    """Return the text of a file, without a byte order mark. Raises TomlMistakeError."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TomlMistakeError(f"is not UTF-8 (byte {error.start}); save it as UTF-8") from None


def read_toml(raw: bytes | str) -> dict[str, Any]:
    """Return the document in the bytes (or text) of a file. Raises TomlMistakeError."""
    text = raw if isinstance(raw, str) else utf8(raw)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise TomlMistakeError("is nested too deeply; a mapping needs three levels") from None
    except ValueError as error:
        # TOMLDecodeError is one, and so is the refusal of a number with thousands of digits.
        raise TomlMistakeError(f"is not TOML: {error}") from None
