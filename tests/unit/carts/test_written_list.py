"""A list of large carts leaves other requests their turn while it is written."""

from __future__ import annotations

import asyncio

from gateway.carts.listing import written_list
from gateway.carts.store import CartRow
from gateway.clock import utc_now
from gateway.tmf.json import decode_json


async def test_others_have_their_turn_between_large_carts_and_all_are_there_in_order():
    turns: list[str] = []

    def write(row: CartRow) -> bytes:
        turns.append(row.id)
        return b'"%s"' % row.id.encode()

    async def other() -> None:
        for _ in range(3):
            turns.append("other")
            await asyncio.sleep(0)

    rows = [CartRow(str(number), 1, "x" * 300_000, None, utc_now(), utc_now()) for number in range(3)]
    others = asyncio.create_task(other())
    assert decode_json(await written_list(rows, write)) == ["0", "1", "2"]
    await others
    assert turns == ["0", "other", "1", "other", "2", "other"]


async def test_no_cart_is_an_empty_list():
    assert await written_list([], lambda _row: b"") == b"[]"
