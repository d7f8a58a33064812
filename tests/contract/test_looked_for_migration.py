"""An order that an earlier version looks for is known for what it is: given up, or the checkout's own that ended."""

from __future__ import annotations

import pytest
from alembic import command
from checkout_work import record_of
from sqlalchemy import insert, inspect, select

from gateway.checkouts.stored.abandoned import abandoned_of
from gateway.storage.schema import _config, migrate
from gateway.storage.tables import abandoned_draft, checkout


@pytest.mark.parametrize(
    ("order_state", "found", "own"),
    [
        ("cancelled", "abandoned", "own_ended"),
        ("rejected", None, "own_ended"),
        ("failed", "absent", "own_ended"),
        # It was found live after its end, and that is told.
        ("rejected", "live", "given_up"),
        # A draft whose submission was refused is given up, and is the checkout's order still.
        ("pending", "left", "given_up"),
        (None, None, "given_up"),
    ],
)
async def test_what_an_earlier_version_looks_for_is_told_apart(database, order_state, found, own):
    rows = [("6", "voided", "given_up"), ("", "absent", "given_up"), ("7", found, own)]
    with database.engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0033")
        names = [column["name"] for column in inspect(connection).get_columns("checkout")]
        record = record_of(order_id="7", order_state=order_state, state="rejected")
        row = {name: getattr(record, name) for name in names if hasattr(record, name)}
        connection.execute(insert(checkout).values(row))
        # The same order number of another tenant's checkout says nothing of this one.
        connection.execute(insert(checkout).values({**row, "tenant": "other", "id": "m1", "order_state": "cancelled"}))
        names = [column["name"] for column in inspect(connection).get_columns("abandoned_draft")]
        assert "why" not in names
        of_it = {"tenant": "default", "checkout_id": record.id, "upstream": "shop", "since": record.created_at}
        for order_id, state, _ in rows:
            values = {**of_it, "marker": record.marker, "order_id": order_id, "state": state, "attempt": 1}
            connection.execute(abandoned_draft.insert().values(values))
        connection.commit()
    migrate(database.engine)
    with database.engine.connect() as connection:
        table = abandoned_draft.c
        query = select(table.order_id, table.state, table.why, table.attempt)
        assert {tuple(each) for each in connection.execute(query)} == {(*each, 1) for each in rows}
        shown = {each.order_id for each in abandoned_of(connection, "default", [record.id])[record.id]}
        assert shown == {order_id or None for order_id, _, why in rows if why == "given_up"}
