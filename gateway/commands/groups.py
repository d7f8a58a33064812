"""A group of commands: its help shows whole sentences."""

from __future__ import annotations

from typing import Final

import click

_SENTENCE_CHARACTERS_MAX: Final = 1_000


class CommandGroup(click.Group):
    """A group of commands."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands for `--help`, each with its whole first sentence."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str(_SENTENCE_CHARACTERS_MAX)))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
