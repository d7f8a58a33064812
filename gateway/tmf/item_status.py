"""The status and action of a cart item, in every spelling of the standard's versions: does it count, and is it ordered? Pure.

TMF663's list says `saveForLater`, its text `savedForLater`, R17 `Active` and `SavedForLater`; clients write `saved for later`.
"""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any, Final

ACTIVE: Final = "active"
SAVED: Final = frozenset({"saveforlater", "savedforlater", "saved"})
_LETTERS: Final = frozenset(ascii_lowercase)


def status_word(status: str) -> str:
    """Return a status by its letters alone: `Saved for later` is `savedforlater`."""
    return "".join(filter(_LETTERS.__contains__, status.lower()))


def is_saved_for_later(item: dict[str, Any]) -> bool:
    """Tell whether a cart item is saved for later: it is kept, not counted and not ordered."""
    status = item.get("status")
    if status is None or status == ACTIVE:
        return False
    return isinstance(status, str) and status_word(status) in SAVED


def is_removed(item: dict[str, Any]) -> bool:
    """Tell whether a cart item ends an installed product, in every spelling of its action."""
    action = item.get("action")
    return action == "delete" or (isinstance(action, str) and status_word(action) == "delete")


def is_unchanged(item: dict[str, Any]) -> bool:
    """Tell whether a cart item keeps an installed product as it is (`noChange`), in every spelling of its action."""
    action = item.get("action")
    return action == "noChange" or (isinstance(action, str) and status_word(action) == "nochange")
