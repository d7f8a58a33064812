"""The status and action of a cart item, in every spelling of the standard's versions: does it count, and is it ordered? Pure.

TMF663's list says `saveForLater`, its text `savedForLater`, R17 `Active` and `SavedForLater`; clients write `saved for later`.
"""

from __future__ import annotations

from string import ascii_lowercase
from typing import Final

from gateway.documents import JsonObject

ACTIVE: Final = "active"
SAVED: Final = frozenset({"saveforlater", "savedforlater", "saved"})
_LETTERS: Final = frozenset(ascii_lowercase)
# The letters of the actions as the standard spells them; each item of a cart is asked several times.
_ACTION_WORDS: Final = {"add": "add", "modify": "modify", "delete": "delete", "noChange": "nochange"}


def status_word(status: str) -> str:
    """Return a status by its letters alone: `Saved for later` is `savedforlater`."""
    return "".join(filter(_LETTERS.__contains__, status.lower()))


def is_saved_for_later(item: JsonObject) -> bool:
    """Tell whether a cart item is saved for later: it is kept, not counted and not ordered."""
    status = item.get("status")
    if status is None or status == ACTIVE:
        return False
    return isinstance(status, str) and status_word(status) in SAVED


def action_word(action: object) -> str:
    """Return an action by its letters alone: `No-Change` is `nochange`; empty for what is not a text."""
    if type(action) is not str:
        return ""
    return _ACTION_WORDS.get(action) or status_word(action)


def is_removed(item: JsonObject) -> bool:
    """Tell whether a cart item ends an installed product, in every spelling of its action."""
    return action_word(item.get("action")) == "delete"


def is_unchanged(item: JsonObject) -> bool:
    """Tell whether a cart item keeps an installed product as it is (`noChange`), in every spelling of its action."""
    return action_word(item.get("action")) == "nochange"
