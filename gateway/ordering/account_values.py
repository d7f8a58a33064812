"""The values of a cart and of an order with where they are, and which value of the order one of the cart became.

Values are found by what they are: equal, in the same place, or within a text. Nothing is known of how orders are made.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

from msgspec import Struct

from gateway.ordering.values import as_text

TYPES: Final = frozenset({"@type", "@baseType", "@schemaLocation"})
MARKS: Final = frozenset({"@r17", "@v5"})
"""What a dialect of the cart keeps beside its attributes."""
# What the versions of carts and orders call otherwise, to tell which of several equal values is the one that was meant.
_ONE_NAME: Final = {
    "cardItem": "cartItem", "productOrderItem": "cartItem", "cartItemRelationship": "productOrderItemRelationship",
    "totalItemPrice": "itemTotalPrice", "ItemTotalPrice": "itemTotalPrice", "cartTotalPrice": "orderTotalPrice",
    "productPriceAlteration": "priceAlteration", "characteristic": "productCharacteristic", "agreementItem": "agreement",
    "type": "relationshipType", "agreementId": "id", "agreementName": "name",
    "partyOrPartyRole": "relatedParty",
}  # fmt: skip


# What R17 puts around an amount.
_WRAPPERS: Final = frozenset({"money"})


class Leaf(Struct, frozen=True, gc=False):
    """A value: its path, its last name, the name above it, the id of the item it is in (`` outside), and itself."""

    path: str
    name: str
    above: str
    item: str
    value: Any


def leaves(document: Any, start: str, items: dict[str, str]) -> Iterator[Leaf]:
    """Yield every value in `document` that holds no other; an order item tells its own id, a cart item by `items`."""
    stack: list[tuple[Any, str, str, str, str]] = [(document, start, "", "", "")]
    while stack:
        node, path, name, above, item = stack.pop()
        if isinstance(node, dict) and node:
            item = items.get(path) or (_own_id(node, name) if not items else "") or item
            prefix = f"{path}." if path else ""
            stack.extend((inner, f"{prefix}{key}", key, name, item) for key, inner in reversed(node.items()))
        elif isinstance(node, list) and node:
            stack.extend((inner, f"{path}[{at}]", name, above, item) for at, inner in reversed(list(enumerate(node))))
        else:
            yield Leaf(path, name, above, item, node)


def _own_id(node: dict[str, Any], name: str) -> str:
    given = node.get("id") if name in ("productOrderItem", "value") and "action" in node else None
    return given if isinstance(given, str) else ""


_Alike: TypeAlias = dict[tuple[str, ...], deque[Leaf]]
"""Values by the names on their paths: of those in a large list, which differ in their positions only, one is enough to look at."""


class Index:
    """The order's values, by what they are. Those not in `used` come first: two equal values of a cart are two of the order."""

    def __init__(self, targets: Iterable[Leaf]) -> None:
        self.used: set[str] = set()
        self._by_value: dict[tuple[str, str], _Alike] = {}
        self._by_place: dict[tuple[str, str, str], _Alike] = {}
        self._texts: dict[str, list[Leaf]] = {}
        for leaf in targets:
            names = tuple(names_of(leaf.path))
            for alike in (
                self._by_value.setdefault((leaf.item, _comparable(leaf.value)), {}),
                self._by_place.setdefault(_place(leaf), {}),
            ):
                alike.setdefault(names, deque()).append(leaf)
            if isinstance(leaf.value, str):
                self._texts.setdefault(leaf.item, []).append(leaf)

    def exact(self, leaf: Leaf, *, within: str) -> str:
        """Return the path of the order's value that `leaf` became: in the same item, in the same place if there is one.

        `within`: the attribute that is said not to be sent; then only a value in the same place of one of that name is it.
        Truth values and numbers occur everywhere: they are found under their own name only.
        """
        if leaf.value in (None, "", [], {}) or leaf.name in TYPES or leaf.name in MARKS:
            return ""
        for item in dict.fromkeys((leaf.item, "")):
            found = self._first(self._by_value.get((item, _comparable(leaf.value)), {}))
            named = [candidate for candidate in found if candidate.name == leaf.name]
            if within:
                named = [one for one in named if _beneath(within, one.path) == _beneath(within, leaf.path)]
            if not named and not within and isinstance(leaf.value, str):
                named = found
            if named:
                return self._nearest(leaf, named)
        return ""

    def place(self, leaf: Leaf) -> str:
        """Return the path of the order's value in the same place of the same item, whatever it is."""
        return self._nearest(leaf, self._first(self._by_place.get(_place(leaf), {})))

    def part(self, leaf: Leaf) -> str:
        """Return the path of a text, of the same item if there is one, that holds the value of `leaf` (a description, a note)."""
        spellings = {as_text(leaf.value), _comparable(leaf.value)}
        # 20 is a number of its own in "20 Mbit/s", and none of the digits of 2026-12-20T20:20:00Z.
        alone = re.compile(rf"(?<![\w.-])(?<!\d:)(?:{'|'.join(map(re.escape, sorted(spellings)))})(?![\w-]|[.:]\d)")
        whole = isinstance(leaf.value, str)
        for item in dict.fromkeys((leaf.item, "", *self._texts)):
            found = self._unused_first(
                text.path
                for text in self._texts.get(item, ())
                if (leaf.value in text.value if whole else alone.search(text.value))
            )
            if found:
                return found
        return ""

    def _first(self, alike: _Alike) -> list[Leaf]:
        """Return the first value that is not used, else the last, of each that have the same names on their paths."""
        for leaves in alike.values():
            while len(leaves) > 1 and leaves[0].path in self.used:
                leaves.popleft()
        return [leaves[0] for leaves in alike.values()]

    def _nearest(self, leaf: Leaf, candidates: Sequence[Leaf]) -> str:
        """Return the path of the candidate whose names are most like those of `leaf`, "" when there is none."""
        if not candidates:
            return ""
        wanted = _meant(leaf.path)
        best = max(candidates, key=lambda one: (_alike(wanted, _meant(one.path)), one.path not in self.used))
        self.used.add(best.path)
        return best.path

    def _unused_first(self, paths: Iterable[str]) -> str:
        first = ""
        for path in paths:
            first = first or path
            if path not in self.used:
                self.used.add(path)
                return path
        return first


def names_of(path: str) -> list[str]:
    """Return the names on a path, the last first, without positions."""
    return [part.partition("[")[0] for part in reversed(path.split("."))]


def _place(leaf: Leaf) -> tuple[str, str, str]:
    """Return the item and the last two names of a value, those that only a version calls otherwise by one name."""
    return leaf.item, _ONE_NAME.get(leaf.above, leaf.above), _ONE_NAME.get(leaf.name, leaf.name)


def _meant(path: str) -> list[str]:
    """Return the names on a path, the last first, those that only a version calls otherwise by one name."""
    return [_ONE_NAME.get(name, name) for name in names_of(path) if name not in _WRAPPERS]


def _beneath(name: str, path: str) -> list[str]:
    """Return the names on a path, the last first, up to the last that is `name`; all where none is."""
    names = _meant(path)
    top = _ONE_NAME.get(name, name)
    return names[: names.index(top) + 1] if top in names else [*names, ""]


def _alike(one: list[str], other: list[str]) -> tuple[int, int]:
    """Return how many names two paths have alike from their ends, and at all."""
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return same, len(set(one) & set(other))


def _comparable(value: Any) -> str:
    """Return a value as text in which equal numbers are equal."""
    if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
        number = Decimal(value)
        return str(number.normalize()) if number.is_finite() else str(number)
    return as_text(value)
