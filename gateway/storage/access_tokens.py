"""Tokens of our token endpoint, kept by their hashes: any replica knows them, and a restart forgets none. Functions over a connection."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select

from gateway.storage.tables import access_token

# Tokens of one credential that are valid at once; the oldest make room. Who asks for one before each call needs no more.
ALIVE_MAX: Final = 1_000
_EXPIRED_MAX: Final = 100


class AccessToken(Struct, frozen=True, kw_only=True):
    """A token that was given out: by its hash, for which credential (the hash of a secret), of which order system, until when."""

    sha256: str
    credential: str
    upstream: str | None
    expires_at: datetime


def keep(connection: Connection, token: AccessToken, now: datetime) -> None:
    """Store a token; expired ones are forgotten, and the oldest of its credential where there are too many."""
    table = access_token
    expired = select(table.c.sha256).where(table.c.expires_at <= now).limit(_EXPIRED_MAX)
    connection.execute(delete(table).where(table.c.sha256.in_(list(connection.execute(expired).scalars()))))
    newest = select(table.c.sha256).where(table.c.credential == token.credential).order_by(table.c.issued_at.desc())
    too_many = list(connection.execute(newest.offset(ALIVE_MAX - 1).limit(_EXPIRED_MAX)).scalars())
    if too_many:
        connection.execute(delete(table).where(table.c.sha256.in_(too_many)))
    connection.execute(
        insert(table).values(
            sha256=token.sha256,
            credential=token.credential,
            upstream=token.upstream,
            issued_at=now,
            expires_at=token.expires_at,
        )
    )


def find(connection: Connection, sha256: str) -> AccessToken | None:
    """Return the token with this hash; whether it is valid still is for the caller to say."""
    columns = (access_token.c[name] for name in AccessToken.__struct_fields__)
    row = connection.execute(select(*columns).where(access_token.c.sha256 == sha256)).one_or_none()
    return None if row is None else AccessToken(**row._asdict())
