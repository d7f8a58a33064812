"""`gateway audit`: who did what, asked of a running gateway over its own API."""

from __future__ import annotations

import json
from typing import Any, Final

import click
from rich.markup import escape

from gateway.clock import timestamp_text, utc_now
from gateway.commands.client import call, client_options, print_table, printed_as_json, table, with_options

AUDIT: Final = "/tmf-api/checkoutManagement/v1/audit"
UNKNOWN: Final = f"{AUDIT}/unknownCredentials"
PAGE_ITEMS: Final = 500


@click.group(
    epilog="""
\b
Examples:
  gateway audit list --resource-id 7f3a0b7a4d1e4b0f9a6c8d7e5f4a3b2c
  gateway audit list --client anna --since 2026-12-01T00:00:00Z
  gateway audit list --outcome refused
  gateway audit export --since 2026-12-01T00:00:00Z > audit.jsonl
"""
)
def audit() -> None:
    """Look at who did what, and take it along as lines of JSON."""


def filter_options(function: Any) -> Any:
    """Add what deeds are found by, passed by the names of the query."""
    options = (
        click.option("--client", metavar="NAME", help="Only what this client did."),
        click.option(
            "--resource", metavar="KIND", help="Only what was done to such things: shoppingCart, checkout, ..."
        ),
        click.option("--resource-id", "resourceId", metavar="ID", help="Only what was done to this one."),
        click.option("--action", metavar="WORD", help="Only this: create, change, submit, cancel, ..."),
        click.option("--outcome", metavar="WORD", help="Only what came to this: done, refused, ..."),
        click.option("--correlation-id", "correlationId", metavar="ID", help="Only what this request did."),
        click.option("--since", metavar="TIME", help="Only from this moment on (2026-12-01T08:00:00Z)."),
        click.option("--until", metavar="TIME", help="Only before this moment."),
        click.option(
            "--unknown-credentials",
            is_flag=True,
            help="Of no tenant: credentials that let nobody in. Needs the role platform.",
        ),
    )
    return with_options(options, function)


FILTERS: Final = ("client", "resource", "resourceId", "action", "outcome", "correlationId", "since", "until")


@audit.command(
    "list",
    epilog="""
\b
Examples:
  gateway audit list --client anna --action submit
  gateway audit list --resource checkout --limit 10 --format json
  gateway audit list --unknown-credentials
""",
)
@filter_options
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many at most, the latest first."
)
@client_options
def list_audit(*, limit: int, form: str, unknown_credentials: bool, **given: Any) -> None:
    """List who did what, the latest first."""
    query = {**_filter(given), "limit": str(limit)}
    found = call("GET", UNKNOWN if unknown_credentials else AUDIT, query, **given)
    if printed_as_json(form, found):
        return
    rows = table("at", "client", "action", "what", "id", "version", "outcome", "reason")
    for each in found:
        versions = [str(each[name]) for name in ("versionBefore", "versionAfter") if name in each]
        named = (each["at"], each["client"], each["action"], each["resource"], each["resourceId"])
        cells = (*named, " > ".join(versions), each["outcome"], each.get("reason") or each.get("detail") or "")
        rows.add_row(*(escape(str(cell)) for cell in cells))
    print_table(rows)


@audit.command(
    "export",
    epilog="""
\b
Examples:
  gateway audit export > audit.jsonl
  gateway audit export --since 2026-12-01T00:00:00Z --until 2026-12-02T00:00:00Z > day.jsonl
""",
)
@filter_options
@client_options
def export(*, form: str, unknown_credentials: bool, **given: Any) -> None:  # noqa: ARG001 - lines of JSON whatever the form
    """Write everything that the filter finds as lines of JSON, the latest first.

    What is done meanwhile is not in it.
    """
    query = _filter(given)
    # What comes while it is read would move the pages.
    query.setdefault("until", timestamp_text(utc_now()))
    offset = 0
    while True:
        page = call(
            "GET",
            UNKNOWN if unknown_credentials else AUDIT,
            {**query, "limit": str(PAGE_ITEMS), "offset": str(offset)},
            **given,
        )
        for each in page:
            click.echo(json.dumps(each))
        offset += len(page)
        if len(page) < PAGE_ITEMS:
            return


def _filter(given: dict[str, Any]) -> dict[str, str | None]:
    """Take what the deeds are found by out of the options."""
    return {name: value for name in FILTERS if (value := given.pop(name)) is not None}
