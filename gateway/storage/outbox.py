"""The outbox: an event is written in the transaction of the change it tells of, or not at all.

Nothing is written while nobody subscribes to that kind of resource; asking costs one look at an index. What becomes of an
event afterwards is the business of `gateway/hub`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import uuid4

from sqlalchemy import Connection

from gateway.logs import correlation
from gateway.storage.tables import EPOCH

Resource = Literal["shoppingCart", "checkout"]

# The names of the events, as TMF663 v4 and v5 have them; other versions' names are derived from these.
CART_CREATED: Final = "ShoppingCartCreateEvent"
CART_CHANGED: Final = "ShoppingCartAttributeValueChangeEvent"
CART_DELETED: Final = "ShoppingCartDeleteEvent"
CHECKOUT_CREATED: Final = "CheckoutCreateEvent"
CHECKOUT_STATE_CHANGED: Final = "CheckoutStateChangeEvent"

_MICROSECOND: Final = timedelta(microseconds=1)
# Driver SQL, because every write of a cart runs the first: building the statement anew costs more than running it.
_WANTED: Final = "SELECT 1 FROM hub_subscription WHERE tenant = ? AND resource = ? AND state = 'active' LIMIT 1"
_INSERT: Final = (
    "INSERT INTO hub_event (tenant, id, resource, resource_id, sequence, position, event_type, field_path,"
    " correlation_id, document_bytes, document, created_at) VALUES (?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?)"
)
_BY_DIALECT: Final = {
    "sqlite": (_WANTED, _INSERT),
    "postgresql": (_WANTED.replace("?", "%s"), _INSERT.replace("?", "%s")),
}


def wanted(connection: Connection, tenant: str, resource: Resource) -> bool:
    """Return whether anybody subscribes to events of this kind of resource."""
    if connection.dialect.name == "sqlite":
        # The driver's own cursor takes a tenth of the time, and every write of a cart comes this way.
        cursor = connection.connection.cursor()
        try:
            cursor.execute(_WANTED, (tenant, resource))
            return cursor.fetchone() is not None
        except sqlite3.Error:
            # Ask again the ordinary way, which raises what the callers of a database know.
            return connection.exec_driver_sql(_WANTED, (tenant, resource)).fetchone() is not None
        finally:
            cursor.close()
    statement, _ = _BY_DIALECT[connection.dialect.name]
    return connection.exec_driver_sql(statement, (tenant, resource)).fetchone() is not None


def publish(
    connection: Connection,
    tenant: str,
    *,
    resource: Resource,
    resource_id: str,
    sequence: int,
    event_type: str,
    document: str | Callable[[], str],
    now: datetime,
    field_path: str | None = None,
) -> bool:
    """Write an event, if anybody wants it; return whether one was written.

    `sequence` is the version that the change gives the resource: it orders its events, whatever the clocks of replicas say.
    `document` is the resource after the change as JSON text (of a removed one `@type`, `id` and `href`), or what makes it.
    """
    if not wanted(connection, tenant, resource):
        return False
    _, statement = _BY_DIALECT[connection.dialect.name]
    text = document if isinstance(document, str) else document()
    caused_by = correlation.get()
    values = (
        tenant,
        uuid4().hex,
        resource,
        resource_id,
        sequence,
        event_type,
        field_path,
        caused_by.decode("latin-1") if caused_by is not None else None,
        len(text.encode()),
        text,
        (now - EPOCH) // _MICROSECOND,
    )
    connection.exec_driver_sql(statement, values)
    return True
