"""What a live order holds, compared with what was sent: the one comparison for an order that was accepted. Pure.

An order system may merge, split, drop, move or add lines after it took an order, and a call may be carried out late. What it
may add by its mapping (children of its own, characteristics with a default) and write another way (19.90 as 19.9, other line
ids, another order of lines) is not a difference, as with a draft. A draft grows and is compared call by call; a live order is
compared whole, and every line that was sent must be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from gateway.ordering.mapping import model as mappings
from gateway.ordering.model import KnownLine, ObservedOrder, Order
from gateway.ordering.readback.expected import ExpectedLine, LineAspect, comparable, differences, expected_lines
from gateway.ordering.readback.matching import Match, match_expected

_NAMED_MAX: Final = 5
ChangeKind: TypeAlias = Literal["missing", "extra"] | LineAspect


class ChangedLine(Struct, frozen=True, kw_only=True):
    """A line that is there and is not what was sent: `aspect` says in which way, `text` in words without personal data."""

    item_id: str
    line_id: str
    aspect: LineAspect
    text: str


class LiveDifference(Struct, frozen=True, kw_only=True):
    """How a live order differs from what was sent; at least one of the three is not empty.

    `missing` are item ids without a line, `extra` line ids that nobody sent, `changed` lines that are other than they were
    sent. `nothing_shown`: the order shows no line at all. `is_another`: it shows lines, and none is of an item that was sent.
    `is_close`: half of the items at least have a line of their product, and no more lines than that came otherwise.
    """

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    changed: tuple[ChangedLine, ...]
    nothing_shown: bool = False
    is_another: bool = False
    is_close: bool = False

    @property
    def kinds(self) -> frozenset[ChangeKind]:
        """Return which kinds of difference there are."""
        kinds: set[ChangeKind] = {change.aspect for change in self.changed}
        if self.missing:
            kinds.add("missing")
        if self.extra:
            kinds.add("extra")
        return frozenset(kinds)

    def describe(self) -> str:
        """Say in one part of a sentence what is different; ids, codes and quantities only."""
        if self.nothing_shown:
            return f"it shows none of the {len(self.missing)} items that were sent"
        parts = []
        if self.missing:
            parts.append(f"missing items {_some(self.missing)}")
        if self.extra:
            parts.append(f"lines that were not sent {_some(self.extra)}")
        if self.changed:
            parts.append(f"differing items {_some([f'{one.item_id} ({one.text})' for one in self.changed])}")
        return "; ".join(parts)


def compare_live(
    order: Order, known: Mapping[str, str], observed: ObservedOrder, mapping: mappings.Mapping
) -> LiveDifference | None:
    """Return how a live order differs from what was sent; None when it holds what was sent.

    `known` and echoed item ids are hints: where they do not lead to an equal order, lines are paired by what they are, and an
    order that is equal so is equal. A quantity of more than one that the order does not show is a difference: a line without a
    quantity means one.

    Args:
        order: what was sent, whole.
        known: line ids of the order system by item id, learnt before.
        observed: the order as it was read.
        mapping: the order system.

    Raises:
        Nothing: what cannot be read of the order is a difference.

    Source: decision 11 (the rule of trust, 5 and 6).
    """
    return live_match(order, known, observed, mapping)[1]


def live_match(
    order: Order, known: Mapping[str, str], observed: ObservedOrder, mapping: mappings.Mapping
) -> tuple[dict[str, str], LiveDifference | None]:
    """Return the line id of each item that has a line in `observed`, and what `compare_live` returns."""
    expected = expected_lines(order.lines, mapping)
    priced = frozenset(line.id for line in order.lines if line.alterations)
    by_hints = match_expected(expected, priced, observed, mapping, known)
    difference = _difference(expected, priced, observed, mapping, by_hints)
    if difference is None:
        return by_hints.line_ids, None
    unhinted = _without_hints(observed)
    by_contents = match_expected(expected, priced, unhinted, mapping, {})
    other = _difference(expected, priced, unhinted, mapping, by_contents)
    if other is None or _size(other) < _size(difference):
        return by_contents.line_ids, other
    return by_hints.line_ids, difference


def _without_hints(observed: ObservedOrder) -> ObservedOrder:
    """Return the order as if its lines echoed no item id."""
    return replace(observed, lines=tuple(replace(line, item_id=None) for line in observed.lines))


def _size(difference: LiveDifference) -> int:
    return len(difference.missing) + len(difference.extra) + len(difference.changed)


def _difference(
    expected: Sequence[ExpectedLine],
    priced: frozenset[str],
    observed: ObservedOrder,
    mapping: mappings.Mapping,
    found: Match,
) -> LiveDifference | None:
    shown = {line.line_id: line for line in observed.lines}
    changed = tuple(_changes(expected, priced, shown, mapping, found))
    extra = (*found.unexpected, *_twins(expected, shown, found))
    if not (found.missing or extra or changed):
        return None
    without = {change.item_id for change in changed if change.aspect == "offering"} | set(found.missing)
    return LiveDifference(
        missing=found.missing,
        extra=extra,
        changed=changed,
        nothing_shown=not observed.lines,
        is_another=bool(observed.lines) and len(without) == len(expected),
        is_close=2 * len(without) <= len(expected) and 2 * len(extra) <= len(expected),
    )


def _changes(
    expected: Sequence[ExpectedLine],
    priced: frozenset[str],
    shown: Mapping[str, KnownLine],
    mapping: mappings.Mapping,
    found: Match,
) -> Iterator[ChangedLine]:
    """Yield what is other about the lines that are there."""
    wrong = {item_id for item_id, _ in found.wrong}
    for one in expected:
        item_id = one.line.id
        line_id = found.line_ids.get(item_id)
        if line_id is None:
            continue
        line = shown[line_id]
        if one.quantity not in (None, 1) and line.quantity is None:
            text = f"shows no quantity, sent was {one.quantity}"
            yield ChangedLine(item_id=item_id, line_id=line_id, aspect="quantity", text=text)
        if item_id not in wrong:
            continue
        parent = found.line_ids.get(one.line.parent_id) if one.line.parent_id is not None else None
        texts = None
        if mapping.lines.characteristics_readable:
            texts = {name: comparable(value) for name, value in line.characteristics.items()}
        for why in differences(one, line, parent, texts, mapping, priced=item_id in priced):
            yield ChangedLine(item_id=item_id, line_id=line_id, aspect=why.aspect, text=why.text)


def _twins(expected: Sequence[ExpectedLine], shown: Mapping[str, KnownLine], found: Match) -> Iterator[str]:
    """Yield lines that may not be the order system's own children although they stand beneath a line that was sent.

    It adds one line of each child that is mandatory, and nothing beneath an installed product. Where the line of a child that
    it adds by itself was sent, or the item above is not added, one more line of the same product came otherwise.
    """
    accounted = set(found.line_ids.values()) | set(found.unexpected)
    if len(accounted) == len(shown):
        return
    action_of = {one.line.id: one.line.item["action"] for one in expected}
    sent: set[tuple[str | None, str | None]] = set()
    for one in expected:
        parent_id = one.line.parent_id
        if parent_id is not None and (one.line.mandatory or action_of.get(parent_id) != "add"):
            sent.add((found.line_ids.get(parent_id), one.offering))
    for line in shown.values():
        if line.line_id not in accounted and line.offering and (line.parent_line_id, line.offering) in sent:
            yield line.line_id


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED_MAX])
    return shown if len(names) <= _NAMED_MAX else f"{shown} and {len(names) - _NAMED_MAX} more"
