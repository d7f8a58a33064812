"""What several commands share: the `--config` option, settings with the command line's overrides, progress."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from gateway.configuration import PREFIX, load_settings
from gateway.errors import MappingError, OperatorError, SettingsError
from gateway.ordering import Mapping
from gateway.resources import load_mappings, mapping_files, unknown_mappings
from gateway.security.tokens import load_clients
from gateway.settings import MappingSettings, Settings

F = TypeVar("F", bound=Callable[..., Any])


def config_option(function: F) -> F:
    """Add `--config FILE` (or the environment's GATEWAY_CONFIG), passed as `config_path`."""
    return click.option(
        "--config",
        "config_path",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="GATEWAY_CONFIG",
        show_envvar=True,
        help="TOML file of settings; without it every setting has its default.",
    )(function)


def settings_with(config_path: Path | None, **server: Any) -> Settings:
    """Return the settings, with those of `server` that are not None in the place of the file's and the environment's.

    Raises SettingsError with every mistake; the combination is judged with the command line's values in it.
    """
    overrides = {f"{PREFIX}SERVER__{name.upper()}": str(value) for name, value in server.items() if value is not None}
    return load_settings(config_path, {**os.environ, **overrides})


def configuration(config_path: Path | None, **server: Any) -> tuple[Settings, dict[str, Mapping]]:
    """Return the settings and every mapping.

    Raises OperatorError with all mistakes, a line each: of the settings, the mapping files, the file of tokens, and of what
    one of them says of another.
    """
    mistakes: list[str] = []
    settings: Settings | None = None
    mappings: dict[str, Mapping] = {}
    try:
        settings = settings_with(config_path, **server)
    except SettingsError as error:
        mistakes += str(error).splitlines()
        settings = error.readable
    # With a file of settings that cannot be read at all, the shipped mapping files are still worth a look.
    folders = settings.mappings if settings else MappingSettings()
    try:
        mappings = load_mappings(folders)
    except (MappingError, SettingsError) as error:
        mistakes += str(error).splitlines()
    if settings and (not folders.folder or Path(folders.folder).is_dir()):
        # A mapping that is wrong is there all the same.
        mistakes += [str(problem) for problem in unknown_mappings(settings, mapping_files(folders))]
    try:
        if settings and settings.security.mode != "none" and settings.security.tokens_file:
            load_clients(Path(settings.security.tokens_file))
    except SettingsError as error:
        mistakes += str(error).splitlines()
    if mistakes or settings is None:
        raise OperatorError("\n".join(mistakes))
    return settings, mappings


def calm_collector() -> None:
    """Make the garbage collector look less often, once everything is loaded.

    Requests make many objects and few circles: looking through all that was ever loaded after every 700 of them costs a
    quarter of the time of a small write. What is there now stays for the life of the process and is not looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


# How long a thread that computes keeps the interpreter while another one wants it; Python's own is fifty times as long.
SWITCH_SECONDS: Final = 0.0001


def share_interpreter() -> None:
    """Let the event loop and the writer have the interpreter soon while a thread works on a large document.

    Each answer of the database and each of the network has to get it back first: a dozen times for one small write, each time after
    a whole interval. With Python's 5 ms one large patch of one tenant cost every other request 30 to 60 ms.
    """
    sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))


def progress(text: str) -> None:
    """Say what is going on, to a person at a terminal only."""
    if sys.stderr.isatty():
        click.echo(text, err=True)
