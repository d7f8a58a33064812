"""The append-only record of every effect, written before the answer leaves: what tests take as the truth."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from gateway.sandbox.answers import encode
from gateway.sandbox.orders import Order

Effect = Literal["created", "changed", "submitted", "cancelled", "state"]


class Ledger:
    """Writes one JSON line per effect, with all lines of the order as they are after it; nothing without a path."""

    def __init__(self, path: Path | None) -> None:
        self._file: BinaryIO | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")

    def write(self, effect: Effect, order: Order) -> None:
        """Append one effect and flush it to the operating system."""
        if self._file is None:
            return
        entry = {
            "at": datetime.now(UTC).isoformat(),
            "effect": effect,
            "order": order.number,
            "externalId": order.external_id,
            "state": order.state,
            "lines": [line.ledger_form() for line in order.lines.values()],
        }
        self._file.write(encode(entry) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
