"""Files that ship with the package: mapping files and the commented configuration.

In a source tree they are folders beside `gateway/`; a wheel carries them inside the package, under `gateway/_shipped`.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from gateway.errors import MappingError, Problem, SettingsError
from gateway.ordering import Mapping, content_hash, files_of, read_mapping, read_tables
from gateway.settings import MappingSettings, Settings

DEFAULTS: Final = MappingSettings()
PACKAGE: Final = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Return the shipped folder or file `name`, e.g. `mappings` or `config/gateway.toml`."""
    installed = PACKAGE / "_shipped" / name
    return installed if installed.exists() else PACKAGE.parent / name


def mapping_files(settings: MappingSettings) -> dict[str, Path]:
    """Return every mapping file by its mapping's name; one of the settings' folder replaces a shipped one.

    Raises SettingsError when the settings name a folder that is not there.
    """
    files = {path.stem: path for path in _mappings_in(shipped("mappings"))}
    if settings.folder:
        folder = Path(settings.folder)
        if not folder.is_dir():
            raise SettingsError([Problem("mappings.folder", f"{folder} is not a folder")])
        files |= {path.stem: path for path in _mappings_in(folder)}
    return files


def _mappings_in(folder: Path) -> list[Path]:
    """Return the mapping files of a folder: a further dot in a name marks the data beside a mapping."""
    return [path for path in sorted(folder.glob("*.toml")) if "." not in path.stem]


def load_mapping(path: Path, settings: MappingSettings = DEFAULTS) -> Mapping:
    """Return the mapping in a file, with the code tables and the catalogue beside it.

    Raises MappingError with every mistake of these files, OSError when the mapping itself cannot be read.
    """
    text = _read(path, settings.file_bytes_max, "file_bytes_max")
    problems: list[Problem] = []
    mapping = read_mapping(text, path.name, problems)
    if mapping is None:
        raise MappingError(path.name, problems)
    beside: dict[str, bytes] = {}
    unread: dict[str, None] = {}
    for name in files_of(mapping):
        if not (path.parent / name).is_file():
            continue  # `read_tables` says where it is named
        try:
            beside[name] = _read(path.parent / name, settings.table_bytes_max, "table_bytes_max")
        except MappingError as error:
            problems += [Problem(name, problem.message) for problem in error.problems]
            unread[name] = None
        except OSError as error:
            problems.append(Problem(name, f"cannot be read: {error.strerror}; let the gateway's user read it"))
            unread[name] = None
    whole = read_tables(mapping, {**beside, **unread}, problems)
    if problems:
        raise MappingError(path.name, problems)
    return replace(whole, hash=content_hash(path.name, text, beside))


def _read(path: Path, bytes_max: int, setting: str) -> bytes:
    """Return the bytes of a file that is no larger than it may be; MappingError says that it is, or that it is not a file."""
    if not path.is_file():
        raise MappingError(path.name, [Problem("", "is not a file; write one there, or remove it")])
    with path.open("rb") as file:
        text = file.read(bytes_max + 1)
    if len(text) > bytes_max:
        raise MappingError(
            path.name,
            [Problem("", f"is larger than {bytes_max} bytes (mappings.{setting}); write less, or allow more")],
        )
    return text


def load_mappings(settings: MappingSettings) -> dict[str, Mapping]:
    """Return every mapping by its name.

    Raises MappingError with the mistakes of all files together, and SettingsError as `mapping_files` does.
    """
    mappings: dict[str, Mapping] = {}
    mistakes: dict[Path, tuple[Problem, ...]] = {}
    for name, path in mapping_files(settings).items():
        try:
            mappings[name] = load_mapping(path, settings)
        except MappingError as error:
            mistakes[path] = error.problems
        except OSError as error:
            mistakes[path] = (Problem("", f"cannot be read: {error.strerror}; let the gateway's user read it"),)
    if len(mistakes) == 1:
        ((path, problems),) = mistakes.items()
        raise MappingError(str(path), problems)
    if mistakes:
        every = [
            Problem(f"{path}: {problem.path}" if problem.path else str(path), problem.message)
            for path, problems in mistakes.items()
            for problem in problems
        ]
        raise MappingError("mappings", every)
    return mappings


def mapping_stamp(settings: MappingSettings) -> frozenset[tuple[str, int, int]]:
    """Return what changes when a mapping file, or a file beside one, is written: path, time and size of each."""
    folders = {path.parent for path in mapping_files(settings).values()}
    found = set()
    for path in (each for folder in folders for each in folder.iterdir()):
        try:
            status = path.stat()
        except OSError:
            continue  # removed just now
        found.add((str(path), status.st_mtime_ns, status.st_size))
    return frozenset(found)


def unknown_mappings(settings: Settings, mappings: Collection[str]) -> list[Problem]:
    """Return a problem for each upstream that names a mapping that does not exist."""
    known = ", ".join(sorted(mappings))
    return [
        Problem(f"upstreams.{name}.mapping", f"there is no mapping `{upstream.mapping}`; there are: {known}")
        for name, upstream in sorted(settings.upstreams.items())
        if upstream.mapping not in mappings
    ]
