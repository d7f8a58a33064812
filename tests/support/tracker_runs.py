"""What tests of the tracker share: checkouts with a live order, notifications of it, and what became of them."""

from __future__ import annotations

import json

from checkout_work import SALESFORCE, live_document, store_checkout
from inbox_runs import record_event
from sqlalchemy import select, update

from gateway.storage.tables import inbox
from gateway.tracking.events import Event


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def show(fake, state, order_id="00000001", **attributes):
    """Let the order system show the order of the checkout that `submitted` stores, with what was sent."""
    fake.orders[order_id] = live_document(SALESFORCE, state, order_id, **attributes)


async def submitted(database, **columns):
    columns = {
        "state": "submitted",
        "step": "submit",
        "order_state": "acknowledged",
        "upstream_state": "Submitted",
        "submit_intent_order": "00000001",
        "due_at": None,
        **columns,
    }
    return await store_checkout(database, mapping=SALESFORCE, **columns)


async def notify(database, key="e1", order_id="00000001", **kwargs):
    """Put a notification into the inbox; `said` are further attributes of the event."""
    event = Event(key, order_id, **{"event_type": "x", **kwargs.get("said", {})})
    at = kwargs.get("at")
    await database.write(
        lambda connection: record_event(
            connection, kwargs.get("tenant", "default"), "shop", event, "{}", at or database.now(connection)
        )
    )


async def events(database):
    found = await database.read(lambda connection: list(connection.execute(select(inbox))))
    return {row.dedup_key: row for row in found}


async def set_columns(database, table, **columns):
    await database.write(lambda connection: connection.execute(update(table).values(**columns)))


def told_dead(log):
    """Return the log's lines about notifications that are dead: what identifies them, and why."""
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    dead = [line for line in lines if line["event"] == "notification.dead"]
    assert {line["level"] for line in dead} <= {"warning"}
    return [(line["tenant"], line["upstream"], line["event_key"], line["order"], line["reason"]) for line in dead]
