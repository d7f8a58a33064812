"""Carts as an answer shows them. Large ones are worked on in a thread, so that other requests are not kept waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, ParamSpec, TypeVar

from gateway import threads
from gateway.carts.after_order import shown_state, with_state
from gateway.carts.dialects import Dialect
from gateway.carts.dialects.v4 import completed_text
from gateway.carts.store import CartRow
from gateway.filters.projection import Selection, project
from gateway.tmf.json import decode_stored, encode_json

P = ParamSpec("P")
R = TypeVar("R")
# Up to so much is done at once: changing threads would cost more.
AT_ONCE_CHARACTERS_MAX: Final = 128 * 1024


async def in_thread_if_large(size: int, function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Run a function that touches nothing but its arguments, which have `size` characters: in a thread when that is much."""
    return await threads.in_thread_if(size > AT_ONCE_CHARACTERS_MAX, function, *arguments, **named)


async def shown_text(document: str, told: dict[str, Any]) -> bytes:
    """Return a stored cart, given as its JSON text, as v4 shows it, with `told` (where it is: `shown_state`) at its end."""
    return with_state(await in_thread_if_large(len(document), completed_text, document), told)


async def written(dialect: Dialect, row: CartRow, selection: Selection | None, base_url: str) -> bytes:
    """Return the cart as its version writes it, or the part that was selected; `base_url` is what clients put before paths."""
    told = shown_state(row.checkout_id, base_url, ordered=row.ordered)
    if dialect.is_canonical and selection is None:
        return with_state(row.document.encode(), told) if row.v4_complete else await shown_text(row.document, told)
    return await in_thread_if_large(len(row.document), _converted, dialect, row, selection, told)


async def written_list(dialect: Dialect, rows: Sequence[CartRow], selection: Selection | None, base_url: str) -> bytes:
    """Return carts as a JSON list; in between other requests are served."""
    found: list[bytes] = []
    at_once = 0
    for row in rows:
        found.append(await written(dialect, row, selection, base_url))
        at_once += len(row.document)
        if at_once > AT_ONCE_CHARACTERS_MAX:
            at_once = 0
            await asyncio.sleep(0)
    return b"[" + b",".join(found) + b"]"


def _converted(dialect: Dialect, row: CartRow, selection: Selection | None, told: dict[str, Any]) -> bytes:
    stored = decode_stored(row.document)
    document = {**dialect.from_canonical(stored, created=row.created_at, updated=row.updated_at), **told}
    if selection is None:
        return encode_json(document)
    # What v5 makes mandatory on every object is not left out by a selection.
    return encode_json(project(document, {**selection, "@type": None} if dialect.version == "v5" else selection))
