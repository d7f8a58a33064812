"""Malformed bodies that grow with what makes them dear to look at, and how their time is taken."""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from gateway.errors import GatewayError

# About twice as long for twice the size: no need to look again.
ENOUGH: Final = 2.1
LONE: Final = b"\\ud800"
# Name: what comes before, the part that is repeated, what comes after. Every one is refused with 400.
_PARTS: Final[dict[str, tuple[bytes, bytes, bytes]]] = {
    "a text that does not end": (b'{"a":"', b'\\"', b""),
    "a text of backslashes that does not end": (b'{"a":"', b"\\\\", b""),
    "invalid UTF-8 in a text": (b'{"a":"', b'\\"', b'\xff"}'),
    "invalid UTF-8 after many lists": (b'{"a":[', b"[],", b'"\xff"]}'),
    "a lone surrogate after escapes": (b'{"a":"', b"\\n", LONE + b'"}'),
    "a lone surrogate after pairs": (b'{"a":"', b"\\ud83d\\ude00", LONE + b'"}'),
    "33 brackets and a text that does not end": (b"[" * 33 + b'"', b'\\"', b""),
    "33 brackets after many": (b'{"a":[', b"[],", b"[" * 33 + b"]" * 33 + b"]}"),
    "brackets": (b"", b"[", b""),
    "objects in objects": (b"", b'{"":', b""),
    "quotes": (b"[", b'"",', b'"'),
    "blanks": (b"", b" ", b""),
    "numbers and no end": (b"[", b"1,", b"1"),
    "a number of 70 digits after many": (b"[", b"1,", b"1" * 70 + b"]"),
    "a number too large after many": (b"[", b"1,", b"1e999]"),
    "NaN after many": (b"[", b"1,", b"NaN]"),
    "U+0000 after backslashes": (b'{"a":"', b"\\\\", b'\\u0000"}'),
    "U+0000 after many numbers": (b'{"a":[', b"1,", b'"\\u0000"]}'),
    "U+0000 after texts like it": (b'{"a":"', b"\\\\u0000", b'\\u0000"}'),
    "one name again and again": (b"{", b'"a":1,', b'"a":1}'),
    "a name again in each of many objects": (b"[", b'{"a":1,"a":1},', b"1]"),
    "a name again after many objects": (b'{"b":[', b"{},", b'1],"b":1}'),
    "a name again after texts like names": (b'{"b":[', b'"\\":",', b'1],"b":1}'),
}
KINDS: Final = tuple(_PARTS)


def malformed(kind: str, size: int) -> bytes:
    """Return the malformed body of a kind, of at most `size` bytes."""
    before, part, after = _PARTS[kind]
    return before + part * ((size - len(before) - len(after)) // len(part)) + after


def seconds_of(function: Callable[[Any], Any], raw: Any) -> float:
    """Return how much processor time refusing, or taking, `raw` costs."""
    began = time.thread_time()
    with contextlib.suppress(GatewayError):
        function(raw)
    return time.thread_time() - began


@contextlib.contextmanager
def calm_collector() -> Iterator[None]:
    """Keep the collector from what was made before, as `gateway serve` does: a test run has made very much.

    It is not collected first, which takes longer than most of what is measured here: frozen, it is in nobody's way.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def growth(
    seconds: Callable[[int], float], size: int, *, attempts: int = 60, negligible_seconds: float = 0.01
) -> float:
    """Return how many times longer twice the size takes, the mean of `size` x 2 and x 4: of the least of some attempts each.

    Below `negligible_seconds` nothing is said of growth (1.0): other things than the size decide there.
    """
    least = [float("inf")] * 3
    ratio = float("inf")
    with calm_collector():
        for _ in range(attempts):
            least = [min(before, seconds(size * factor)) for before, factor in zip(least, (1, 2, 4), strict=True)]
            # Over both doublings together: where a size no longer fits into a cache that others use, one step alone says little.
            ratio = 1.0 if least[2] < negligible_seconds else math.sqrt(least[2] / max(least[0], 1e-9))
            if ratio <= ENOUGH:
                break
    return ratio
