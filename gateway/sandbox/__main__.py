"""`python -m gateway.sandbox`, and the command that `gateway sandbox` is."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any, cast, get_args

import click

from gateway.sandbox.faults import FAULT_NAMES, Fault, parse_fault
from gateway.sandbox.misbehaviours import MISBEHAVIOURS
from gateway.sandbox.options import Mapping, SandboxOptions
from gateway.sandbox.price_drift import PriceDrift, parse_drift
from gateway.sandbox.server import run_sandbox


class _FaultType(click.ParamType[Fault]):
    """`NAME=RATE`, or `latency=50ms`."""

    name = "NAME=RATE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fault:
        """Read one fault; a usage error tells what would be right."""
        if isinstance(value, Fault):
            return value
        try:
            return parse_fault(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


_LISTED_FAULTS = textwrap.fill(
    ", ".join(name for name in FAULT_NAMES if name not in MISBEHAVIOURS),
    100,
    initial_indent="  ",
    subsequent_indent="  ",
    break_on_hyphens=False,
)


class _DriftType(click.ParamType[PriceDrift]):
    """`10%`, or `0.50`."""

    name = "DRIFT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> PriceDrift:
        """Read a price drift; a usage error tells what would be right."""
        if isinstance(value, PriceDrift):
            return value
        try:
            return parse_drift(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


_EXAMPLES = """
\b
Examples:
  gateway sandbox
  gateway sandbox --port 0 --ledger ledger.jsonl --notify http://127.0.0.1:8663/notifications/sandbox
  gateway sandbox --mapping tmf622-v5 --fault latency=50ms
  gateway sandbox --fault reset-after=0.1 --fault throttle=0.1 --seed 7
  gateway sandbox --catalog catalog.toml --require-token --token-seconds 60
  gateway sandbox --catalog prices.toml --price-drift 10%
"""


@click.command(
    "sandbox",
    help="Run a TMF622 order intake system to try things against. Prints one line when it listens; ends on Ctrl-C."
    f"\n\n\b\nFaults:\n{_LISTED_FAULTS}\n"
    "\n\b\n  Further, what order systems do that do not keep to their mapping, such as marker-upper, filter-empty,\n"
    "  done-429, foreign-id, stale-read=8: docs/reference/misbehaviours.md has every name.\n"
    f"\n{_EXAMPLES}",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8622,
    show_default=True,
    help="Port to listen on; 0 picks a free one.",
)
@click.option(
    "--mapping",
    type=click.Choice(get_args(Mapping)),
    default="salesforce-v4",
    show_default=True,
    help="Whose behaviour it shows.",
)
@click.option("--notify", "notify_url", metavar="URL", help="Post order events to this address.")
@click.option("--notify-token", metavar="TOKEN", help="Bearer token to send with each event.")
@click.option("--fault", "faults", type=_FaultType(), multiple=True, help="Disturb calls; may be repeated.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the drawn faults.")
@click.option(
    "--ledger",
    "ledger_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append every effect to this file, one JSON line each, before the answer leaves.",
)
@click.option(
    "--catalog",
    "catalog_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Product codes, bundles and price list (TOML); without it every code is accepted.",
)
@click.option(
    "--price-drift",
    type=_DriftType(),
    default="0",
    metavar="10%|0.50",
    help="How much every price differs from the catalogue's (or, on a plain server, from the totals that were sent).",
)
@click.option("--require-token", is_flag=True, help="Ask for a bearer token from /services/oauth2/token.")
@click.option("--client-id", help="The only client id that gets a token; any by default.")
@click.option("--client-secret", help="Its secret; any by default.")
@click.option("--token-seconds", type=float, default=7200.0, show_default=True, help="How long a token is accepted.")
@click.option(
    "--late-seconds",
    type=click.FloatRange(0.0),
    default=2.0,
    show_default=True,
    help="How long after the call a late-commit takes effect.",
)
@click.option("--max-items", type=click.IntRange(0), help="Most items in one call; 0 for no limit.  [default: 0]")
@click.option(
    "--budget",
    type=click.IntRange(0),
    help="Most of items x (1 + characteristics) x depth in one call; 0 for no limit.  [default: 2000 on salesforce-v4]",
)
@click.option(
    "--state-delay",
    "state_delay_seconds",
    type=click.FloatRange(0.0),
    default=0.3,
    show_default=True,
    help="Seconds an order stays in each state after its submission.",
)
def sandbox(*, max_items: int | None, budget: int | None, mapping: str, **values: Any) -> None:
    """Run the sandbox until it is stopped."""
    options = SandboxOptions(mapping=cast("Mapping", mapping), call_log=sys.stderr.isatty(), **values)
    try:
        run_sandbox(options.with_limits(max_items_per_call=max_items, complexity_budget=budget))
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    sandbox(prog_name="python -m gateway.sandbox")
