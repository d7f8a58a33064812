"""`gateway backup` and `gateway restore`: the embedded database copied while it is used, and put back."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import click
from msgspec.structs import replace
from sqlalchemy import Connection

from gateway.checkouts.stored import recovering
from gateway.clock import timestamp_text, utc_now
from gateway.commands.common import config_option, configuration
from gateway.commands.recovering import marked_for_recovery, note
from gateway.commands.schema import migrate_schema, ready_schema
from gateway.commands.times import Moment
from gateway.settings import Settings, StorageSettings
from gateway.storage import open_database
from gateway.storage.copying import back_up, checked_copy, database_path, put_in_place, require_unused


@click.command(
    epilog="""
\b
Examples:
  gateway backup /backups/gateway-2026-12-01.db
  gateway backup backup.db --config config/gateway.toml
"""
)
@click.argument("target", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@config_option
def backup(target: Path, config_path: Path | None) -> None:
    """Copy the embedded database to FILE, consistently, while gateways use it.

    FILE must not exist. It holds personal data and is readable by its owner only. For PostgreSQL use its own tools.
    """
    settings, _ = configuration(config_path)
    size = back_up(database_path(settings.storage.url), target)
    click.echo(f"{target}: {size} bytes")


@click.command(
    epilog="""
\b
Examples:
  gateway restore /backups/gateway-2026-12-01.db
  gateway restore backup.db --since 2026-12-01T02:00:00Z
"""
)
@click.argument("source", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--since",
    metavar="TIME",
    type=Moment(),
    help="Order systems may know more from here on.  [default: the last change that the backup knows]",
)
@config_option
def restore(source: Path, since: datetime | None, config_path: Path | None) -> None:
    """Put FILE, made by `gateway backup`, in the place of the embedded database.

    Stop every gateway that uses it first. The database that was there is kept beside it. Every checkout that was under way looks in
    the order system before it sends anything; orders that were made after the backup are found by their marker, and told.
    """
    settings, mappings = configuration(config_path)
    database = database_path(settings.storage.url)
    require_unused(database)
    copy = checked_copy(source, database)
    beside = StorageSettings(url=f"sqlite:///{copy}")
    migrate_schema(beside)
    known = asyncio.run(_newest(beside))
    begins = since or known or datetime.fromtimestamp(source.stat().st_mtime, tz=utc_now().tzinfo)
    marked = asyncio.run(marked_for_recovery(_with(settings, beside), mappings, begins))
    kept = put_in_place(copy, database, utc_now())
    ready_schema(settings.storage)
    asyncio.run(_noted(settings.storage, source, begins))
    click.echo(f"{database}: restored from {source}")
    if kept is not None:
        click.echo(f"{kept}: the database that was there before")
    click.echo(
        f"{marked} checkouts look in the order system before they send; recovering from {timestamp_text(begins)} on"
    )


def _with(settings: Settings, storage: StorageSettings) -> Settings:
    return replace(settings, storage=storage)


async def _newest(storage: StorageSettings) -> datetime | None:
    database = open_database(storage)
    try:
        return await database.read(recovering.newest_change)
    finally:
        await database.close()


async def _noted(storage: StorageSettings, source: Path, since: datetime) -> None:
    database = open_database(storage)
    try:

        def record(connection: Connection) -> None:
            note(
                connection, "restore", source.name, f"recovering from {since.isoformat()} on", database.now(connection)
            )

        await database.write(record)
    finally:
        await database.close()
