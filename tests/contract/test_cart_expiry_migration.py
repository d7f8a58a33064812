"""Carts that were there before carts expired count from their last change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from alembic import command
from sqlalchemy import text

from gateway.carts import store
from gateway.settings import StorageSettings
from gateway.storage import open_database
from gateway.storage.schema import _config, migrate
from gateway.storage.tables import EPOCH

CHANGED = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


async def test_a_cart_of_the_schema_before_expires_90_days_after_its_last_change(tmp_path: Path) -> None:
    database = open_database(StorageSettings(url=f"sqlite:///{tmp_path / 'gateway.db'}"))
    try:
        config = _config()
        with database.engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0002")
            connection.execute(
                text(
                    "INSERT INTO cart (tenant, id, version, document, created_at, updated_at)"
                    " VALUES ('acme', 'old', 3, '{}', 1, :moment)"
                ),
                {"moment": (CHANGED - EPOCH) // timedelta(microseconds=1)},
            )
            connection.commit()
        migrate(database.engine)

        row = await database.read(lambda connection: store.get(connection, "acme", "old"))

        assert row is not None
        assert (row.version, row.expires_at, row.expiry_given) == (3, CHANGED + timedelta(days=90), False)
    finally:
        await database.close()
