"""How many calls came, and how many of them a fault struck: what a test needs to say how disturbed its run was."""

from __future__ import annotations

from collections import Counter
from typing import Any


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
