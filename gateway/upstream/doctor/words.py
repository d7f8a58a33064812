"""The small parts of what the judges say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.storage.capabilities import Capability, CapabilityName, Verdict

NAMED_MAX: Final = 3


def made(name: CapabilityName, verdict: Verdict, detail: str) -> Capability:
    """Return one capability, before it is known what relies on it."""
    return Capability(name=name, verdict=verdict, detail=detail)


def some(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    shown = ", ".join(names[:NAMED_MAX])
    return shown if len(names) <= NAMED_MAX else f"{shown} and {len(names) - NAMED_MAX} more"
