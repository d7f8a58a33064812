"""Code tables: the cart's product codes, characteristics, values and party ids, and the order system's, as data.

A mapping names the files; their bytes are handed in, so that nothing here opens one. CSV files have the header `from,to`
(values: `characteristic,from,to`); TOML files are one table of `from = "to"` (values: a table for each characteristic).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta, Struct, field

from gateway.errors import Problem
from gateway.ordering.mapping.mistakes import FirstProblems
from gateway.ordering.mapping.toml import TomlMistakeError, read_toml, utf8
from gateway.ordering.mapping.words import unclean

Unknown: TypeAlias = Literal["error", "pass", "default"]
TABLES: Final = ("products", "characteristics", "values", "parties")
_HEADERS: Final = {"values": ("characteristic", "from", "to")}
_PLAIN_HEADER: Final = ("from", "to")
_FILE_NAME: Final = "^([A-Za-z0-9][A-Za-z0-9_-]*(\\.[A-Za-z0-9_-]+)*\\.csv|[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)+\\.toml)?$"


def _documented(text: str, **limits: Any) -> Meta:
    return Meta(description=text, **limits)


class CodeFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One code table of the mapping, in a file beside it."""

    file: Annotated[
        str,
        _documented(
            "a CSV file beside the mapping (`from,to`), or a TOML file with a dot in its stem (`acme.products.toml`)",
            pattern=_FILE_NAME,
        ),
    ] = ""
    unknown: Annotated[
        Unknown, _documented("a code that is not in the file: refuse the checkout, send it as it is, or send `default`")
    ] = "pass"
    default: Annotated[str, _documented('what is sent for an unknown code with `unknown = "default"`')] = ""


class Codes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Code tables: what the cart calls something, and what the order system calls it."""

    products: CodeFile = field(default_factory=CodeFile)
    characteristics: CodeFile = field(default_factory=CodeFile)
    values: CodeFile = field(default_factory=CodeFile)
    parties: CodeFile = field(default_factory=CodeFile)


class CodeTable(Struct, frozen=True, kw_only=True):
    """A code table that was read: `codes` maps (scope, code) to code; the scope is a characteristic's name for values."""

    name: str
    file: str
    unknown: Unknown
    default: str
    codes: dict[tuple[str, str], str]
    scopes: frozenset[str]

    def find(self, code: str, scope: str = "") -> tuple[str | None, bool]:
        """Return the order system's code and whether the table knows it; None when an unknown code is an error.

        A scope that the table does not mention has no codes to know: what is in it passes.
        """
        known = self.codes.get((scope, code))
        if known is not None:
            return known, True
        if scope not in self.scopes or self.unknown == "pass":
            return code, True
        return (self.default, False) if self.unknown == "default" else (None, False)


def parse_table(name: str, declared: CodeFile, raw: bytes, problems: list[Problem]) -> CodeTable:
    """Return the table `name` that the file holds; every mistake in it, with its line or key, goes to `problems`."""
    codes: dict[tuple[str, str], str] = {}
    lines: dict[tuple[str, str], str] = {}
    few = FirstProblems(declared.file, problems)
    try:
        text: str | None = utf8(raw)
    except TomlMistakeError as error:
        few.append(Problem(declared.file, str(error)))
        text = None
    read = _csv_rows if declared.file.endswith(".csv") else _toml_rows
    for where, scope, code, target in read(name, declared.file, text, few) if text is not None else ():
        if (scope, code) in codes:
            # Not which code: it may be the id of a person.
            few.append(Problem(where, f"gives a code again, first given in {lines[scope, code]}; remove one"))
            continue
        few.extend(
            Problem(where, f"has a word that {message}")
            for word in ((scope, code, target) if scope else (code, target))
            if (message := unclean(word)) is not None
        )
        codes[scope, code] = target
        lines[scope, code] = where
    if not codes and not few.taken:
        few.append(Problem(declared.file, f"has no code in it; add one, or remove codes.{name}"))
    return CodeTable(
        name=name,
        file=declared.file,
        unknown=declared.unknown,
        default=declared.default,
        codes=codes,
        scopes=frozenset(scope for scope, _ in codes) | (frozenset() if name == "values" else {""}),
    )


def _csv_rows(name: str, file: str, text: str, problems: FirstProblems) -> Iterator[tuple[str, str, str, str]]:
    """Yield (place, scope, code, target) for each row of a CSV file."""
    header = _HEADERS.get(name, _PLAIN_HEADER)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        first = next(reader, [])
        if tuple(cell.strip() for cell in first) != header:
            commas = " with commas between the columns, not semicolons" if ";" in "".join(first) else ""
            problems.append(Problem(f"{file} line 1", f"must be the header {','.join(header)}{commas}"))
            return
        for row in reader:
            where = f"{file} line {reader.line_num}"
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if len(cells) != len(header):
                problems.append(
                    Problem(where, f"has {len(cells)} columns; it must have {len(header)}: {','.join(header)}")
                )
            elif not all(cells):
                empty = header[cells.index("")]
                problems.append(Problem(where, f"has nothing in the column {empty}; give a code or remove the line"))
            else:
                *scope, code, target = cells
                yield where, scope[0] if scope else "", code, target
    except csv.Error as error:
        problems.append(Problem(f"{file} line {reader.line_num}", f"is not CSV: {error}"))


def _toml_rows(name: str, file: str, text: str, problems: FirstProblems) -> Iterator[tuple[str, str, str, str]]:
    """Yield (place, scope, code, target) for each entry of a TOML file."""
    try:
        document = read_toml(text)
    except TomlMistakeError as error:
        problems.append(Problem(file, str(error)))
        return
    tables: dict[str, Any] = document if name == "values" else {"": document}
    for scope, table in tables.items():
        if not isinstance(table, dict) or (name == "values" and not scope):
            problems.append(Problem(f"{file} {scope}", "must be a table of a characteristic's values: [name]"))
            continue
        for code, target in table.items():
            where = f"{file} {scope}.{code}" if scope else f"{file} {code}"
            if not isinstance(target, str) or not target or not code:
                problems.append(Problem(where, "must be a text that is not empty: the order system's code"))
            else:
                yield where, scope, code, target
