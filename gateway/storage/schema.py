"""The schema's version: bring it up to date, or refuse to run on another one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from gateway.errors import SchemaError

# One migration at a time, even when others start at the same moment (PostgreSQL advisory lock; the number is arbitrary).
MIGRATION_LOCK = 663_622


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


@cache
def _revisions() -> tuple[str, ...]:
    """Return the versions that this package knows, the one it needs first; they do not change while it runs."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def schema_versions(connection: Connection) -> tuple[str | None, str]:
    """Return (the database's version, the version this package needs)."""
    current = MigrationContext.configure(connection).get_current_revision()
    return current, _revisions()[0]


def migrate(engine: Engine) -> tuple[str | None, str | None]:
    """Bring the schema up to date; return the versions before and after. Safe to run twice at once.

    Raises SchemaError, and changes nothing, when the schema is one that this version does not know.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            # Another migration may take long, and so may the rows of a large table.
            connection.execute(text("SET lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
            connection.commit()
        else:
            connection.exec_driver_sql("BEGIN EXCLUSIVE")
        try:
            before, needed = schema_versions(connection)
            if before is not None and before not in _revisions():
                raise _newer(before)
            if before != needed:
                config = _config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            after, _ = schema_versions(connection)
            if engine.dialect.name != "postgresql":
                connection.exec_driver_sql("COMMIT")
            connection.commit()
        finally:
            if engine.dialect.name == "postgresql":
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
                connection.commit()
    return before, after


def require_current_schema(engine: Engine) -> None:
    """Raise SchemaError unless the database has exactly the schema this package needs."""
    with engine.connect() as connection:
        current, needed = schema_versions(connection)
    if current == needed:
        return
    if current is None:
        raise SchemaError("The database has no schema yet. Run `gateway migrate`.")
    if current in _revisions():
        raise SchemaError(f"The database schema is at {current}, this version needs {needed}. Run `gateway migrate`.")
    raise _newer(current)


def _newer(current: str) -> SchemaError:
    return SchemaError(
        f"The database schema is at {current}, which this version does not know: it is newer. Upgrade the gateway."
    )
