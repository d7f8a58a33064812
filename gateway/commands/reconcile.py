"""`gateway reconcile`: an order system's orders against the checkouts, both ways, as text, JSON and exit code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection

from gateway.checkouts.stored import recovering
from gateway.clock import timestamp_text
from gateway.commands.common import config_option, configuration
from gateway.commands.recovering import note
from gateway.commands.schema import ready_schema
from gateway.commands.times import Moment
from gateway.errors import OperatorError
from gateway.logs import configure_logging
from gateway.ordering import Mapping
from gateway.settings import Settings
from gateway.storage import open_database
from gateway.submission.reconciling import Report, reconciled
from gateway.upstream import UpstreamClient
from gateway.upstream.building import upstream_options


@click.command(
    epilog="""
\b
Examples:
  gateway reconcile crm --since 2026-12-01T00:00:00Z
  gateway reconcile crm --since 2026-12-01T00:00:00Z --format json
  gateway reconcile crm --settle 00004122 --reason "cancelled in the CRM, case 77"
  gateway reconcile crm --end-recovery --reason "its list cannot be read whole; compared by hand, case 78"
"""
)
@click.argument("upstream", metavar="UPSTREAM")
@click.option(
    "--since", metavar="TIME", type=Moment(), help="Compare what was made from here on, and all that is followed."
)
@click.option(
    "--settle",
    "order_ids",
    metavar="ORDER",
    multiple=True,
    help="Say that an order that belongs to no checkout is dealt with; may be repeated.",
)
@click.option(
    "--end-recovery",
    is_flag=True,
    help="After a restore: let checkouts go on although the list of orders never became whole.",
)
@click.option("--reason", metavar="TEXT", help="Why, with --settle or --end-recovery; it is kept with your name.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Output."
)
@config_option
def reconcile(
    *,
    upstream: str,
    since: datetime | None,
    order_ids: tuple[str, ...],
    end_recovery: bool,
    reason: str | None,
    form: str,
    config_path: Path | None,
) -> None:
    """Compare the orders there that carry a marker of the gateway with the checkouts here.

    Told are live orders that no checkout knows, second live orders, orders that are not there, and contents and states that differ.
    Nothing is changed but the report that is stored. Exit code 1 when anything differs, or not everything could be seen.
    """
    settings, mappings = configuration(config_path)
    if upstream not in settings.upstreams:
        known = ", ".join(sorted(settings.upstreams)) or "none is configured"
        raise click.BadParameter(f"there is no upstream {upstream!r}; there are: {known}", param_hint="UPSTREAM")
    if [since is not None, bool(order_ids), end_recovery].count(True) != 1:
        raise click.UsageError(
            "give one of --since TIME, --settle ORDER or --end-recovery; the last two with a --reason"
        )
    if since is None and not reason:
        raise click.UsageError("--settle and --end-recovery need a --reason")
    configure_logging(settings.log)
    ready_schema(settings.storage)
    if order_ids:
        asyncio.run(_settle(settings, upstream, order_ids, reason or ""))
        click.echo(f"settled: {', '.join(order_ids)}")
        return
    if end_recovery:
        click.echo(asyncio.run(_end_recovery(settings, upstream, reason or "")))
        return
    assert since is not None, "one of the three is given"
    mapping = mappings[settings.upstreams[upstream].mapping]
    report = asyncio.run(_run(settings, upstream, mapping, since))
    click.echo(json.dumps(document(report), indent=2) if form == "json" else text(report))
    if report.found or not report.complete:
        raise click.exceptions.Exit(1)


async def _run(settings: Settings, upstream: str, mapping: Mapping, since: datetime) -> Report:
    database = open_database(settings.storage)
    client = UpstreamClient(upstream_options(settings, upstream, mapping))
    try:
        return await reconciled(database, client, upstream, mapping, since)
    finally:
        await client.close()
        await database.close()


async def _settle(settings: Settings, upstream: str, order_ids: Sequence[str], reason: str) -> None:
    database = open_database(settings.storage)
    try:

        def settle(connection: Connection) -> None:
            now = database.now(connection)
            for order_id in order_ids:
                if not recovering.settle(connection, upstream, order_id, reason, now):
                    raise OperatorError(
                        f"order {order_id} is not among the open orders of {upstream} that belong to no checkout"
                    )
                note(connection, "settle", upstream, f"order {order_id}", now, reason)

        await database.write(settle)
    finally:
        await database.close()


async def _end_recovery(settings: Settings, upstream: str, reason: str) -> str:
    """End a recovery that is stuck; return what that means, in words."""
    database = open_database(settings.storage)
    try:

        def end(connection: Connection) -> tuple[int, tuple[recovering.FoundOrder, ...]]:
            now = database.now(connection)
            count = recovering.end(connection, upstream, now)
            if count is None:
                raise OperatorError(f"no recovery of {upstream} waits for its list of orders")
            note(connection, "end_recovery", upstream, f"{count} checkouts go on", now, reason)
            return count, recovering.unclaimed(connection, upstream)

        count, unclaimed = await database.write(end)
    finally:
        await database.close()
    named = f", and hold carts that may have made them: {', '.join(each.order_id for each in unclaimed[:20])}"
    return (
        f"the recovery of {upstream} is ended: {count} checkouts go on. {len(unclaimed)} orders were found that belong to no "
        f"checkout{named if unclaimed else ''}"
    )


def document(report: Report) -> dict[str, Any]:
    """Return a report as JSON: {"@type", "upstream", "since", "at", "complete", "detail", "orders", "checkouts", "discrepancy"}."""
    return {
        "@type": "Reconciliation",
        "upstream": report.upstream,
        "since": timestamp_text(report.since),
        "at": timestamp_text(report.at),
        "complete": report.complete,
        "detail": report.detail or None,
        "orders": report.orders,
        "checkouts": report.checkouts,
        "discrepancy": [
            {"kind": each.kind, "orderId": each.order_id, "checkoutId": each.checkout_id, "detail": each.detail}
            for each in report.found
        ],
    }


def text(report: Report) -> str:
    """Return a report as lines for people."""
    head = (
        f"{report.upstream} since {timestamp_text(report.since)}: {report.orders} orders with a marker there, "
        f"{report.checkouts} checkouts with an order here"
    )
    lines = [head]
    if not report.complete:
        lines.append(f"NOT EVERYTHING WAS SEEN: {report.detail}")
    for each in report.found:
        of = f" of checkout {each.checkout_id}" if each.checkout_id else ""
        lines.append(f"  {each.kind:<18} order {each.order_id}{of}: {each.detail}")
    if not report.found:
        lines.append("Nothing differs.")
    return "\n".join(lines)
