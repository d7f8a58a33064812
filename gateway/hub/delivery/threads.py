"""Threads in which events are looked at and written, so that the loop that answers requests has nothing to do with it.

There are two, however many subscribers there are: more would take turns with the loop. What is large waits for what is
large, and what is small for what is small alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

R = TypeVar("R")

# Work is counted in bytes of documents times what is asked of each. Up to the first it is done at once (a few hundred
# microseconds), up to the second it is small (a few milliseconds).
AT_ONCE_WORK_MAX: Final = 10_000
SMALL_WORK_MAX: Final = 200_000


class Threads:
    """The threads of one dispatcher."""

    def __init__(self) -> None:
        self._small = ThreadPoolExecutor(1, thread_name_prefix="hub small")
        self._large = ThreadPoolExecutor(1, thread_name_prefix="hub large")

    async def run(self, work: int, function: Callable[[], R]) -> R:
        """Run a function that takes about so much work and touches nothing that others change."""
        if work <= AT_ONCE_WORK_MAX:
            return function()
        executor = self._small if work <= SMALL_WORK_MAX else self._large
        return await asyncio.get_running_loop().run_in_executor(executor, function)

    def close(self) -> None:
        """Begin nothing more; what runs is left to its end."""
        for executor in (self._small, self._large):
            executor.shutdown(wait=False, cancel_futures=True)
