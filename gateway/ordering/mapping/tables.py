"""What the files beside a mapping say, read: code tables and the catalogue of bundles."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from msgspec.structs import replace

from gateway.errors import MappingError, Problem
from gateway.ordering.mapping import model as mappings
from gateway.ordering.mapping.catalogue import parse_catalogue
from gateway.ordering.mapping.codes import TABLES, parse_table
from gateway.ordering.mapping.model import Tables


def files_of(mapping: mappings.Mapping) -> tuple[str, ...]:
    """Return the names of the files that `mapping` needs beside its own."""
    named = [getattr(mapping.codes, name).file for name in TABLES] + [mapping.catalogue.file]
    return tuple(dict.fromkeys(name for name in named if name))


def content_hash(name: str, text: bytes, beside: Mapping[str, bytes]) -> str:
    """Return the SHA-256 of a mapping's text, in hexadecimal: what `sha256sum` says of its file.

    With files beside it: what `sha256sum` says of its own output for the mapping's file and then those, by name.
    """
    own = hashlib.sha256(text).hexdigest()
    if not beside:
        return own
    lines = [f"{own}  {name}\n"]
    lines += [f"{hashlib.sha256(raw).hexdigest()}  {each}\n" for each, raw in sorted(beside.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def with_tables(mapping: mappings.Mapping, files: Mapping[str, bytes], source: str) -> mappings.Mapping:
    """Return `mapping` with what its files say; `files` maps their names to their bytes.

    Raises MappingError with every mistake of every file, as `read_tables` tells them.
    """
    problems: list[Problem] = []
    whole = read_tables(mapping, files, problems)
    if problems:
        raise MappingError(source, problems)
    return whole


def read_tables(
    mapping: mappings.Mapping, files: Mapping[str, bytes | None], problems: list[Problem]
) -> mappings.Mapping:
    """Return `mapping` with what can be read of its files; every mistake of every file goes to `problems`.

    A file that is not in `files` is one; of a file that is None there, somebody has said already why it is not read.
    """
    tables = Tables()
    for name in TABLES:
        declared = getattr(mapping.codes, name)
        raw = files.get(declared.file)
        if raw is not None:
            tables = replace(tables, **{name: parse_table(name, declared, raw, problems)})
        elif declared.file and declared.file not in files:
            problems.append(Problem(f"codes.{name}.file", f"{_missing(declared.file)}, or remove codes.{name}"))
    named = mapping.catalogue.file
    raw = files.get(named)
    if raw is not None:
        tables = replace(tables, catalogue=parse_catalogue(named, raw, problems))
    elif named and named not in files:
        problems.append(Problem("catalogue.file", f"{_missing(named)}, or remove the key"))
    return replace(mapping, tables=tables)


def _missing(name: str) -> str:
    return f"names {name}, which is not a file beside the mapping; write it there"
