"""Where the gateway is registered for notifications: one row for each order system. Plain functions over a connection."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.storage.tables import hub_registration


class Registration(Struct, frozen=True, kw_only=True):
    """A registration at the hub of an order system.

    `checked_at` is when it was asked for last, `registered_at` when that went well last (None: never). `detail` says what went wrong.
    """

    upstream: str
    callback: str
    checked_at: datetime
    hub_id: str | None = None
    registered_at: datetime | None = None
    detail: str | None = None


def registrations(connection: Connection) -> dict[str, Registration]:
    """Return every registration by order system."""
    columns = (hub_registration.c[name] for name in Registration.__struct_fields__)
    return {row.upstream: Registration(**row._asdict()) for row in connection.execute(select(*columns))}


def claim(connection: Connection, seen: Registration | None, fresh: Registration) -> bool:
    """Begin to ask for a registration, which was `seen` as it was; False when another process did."""
    if seen is None:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        values = {name: getattr(fresh, name) for name in Registration.__struct_fields__}
        statement = dialect.insert(hub_registration).values(values).on_conflict_do_nothing()
        return connection.execute(statement.returning(hub_registration.c.upstream)).first() is not None
    claimed = (
        update(hub_registration)
        .where(hub_registration.c.upstream == seen.upstream, hub_registration.c.checked_at == seen.checked_at)
        .values(checked_at=fresh.checked_at)
    )
    return connection.execute(claimed).rowcount == 1


def keep(connection: Connection, registration: Registration) -> None:
    """Store what came of asking."""
    values = {name: getattr(registration, name) for name in Registration.__struct_fields__ if name != "upstream"}
    connection.execute(
        update(hub_registration).where(hub_registration.c.upstream == registration.upstream).values(values)
    )


def forget(connection: Connection, upstream: str) -> None:
    """Delete a registration that was taken back."""
    connection.execute(delete(hub_registration).where(hub_registration.c.upstream == upstream))
