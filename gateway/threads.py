"""Work on large documents goes to a thread, so that other requests are not kept waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
# Documents of more bytes, and orders of more lines, are large: changing threads costs less than what it saves. What is large takes
# about a millisecond or more, and everybody's requests wait for what is done at once: decoding does several times as many bytes
# in that time as translating.
LARGE_BYTES_MIN: Final = 50_000
LARGE_TO_TRANSLATE_BYTES_MIN: Final = 10_000
LARGE_LINES_MIN: Final = 200


async def in_thread_if(
    large: bool,  # noqa: FBT001 - what follows belongs to the function, so it cannot be a keyword
    function: Callable[P, R],
    *arguments: P.args,
    **named: P.kwargs,
) -> R:
    """Run a function that touches nothing but its arguments: in a thread when they are `large`, at once otherwise."""
    if not large:
        return function(*arguments, **named)
    return await asyncio.to_thread(function, *arguments, **named)
