"""Faults: their names, how `NAME=RATE` is read, and a seeded draw of which of them strike a call.

Every call draws one number per fault name, whether that fault is switched on or not, so changing one rate does not
move the strikes of another. Writes, reads, token calls and notifications draw from generators of their own: how often
somebody polls does not change which write is disturbed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Literal

from gateway.sandbox.misbehaviours import MISBEHAVIOURS

Scope = Literal["write", "read", "token", "notify"]

BEFORE = ("throttle", "request-limit", "error-before")
"""Strike before anything is done. Also on GET: a quota and a broken front end do not care about the method."""

AFTER = ("half-patch", "error-after", "reset-after", "silent-after", "cut-body", "late-commit")
"""Strike after the effect is committed. On POST, PATCH and DELETE only.

`half-patch` commits a part of the items; `late-commit` never answers and commits when the caller may have given up.
"""

NOTIFY = ("notify-lost", "notify-double", "notify-reorder", "notify-early")
"""Strike a notification."""

ON_READS = (*BEFORE, "reset-after", "silent-after", "cut-body")
"""What can strike a GET. Those of `AFTER` do so by their `read-` name only."""

READ_PREFIX = "read-"
TOKEN_PREFIX = "token-"  # noqa: S105 - the prefix of fault names, not a secret

FAULT_NAMES = (
    "latency",
    *BEFORE,
    *AFTER,
    *NOTIFY,
    *(f"{READ_PREFIX}{name}" for name in ("latency", *ON_READS)),
    *(f"{TOKEN_PREFIX}{name}" for name in ("latency", *BEFORE, *AFTER) if name not in ("half-patch", "late-commit")),
    *MISBEHAVIOURS,
)
"""Every name that `--fault` takes: those of calls that are disturbed, and those of `gateway.sandbox.hostile`.

A `read-` name strikes GET only, in the place of the name without it. A `token-` name strikes the token endpoint, which
the others leave alone.
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that is switched on: a rate from 0 to 1, or for latency a delay in seconds."""

    name: str
    rate: float = 1.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Strike:
    """What one call suffers."""

    latency_seconds: float = 0.0
    before: str | None = None
    half: bool = False
    after: str | None = None
    variant: float = 0.0
    """From 0 to 1: which form the fault takes (which 5xx, how a body is cut)."""

    @property
    def name(self) -> str | None:
        """The fault that disturbs the call, without its prefix; None when it is only delayed, or left alone."""
        return "half-patch" if self.half else self.before or self.after


def parse_fault(text: str) -> Fault:
    """Read `NAME=RATE` or `latency=50ms` / `latency=0.5s`; ValueError says what would be right."""
    name, separator, value = text.partition("=")
    if name not in FAULT_NAMES:
        raise ValueError(f"unknown fault {name!r}; known are {', '.join(FAULT_NAMES)}")
    if not separator or not value:
        raise ValueError(f"fault {name!r} needs a value: {name}={'50ms' if name.endswith('latency') else '0.3'}")
    if name.endswith("latency"):
        return Fault(name, 1.0, _seconds(name, value))
    if name in MISBEHAVIOURS and MISBEHAVIOURS[name].seconds is not None:
        return Fault(name, 1.0, _number(name, value))
    try:
        rate = float(value)
    except ValueError:
        rate = -1.0
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"rate of fault {name!r} is {value!r}; it must be a number from 0 to 1, such as {name}=0.3")
    return Fault(name, rate)


def _number(name: str, value: str) -> float:
    """Read the seconds, or the count, of a misbehaviour."""
    try:
        number = float(value.removesuffix("s"))
    except ValueError:
        number = -1.0
    if not 0.0 <= number < float("inf"):
        raise ValueError(
            f"{name!r} is {value!r}; it must be a number of 0 or more, such as {name}={MISBEHAVIOURS[name].seconds:g}"
        )
    return number


def _seconds(name: str, value: str) -> float:
    for suffix, factor in (("ms", 0.001), ("s", 1.0)):
        if value.endswith(suffix):
            try:
                seconds = float(value.removesuffix(suffix)) * factor
            except ValueError:
                break
            if 0.0 <= seconds < float("inf"):
                return seconds
    raise ValueError(f"delay of fault {name!r} is {value!r}; write milliseconds or seconds: {name}=50ms, {name}=0.5s")


class FaultDice:
    """Draws strikes. Rates can be replaced while running, and a queue of named faults can be put before the dice."""

    def __init__(self, faults: tuple[Fault, ...], seed: int) -> None:
        self._random: dict[Scope, Random] = {
            "write": Random(f"{seed}:write"),
            "read": Random(f"{seed}:read"),
            "token": Random(f"{seed}:token"),
            "notify": Random(f"{seed}:notify"),
        }
        self._next: deque[str] = deque()
        self.replace(faults)

    def replace(self, faults: tuple[Fault, ...]) -> None:
        """Switch on exactly these faults from now on."""
        self._faults = {fault.name: fault for fault in faults}

    def queue(self, names: list[str]) -> None:
        """Let the next write calls suffer these faults, one name per call, instead of what would be drawn.

        `none` leaves a call alone. ValueError for a name that cannot strike a write call.
        """
        for name in names:
            if name not in (*BEFORE, *AFTER, "none"):
                raise ValueError(f"{name!r} cannot be queued; use one of {', '.join((*BEFORE, *AFTER, 'none'))}")
        self._next.extend(names)

    def strike(self, scope: Scope, *, is_patch: bool = False) -> Strike:
        """Draw what the next call of this scope suffers; the first of several in the order of the names wins."""
        random = self._random[scope]
        drawn = {name: random.random() for name in (*BEFORE, *AFTER)}
        variant = random.random()
        latency = self._fault("latency", scope)
        latency_seconds = latency.seconds if latency else 0.0
        if scope == "write" and self._next:
            name = self._next.popleft()
            return _strike_of(name, latency_seconds, variant)
        for name in ON_READS if scope == "read" else (*BEFORE, *AFTER):
            fault = self._fault(name, scope)
            if fault is None or drawn[name] >= fault.rate or (name == "half-patch" and not is_patch):
                continue
            return _strike_of(name, latency_seconds, variant)
        return Strike(latency_seconds=latency_seconds)

    def _fault(self, name: str, scope: Scope) -> Fault | None:
        """Return the fault that is switched on under this name for calls of this scope."""
        if scope == "token":
            return self._faults.get(TOKEN_PREFIX + name)
        if scope == "read":
            own = self._faults.get(READ_PREFIX + name)
            return own if own is not None or name in AFTER else self._faults.get(name)
        return self._faults.get(name)

    def strikes_notification(self) -> frozenset[str]:
        """Draw which of the notification faults strike the next notification."""
        random = self._random["notify"]
        drawn = [(name, random.random()) for name in NOTIFY]
        return frozenset(
            name for name, value in drawn if (fault := self._faults.get(name)) is not None and value < fault.rate
        )


def _strike_of(name: str, latency_seconds: float, variant: float) -> Strike:
    return Strike(
        latency_seconds=latency_seconds,
        before=name if name in BEFORE else None,
        half=name == "half-patch",
        after=name if name in AFTER and name != "half-patch" else None,
        variant=variant,
    )
