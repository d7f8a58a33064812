"""Where each value of a cart went: into the order, into a finding, or out by a rule. Nothing vanishes.

The account is made afterwards, from the documents alone: it knows nothing of how the translation works, so that it also
proves it. `gateway translate` and the preview show it; a property test demands that nothing is ever unaccounted for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from gateway.ordering.model import Finding, Order
from gateway.ordering.values import as_text

RULES: Final[dict[str, str]] = {
    "empty": "A value that says nothing (null, an empty text, array or object) is not sent.",
    "type names": "@type, @baseType and @schemaLocation of a class of TMF663: each dialect of TMF622 names its own classes.",
    "cart address": "The id and href of the cart are kept on the checkout.",
    "order selection": "status decides whether an item is ordered; it is no attribute of the order.",
    "item ids": "The reference to another item is sent as that item's id in the order.",
    "checkout only": "The attribute of the request steers the checkout and is kept on it.",
    "marks of a dialect": "What a dialect of the cart keeps to show the cart again as it was sent.",
}
"""Why a value of a cart is neither in the order nor in a finding, by name."""

_MARKS: Final = frozenset({"@r17", "@v5"})
_TYPES: Final = frozenset({"@type", "@baseType", "@schemaLocation"})
_CHECKOUT_ONLY: Final = frozenset(
    {"shoppingCart", "upstream", "submit", "expectedTotalPrice", "id", "href", "state", "externalId"}
)
# Findings that tell that what is at their path, with everything beneath it, is not in the order.
_NOT_SENT: Final = frozenset(
    {
        "dropped",
        "left_behind",
        "relationship_dropped",
        "overridden",
        "totals_not_sent",
        "totals_recomputed",
        "hierarchy",
    }
)
_CHILDREN: Final = ("cartItem", "cardItem")
# What the versions of carts and orders call otherwise, to tell which of several equal values is the one that was meant.
_ONE_NAME: Final = {
    "cardItem": "cartItem", "productOrderItem": "cartItem", "cartItemRelationship": "productOrderItemRelationship",
    "totalItemPrice": "itemTotalPrice", "ItemTotalPrice": "itemTotalPrice", "cartTotalPrice": "orderTotalPrice",
    "productPriceAlteration": "priceAlteration", "characteristic": "productCharacteristic", "agreementItem": "agreement",
    "type": "relationshipType", "agreementId": "id", "agreementName": "name",
}  # fmt: skip


class Entry(Struct, frozen=True, kw_only=True):
    """What became of one value of the cart or request (`source`), or where one of the order (`target`) came from.

    `target` is empty when the value is not in the order; then `why` is `rule: NAME` or `finding: CODE`. `source` is empty for
    a value that only the order has; then `why` says who set it. Where both are there, `why` is "" or the finding that tells
    how the value was changed.
    """

    source: str
    target: str
    why: str = ""


class _Leaf(Struct, frozen=True, gc=False):
    """A value: its path, its last name, the name above it, the id of the item it is in (`` outside), and itself."""

    path: str
    name: str
    above: str
    item: str
    value: Any


def account(
    cart: Any, request: Any, order: Order | None, document: Any, findings: Sequence[Finding]
) -> tuple[list[Entry], list[str]]:
    """Return the account of every value of `cart`, `request` and `document`, and the paths that nothing accounts for.

    `document` is the whole order as the order system gets it (or the list of all calls' bodies); `order` its lines.
    """
    paths = {line.path: line.id for line in order.lines} if order is not None else {}
    sources = [*_leaves(cart, "", paths), *(_leaves(request, "checkout", {}) if request else ())]
    targets = list(_leaves(document, "", {}))
    index = _Index(targets)
    judge = _Judge(findings)
    entries: list[Entry] = []
    unaccounted: list[str] = []
    used: set[str] = set()
    for leaf in sources:
        why = judge.why(leaf)
        target = index.exact(leaf, within=judge.not_sent_at(leaf))
        why = "" if target else why
        if judge.is_changed(leaf) and not target:
            target = index.part(leaf) or index.place(leaf)
        if not target and not why:
            target = index.part(leaf)
        if not target and not why:
            unaccounted.append(leaf.path)
            continue
        if target:
            used.add(target)
        entries.append(Entry(source=leaf.path, target=target, why=why))
    entries.extend(
        Entry(source="", target=leaf.path, why=judge.origin(leaf)) for leaf in targets if leaf.path not in used
    )
    return entries, unaccounted


def _leaves(document: Any, start: str, items: dict[str, str]) -> Iterator[_Leaf]:
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
            yield _Leaf(path, name, above, item, node)


def _own_id(node: dict[str, Any], name: str) -> str:
    given = node.get("id") if name in ("productOrderItem", "value") and "action" in node else None
    return given if isinstance(given, str) else ""


class _Index:
    """The order's values, by what they are."""

    def __init__(self, targets: Iterable[_Leaf]) -> None:
        self._by_value: dict[tuple[str, str], list[_Leaf]] = {}
        # Of values with the same names on their paths the first: large lists have few of them.
        self._by_place: dict[tuple[str, str, str], dict[tuple[str, ...], _Leaf]] = {}
        self._texts: list[_Leaf] = []
        for leaf in targets:
            self._by_value.setdefault((leaf.item, _comparable(leaf.value)), []).append(leaf)
            self._by_place.setdefault(_place(leaf), {}).setdefault(tuple(_names(leaf.path)), leaf)
            if isinstance(leaf.value, str):
                self._texts.append(leaf)

    def exact(self, leaf: _Leaf, *, within: str) -> str:
        """Return the path of the order's value that `leaf` became: in the same item, in the same place if there is one.

        `within`: the attribute that is said not to be sent; then only a value in the same place of one of that name is it.
        Truth values and numbers occur everywhere: they are found under their own name only.
        """
        if leaf.value in (None, "", [], {}) or leaf.name in _TYPES or leaf.name in _MARKS:
            return ""
        for item in dict.fromkeys((leaf.item, "")):
            found = self._by_value.get((item, _comparable(leaf.value)), ())
            named = [candidate for candidate in found if candidate.name == leaf.name]
            if within:
                named = [one for one in named if one.above == leaf.above and within in _names(one.path)]
            if not named and not within and isinstance(leaf.value, str):
                named = list(found)
            if named:
                return _nearest(leaf, named)
        return ""

    def place(self, leaf: _Leaf) -> str:
        """Return the path of the order's value in the same place of the same item, whatever it is."""
        return _nearest(leaf, [*self._by_place.get(_place(leaf), {}).values()])

    def part(self, leaf: _Leaf) -> str:
        """Return the path of a text of the order that holds the value of `leaf` (a description, a note)."""
        spellings = {as_text(leaf.value), _comparable(leaf.value)}
        if isinstance(leaf.value, str):
            return next((text.path for text in self._texts if leaf.value in text.value), "")
        # 20 is a number of its own in "20 Mbit/s", and none of the digits of 2026-12-20T20:20:00Z.
        alone = re.compile(rf"(?<![\w.-])(?<!\d:)(?:{'|'.join(map(re.escape, sorted(spellings)))})(?![\w-]|[.:]\d)")
        return next((text.path for text in self._texts if alone.search(text.value)), "")


class _Judge:
    """Says why a value is not in the order, or who set one that is."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._not_sent: dict[str, str] = {}
        self._at: dict[str, str] = {}
        self._defaults: set[str] = set()
        for finding in findings:
            self._at.setdefault(finding.path, finding.code)
            if finding.code in _NOT_SENT or finding.severity == "error":
                self._not_sent.setdefault(finding.path, finding.code)
            if finding.code == "defaulted":
                self._defaults.add(finding.path.rpartition(".")[2])

    def why(self, leaf: _Leaf) -> str:
        """Return `rule: NAME` or `finding: CODE`, or "" when nothing accounts for the value."""
        rule = _rule(leaf)
        if rule:
            return f"rule: {rule}"
        if leaf.path in self._at:
            return f"finding: {self._at[leaf.path]}"
        for above in _prefixes(leaf.path):
            if above in self._not_sent:
                return f"finding: {self._not_sent[above]}"
        return ""

    def not_sent_at(self, leaf: _Leaf) -> str:
        """Return the name of the attribute, it or one above it, that a finding says is not in the order, or ""."""
        told = (path for path in (leaf.path, *_prefixes(leaf.path)) if path in self._not_sent)
        return next((_names(path)[0] for path in told), "")

    def is_changed(self, leaf: _Leaf) -> bool:
        """Tell whether a finding says that the value is in the order, written differently or elsewhere."""
        return self._at.get(leaf.path) in ("converted", "moved", "renamed", "defaulted")

    def origin(self, leaf: _Leaf) -> str:
        """Return who set a value that comes from neither cart nor request."""
        if leaf.name in _TYPES:
            return "dialect"
        return "default" if leaf.name in self._defaults else "gateway"


def _rule(leaf: _Leaf) -> str:
    """Return the name of the rule by which a value is not in the order, or ""."""
    return next((name for name, applies in _RULES if applies(leaf)), "")


def _is_item(path: str) -> bool:
    return path.rpartition(".")[2].partition("[")[0] in _CHILDREN


_RULES: Final[tuple[tuple[str, Callable[[_Leaf], bool]], ...]] = (
    ("empty", lambda leaf: leaf.value in (None, "", [], {})),
    ("marks of a dialect", lambda leaf: any(mark in leaf.path for mark in _MARKS)),
    ("type names", lambda leaf: leaf.name in _TYPES),
    ("cart address", lambda leaf: leaf.path in ("id", "href")),
    ("checkout only", lambda leaf: leaf.path.removeprefix("checkout.").split(".")[0].split("[")[0] in _CHECKOUT_ONLY
                      and leaf.path.startswith("checkout.")),
    ("order selection", lambda leaf: leaf.name == "status" and _is_item(leaf.path.rpartition(".")[0])),
    ("item ids", lambda leaf: leaf.name == "id" and "cartItemRelationship[" in leaf.path),
)  # fmt: skip


def _prefixes(path: str) -> Iterator[str]:
    """Yield the paths above `path`, the nearest first."""
    while path:
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
        if path:
            yield path


def _names(path: str) -> list[str]:
    """Return the names on a path, the last first, without positions."""
    return [part.partition("[")[0] for part in reversed(path.split("."))]


def _meant(path: str) -> list[str]:
    """Return the names on a path, the last first, those that only a version calls otherwise by one name."""
    return [_ONE_NAME.get(name, name) for name in _names(path)]


def _place(leaf: _Leaf) -> tuple[str, str, str]:
    """Return what a value is in: its item, the name above it, its own."""
    return leaf.item, _ONE_NAME.get(leaf.above, leaf.above), leaf.name


def _nearest(leaf: _Leaf, candidates: Sequence[_Leaf]) -> str:
    """Return the path of the candidate whose names are most like those of `leaf`, "" when there is none."""
    wanted = _meant(leaf.path)
    return max(candidates, key=lambda one: _alike(wanted, _meant(one.path))).path if candidates else ""


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
