"""Where each value of a cart went: into the order, into a finding, or out by a rule. Nothing vanishes.

The account is made afterwards, from the documents alone: it knows nothing of how the translation works, so that it also
proves it. `gateway translate` and the preview show it; a property test demands that nothing is ever unaccounted for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from gateway.ordering.account_values import MARKS, TYPES, Index, Leaf, leaves, names_of
from gateway.ordering.model import Finding, Order

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
# Findings that tell that what is at their path is in the order, written differently or elsewhere.
_CHANGED: Final = frozenset({"converted", "moved", "renamed", "defaulted"})
_CHILDREN: Final = ("cartItem", "cardItem")


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
    cart: Any, request: Any, order: Order | None, document: Any, findings: Sequence[Finding]
) -> tuple[list[Entry], list[str]]:
    """Return the account of every value of `cart`, `request` and `document`, and the paths that nothing accounts for.

    `document` is the whole order as the order system gets it (or the list of all calls' bodies); `order` its lines.
    """
    paths = {line.path: line.id for line in order.lines} if order is not None else {}
    sources = [*leaves(cart, "", paths), *(leaves(request, "checkout", {}) if request else ())]
    targets = list(leaves(document, "", {}))
    index = Index(targets)
    judge = _Judge(findings)
    entries: list[Entry] = []
    unaccounted: list[str] = []
    # What was sent as it is has its place first; only then the places are looked at of what was changed on the way.
    equal = [index.exact(leaf, within=judge.not_sent_at(leaf)) for leaf in sources]
    for leaf, found in zip(sources, equal, strict=True):
        target, why = found, "" if found else judge.why(leaf)
        if not target and (changed := judge.changed(leaf)):
            target = (index.place(leaf) if leaf.path == changed[0] else "") or index.part(leaf)
            why = f"finding: {changed[1]}" if target else why
        if not target and not why:
            target = index.part(leaf)
        if not target and not why:
            unaccounted.append(leaf.path)
            continue
        entries.append(Entry(source=leaf.path, target=target, why=why))
    entries.extend(
        Entry(source="", target=leaf.path, why=judge.origin(leaf)) for leaf in targets if leaf.path not in index.used
    )
    return entries, unaccounted


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

    def why(self, leaf: Leaf) -> str:
        """Return `rule: NAME` or `finding: CODE`, or "" when nothing accounts for the value."""
        rule = _rule(leaf)
        if rule:
            return f"rule: {rule}"
        if self._at.get(leaf.path, "defaulted") not in _CHANGED:
            return f"finding: {self._at[leaf.path]}"
        for path in (leaf.path, *_prefixes(leaf.path)):
            if path in self._not_sent:
                return f"finding: {self._not_sent[path]}"
        return ""

    def not_sent_at(self, leaf: Leaf) -> str:
        """Return the name of the attribute, it or one above it, that a finding says is not in the order, or ""."""
        told = (path for path in (leaf.path, *_prefixes(leaf.path)) if path in self._not_sent)
        return next((names_of(path)[0] for path in told), "")

    def changed(self, leaf: Leaf) -> tuple[str, str] | None:
        """Return the path and the code of the nearest finding, if it says that what is there was written differently or elsewhere."""
        for path in (leaf.path, *_prefixes(leaf.path)):
            if self._at.get(path) in _CHANGED:
                return path, self._at[path]
            if path in self._not_sent:
                break
        return None

    def origin(self, leaf: Leaf) -> str:
        """Return who set a value that comes from neither cart nor request."""
        if leaf.name in TYPES:
            return "dialect"
        return "default" if leaf.name in self._defaults else "gateway"


def _rule(leaf: Leaf) -> str:
    """Return the name of the rule by which a value is not in the order, or ""."""
    return next((name for name, applies in _RULES if applies(leaf)), "")


def _is_item(path: str) -> bool:
    return path.rpartition(".")[2].partition("[")[0] in _CHILDREN


_RULES: Final[tuple[tuple[str, Callable[[Leaf], bool]], ...]] = (
    ("empty", lambda leaf: leaf.value in (None, "", [], {})),
    ("marks of a dialect", lambda leaf: any(mark in leaf.path for mark in MARKS)),
    ("type names", lambda leaf: leaf.name in TYPES),
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
