"""How a setting is declared: its type, its limits and one line of documentation."""

from __future__ import annotations

from typing import Any

from msgspec import Meta


def setting(text: str, **limits: Any) -> Meta:
    """Return the documentation of a setting, with its limits."""
    return Meta(description=text, **limits)
