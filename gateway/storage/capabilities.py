"""What was measured of an order system: stored by `gateway doctor`, read by the code that relies on it."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select

from gateway.storage.tables import upstream_capability

Verdict: TypeAlias = Literal["works", "fails", "unknown"]
"""What was seen: that it works, that it does not, or nothing that would tell."""

CapabilityName: TypeAlias = Literal[
    "list_readable",
    "order_readable",
    "paging",
    "total_count",
    "marker_shown",
    "marker_kept",
    "marker_found",
    "states_known",
    "dates",
    "created_id",
    "contents_kept",
    "draft",
    "growth",
    "own_writes_shown",
    "repeated_post",
    "idempotency_key",
    "test_order_voided",
    "hub_registration",
]

MEANING: Final[dict[CapabilityName, str]] = {
    "list_readable": "orders can be listed, and each row is an order with an id",
    "order_readable": "an order can be read by its id, and the answer is that order",
    "paging": "pages follow each other as the mapping says, the first one included",
    "total_count": "the number of orders that the list names is the number of orders it shows",
    "marker_shown": "the list shows the marker's slot of every order",
    "marker_kept": "a marker comes back as the mapping expects it",
    "marker_found": "the search of the mapping finds the orders that carry a marker, and only those",
    "states_known": "each order shows a state that the mapping or the standard has",
    "dates": "orders show when they were made, with a time and a zone",
    "created_id": "a new order is named by what the mapping says: its answer, a notification or the search",
    "contents_kept": "an order holds what was sent, no more and no less",
    "draft": "a new order is the draft that was asked for, or is live where the mapping has no drafts",
    "growth": "a draft takes more items as the mapping sends them",
    "own_writes_shown": "a new order is shown by its id, in the list and by the search",
    "repeated_post": "the same call sent twice makes one order",
    "idempotency_key": "the same call with the same Idempotency-Key makes one order",
    "test_order_voided": "an order that is not wanted can be voided as the mapping says",
    "hub_registration": "an address for notifications can be registered at the hub, and taken back",
}
"""What each capability means where it `works`."""


class Capability(Struct, frozen=True, kw_only=True):
    """One thing that was measured. `claim` is the key of the mapping that relies on it; empty where none does."""

    name: CapabilityName
    verdict: Verdict
    detail: str
    claim: str = ""


class Measurement(Struct, frozen=True, kw_only=True):
    """All that was measured of one order system at one time. `wrote`: orders were made for it."""

    upstream: str
    measured_at: datetime
    mapping: str
    mapping_hash: str
    release: str
    wrote: bool
    capabilities: tuple[Capability, ...]

    def verdict(self, name: CapabilityName) -> Verdict:
        """Return what was seen of one capability; what was not measured is unknown."""
        return next((each.verdict for each in self.capabilities if each.name == name), "unknown")

    @property
    def contradictions(self) -> tuple[Capability, ...]:
        """Return what the mapping relies on and was not seen to work."""
        return tuple(each for each in self.capabilities if each.claim and each.verdict != "works")

    def finds_markers(self, mapping_hash: str) -> bool:
        """Tell whether orders were seen to keep a marker and to be found by it, by this text of the mapping."""
        seen = self.verdict("marker_kept") == self.verdict("marker_found") == "works"
        return seen and self.mapping_hash == mapping_hash


_decoder = msgspec.json.Decoder(tuple[Capability, ...])


def keep(connection: Connection, measured: Measurement) -> None:
    """Store what was measured of an order system in the place of what was stored before."""
    connection.execute(delete(upstream_capability).where(upstream_capability.c.upstream == measured.upstream))
    values = {name: getattr(measured, name) for name in Measurement.__struct_fields__}
    values["capabilities"] = msgspec.json.encode(measured.capabilities).decode()
    connection.execute(insert(upstream_capability), values)


def measurements(connection: Connection) -> dict[str, Measurement]:
    """Return what was measured last, by order system."""
    return {
        row.upstream: Measurement(**{**row._asdict(), "capabilities": _decoder.decode(row.capabilities)})
        for row in connection.execute(select(upstream_capability))
    }


def measurement_of(connection: Connection, upstream: str) -> Measurement | None:
    """Return what was measured last of one order system; None when nothing was."""
    query = select(upstream_capability).where(upstream_capability.c.upstream == upstream)
    row = connection.execute(query).one_or_none()
    return None if row is None else Measurement(**{**row._asdict(), "capabilities": _decoder.decode(row.capabilities)})
