"""Attribute paths of a version in the terms of the stored form, v4: for filters and orders, which look into stored carts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.carts.dialects.v1 import ACTIONS, AMOUNTS, STATUSES
from gateway.filters.parse import Path, same_path

# Names that v1 has for what v4 calls otherwise, by the attribute they are in; None is anywhere.
_V1_NAMES: Final[dict[tuple[str | None, str], str]] = {
    (None, "cardItem"): "cartItem",
    (None, "totalItemPrice"): "itemTotalPrice",
    ("product", "characteristic"): "productCharacteristic",
    ("cartItemRelationship", "type"): "relationshipType",
    ("productRelationship", "type"): "relationshipType",
    ("contactMedium", "type"): "mediumType",
    ("characteristic", "type"): "contactType",
    ("characteristic", "email"): "emailAddress",
}
# What v5 puts one level deeper: the name outside, and the one inside that v4 does not have.
_V5_INNER: Final = {"relatedParty": "partyOrPartyRole", "place": "place"}
_V5_MEDIUM: Final = frozenset({"emailAddress", "phoneNumber", "contactType"})
# Values that a version has other words for, by the last name of their path in a cart item.
WORDS: Final[dict[str, dict[str, dict[str, str]]]] = {"v1": {"action": ACTIONS, "status": STATUSES}}


def _from_v1(path: Path) -> Path:
    found: list[str] = []
    for name in path:
        above = found[-1] if found else ""
        if name == "money" and above in AMOUNTS:
            continue
        if name == "taxRate" and above == "taxIncludedAmount":
            found[-1] = name
            continue
        found.append(_V1_NAMES.get((above, name), _V1_NAMES.get((None, name), name)))
    return tuple(found)


def _from_v5(path: Path) -> Path:
    found: list[str] = []
    for name in path:
        above = found[-1] if found else ""
        if found and _V5_INNER.get(above) == name:
            continue
        if above == "contactMedium" and name in _V5_MEDIUM:
            found.append("characteristic")
        found.append(name)
    return tuple(found)


_TRANSLATIONS: Final[dict[str, Callable[[Path], Path]]] = {"v1": _from_v1, "v4": same_path, "v5": _from_v5}


def stored_path(version: str) -> Callable[[Path], Path]:
    """Return the function from a path of that version to one of the stored form; what it does not know stays as it is."""
    return _TRANSLATIONS[version]
