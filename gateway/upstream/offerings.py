"""What a catalogue said of its offerings, kept for a while: bounded, the longest unused forgotten first. Pure but for its state."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

from gateway.ordering import Offering


class Said(Struct, frozen=True, gc=False):
    """An answer of the catalogue: the offering, None when it has none such, and when that was (monotonic seconds)."""

    offering: Offering | None
    at_seconds: float


class OfferingCache:
    """Answers by offering id. `entries_max` bounds offerings and their children together: they are what takes memory.

    Ids that the catalogue does not know are kept apart, as many at most: a client that asks for made-up ones makes no offering forgotten.
    """

    def __init__(self, entries_max: int) -> None:
        self._known = _Kept(entries_max)
        self._unknown = _Kept(entries_max)

    def __len__(self) -> int:
        return self._known.entries + self._unknown.entries

    def get(self, offering_id: str) -> Said | None:
        """Return what was said last, however long ago."""
        return self._known.get(offering_id) or self._unknown.get(offering_id)

    def put(self, offering_id: str, said: Said) -> None:
        """Keep an answer in the place of an earlier one."""
        self._known.forget(offering_id)
        self._unknown.forget(offering_id)
        (self._unknown if said.offering is None else self._known).put(offering_id, said)


class _Kept:
    """Answers, `entries_max` of them and of what they list; the longest unused is forgotten first."""

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self.entries = 0
        self._kept: OrderedDict[str, Said] = OrderedDict()

    def get(self, offering_id: str) -> Said | None:
        said = self._kept.get(offering_id)
        if said is not None:
            self._kept.move_to_end(offering_id)
        return said

    def put(self, offering_id: str, said: Said) -> None:
        self._kept[offering_id] = said
        self.entries += _weight(said)
        while self.entries > self._entries_max and self._kept:
            self.forget(next(iter(self._kept)))

    def forget(self, offering_id: str) -> None:
        said = self._kept.pop(offering_id, None)
        if said is not None:
            self.entries -= _weight(said)


def _weight(said: Said) -> int:
    return 1 if said.offering is None else 1 + len(said.offering.mandatory) + len(said.offering.optional)
