"""The values of carts, requests and orders, and the places that the standards have for each: what an account compares."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from gateway.documents import JsonObject
from gateway.ordering.values import as_text

# What the versions of carts and orders call otherwise.
_ONE_NAME: Final = {
    "totalItemPrice": "itemTotalPrice", "ItemTotalPrice": "itemTotalPrice", "cartTotalPrice": "orderTotalPrice",
    "productPriceAlteration": "priceAlteration", "characteristic": "productCharacteristic", "agreementItem": "agreement",
    "cartItemRelationship": "productOrderItemRelationship", "type": "relationshipType", "agreementId": "id",
    "agreementName": "name", "agreementHref": "href", "productOrderId": "orderId", "productOrderHref": "orderHref",
    "quoteItemId": "id", "itemId": "id",
}  # fmt: skip
CHILDREN: Final = frozenset({"cartItem", "cardItem"})
"""The attributes of a cart or item that hold items; R17 has both."""
# Items are told apart by their ids; the rest wraps a value in some versions and not in others.
_NO_PLACE: Final = CHILDREN | {"productOrderItem", "partyOrPartyRole", "money", "checkout", ""}
# A product holds these in some versions, in others they stand beside it.
_BESIDE_PRODUCT: Final = frozenset({"productOffering", "place"})
_POSITION: Final = re.compile(r"\[([0-9]+)\]")

Names = tuple[str, ...]
Key = tuple[Names, str]


class Leaf(Struct, frozen=True, gc=False):
    """A value: its path, the id of the item it is in (`` outside), its path in the item, and itself."""

    path: str
    item: str
    inside: str
    value: Any

    @property
    def name(self) -> str:
        """Return its last name, without a position."""
        return self.path.rpartition(".")[2].partition("[")[0]

    @property
    def names(self) -> Names:
        """Return the names on its path in the item, as every version of carts and orders would have them."""
        return _names_on(_POSITION.sub("", self.inside))

    @property
    def positions(self) -> tuple[str, ...]:
        """Return the positions in arrays on its path in the item."""
        return tuple(_POSITION.findall(self.inside))

    @property
    def key(self) -> Key:
        """Return what two leaves share that are one value at one place of an item."""
        return self.names, comparable(self.value)


@lru_cache(maxsize=10_000)
def _names_on(path: str) -> Names:
    found: list[str] = []
    given = path.split(".")
    for at, name in enumerate(given):
        after = given[at + 1] if at + 1 < len(given) else ""
        is_wrapper = name == "product" and (after in _BESIDE_PRODUCT or found[-1:] == ["productRelationship"])
        meant = _ONE_NAME.get(name, name)
        # v5 has {"place": {"place": ...}} and {"channel": {"channel": ...}}.
        if meant not in _NO_PLACE and not is_wrapper and found[-1:] != [meant]:
            found.append(meant)
    return tuple(found)


def leaves_of(document: object, start: str, items: dict[str, str] | None) -> Iterator[Leaf]:
    """Yield every value in `document` that holds no other.

    `items` are the ids of a cart's ordered items by their paths; None for an order, whose items tell their ids.
    """
    stack: list[tuple[Any, str, str, str, int]] = [(document, start, "", "", 0)]
    while stack:
        node, path, name, item, cut = stack.pop()
        if isinstance(node, dict) and node:
            own = _own_id(node, name) if items is None else items.get(path) or _not_ordered(path, name)
            if own:
                item, cut = own, len(path) + 1
            prefix = f"{path}." if path else ""
            stack.extend((inner, f"{prefix}{key}", key, item, cut) for key, inner in reversed(node.items()))
        elif isinstance(node, list) and node:
            stack.extend((inner, f"{path}[{at}]", name, item, cut) for at, inner in reversed(list(enumerate(node))))
        else:
            yield Leaf(path, item, path[cut:], node)


def _own_id(node: JsonObject, name: str) -> str:
    given = node.get("id") if name in ("productOrderItem", "value") and "action" in node else None
    return given if isinstance(given, str) else ""


def _not_ordered(path: str, name: str) -> str:
    """Return an id that no order has for an item of a cart that is not ordered; it is not part of the item above it."""
    if name not in CHILDREN:
        return ""
    # What an attribute of another name holds is not an item, whatever it is called in there.
    return path if all(part.partition("[")[0] in CHILDREN for part in path.split(".")) else ""


class _Group:
    """Leaves that are alike, in the order of the document; those at the start that are taken are not looked at again."""

    def __init__(self, leaves: Iterable[Leaf] = ()) -> None:
        self.leaves = list(leaves)
        self._start = 0

    def choose(self, leaf: Leaf, used: set[str], holds: Callable[[Any], bool] | None = None) -> Leaf | None:
        """Return the one at the positions of `leaf` in its item, else the first that is not taken, else the first.

        `holds` says which of the leaves' values will do.
        """
        while self._start < len(self.leaves) and self.leaves[self._start].path in used:
            self._start += 1
        positions, free = leaf.positions, None
        # A text may hold several values: one that is taken is looked at again, but not among all the notes of an order.
        again = holds is not None and bool(self.leaves) and self.leaves[0].item == leaf.item
        for at in range(0 if again else self._start, len(self.leaves)):
            one = self.leaves[at]
            if holds is not None and not holds(one.value):
                continue
            if one.item == leaf.item and one.positions == positions:
                return one
            if free is None and one.path not in used:
                free = one
                if one.item != leaf.item:
                    break
        fallback = (one for one in self.leaves if holds is None or holds(one.value))
        return free or next(fallback, None)


_NO_GROUP: Final = _Group()


class Index:
    """The order's values, by what they are and where; one that is taken already is found only when there is no other."""

    def __init__(self, targets: Iterable[Leaf]) -> None:
        self.used: set[str] = set()
        self.again = True
        """Whether the value that is looked for now may be one that is taken already."""
        self._by_key: defaultdict[tuple[str, Key], _Group] = defaultdict(_Group)
        self._by_names: defaultdict[tuple[str, Names], _Group] = defaultdict(_Group)
        self._by_item: defaultdict[str, _Group] = defaultdict(_Group)
        for leaf in targets:
            key = leaf.key
            self._by_key[leaf.item, key].leaves.append(leaf)
            self._by_names[leaf.item, key[0]].leaves.append(leaf)
            self._by_item[leaf.item].leaves.append(leaf)

    def same(self, leaf: Leaf, *, anywhere: bool) -> str:
        """Return the path of this value at this place: in the same item, else outside of all (notes, calls about prices).

        `anywhere`: else in the first item that has it (a place of the request).
        """
        key = leaf.key
        items = (*_where(leaf), *(self._by_item if anywhere else ()))
        return self._take(next((group for item in items if (group := self._by_key.get((item, key)))), _NO_GROUP), leaf)

    def elsewhere(self, leaf: Leaf) -> str:
        """Return the path of this value at another place of the same item, or outside for one that is outside.

        Truth values and numbers occur everywhere: they are found under their own name only, and texts rather so.
        """
        here = self._by_item.get(leaf.item, _NO_GROUP).leaves
        found = [one for one in here if one.value == leaf.value and one.path not in self.used]
        named = [one for one in found if one.name == leaf.name]
        return self._take(_Group(named or (found if isinstance(leaf.value, str) else ())), leaf)

    def place(self, leaf: Leaf) -> str:
        """Return the path of the value at this place, whatever it is."""
        names = leaf.names
        groups = (self._by_names.get((item, names)) for item in _where(leaf))
        return self._take(next((group for group in groups if group), _NO_GROUP), leaf)

    def part(self, leaf: Leaf, *, named: bool) -> str:
        """Return the path of a text that holds the value of `leaf` (a description, a note); `named`: of the same name."""
        names, holds = leaf.names, _holder(leaf.value)
        groups = (
            [self._by_names.get((item, names)) for item in _where(leaf)] if named else [self._by_item.get(leaf.item)]
        )
        return next((path for group in groups if group and (path := self._take(group, leaf, holds))), "")

    def _take(self, group: _Group, leaf: Leaf, holds: Callable[[Any], bool] | None = None) -> str:
        chosen = group.choose(leaf, self.used, holds)
        if chosen is None or (chosen.path in self.used and not self.again):
            return ""
        self.used.add(chosen.path)
        return chosen.path


def _where(leaf: Leaf) -> tuple[str, ...]:
    return (leaf.item, "") if leaf.item else ("",)


def _holder(value: object) -> Callable[[Any], bool]:
    """Return what tells whether a text holds `value`: 20 is a number of its own in "20 Mbit/s", no part of 2026-12-20T20:20:00Z."""
    spellings = sorted({as_text(value), comparable(value)})
    if isinstance(value, str):
        return lambda text: isinstance(text, str) and value in text
    alone = re.compile(rf"(?<![\w.-])(?<!\d:)(?:{'|'.join(map(re.escape, spellings))})(?![\w-]|[.:]\d)")
    return lambda text: isinstance(text, str) and alone.search(text) is not None


def comparable(value: object) -> str:
    """Return a value as text in which equal numbers are equal."""
    if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
        number = Decimal(value)
        return str(number.normalize()) if number.is_finite() else str(number)
    return as_text(value)
