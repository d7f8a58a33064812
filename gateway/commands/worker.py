"""`gateway worker`: submission, tracking and delivery of events without the API, for as many processes as are wanted."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import datetime
from pathlib import Path

import click

from gateway.commands.common import calm_collector, config_option, configuration, progress, share_interpreter
from gateway.commands.recovering import recover, recover_option
from gateway.commands.schema import ready_schema
from gateway.logs import configure_logging
from gateway.ordering import Mapping
from gateway.runtime import run_worker
from gateway.services import Services
from gateway.settings import Settings
from gateway.storage import open_database
from gateway.upstream.building import build_upstreams
from gateway.upstream.reloading import note_hangups


@click.command(
    epilog="""
\b
Examples:
  gateway worker --config config/examples/salesforce-postgresql.toml
"""
)
@config_option
@recover_option
def worker(config_path: Path | None, recover_since: datetime | None) -> None:
    """Run only the submission worker, the tracking of orders and the delivery of events.

    For scale-out: set server.worker = false for the processes that serve the API, and run as many workers beside them as
    are wanted. Any worker continues any checkout. Prints `gateway worker ready`; ends on SIGTERM or Ctrl-C after the calls
    in flight, within server.drain_seconds.
    """
    note_hangups()
    settings, mappings = configuration(config_path)
    configure_logging(settings.log)
    ready_schema(settings.storage)
    recover(settings, mappings, recover_since)
    asyncio.run(_run(settings, mappings))


async def _run(settings: Settings, mappings: dict[str, Mapping]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask_to_stop() -> None:
        if stop.is_set():
            # The second time is meant: what is in flight was recorded before it was sent.
            os._exit(1)
        stop.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, ask_to_stop)
    database = open_database(settings.storage)
    services = Services(
        settings=settings, database=database, mappings=mappings, upstreams=build_upstreams(settings, mappings)
    )
    try:
        click.echo("gateway worker ready")
        sys.stdout.flush()
        progress("Ctrl-C stops it, after the calls in flight.")
        calm_collector()
        share_interpreter()
        await run_worker(services, stop)
    finally:
        await database.close()
