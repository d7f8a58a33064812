"""What a catalogue said of its offerings, kept for a while: bounded, the longest unused forgotten first. Pure but for its state."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

from gateway.ordering.bundles import Offering


class Said(Struct, frozen=True, gc=False):
    """An answer of the catalogue: the offering, None when it has none such, and when that was (monotonic seconds)."""

    offering: Offering | None
    at_seconds: float


class OfferingCache:
    """Answers by offering id. `entries_max` bounds offerings and their children together: they are what takes memory."""

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self._entries = 0
        self._kept: OrderedDict[str, Said] = OrderedDict()

    def __len__(self) -> int:
        return self._entries

    def get(self, offering_id: str) -> Said | None:
        """Return what was said last, however long ago."""
        said = self._kept.get(offering_id)
        if said is not None:
            self._kept.move_to_end(offering_id)
        return said

    def put(self, offering_id: str, said: Said) -> None:
        """Keep an answer in the place of an earlier one."""
        before = self._kept.pop(offering_id, None)
        if before is not None:
            self._entries -= _weight(before)
        self._kept[offering_id] = said
        self._entries += _weight(said)
        while self._entries > self._entries_max and self._kept:
            _, forgotten = self._kept.popitem(last=False)
            self._entries -= _weight(forgotten)


def _weight(said: Said) -> int:
    return 1 if said.offering is None else 1 + len(said.offering.mandatory) + len(said.offering.optional)
