"""What the files beside a mapping say, read: code tables and the catalogue of bundles."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from gateway.errors import MappingError, Problem
from gateway.ordering.catalogue import Catalogue, parse_catalogue
from gateway.ordering.codes import TABLES, CodeTable, parse_table

if TYPE_CHECKING:
    from gateway.ordering import mapping as mappings


class Tables(Struct, frozen=True, kw_only=True):
    """The data beside a mapping; None where it names no file."""

    products: CodeTable | None = None
    characteristics: CodeTable | None = None
    values: CodeTable | None = None
    parties: CodeTable | None = None
    catalogue: Catalogue = field(default_factory=Catalogue)


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

    Raises MappingError with every mistake of every file; a file that is not in `files` is one.
    """
    problems: list[Problem] = []
    tables = Tables()
    for name in TABLES:
        declared = getattr(mapping.codes, name)
        if declared.file in files:
            tables = replace(tables, **{name: parse_table(name, declared, files[declared.file], problems)})
        elif declared.file:
            problems.append(Problem(f"codes.{name}.file", f"names {declared.file}, which is not beside the mapping"))
    named = mapping.catalogue.file
    if named in files:
        tables = replace(tables, catalogue=parse_catalogue(named, files[named], problems))
    elif named:
        problems.append(Problem("catalogue.file", f"names {named}, which is not beside the mapping"))
    if problems:
        raise MappingError(source, problems)
    return replace(mapping, tables=tables)
