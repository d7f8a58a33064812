"""Copying the embedded database while it is used, and putting a copy in its place while nobody does."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway.errors import OperatorError

PAGES: Final = 1_000
PAUSE_SECONDS: Final = 0.01
BUSY_SECONDS: Final = 5.0


def database_path(url: str) -> Path:
    """Return the file of an embedded database. Raises OperatorError for another one."""
    if not url.startswith("sqlite:///"):
        raise OperatorError(
            "storage.url: only the embedded SQLite file is copied here; back a PostgreSQL up with its own tools, and start with "
            "--recover-since TIME after restoring it"
        )
    return Path(url.removeprefix("sqlite:///"))


def back_up(source: Path, target: Path) -> int:
    """Copy the database at `source` to the new file `target`, consistently, even while others write; return its bytes.

    Raises OperatorError when there is no database, the target exists, or the copy is not sound.
    """
    if not source.is_file():
        raise OperatorError(f"{source}: there is no database to copy")
    if target.exists():
        raise OperatorError(f"{target}: exists already; a backup replaces nothing")
    partial = target.with_name(f"{target.name}.part")
    partial.unlink(missing_ok=True)
    try:
        descriptor = os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        os.close(descriptor)
        with closing(_opened(source)) as from_, closing(_opened(partial)) as to:
            from_.backup(to, pages=PAGES, sleep=PAUSE_SECONDS)
            # One file, without the two beside it.
            to.execute("PRAGMA journal_mode = DELETE")
            _require_sound(to, target)
        _sync(partial)
        partial.rename(target)
    except (OSError, sqlite3.Error) as error:
        partial.unlink(missing_ok=True)
        raise OperatorError(f"{target}: the backup failed: {error}") from None
    return target.stat().st_size


def checked_copy(backup: Path, database: Path) -> Path:
    """Copy a backup beside the database it is to replace, and return the copy. Raises OperatorError when it is not sound."""
    if not backup.is_file():
        raise OperatorError(f"{backup}: there is no such file")
    copy = database.with_name(f"{database.name}.restoring")
    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for leftover in (copy, *_beside(copy)):
        leftover.unlink(missing_ok=True)
    try:
        shutil.copyfile(backup, copy)
        copy.chmod(0o600)
        with closing(_opened(copy)) as opened:
            _require_sound(opened, backup)
            if not opened.execute("SELECT 1 FROM sqlite_master WHERE name = 'checkout'").fetchone():
                raise OperatorError(f"{backup}: is not a database of the gateway")
    except (OSError, sqlite3.Error) as error:
        copy.unlink(missing_ok=True)
        raise OperatorError(f"{backup}: cannot be restored: {error}") from None
    return copy


def require_unused(database: Path) -> None:
    """Raise OperatorError when a process has the database open."""
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database, timeout=0.2, isolation_level=None)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        raise OperatorError(f"{database}: is in use; stop every gateway that uses it first") from None
    except sqlite3.DatabaseError:
        # It is broken: that is why it is replaced.
        return


def put_in_place(copy: Path, database: Path, now: datetime) -> Path | None:
    """Put a copy in the place of the database; return where the one before is kept, None when there was none."""
    kept: Path | None = None
    if database.exists():
        kept = database.with_name(f"{database.name}.before-{now:%Y%m%dT%H%M%SZ}")
        for path, beside in ((database, kept), *zip(_beside(database), _beside(kept), strict=True)):
            if path.exists():
                path.rename(beside)
    for leftover in _beside(database):
        leftover.unlink(missing_ok=True)
    with closing(_opened(copy)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
    _sync(copy)
    copy.replace(database)
    _sync(database.parent)
    return kept


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)


def _require_sound(connection: sqlite3.Connection, path: Path) -> None:
    answer = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if answer != "ok":
        raise OperatorError(f"{path}: is damaged: {str(answer).splitlines()[0]}")


def _beside(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
