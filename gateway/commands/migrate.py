"""`gateway migrate`: bring the database's schema up to date."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.commands.common import config_option, settings_with
from gateway.commands.schema import database_name, migrate_schema


@click.command(
    epilog="""
\b
Examples:
  gateway migrate --config config/gateway.toml
  GATEWAY_STORAGE__URL=FILE:/run/secrets/database-url gateway migrate
"""
)
@config_option
def migrate(config_path: Path | None) -> None:
    """Bring the database schema up to date.

    Safe to run again, and by several replicas at once: they take turns. Run it before the first start and before each
    new version; gateways of the version before go on working.
    """
    settings = settings_with(config_path)
    before, after = migrate_schema(settings.storage)
    name = database_name(settings.storage)
    click.echo(f"{name}: already at {after}" if before == after else f"{name}: {before or 'empty'} -> {after}")
