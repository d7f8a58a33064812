"""Where each value of a cart went: into the order, into a finding, or out by a rule. Nothing vanishes.

The account is made afterwards, from the documents alone: it knows nothing of how the translation works, so that it also
proves it. `gateway translate` and the preview show it; a property test demands that nothing is ever unaccounted for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import Finding, Order
from gateway.ordering.tracing.leaves import CHILDREN, Index, Leaf, leaves_of
from gateway.ordering.tracing.slots import in_standard_places, items_by_path

RULES: Final[dict[str, str]] = {
    "empty": "A value that says nothing (null, an empty text, array or object) is not sent.",
    "type names": "@type, @baseType and @schemaLocation of a class of TMF663: each dialect of TMF622 names its own classes.",
    "cart address": "The id and href of the cart are kept on the checkout.",
    "order selection": "status decides whether an item is ordered; it is not an attribute of the order.",
    "item ids": "The reference to another item is sent as that item's id in the order; an item's own id is kept on the checkout "
    "where the mapping writes the product code in its place.",
    "checkout only": "The attribute of the request steers the checkout and is kept on it.",
    "marks of a dialect": "What a dialect of the cart keeps to show the cart again as it was sent.",
}
"""Why a value of a cart is neither in the order nor in a finding, by name."""

_MARKS: Final = frozenset({"@r17", "@v5", "@numericIds"})
_TYPES: Final = frozenset({"@type", "@baseType", "@schemaLocation"})
_IN_TYPE: Final = re.compile(r"@(?:type|baseType|schemaLocation)[.\[]")
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
        "totals_differ",
        "totals_not_sent",
        "totals_recomputed",
        "hierarchy",
        "marker",
    }
)
# Findings that tell that what is at their path, or beneath it, is in the order, written differently or elsewhere.
_CHANGED: Final = frozenset({"converted", "moved", "renamed", "defaulted", "regenerated_id"})


class Entry(Struct, frozen=True, kw_only=True):
    """What became of one value of the cart or request (`source`), or where one of the order (`target`) came from.

    `target` is empty when the value is not in the order; then `why` is `rule: NAME` or `finding: CODE`. `source` is empty for
    a value that only the order has; then `why` says who set it. Where both are there, `why` is "" or the finding that tells
    how the value was changed.
    """

    source: str
    target: str
    why: str = ""


def account(
    cart: object,
    request: object,
    order: Order | None,
    document: object,
    findings: Sequence[Finding],
    mapping: Mapping | None = None,
) -> tuple[list[Entry], list[str]]:
    """Return the account of every value of `cart`, `request` and `document`, and the paths that nothing accounts for.

    `document` is the whole order as the order system gets it (or the list of all calls' bodies), `order` its lines, `mapping`
    what it was written by; without one it has the standard's slots.
    """
    paths = {line.path: line.id for line in order.lines} if order is not None else {}
    sources = [*leaves_of(cart, "", paths), *(leaves_of(request, "checkout", {}) if request else ())]
    items = items_by_path(order, mapping) if mapping is not None and order is not None else None
    targets = list(leaves_of(document, "", items if isinstance(document, dict) else None))
    if mapping is not None:
        targets = list(in_standard_places(targets, mapping))
    index = Index(targets)
    judge = _Judge(findings)
    entries: list[Entry] = []
    unaccounted: list[str] = []
    for leaf in sources:
        target, is_same = _target(leaf, index, judge)
        is_told = judge.is_told(leaf) or not is_same
        why = (judge.change(leaf) if is_told else "") if target else judge.why(leaf)
        if not (target or why) and items is not None and leaf.item and leaf.inside == "id":
            why = "rule: item ids"
        if target or why:
            entries.append(Entry(source=leaf.path, target=target, why=why))
        else:
            unaccounted.append(leaf.path)
    copies = {leaf.key: leaf.path for leaf in sources if leaf.path.startswith("checkout.")}
    for leaf in targets:
        if leaf.path in index.used:
            continue
        source = copies.get(leaf.key, "") if leaf.item and not _is_nothing(leaf) else ""
        entries.append(Entry(source=source, target=leaf.path, why="" if source else judge.origin(leaf)))
    return entries, unaccounted


def _target(leaf: Leaf, index: Index, judge: _Judge) -> tuple[str, bool]:
    """Return the path of the order's value that `leaf` became, or "", and whether it is that value still.

    A value is where the standards have it in the order, under the name that the version of the order has for it. Only one that
    a finding tells to be changed may be elsewhere, or be another one there.
    """
    not_sent = judge.not_sent(leaf)
    if leaf.name in _TYPES or leaf.name in _MARKS or not_sent == "overridden":
        return "", False
    # Of what a finding says that it is not sent, some is (alterations of prices), but nothing as another value's place.
    index.again = not not_sent or judge.is_changed(leaf)
    target = index.same(leaf, anywhere=leaf.path.startswith("checkout.") and not _rule(leaf))
    if target or _is_nothing(leaf):
        return target, bool(target)
    if judge.is_changed(leaf):
        named = index.part(leaf, named=True)
        if named:
            return named, False
        moved = index.elsewhere(leaf)
        if moved:
            return moved, True
        return index.part(leaf, named=False) or (index.place(leaf) if judge.is_told(leaf) else ""), False
    return (index.part(leaf, named=True), False) if not judge.why(leaf) else ("", False)


def _is_nothing(leaf: Leaf) -> bool:
    return leaf.value in (None, "", [], {})


class _Judge:
    """Says why a value is not in the order, or who set one that is."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._not_sent: dict[str, str] = {}
        self._changed: dict[str, str] = {}
        self._at: dict[str, str] = {}
        self._defaults: set[str] = set()
        for finding in findings:
            self._at.setdefault(finding.path, finding.code)
            if finding.code in _NOT_SENT or finding.severity == "error":
                self._not_sent.setdefault(finding.path, finding.code)
            elif finding.code == "moved" or (finding.code in _CHANGED and finding.path not in self._changed):
                self._changed[finding.path] = finding.code
            if finding.code == "defaulted":
                self._defaults.add(finding.path.rpartition(".")[2])

    def why(self, leaf: Leaf) -> str:
        """Return `rule: NAME` or `finding: CODE`, or "" when nothing accounts for the value."""
        rule = _rule(leaf)
        # That a value was changed does not account for one that is nowhere.
        own = self._at.get(leaf.path, "")
        code = self.not_sent(leaf) or ("" if own in _CHANGED else own)
        return f"rule: {rule}" if rule else f"finding: {code}" if code else ""

    def not_sent(self, leaf: Leaf) -> str:
        """Return the code of the finding that says that the value, or all that it is part of, is not in the order, or ""."""
        return next((self._not_sent[path] for path in _upwards(leaf.path) if path in self._not_sent), "")

    def change(self, leaf: Leaf) -> str:
        """Return the finding that tells how the value was changed, or "" when it is only one part of a text."""
        code = next((self._changed[path] for path in _upwards(leaf.path) if path in self._changed), "")
        return f"finding: {code}" if code else ""

    def is_changed(self, leaf: Leaf) -> bool:
        """Tell whether the finding nearest to the value says that it is written differently or elsewhere, not that it is not sent."""
        nearest = next((path for path in _upwards(leaf.path) if path in self._changed or path in self._not_sent), "")
        return nearest in self._changed and nearest not in self._not_sent

    def is_told(self, leaf: Leaf) -> bool:
        """Tell whether a finding is about this very value."""
        return leaf.path in self._changed

    def origin(self, leaf: Leaf) -> str:
        """Return who set a value that comes from neither cart nor request."""
        if leaf.name in _TYPES:
            return "dialect"
        return "default" if leaf.name in self._defaults else "gateway"


def _rule(leaf: Leaf) -> str:
    """Return the name of the rule by which a value is not in the order, or ""."""
    return next((name for name, applies in _RULES if applies(leaf)), "")


def _is_item(path: str) -> bool:
    return path.rpartition(".")[2].partition("[")[0] in CHILDREN


_RULES: Final[tuple[tuple[str, Callable[[Leaf], bool]], ...]] = (
    ("empty", lambda leaf: leaf.value in (None, "", [], {})),
    ("marks of a dialect", lambda leaf: any(mark in leaf.path for mark in _MARKS)),
    ("type names", lambda leaf: leaf.name in _TYPES or _IN_TYPE.search(leaf.path) is not None),
    ("cart address", lambda leaf: re.split(r"[.\[]", leaf.path, maxsplit=1)[0] in ("id", "href")),
    ("checkout only", lambda leaf: leaf.path.removeprefix("checkout.").split(".")[0].split("[")[0] in _CHECKOUT_ONLY
                      and leaf.path.startswith("checkout.")),
    ("order selection", lambda leaf: leaf.name == "status" and _is_item(leaf.path.rpartition(".")[0])),
    ("item ids", lambda leaf: leaf.name == "id" and "cartItemRelationship[" in leaf.path),
)  # fmt: skip


def _upwards(path: str) -> Iterator[str]:
    """Yield `path` and the paths above it, the nearest first."""
    while path:
        yield path
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
