"""`gateway config check`: every mistake of the settings and of every mapping file, at once."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.commands.common import config_option, configuration
from gateway.commands.groups import CommandGroup


@click.group(
    cls=CommandGroup,
    epilog="""
\b
Examples:
  gateway config check
""",
)
def config() -> None:
    """Check settings and mapping files."""


@config.command(
    epilog="""
\b
Examples:
  gateway config check
  gateway config check --config config/gateway.toml
"""
)
@config_option
def check(config_path: Path | None) -> None:
    """Validate the settings and every mapping file; report all mistakes at once.

    Exits 1 when there is one. A secret given as `FILE:/path` must be readable here, as it will be at the start.
    """
    settings, mappings = configuration(config_path)
    click.echo(f"settings: {config_path or 'defaults'} and the environment: valid")
    for name, mapping in mappings.items():
        click.echo(f"mapping {name}: valid ({mapping.title or mapping.dialect}), SHA-256 {mapping.hash}")
    for name, upstream in settings.upstreams.items():
        click.echo(f"upstream {name}: {upstream.base_url} as {upstream.mapping}")
