"""Pairs the lines that were sent with the lines an order system shows, and tells every difference.

Line ids are the order system's own, so a line is recognised by what was learnt before, then by the item id it echoes, then
by what it is: its parent, offering, action, quantity and characteristics. The same product may occur many times.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from gateway.documents import Json
from gateway.ordering.mapping import model as mappings
from gateway.ordering.model import KnownLine, ObservedOrder, OrderLine
from gateway.ordering.readback.expected import (
    ExpectedLine,
    LineDifference,
    comparable,
    differences,
    expected_lines,
)


class Match(Struct, frozen=True, kw_only=True):
    """What became of the lines that were sent.

    `line_ids` maps item ids to line ids; `missing` are item ids without a line, `unexpected` line ids that nobody sent,
    `wrong` pairs of item id and what is different about its line.
    """

    line_ids: dict[str, str]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    wrong: tuple[tuple[str, str], ...]

    @property
    def exact(self) -> bool:
        """Tell whether the order holds exactly what was sent."""
        return not (self.missing or self.unexpected or self.wrong)


def match(
    lines: Sequence[OrderLine],
    priced: Collection[str],
    observed: ObservedOrder,
    mapping: mappings.Mapping,
    known: Mapping[str, str],
    coming: Sequence[OrderLine] = (),
) -> Match:
    """Return how `lines` (parents before children) are found in `observed`.

    `priced` are the item ids whose alterations have been sent in calls of their own; `known` maps item ids to line ids
    that were learnt before; `coming` is as in `match_expected`.
    """
    later = expected_lines(coming, mapping)
    return match_expected(expected_lines(lines, mapping), priced, observed, mapping, known, later)


def match_expected(
    expected: Sequence[ExpectedLine],
    priced: Collection[str],
    observed: ObservedOrder,
    mapping: mappings.Mapping,
    known: Mapping[str, str],
    coming: Sequence[ExpectedLine] = (),
) -> Match:
    """Return which line of an order that was read is which item, and what is missing, extra or changed.

    Args:
        expected: what `expected_lines` returned: the items that were sent so far.
        priced: ids of the items whose price alterations were sent.
        observed: the order as it was read.
        mapping: the order system.
        known: line ids of the order system by item id, learnt before.
        coming: children that the order system adds by itself and a later call configures: their lines are told, where they are there.

    Raises:
        Nothing: what cannot be read of the order is a difference.

    Source: decision 11 (the rule of trust, 5).
    """
    pairing = _Pairing(expected, observed, mapping)
    pairing.by_known(known)
    pairing.by_echo()
    pairing.by_signature()
    pairing.of_coming(coming)
    return pairing.result(priced)


class _Pairing:
    """The state of one matching: which expected line goes with which observed one."""

    def __init__(self, expected: Sequence[ExpectedLine], observed: ObservedOrder, mapping: mappings.Mapping) -> None:
        self._expected = expected
        self._mapping = mapping
        self._observed = {line.line_id: line for line in observed.lines}
        self._repeated = _repeated(line.line_id for line in observed.lines)
        self._line_of: dict[str, str] = {}
        self._used: set[str] = set()
        self._texts: dict[str, dict[str, str]] = {}

    def _pair(self, item_id: str, line_id: str) -> None:
        self._line_of[item_id] = line_id
        self._used.add(line_id)

    def by_known(self, known: Mapping[str, str]) -> None:
        """Pair what was learnt before."""
        for one in self._expected:
            line_id = known.get(one.line.id)
            if line_id in self._observed and line_id not in self._used:
                self._pair(one.line.id, line_id)

    def by_echo(self) -> None:
        """Pair lines that echo the item id they were sent with, as long as no two echo the same."""
        echoes: dict[str, list[KnownLine]] = {}
        for line in self._observed.values():
            if line.item_id is not None and line.line_id not in self._used:
                echoes.setdefault(line.item_id, []).append(line)
        for one in self._expected:
            found = echoes.get(one.line.id, ())
            if one.line.id not in self._line_of and len(found) == 1 and self._is_same_product(one, found[0]):
                self._pair(one.line.id, found[0].line_id)

    @staticmethod
    def _is_same_product(one: ExpectedLine, line: KnownLine) -> bool:
        return one.offering is None or line.offering is None or one.offering == line.offering

    def by_signature(self) -> None:
        """Pair the rest by what they are, parents first; the lines that say most about themselves choose first."""
        free: dict[tuple[str | None, str], list[KnownLine]] = {}
        for line in self._observed.values():
            if line.line_id in self._used:
                continue
            for key in _product_keys(line.product_id, line.offering):
                free.setdefault((line.parent_line_id, key), []).append(line)
        levels: dict[int, list[ExpectedLine]] = {}
        for one in self._expected:
            if one.line.id not in self._line_of:
                levels.setdefault(one.line.depth, []).append(one)
        for depth in sorted(levels):
            waiting = sorted(levels[depth], key=lambda one: -len(one.characteristics))
            waiting = self._choose(waiting, free, strict=True)
            self._choose(waiting, free, strict=False)

    def of_coming(self, coming: Sequence[ExpectedLine]) -> None:
        """Pair children that nobody has configured yet with lines of their product that nobody has sent."""
        if not coming:
            return
        free: dict[tuple[str | None, str | None], str] = {}
        for line in self._observed.values():
            if line.line_id not in self._used and line.offering is not None:
                free.setdefault((line.parent_line_id, line.offering), line.line_id)
        for one in coming:
            parent = self._line_of.get(one.line.parent_id or "")
            line_id = free.pop((parent, one.offering), None) if parent is not None else None
            if line_id is not None:
                self._pair(one.line.id, line_id)

    def _choose(
        self, waiting: Iterable[ExpectedLine], free: dict[tuple[str | None, str], list[KnownLine]], *, strict: bool
    ) -> list[ExpectedLine]:
        """Pair each of `waiting` with a free line of its parent and product, if `strict` only with one that is equal."""
        indexes: dict[tuple[Any, ...], dict[tuple[Any, ...], deque[str]]] = {}
        left = []
        for one in waiting:
            parent = self._line_of.get(one.line.parent_id) if one.line.parent_id is not None else None
            names = (
                tuple(sorted(one.characteristics)) if strict and self._mapping.lines.characteristics_readable else ()
            )
            chosen = None
            for key in _product_keys(one.product_id, one.offering):
                lines = free.get((parent, key), [])
                index = indexes.get((parent, key, names))
                if index is None:
                    index = indexes[parent, key, names] = self._index(lines, names, strict=strict)
                chosen = self._take(index, one, names, strict=strict)
                if chosen is not None:
                    break
            if chosen is None:
                left.append(one)
            else:
                self._pair(one.line.id, chosen)
        return left

    def _index(
        self, lines: list[KnownLine], names: tuple[str, ...], *, strict: bool
    ) -> dict[tuple[Json, ...], deque[str]]:
        index: dict[tuple[Any, ...], deque[str]] = {}
        for line in lines:
            texts = self._text_of(line)
            key = (line.action, line.quantity, *(texts.get(name) for name in names)) if strict else ()
            index.setdefault(key, deque()).append(line.line_id)
        return index

    def _take(
        self, index: dict[tuple[Json, ...], deque[str]], one: ExpectedLine, names: tuple[str, ...], *, strict: bool
    ) -> str | None:
        values = [one.characteristics[name] for name in names]
        keys: list[tuple[Any, ...]] = [()]
        if strict:
            quantities = (
                {one.quantity: None, None: None, 1: None} if one.quantity in (None, 1) else {one.quantity: None}
            )
            keys = [(action, quantity, *values) for action in (*one.actions, "") for quantity in quantities]
        for key in keys:
            queue = index.get(key)
            while queue:
                line_id = queue.popleft()
                if line_id not in self._used:
                    return line_id
        return None

    def _text_of(self, line: KnownLine) -> dict[str, str]:
        texts = self._texts.get(line.line_id)
        if texts is None:
            texts = self._texts[line.line_id] = {
                name: comparable(value) for name, value in line.characteristics.items()
            }
        return texts

    def result(self, priced: Collection[str]) -> Match:
        """Return the pairs and every difference."""
        missing: list[str] = []
        wrong: list[tuple[str, str]] = []
        priced = frozenset(priced)
        for one in self._expected:
            line_id = self._line_of.get(one.line.id)
            if line_id is None:
                if one.line.item["action"] != "noChange":
                    missing.append(one.line.id)
                continue
            for why in self._differences(one, self._observed[line_id], priced):
                wrong.append((one.line.id, why.text))  # noqa: PERF401 - nearly always there is none: a generator more costs more
        return Match(
            line_ids=dict(self._line_of),
            missing=tuple(missing),
            unexpected=tuple(self._unexpected()),
            wrong=tuple(wrong),
        )

    def _differences(self, one: ExpectedLine, line: KnownLine, priced: frozenset[str]) -> Iterable[LineDifference]:
        parent = self._line_of.get(one.line.parent_id) if one.line.parent_id is not None else None
        texts = self._text_of(line) if self._mapping.lines.characteristics_readable else None
        return differences(one, line, parent, texts, self._mapping, priced=one.line.id in priced)

    def _unexpected(self) -> Iterable[str]:
        """Yield the lines that nobody sent, but those the system may add beneath a line that was sent."""
        yield from self._repeated
        allowed = set(self._used)
        # A line that echoes an item that was sent is that item once more, not a child of the system's own.
        sent = {one.line.id for one in self._expected}
        for line in self._observed.values():
            if line.line_id in self._used:
                continue
            its_own = line.item_id is None or line.item_id not in sent
            if self._mapping.lines.added_children and its_own and line.parent_line_id in allowed:
                allowed.add(line.line_id)
            else:
                yield line.line_id


def _repeated(line_ids: Iterable[str]) -> list[str]:
    """Return the ids that occur again: two lines under one id are one line too many."""
    seen: set[str] = set()
    again = []
    for line_id in line_ids:
        if line_id in seen:
            again.append(line_id)
        seen.add(line_id)
    return again


def _product_keys(product_id: str | None, offering: str | None) -> list[str]:
    """Return what a line's product is known by: the installed product first, then the offering; `` when by neither."""
    keys = [f"product {product_id}"] if product_id else []
    return [*keys, f"offering {offering}"] if offering else keys or [""]
