"""The `gateway` command: the list of its subcommands. Each is imported only when it is run, so that `--help` is at once.

Exit codes: 0 done, 1 refused (a message says why), 2 wrong usage. Results go to stdout, progress to stderr.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from typing import Any, Final

import click

from gateway import __version__
from gateway.errors import OperatorError

# name: (where the command is, the line of the list)
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "serve": ("gateway.commands.serve:serve", "Run the API, and the submission worker with it."),
    "worker": ("gateway.commands.worker:worker", "Run only the submission worker (scale-out)."),
    "migrate": ("gateway.commands.migrate:migrate", "Bring the database schema up to date."),
    "sandbox": ("gateway.sandbox.__main__:sandbox", "Run a TMF622 order system to try things against."),
    "translate": ("gateway.commands.translate:translate", "Show what would become of a cart; sends nothing."),
    "demo": ("gateway.commands.demo:demo", "Take a cart through the whole flow, before your eyes."),
    "checkouts": (
        "gateway.commands.checkouts:checkouts",
        "Look at checkouts of a running gateway, and decide about them.",
    ),
    "upstreams": (
        "gateway.commands.upstreams:upstreams",
        "Look at order systems, pause and resume them.",
    ),
    "events": (
        "gateway.commands.events:events",
        "See what a subscriber gets, send it again, try it out.",
    ),
    "subscriptions": (
        "gateway.commands.subscriptions:subscriptions",
        "Look at who is told of events, and how far each is.",
    ),
    "inbox": (
        "gateway.commands.inbox:inbox",
        "Look at notifications that were not dealt with; replay them.",
    ),
    "audit": ("gateway.commands.audit:audit", "Look at who did what, and take it along as lines of JSON."),
    "backup": ("gateway.commands.backup:backup", "Copy the embedded database while it is used."),
    "restore": ("gateway.commands.backup:restore", "Put a copy of the embedded database in its place."),
    "reconcile": (
        "gateway.commands.reconcile:reconcile",
        "Compare an order system's orders with the checkouts, both ways.",
    ),
    "doctor": ("gateway.commands.doctor:doctor", "Measure what an order system can do, against its mapping."),
    "config": ("gateway.commands.config:config", "Check settings and mapping files."),
}

# The commands that read their mapping files again on SIGHUP.
RELOADING: Final = frozenset({"serve", "worker"})


class CommandList(click.Group):
    """A group that knows its commands' names and first lines without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the command `cmd_name`; None when there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in RELOADING:
            # Loading it takes a moment in which nothing is read yet that a SIGHUP could be about: it must only not end it.
            with contextlib.suppress(ValueError, AttributeError):
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with; a usage error names those that are written alike."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the list of commands for `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a mistake of the installation is printed with all its lines and exits 1."""
        try:
            return super().invoke(ctx)
        except OperatorError as error:
            for line in str(error).splitlines():
                click.echo(line, err=True)
            ctx.exit(1)


@click.command(
    cls=CommandList,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""
\b
Examples:
  gateway demo
  gateway serve --config config/gateway.toml
  gateway translate cart.json --mapping salesforce-v4
""",
)
@click.version_option(__version__, prog_name="gateway", message="%(prog)s %(version)s")
@click.option("--no-color", is_flag=True, help="No colours, also on a terminal; so does NO_COLOR in the environment.")
@click.pass_context
def main(ctx: click.Context, *, no_color: bool) -> None:
    """Turn TMF663 shopping carts into TMF622 product orders, each submitted exactly once and tracked to its end."""
    if no_color:
        # rich, and the processes that a command starts, look there.
        os.environ["NO_COLOR"] = "1"
        ctx.color = False


if __name__ == "__main__":
    sys.exit(main())
