"""What tests take as the truth of a run: every effect, written down before the answer leaves, and how many calls a fault struck."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

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


class CallTally:
    """Counts by method, with `token` for the token endpoint; the control door and delays are not counted."""

    def __init__(self) -> None:
        self._total: Counter[str] = Counter()
        self._struck: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()

    def count(self, kind: str, fault: str | None) -> None:
        """Count one call of a kind (its method, or `token`), and the fault it suffered, if it did."""
        self._total[kind] += 1
        if fault is not None:
            self._struck[kind] += 1
            self._faults[fault] += 1

    def summary(self) -> dict[str, Any]:
        """Return `{"total", "struck", "byMethod": {"GET": {"total", "struck"}}, "byFault": {"cut-body": 3}}`."""
        return {
            "total": self._total.total(),
            "struck": self._struck.total(),
            "byMethod": {
                kind: {"total": total, "struck": self._struck[kind]} for kind, total in sorted(self._total.items())
            },
            "byFault": dict(sorted(self._faults.items())),
        }
