"""Actions of items that do not go with those of the items above them, which nesting or a relationship (`bundles`) names.

What is removed goes with everything beneath it, so that nothing can be added there. What else looks odd (a change beneath what is
removed, a removal beneath what is added, as of a product that the new bundle replaces) is the order system's to judge and only
told, but for one that acts on an installed product through its root alone.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.ordering.findings import Findings
from gateway.ordering.translation.entries import Entry


def check_action(entry: Entry, findings: Findings, *, roots_only: bool, appears: bool = False) -> None:
    """Refuse an action that cannot be carried out beneath the item above, and tell one that contradicts it.

    `roots_only`: the order system knows an installed product by the root it belongs to, and cannot put it beneath a new one;
    `appears`: the item modifies a child that the order system adds by itself with the new bundle above it.
    """
    parent = entry.parent
    if parent is None or entry.action == parent.action:
        return
    path = f"{entry.path}.action"
    told = findings.error if roots_only else findings.warning
    if _goes_away(parent):
        _check_removed(entry.action, path, findings, told)
    elif parent.action == "add" and entry.action == "delete":
        message = (
            "The item above it is added: nothing beneath it is installed yet. Put this item beneath the product that it "
            "belongs to, or at the top of the cart."
        )
        told("conflicting_action", path, message)
    elif parent.action == "add" and roots_only and not appears:
        message = (
            "The order system cannot put an installed product beneath one that is added; give a new product the action "
            "add, an installed one a place beneath the product that it belongs to."
        )
        findings.error("unsupported_action", path, message)


def _goes_away(above: Entry) -> bool:
    """Tell whether an item is removed, itself or with an item above it that it only stands under (`noChange`)."""
    while above.action == "noChange" and above.parent is not None:
        above = above.parent
    return above.action == "delete"


def _check_removed(action: str, path: str, findings: Findings, told: Callable[[str, str, str], None]) -> None:
    """Tell what is wrong with an action beneath an item that is removed; `told` is how that of a change is."""
    if action == "add":
        message = (
            "The item above it is removed, and nothing can be added beneath it; put this item elsewhere in the cart, or give "
            "the one above noChange or modify."
        )
        findings.error("conflicting_action", path, message)
    elif action == "modify":
        message = (
            "The item above it is removed, and this product with it; give this item the action delete, or the one above "
            "noChange or modify."
        )
        told("conflicting_action", path, message)
    elif action == "noChange":
        message = "The item above it is removed, and this product with it; the action delete would say so."
        findings.warning("conflicting_action", path, message)
