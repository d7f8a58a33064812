"""What a caller is told when the database fails: 503 and when to come back, because that is not a defect of the gateway.

Whether a write took effect is known where the database refused it, and not known where its COMMIT was not answered: the writer reads
again before acting. (The worker of a checkout does so by its lease; a client by its Idempotency-Key.)
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gateway.errors import GatewayError, UnavailableError
from gateway.storage.database import READ_TOO_LONG

AWAY: Final = "The database cannot be reached now; try again."
NOT_ANSWERED: Final = (
    "The database has not answered in time, so it is not known whether this was written; read it, or send it again with the same "
    "Idempotency-Key."
)
LOCKED: Final = "The database is locked by somebody else for too long; try again."
CONTENDED: Final = "The same rows are changed by too many at once; try again."
FULL: Final = "The disk of the database is full; nothing was written."
NOT_WRITABLE: Final = "The database is not writable now; try again."
DAMAGED: Final = "The database is damaged; an operator must look at it."
_RETRY: Final = {"Retry-After": "2"}
# What goes away only when a person does something is asked again less often.
_RETRY_LATER: Final = {"Retry-After": "30"}

# serialization_failure and deadlock_detected: the transaction had no effect and may simply be run again.
CONFLICTS: Final = frozenset({"40001", "40P01"})
# A statement ran into the limit of time.
QUERY_CANCELLED: Final = "57014"
_LOCK_NOT_AVAILABLE: Final = "55P03"
_DISK_FULL: Final = "53100"
# A transaction that only reads was to write; or the server is a standby now.
READ_ONLY: Final = "25006"
# The server is a standby now; a transaction was ended because this process stood still in it.
_ELSEWHERE: Final = frozenset({READ_ONLY, "25P03", "25P04"})
# data_corrupted, index_corrupted, undefined_file, io_error of the server's own files.
_DAMAGE: Final = frozenset({"XX001", "XX002", "58P01", "58030"})

_POSTGRESQL: Final = {
    QUERY_CANCELLED: READ_TOO_LONG,
    _LOCK_NOT_AVAILABLE: LOCKED,
    **dict.fromkeys(CONFLICTS, CONTENDED),
    **dict.fromkeys(_ELSEWHERE, AWAY),
}
_SQLITE: Final = {
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}


def unavailable(message: str, *, later: bool = False) -> UnavailableError:
    """Return the 503 with `message`; `later` when it will not be over in some seconds."""
    return UnavailableError(message, headers=dict(_RETRY_LATER if later else _RETRY))


def conflict_code(error: BaseException) -> str | None:
    """Return the SQLSTATE of a transaction that had no effect and may be run again; None for every other error."""
    code = sqlstate(error)
    return code if code in CONFLICTS else None


def sqlstate(error: BaseException) -> str | None:
    """Return the SQLSTATE of what PostgreSQL said; None where it said nothing, as when the connection was lost."""
    original: Any = error.orig if isinstance(error, DBAPIError) else None
    return getattr(original, "sqlstate", None)


def of_postgresql(error: BaseException) -> UnavailableError | None:
    """Return what a failure of PostgreSQL, or of the way to it, is told as; None for a mistake of ours (a wrong statement)."""
    if isinstance(error, PoolTimeoutError):
        return unavailable(AWAY)
    if not isinstance(error, DBAPIError):
        return None
    code = sqlstate(error)
    if code in _POSTGRESQL:
        return unavailable(_POSTGRESQL[code])
    if code == _DISK_FULL or code in _DAMAGE:
        return unavailable(FULL if code == _DISK_FULL else DAMAGED, later=True)
    if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
        return unavailable(AWAY)
    return None


def of_sqlite(error: BaseException) -> BaseException:
    """Return what a failure of the file, its disk or a lock is told as; our own errors and mistakes as they are."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, PoolTimeoutError):
        return unavailable(LOCKED)
    original = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(original, sqlite3.Error):
        return error
    # The primary code: its lowest byte. Python gives none for what it finds itself.
    code = getattr(original, "sqlite_errorcode", 0) & 0xFF
    if code in _SQLITE:
        return unavailable(_SQLITE[code], later=code not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
    return unavailable(NOT_WRITABLE) if isinstance(original, sqlite3.OperationalError) else error
