"""An empty database of the current schema, to copy from: running every migration takes longer than most tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool

from gateway.storage.schema import migrate


@cache
def template() -> bytes:
    """Return the bytes of an SQLite database file as the migrations leave it; they run once in a process."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"isolation_level": None})
    migrate(engine)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        made: bytes = driver.serialize()
    engine.dispose()
    return made


def template_file() -> bytes:
    """Return the template as a file holds it: with a write-ahead log, of which bytes 18 and 19 tell; what is in memory has none."""
    made = template()
    return made[:18] + b"\x02\x02" + made[20:]


def give_schema(engine: Engine) -> None:
    """Give an embedded database its schema where it has none yet; others stay as they are."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return
    path = Path(engine.url.database)
    if path.parent.is_dir() and not (path.exists() and path.stat().st_size):
        path.write_bytes(template_file())
