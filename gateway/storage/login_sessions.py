"""Sessions of people who logged in with a browser: plain functions over a connection. What a cookie holds is kept by its hash alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, or_, select, update

from gateway.storage.statements import run
from gateway.storage.tables import EPOCH, login_session

# Of those that have ended, so many are removed with each login.
REMOVED_MAX: Final = 1_000
_MICROSECOND: Final = timedelta(microseconds=1)
_GET: Final = (
    "SELECT id_sha256, tenant, client, roles, subject, provider_session, created_at, used_at, expires_at FROM login_session"
    " WHERE id_sha256 = ?"
)


class LoginSession(Struct, frozen=True, kw_only=True):
    """A session: whose it is, with which roles, and how the identity provider names the person and its own session (None: not)."""

    id_sha256: str
    tenant: str
    client: str
    roles: tuple[str, ...]
    subject: str
    provider_session: str | None
    created_at: datetime
    used_at: datetime
    expires_at: datetime


def begin(connection: Connection, session: LoginSession, sessions_max: int) -> None:
    """Keep a session; the oldest of the same person end where there are `sessions_max` already, and some that have ended are removed."""
    table = login_session.c
    ended = select(table.id_sha256).where(table.expires_at <= session.created_at).limit(REMOVED_MAX)
    surplus = (
        select(table.id_sha256)
        .where(table.subject == session.subject)
        .order_by(table.created_at.desc(), table.id_sha256)
        .offset(sessions_max - 1)
    )
    for query in (ended, surplus):
        ids = list(connection.execute(query).scalars())
        if ids:
            connection.execute(delete(login_session).where(table.id_sha256.in_(ids)))
    values = {name: getattr(session, name) for name in LoginSession.__struct_fields__}
    connection.execute(insert(login_session), values | {"roles": " ".join(session.roles)})


def find(connection: Connection, id_sha256: str) -> LoginSession | None:
    """Return a session, None when there is none with this hash (any more). Whether it has expired is the caller's to ask."""
    row = run(connection, _GET, (id_sha256,))
    if row is None:
        return None
    created, used, expires = (EPOCH + value * _MICROSECOND for value in row[6:9])
    return LoginSession(
        id_sha256=row[0],
        tenant=row[1],
        client=row[2],
        roles=tuple(row[3].split()),
        subject=row[4],
        provider_session=row[5],
        created_at=created,
        used_at=used,
        expires_at=expires,
    )


def use(connection: Connection, id_sha256: str, now: datetime) -> None:
    """Note that a session is in use."""
    connection.execute(update(login_session).where(login_session.c.id_sha256 == id_sha256).values(used_at=now))


def end(connection: Connection, id_sha256: str) -> None:
    """Remove a session, if it is there."""
    connection.execute(delete(login_session).where(login_session.c.id_sha256 == id_sha256))


def end_there(connection: Connection, subject: str | None, provider_session: str | None) -> list[LoginSession]:
    """Remove the sessions of a session at the identity provider; without one those of a person. Return what was removed.

    A session of the person ends also when the provider did not name its own session at the login: it may be that one.
    """
    table = login_session.c
    wanted = []
    if provider_session is not None:
        is_that_one = table.provider_session == provider_session
        wanted.append(is_that_one if subject is None else or_(is_that_one, table.provider_session.is_(None)))
    if subject is not None:
        wanted.append(table.subject == subject)
    assert wanted, "one of them is given"
    ids = list(connection.execute(select(table.id_sha256).where(*wanted)).scalars())
    found = [session for each in ids if (session := find(connection, each)) is not None]
    if ids:
        connection.execute(delete(login_session).where(table.id_sha256.in_(ids)))
    return found
