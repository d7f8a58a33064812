"""Group commit for SQLite: functions that several callers queued run in one transaction and share its commit.

Many small writes share one `fdatasync`. When one of them raises, all are run again, each in a savepoint of its own: savepoints are
dear for small writes, and few raise. (PostgreSQL too may run a function more than once, after a conflict.) `BEGIN IMMEDIATE` takes
the write lock at the start, so that a transaction never fails half-way because another process wrote.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from typing import Any, Final, Generic, TypeAlias, TypeVar

from sqlalchemy import Connection

from gateway.fair_shares import account_of_request

T = TypeVar("T")
Outcome: TypeAlias = tuple[Any, Exception | None]
"""What a function returned, or what it raised."""
Translate: TypeAlias = Callable[[BaseException], BaseException]
# Once a group has taken so long it is committed, whatever else waits: those who are done get their answers, other processes
# their turn, and one function that raises has no more than this run again.
GROUP_SECONDS_MAX: Final = 0.05


class Write(Generic[T]):
    """A queued function and the future of its result, which belongs to the event loop of the caller."""

    __slots__ = ("account", "context", "done", "function", "seconds")

    def __init__(self, function: Callable[[Connection], T], done: asyncio.Future[T]) -> None:
        self.function = function
        # What the caller's task knows (the correlation id of its request) is known in the writer thread too.
        self.context = copy_context()
        self.done = done
        self.account = account_of_request()
        # Of processor time.
        self.seconds = 0.0

    def run(self, connection: Connection) -> T:
        """Run the function."""
        began = time.thread_time()
        try:
            return self.context.run(self.function, connection)
        finally:
            self.seconds += time.thread_time() - began


def perform(connection: Connection, writes: list[Write[Any]]) -> list[Outcome]:
    """Run the first of the functions, as many as there is time for, and commit; return what became of them, in their order."""
    # The statements around the functions go straight to the driver: they are most of the statements of small writes.
    driver: Any = connection.connection.driver_connection
    outcomes = _together(connection, driver, writes) or _apart(connection, driver, writes)
    # SQLAlchemy has its own idea of a transaction on this connection; end it without touching the database.
    connection.rollback()
    return outcomes


def _together(connection: Connection, driver: Any, writes: list[Write[Any]]) -> list[Outcome] | None:
    """Run the first of the functions, as many as there is time for, in one transaction and commit.

    Returns what they returned; None, and no effect, when one of several raised.
    """
    driver.execute("BEGIN IMMEDIATE")
    outcomes: list[Outcome] = []
    for write in _in_time(writes):
        try:
            outcomes.append((write.run(connection), None))
        except Exception as error:  # noqa: BLE001 - it is handed to the caller that queued the function
            driver.execute("ROLLBACK")
            # The first did nothing before it, so nothing is to be run again.
            return None if outcomes else [(None, error)]
    driver.execute("COMMIT")
    return outcomes


def _apart(connection: Connection, driver: Any, writes: list[Write[Any]]) -> list[Outcome]:
    """Run the first of the functions, as many as there is time for, and commit.

    Each has a savepoint, so that what one of them raises undoes that one alone.
    """
    driver.execute("BEGIN IMMEDIATE")
    outcomes: list[Outcome] = []
    for write in _in_time(writes):
        driver.execute("SAVEPOINT one")
        try:
            outcomes.append((write.run(connection), None))
        except Exception as error:  # noqa: BLE001 - it is handed to the caller that queued the function
            driver.execute("ROLLBACK TO one")
            outcomes.append((None, error))
        driver.execute("RELEASE one")
    driver.execute("COMMIT")
    return outcomes


def _in_time(writes: list[Write[Any]]) -> Iterator[Write[Any]]:
    """Yield the first one, and others while there is time."""
    until = time.monotonic() + GROUP_SECONDS_MAX
    for write in writes:
        yield write
        if time.monotonic() > until:
            return


def charge(writes: Sequence[Write[Any]], seconds: float) -> None:
    """Put what a group took of the processor on the accounts of its requests: of each its function, and a part of what all share."""
    shared = max(0.0, seconds - sum(write.seconds for write in writes)) / max(1, len(writes))
    for write in writes:
        if write.account is not None:
            write.account.seconds += write.seconds + shared


def answer(writes: list[Write[Any]], outcomes: list[Outcome], translate: Translate) -> None:
    """Tell every caller what became of its write: one call into each event loop, not one for each write.

    `translate` turns what was raised into what the caller is told.
    """
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Write[Any], Outcome]]] = {}
    for write, outcome in zip(writes, outcomes, strict=True):
        by_loop.setdefault(write.done.get_loop(), []).append((write, outcome))
    for loop, answers in by_loop.items():
        # On a loop that is closed nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, answers, translate)


def _resolve(answers: list[tuple[Write[Any], Outcome]], translate: Translate) -> None:
    for write, (value, failure) in answers:
        if write.done.done():
            continue
        if failure is None:
            write.done.set_result(value)
        else:
            write.done.set_exception(translate(failure))
