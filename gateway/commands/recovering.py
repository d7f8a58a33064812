"""What several commands do when the database may know less than the order systems: they mark checkouts, and say so."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import click
from sqlalchemy import Connection

from gateway.checkouts.stored import recovering
from gateway.commands.times import Moment
from gateway.errors import OperatorError
from gateway.logs import get_logger
from gateway.ordering import Mapping as OrderMapping
from gateway.settings import Settings
from gateway.storage import audit, open_database
from gateway.storage.audit import Deed
from gateway.submission.recovery import keeps_drafts

F = TypeVar("F", bound=Callable[..., Any])
log = get_logger(__name__)
OPERATOR_TENANT: Final = "default"


def recover_option(function: F) -> F:
    """Add `--recover-since TIME`, passed as `recover_since`."""
    return click.option(
        "--recover-since",
        metavar="TIME",
        type=Moment(),
        help="The database was restored to this time: look in the order systems before anything is sent. Given again it changes nothing.",
    )(function)


def recover(settings: Settings, mappings: Mapping[str, OrderMapping], since: datetime | None) -> None:
    """Mark what may have gone on in the order systems since `since`; None: nothing is to be recovered."""
    if since is not None:
        marked = asyncio.run(marked_for_recovery(settings, mappings, since))
        log.warning("recovery.begun", since=since.isoformat(), checkouts=marked)


async def marked_for_recovery(settings: Settings, mappings: Mapping[str, OrderMapping], since: datetime) -> int:
    """Begin the recovery of every order system of the settings; return how many checkouts look before they send."""
    upstreams = keeps_drafts(mappings, {name: each.mapping for name, each in settings.upstreams.items()})
    database = open_database(settings.storage)
    try:

        def begin(connection: Connection) -> int:
            now = database.now(connection)
            if since > now:
                raise OperatorError("the time to recover from lies in the future")
            marked = recovering.begin(connection, upstreams, since, now)
            note(connection, "recover", ", ".join(upstreams), f"since {since.isoformat()}: {marked} checkouts", now)
            return marked

        return await database.write(begin)
    finally:
        await database.close()


def note(
    connection: Connection, action: str, resource_id: str, detail: str, now: datetime, reason: str | None = None
) -> None:
    """Record who ran a command on this host."""
    deed = Deed(
        tenant=OPERATOR_TENANT,
        client=_user(),
        roles=("operator",),
        action=action,
        resource="upstream",
        resource_id=resource_id[:255],
        reason=reason,
        detail=detail,
    )
    audit.record(connection, deed, now)


def _user() -> str:
    """Return the account of this host that runs the command, as far as it can be told."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):
        return "command line"
