"""Carts as an answer shows them. Large ones are worked on in a thread, in turns of their tenant, so that others are not kept waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from gateway.carts.after_order import shown_state, with_state
from gateway.carts.dialects import Dialect
from gateway.carts.dialects.v4 import completed_text
from gateway.carts.store import CartRow
from gateway.documents import JsonObject
from gateway.fair_limiter import FairLimiter
from gateway.filters.projection import Selection, project
from gateway.tmf.json import decode_stored, encode_json

# Up to so much is done at once: changing threads would cost more.
AT_ONCE_CHARACTERS_MAX: Final = 128 * 1024


class Reader(NamedTuple):
    """Who reads: the tenant, whose turns large carts are written in, and the address that it puts before paths."""

    tenant: str
    base_url: str
    heavy: FairLimiter


async def shown_text(reader: Reader, document: str, told: JsonObject) -> bytes:
    """Return a stored cart, given as its JSON text, as v4 shows it, with `told` (where it is: `shown_state`) at its end."""
    return with_state(await reader.heavy.run(reader.tenant, is_large(document), completed_text, document), told)


async def written(reader: Reader, dialect: Dialect, row: CartRow, selection: Selection | None) -> bytes:
    """Return the cart as its version writes it, or the part that was selected."""
    told = shown_state(row.checkout_id, reader.base_url, ordered=row.ordered)
    if dialect.is_canonical and selection is None:
        return (
            with_state(row.document.encode(), told) if row.v4_complete else await shown_text(reader, row.document, told)
        )
    return await reader.heavy.run(reader.tenant, is_large(row.document), _converted, dialect, row, selection, told)


async def written_list(reader: Reader, dialect: Dialect, rows: Sequence[CartRow], selection: Selection | None) -> bytes:
    """Return carts as a JSON list; in between other requests are served."""
    found: list[bytes] = []
    at_once = 0
    for row in rows:
        found.append(await written(reader, dialect, row, selection))
        at_once += len(row.document)
        if at_once > AT_ONCE_CHARACTERS_MAX:
            at_once = 0
            await asyncio.sleep(0)
    return b"[" + b",".join(found) + b"]"


def is_large(document: str) -> bool:
    """Tell whether a stored cart is worked on in a thread: up to a size changing threads would cost more."""
    return len(document) > AT_ONCE_CHARACTERS_MAX


def _converted(dialect: Dialect, row: CartRow, selection: Selection | None, told: dict[str, Any]) -> bytes:
    stored = decode_stored(row.document)
    document = {**dialect.from_canonical(stored, created=row.created_at, updated=row.updated_at), **told}
    if selection is None:
        return encode_json(document)
    # What v5 makes mandatory on every object is not left out by a selection.
    return encode_json(project(document, {**selection, "@type": None} if dialect.version == "v5" else selection))
