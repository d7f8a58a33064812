"""A whole measurement: by reads, and if wanted with a test order; and what is stored of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from gateway import __version__
from gateway.ordering import Mapping
from gateway.storage.capabilities import Measurement
from gateway.upstream.doctor.judging import judge
from gateway.upstream.doctor.probe import Probe
from gateway.upstream.doctor.reading import read_known, read_list, read_orders, read_pages, search, search_all
from gateway.upstream.doctor.seen import Asked, Seen
from gateway.upstream.doctor.writing import SampleRun, measure_writes


async def look(probe: Probe, known: Sequence[tuple[str, str]] = (), run: SampleRun | None = None) -> Seen:
    """Look at the order system; `known` are (order id, marker) of orders that it accepted from this gateway.

    With `run` a test order is made first: the reads then have at least one order of ours to look at.
    """
    written = await measure_writes(probe, run) if run is not None else None
    listed = await read_list(probe)
    if listed.failed:
        return Seen(listed=listed, write=written, known=await read_known(probe, known))
    chosen = [each.id for each in (*listed.orders[-1:], *listed.orders[:1])]
    found = await search_all(probe, listed)
    asked = [await search(probe, order_id, marker) for order_id, marker in known[:2]]
    if written is not None and written.shown is not None:
        # By now it may be void, and not be found for that.
        was_found = (written.order_id,) if written.shown.by_search is not None else ()
        asked.append(Asked(order_id=written.order_id, found=was_found))
    return Seen(
        listed=listed,
        pages=await read_pages(probe, listed),
        search=replace(found, asked=(*found.asked, *asked), ours=found.ours or bool(asked)),
        reads=await read_orders(probe, list(dict.fromkeys(chosen))),
        known=await read_known(probe, known),
        write=written,
    )


def measured(upstream: str, seen: Seen, mapping: Mapping, now: datetime, *, registers: bool = False) -> Measurement:
    """Return what is stored of what was seen; `registers` as for `judge`."""
    return Measurement(
        upstream=upstream,
        measured_at=now,
        mapping=mapping.name,
        mapping_hash=mapping.hash,
        release=__version__,
        wrote=seen.write is not None and bool(seen.write.order_id),
        capabilities=judge(seen, mapping, registers=registers),
    )
