"""Checkouts that an earlier version had under way go on: what it kept in a sentence becomes a column."""

from __future__ import annotations

from alembic import command
from checkout_work import record_of
from sqlalchemy import insert, inspect, select

from gateway.storage.schema import _config, migrate
from gateway.storage.tables import checkout

CIRCUIT = "waits for the order system: the create step could not be sent (circuit open: 5); it is tried until it can"
AWAY = "waits for the order system: the add step could not be sent (no connection); it is tried until it can"
# Columns of a checkout as an earlier version left it, and what becomes of it: code and what is awaited.
UNDER_WAY = [
    ({"state": "drafting", "status_reason": CIRCUIT}, ("circuit_open", None)),
    ({"state": "drafting", "status_reason": AWAY}, ("upstream_unreachable", None)),
    (
        {"state": "drafting", "status_reason": "waits: the upstream crm or its mapping m is not configured"},
        ("not_configured", None),
    ),
    ({"state": "cancelled", "status_reason": "cancelled by the client"}, ("cancelled", None)),
    (
        {"state": "held", "status_reason": "several live orders carry our marker (1, 2): cancel all but one"},
        ("duplicate_orders", None),
    ),
    (
        {"state": "held", "status_reason": "order 7 does not cost what the cart did, and was not submitted: figures"},
        ("price_differs", None),
    ),
    ({"state": "held", "status_reason": "no version said this"}, ("outcome_unknown", None)),
    ({"state": "submitting", "status_reason": "no version said this"}, ("waiting_retry", None)),
    ({"state": "rejected", "status_reason": "the order system refused the create step: 422"}, ("refused", None)),
    (
        {
            "state": "submitting",
            "step_state": "UNKNOWN",
            "order_id": "7",
            "status_reason": "the order system refused the submit step: 409",
        },
        ("refused", "refused_submission"),
    ),
    (
        {
            "state": "submitted",
            "status_reason": "the order system did not know the order when it was last asked; it is asked again",
        },
        ("not_shown_yet", "missing_order"),
    ),
    ({"state": "drafting", "step_state": "UNKNOWN", "unknowns": 0}, (None, "duplicate_order")),
    ({"state": "drafting", "step_state": "UNKNOWN", "unknowns": 1}, (None, None)),
    ({"state": "submitted", "status_reason": None}, (None, None)),
]


async def test_what_stood_in_sentences_stands_in_columns(database):
    with database.engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0009")
        names = [column["name"] for column in inspect(connection).get_columns("checkout")]
        rows = []
        for number, (columns, _) in enumerate(UNDER_WAY):
            unlike = {"id": f"k{number:02}", "cart_live": False, "idempotency_key": f"key {number}"}
            record = record_of(**columns, **unlike)
            rows.append({name: getattr(record, name) for name in names if hasattr(record, name)})
        for row in rows:
            connection.execute(insert(checkout).values(row))
        connection.commit()
    migrate(database.engine)
    with database.engine.connect() as connection:
        found = connection.execute(select(checkout.c.reason_code, checkout.c.awaiting).order_by(checkout.c.id))
        assert [tuple(row) for row in found] == [expected for _, expected in UNDER_WAY]
