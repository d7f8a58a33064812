"""What the migrations make is what the tables say: a column that only one of them has fails where it is first used."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway.storage import Database
from gateway.storage.tables import metadata


async def test_the_migrations_make_the_tables(database: Database) -> None:
    def differences(connection: Any) -> list[Any]:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert await database.read(differences) == []
