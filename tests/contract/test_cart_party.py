"""The index of carts by party is filled from carts that were there before it, on both databases."""

from __future__ import annotations

import json

from alembic import command
from sqlalchemy import select, text

from gateway.storage import Database
from gateway.storage.schema import _config, migrate
from gateway.storage.tables import cart_party

DOCUMENTS = [
    {"relatedParty": [{"id": "42"}, {"id": "42", "role": "x"}, {"id": "43"}]},
    {"relatedParty": [{"id": 44}, {"name": "none"}, "45", None, {"id": "x" * 300}]},
    {"relatedParty": None},
    {"relatedParty": "42"},
    {},
]


async def test_carts_of_an_older_schema_are_indexed(database: Database) -> None:
    engine = database.engine
    with engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
        for number, document in enumerate(DOCUMENTS):
            connection.execute(
                text(
                    "INSERT INTO cart (tenant, id, version, document, created_at, updated_at) "
                    "VALUES ('a', :id, 1, :document, 0, 0)"
                ),
                {"id": str(number), "document": json.dumps(document)},
            )
        connection.commit()

    migrate(engine)

    with engine.connect() as connection:
        rows = connection.execute(select(cart_party.c.cart_id, cart_party.c.party_id)).all()
    assert sorted(tuple(row) for row in rows) == [("0", "42"), ("0", "43")]
