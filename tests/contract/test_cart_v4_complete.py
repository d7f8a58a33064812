"""Whether v4 shows a cart as it is stored: kept with the cart and its events, unknown of those of an earlier schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from hub_dispatch import subscribed
from sqlalchemy import text

from gateway.carts import store
from gateway.hub import events
from gateway.storage import Database
from gateway.storage.schema import _config, migrate

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def flags(database: Database) -> tuple[Any, Any, Any]:
    """Return what is known of the cart: in its row, for a GET, and in a list."""
    row = await database.read(lambda c: store.get(c, "a", "one"))
    brief = await database.read(lambda c: store.get_document(c, "a", "one"))
    page = await database.read(lambda c: store.list_page(c, "a", limit=5, offset=0))
    assert row is not None
    assert brief is not None
    return row.v4_complete, brief[3], page.rows[0].v4_complete


@pytest.mark.parametrize("complete", [True, False, None])
async def test_it_is_kept_with_the_cart_and_told_with_its_events(database: Database, complete: bool | None) -> None:
    await subscribed(database, "one")
    await database.write(lambda c: store.insert(c, "a", "one", store.CartContent("{}", v4_complete=complete), NOW))
    assert await flags(database) == (complete, complete, complete)

    await database.write(
        lambda c: store.update(c, "a", "one", 1, store.CartContent('{"x":1}', v4_complete=not complete), NOW)
    )
    assert await flags(database) == (not complete, not complete, not complete)
    await database.write(lambda c: store.update(c, "a", "one", 2, store.CartContent('{"x":2}'), NOW))
    assert await flags(database) == (None, None, None)

    await database.write(lambda c: events.number_events(c, "a", "shoppingCart", limit=None))
    found = await database.read(lambda c: events.page(c, "a", "shoppingCart", 0, events_max=9, bytes_max=999))
    assert [event.v4_complete for event in found] == [complete, not complete, None]


async def test_of_carts_and_events_of_an_earlier_schema_it_is_unknown(database: Database) -> None:
    with database.engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0008")
        connection.execute(
            text(
                "INSERT INTO cart (tenant, id, version, document, created_at, updated_at) VALUES ('a','one',1,'{}',0,0)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO hub_event (tenant, id, resource, resource_id, sequence, position, event_type,"
                " document_bytes, document, created_at)"
                " VALUES ('a', 'e', 'shoppingCart', 'one', 1, 1, 'ShoppingCartCreateEvent', 2, '{}', 0)"
            )
        )
        connection.commit()

    migrate(database.engine)

    assert await flags(database) == (None, None, None)
    (event,) = await database.read(lambda c: events.page(c, "a", "shoppingCart", 0, events_max=9, bytes_max=999))
    assert event.v4_complete is None
