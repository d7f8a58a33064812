"""Paths of attributes in words."""

from __future__ import annotations

from typing import Final

PATH_CHARACTERS_MAX: Final = 400


def path_text(path: tuple[object, ...]) -> str:
    """Return a path of names and list positions in TMF style: `cartItem[0].product.id`, its first 400 characters."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text[:PATH_CHARACTERS_MAX]
