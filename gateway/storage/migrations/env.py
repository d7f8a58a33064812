"""Alembic's entry: runs on the connection that `gateway.storage.schema.migrate` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from gateway.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=connection.dialect.name == "postgresql",
)
if connection.dialect.name == "postgresql":
    with context.begin_transaction():
        context.run_migrations()
else:
    context.run_migrations()
