"""Orders and their lines in memory, with an index that keeps large orders linear and an undo journal for atomic calls."""

from __future__ import annotations

from asyncio import TimerHandle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec

from gateway.sandbox.answers import encode

Kind = Literal["item", "offering", "automatic", "asset"]
Key = tuple[str, Kind, str]
"""Where a line can be found: under a parent's line id ("*" for anywhere), by what, with which value."""

ANYWHERE = "*"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def record_id(prefix: str, sequence: int) -> str:
    """Return an 18 character record id: a three character prefix and 15 alphanumerics that count up."""
    digits = ""
    while sequence:
        sequence, digit = divmod(sequence, 36)
        digits = _DIGITS[digit] + digits
    return prefix + digits.rjust(15, "0")


@dataclass(slots=True, eq=False)
class Line:
    """One order line."""

    id: str
    item_id: str
    """The `id` of the product order item that made or configured the line."""
    parent: Line | None
    offering: str | None
    action: str
    quantity: int
    characteristics: dict[str, Any]
    value_types: dict[str, str] = field(default_factory=dict)
    alterations: list[Any] = field(default_factory=list)
    altered_prices: list[dict[str, Any]] = field(default_factory=list)
    """Salesforce: the alterations in the itemPrice they were sent in, with what that says of the price."""
    prices: list[Any] = field(default_factory=list)
    """What one costs by the price list: OrderPrice each; empty when the list does not say."""
    asset_id: str | None = None
    automatic: bool = False
    """Added with its bundle and not yet configured by anybody."""
    children: dict[str, Line] = field(default_factory=dict)
    encoded: msgspec.Raw | None = None
    """The line's ledger form, kept until the line changes."""
    shown: dict[bool, msgspec.Raw] = field(default_factory=dict)
    """The line as GET shows it while it has no children, with (True) and without its line id; kept likewise."""

    def keys(self) -> Iterator[Key]:
        """Every key the line is found under."""
        parent = self.parent.id if self.parent else ""
        for place in (parent, ANYWHERE):
            yield (place, "item", self.item_id)
            if self.asset_id is not None:
                yield (place, "asset", self.asset_id)
        if self.offering is not None:
            yield (parent, "automatic" if self.automatic else "offering", self.offering)

    def ledger_form(self) -> msgspec.Raw:
        """Return the line as the ledger shows it."""
        if self.encoded is None:
            document = {
                "id": self.id,
                "parent": self.parent.id if self.parent else None,
                "offering": self.offering,
                "product": self.asset_id,
                "action": self.action,
                "quantity": self.quantity,
                "characteristics": self.characteristics,
                "alterations": self.alterations,
            }
            self.encoded = msgspec.Raw(encode(document))
        return self.encoded


@dataclass(slots=True, eq=False)
class Order:
    """One order: its header as sent, its state, its lines in the order they came."""

    number: str
    record_id: str
    header: dict[str, Any]
    state: str
    created: datetime
    created_monotonic: float
    external_id: str | None = None
    is_draft: bool = True
    lines: dict[str, Line] = field(default_factory=dict)
    index: dict[Key, dict[str, Line]] = field(default_factory=dict)
    timer: TimerHandle | None = None
    """The next state change, when one is due."""
    version: int = 0

    def find(self, place: str, kind: Kind, value: str) -> list[Line]:
        """Return the lines under a key, oldest first."""
        found = self.index.get((place, kind, value))
        return list(found.values()) if found else []

    def count(self, parent: Line, offering: str) -> int:
        """Count the lines of one product under a parent."""
        return sum(len(self.index.get((parent.id, kind, offering), ())) for kind in ("offering", "automatic"))

    def enter(self, line: Line) -> None:
        """Put a line, whose children are not in yet, on the order."""
        self.lines[line.id] = line
        if line.parent is not None:
            line.parent.children[line.id] = line
        self._index(line)

    def leave(self, line: Line) -> None:
        """Take a line, whose children are gone, from the order."""
        del self.lines[line.id]
        if line.parent is not None:
            del line.parent.children[line.id]
        self._unindex(line)

    def alter(self, line: Line, values: dict[str, Any]) -> None:
        """Set attributes of a line."""
        self._unindex(line)
        for name, value in values.items():
            setattr(line, name, value)
        line.encoded = None
        line.shown.clear()
        self._index(line)

    def _index(self, line: Line) -> None:
        for key in line.keys():  # noqa: SIM118 - Line is not a mapping
            self.index.setdefault(key, {})[line.id] = line

    def _unindex(self, line: Line) -> None:
        for key in line.keys():  # noqa: SIM118 - Line is not a mapping
            lines = self.index[key]
            del lines[line.id]
            if not lines:
                del self.index[key]


class Edit:
    """Changes to the lines of one order that can be taken back, so that a call is all or nothing."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self._undo: list[Callable[[], None]] = []

    def add(self, line: Line) -> Line:
        """Add a line."""
        self.order.enter(line)
        self._undo.append(lambda: self.order.leave(line))
        return line

    def change(self, line: Line, **values: Any) -> None:
        """Set attributes of a line."""
        before = {name: getattr(line, name) for name in values}
        self.order.alter(line, values)
        self._undo.append(lambda: self.order.alter(line, before))

    def remove(self, line: Line) -> None:
        """Remove a line and everything under it."""
        stack, doomed = [line], []
        while stack:
            current = stack.pop()
            doomed.append(current)
            stack.extend(current.children.values())
        lines_before = dict(self.order.lines)
        for current in reversed(doomed):
            self.order.leave(current)

        def restore() -> None:
            for current in doomed:
                self.order.enter(current)
            self.order.lines = {key: lines_before[key] for key in lines_before}

        self._undo.append(restore)

    def roll_back(self) -> None:
        """Take everything back, newest first."""
        while self._undo:
            self._undo.pop()()


class OrderBook:
    """All orders of one run, and the numbers that new ones get."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self._order_sequence = 0
        self._line_sequence = 0
        self._accounts: dict[str, str] = {}

    def next_number(self) -> str:
        """Return the next order number: eight digits, counting up."""
        self._order_sequence += 1
        while f"{self._order_sequence:08d}" in self.orders:
            self._order_sequence += 1
        return f"{self._order_sequence:08d}"

    def next_line_id(self) -> str:
        """Return the next order line id."""
        self._line_sequence += 1
        return record_id("802", self._line_sequence)

    def account_record(self, account_number: str) -> str:
        """Return the record id of an account, the same one each time."""
        return self._accounts.setdefault(account_number, record_id("001", len(self._accounts) + 1))
