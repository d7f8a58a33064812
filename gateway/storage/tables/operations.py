"""What people ask for, what they stopped, and the tokens that callers were given."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, Text

from gateway.storage.tables.base import Moment, metadata

# Who did what. Rows are only added, and removed when they are old: a trigger refuses to change one. `roles` are separated by spaces.
audit = Table(
    "audit",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("client", String(255), nullable=False),
    Column("roles", String(255), nullable=False),
    Column("action", String(32), nullable=False),
    Column("resource", String(32), nullable=False),
    Column("resource_id", String(255), nullable=False),
    Column("reason", Text),
    Column("version_before", Integer),
    Column("version_after", Integer),
    Column("outcome", String(32), nullable=False),
    Column("detail", Text),
    Column("correlation_id", String(255)),
    Index("ix_audit_resource", "tenant", "resource", "resource_id", "at"),
    Index("ix_audit_at", "tenant", "at"),
    Index("ix_audit_client", "tenant", "client", "at"),
)

# Order systems that nobody is to call now.
upstream_pause = Table(
    "upstream_pause",
    metadata,
    Column("upstream", String(64), primary_key=True),
    Column("since", Moment, nullable=False),
    Column("client", String(255), nullable=False),
    Column("reason", Text, nullable=False),
)

# Tokens of /oauth2/token, by their hashes. `credential` is the hash of the secret that one was given for: it is valid as long as that is.
# `upstream` names the order system whose secret it is; null: that of a client of the file of clients.
access_token = Table(
    "access_token",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("credential", String(64), nullable=False),
    Column("upstream", String(64)),
    Column("issued_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("ix_access_token_credential", "credential", "issued_at"),
    Index("ix_access_token_expires", "expires_at"),
)

# People who logged in with a browser, by the SHA-256 of what their cookie holds. `client`, `tenant` and `roles` are those of the access
# token at the login; `subject` and `provider_session` (`sid`) are how the identity provider names who or what logs out.
login_session = Table(
    "login_session",
    metadata,
    Column("id_sha256", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("client", String(64), nullable=False),
    Column("roles", String(255), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("provider_session", String(255)),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("ix_login_session_subject", "subject", "created_at"),
    Index("ix_login_session_provider", "provider_session"),
    Index("ix_login_session_expires", "expires_at"),
)
