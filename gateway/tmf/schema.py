"""The project's schema files, and checks made from them: one statement of a document's shape for everybody who needs it.

`gateway/tmf/schemas/` holds a file (JSON Schema 2020-12) for each version of a standard, with everything its official file says of
names, types, mandatory attributes, words and formats. An overlay (`*.overlay.json`, JSON merge patches of the definitions) says
what the gateway asks beyond that (`limits`) and where it understands more (`lenient`). The API reference shows the same files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import jsonschema_rs

from gateway.documents import Json, JsonObject
from gateway.errors import Problem
from gateway.tmf.json import encode_json
from gateway.tmf.merge_patch import merge_patch
from gateway.tmf.paths import path_text
from gateway.tmf.schema_compiled import REFERENCE, Compiled, compiled
from gateway.tmf.schema_keywords import KEYWORDS, STRICT_FORMATS
from gateway.tmf.schema_sentences import said_of
from gateway.tmf.shapes import PROBLEMS_MAX
from gateway.tmf.shapes import Path as AttributePath

FOLDER: Final = Path(__file__).parent / "schemas"
# Stands for values in the library's own messages, which nobody reads: they may be personal, and as long as a document.
_MASK: Final = "it"


class Finding(NamedTuple):
    """What is wrong at a path, the object around it (None where there is none), and the keyword that says so."""

    path: AttributePath
    message: str
    holder: dict[str, Any] | None
    keyword: str

    def problem(self) -> Problem:
        """Return it as an error tells it."""
        return Problem(path_text(self.path), self.message)


@cache
def schema_file(name: str) -> JsonObject:
    """Return the schema file `name`, e.g. `tmf663_v4`. It is shared: leave it as it is."""
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return document


def definitions(name: str, *, limits: bool = True) -> JsonObject:
    """Return the definitions of a schema file by name, with the `limits` of its overlay unless these are not wanted."""
    found: dict[str, Any] = schema_file(name)["$defs"]
    if limits and (FOLDER / f"{name}.overlay.json").exists():
        found = merge_patch(found, schema_file(f"{name}.overlay")["limits"])
    return found


def lenient_definitions(name: str, *, mandatory: bool = True) -> JsonObject:
    """Return the definitions as documents of clients are read: with all of the overlay; `mandatory`: attributes stay so."""
    found = definitions(name)
    if not mandatory:
        found = {key: _without(schema, "required") for key, schema in found.items()}
    lenient: dict[str, Any] = merge_patch(found, schema_file(f"{name}.overlay").get("lenient", {}))
    return lenient


def _without(schema: JsonObject, keyword: str) -> JsonObject:
    return {name: value for name, value in schema.items() if name != keyword}


_IDENTIFIER: Final = schema_file("tmf663_v4.overlay")["limits"]["Identifier"]
# In a document as it is written: `"id":7`, `"partyId":7`. It begins with a letter that is always the same, so that what does not
# match is passed over ten times as fast.
_NUMERIC_ID: Final = re.compile(rb'd":-?[0-9]')
_IDENTIFIER_PATTERN: Final = re.compile(_IDENTIFIER["pattern"])


def is_identifier(value: object) -> bool:
    """Tell whether a value may be the id of something: the same rule that the schema files have."""
    return type(value) is str and len(value) <= _IDENTIFIER["maxLength"] and is_one_line(value)


def is_one_line(value: str) -> bool:
    """Tell whether a text says something, and has no control character and no blank other than the space in it."""
    return _IDENTIFIER_PATTERN.fullmatch(value) is not None


class Shape:
    """The check of documents by one definition. Native code: make it while a module is imported, by one thread."""

    def __init__(
        self,
        found: Mapping[str, Json],
        root: str,
        formats: Mapping[str, Callable[[str], bool]] = STRICT_FORMATS,
    ) -> None:
        """Take all definitions, the name of the one that documents are checked by, and the formats that are asked for."""
        self._root = root
        self._compiled: Compiled = compiled(found, root, formats)
        # A document is checked under the name of its definition: so the one validator checks the parts of documents as well.
        names = self._compiled.definitions
        self._schema: dict[str, Any] = {
            "$defs": names,
            "properties": {name: {"$ref": f"{REFERENCE}{name}"} for name in names},
        }
        self._validator = jsonschema_rs.Draft202012Validator(
            self._schema,
            formats=dict(formats),
            validate_formats=True,
            keywords=KEYWORDS,
            mask=_MASK,
            # Patterns that take linear time, whatever the text.
            pattern_options=jsonschema_rs.RegexOptions(),
            offline=True,
        )
        # What the library makes at the first document is made here, before there are several threads.
        self.fits({})

    def fits(self, document: object) -> bool:
        """Return whether nothing is wrong with a decoded JSON document, and no attribute that is known is null."""
        return self._validator.is_valid({self._root: document})

    def check(self, document: JsonObject, problems: list[Problem]) -> None:
        """Add everything that is wrong with `document`, PROBLEMS_MAX at most.

        Known attributes that are null are removed, and identifiers that are whole numbers become texts, in place.
        """
        if not self.fits(document):
            problems += [finding.problem() for finding in self.findings(document, PROBLEMS_MAX - len(problems))]

    def findings(self, document: object, findings_max: int = PROBLEMS_MAX) -> list[Finding]:
        """Return everything that is wrong with a document, `findings_max` at most; it is made tidy first.

        The library finds all or the first, and a finding costs it a tenth of a millisecond. So that hostile documents take no
        longer than others, lists are looked into entry by entry, until enough is found.
        """
        self.tidy(document)
        found: list[Finding] = []
        # Lists whose entries are not looked into yet: where they are, and what their entries are.
        waiting: list[tuple[AttributePath, list[Any], str]] = []
        self._look(document, self._root, (), found, waiting)
        while waiting:
            place, entries, name = waiting.pop(0)
            for index, entry in enumerate(entries):
                if len(found) >= findings_max:
                    return found[:findings_max]
                if not self._validator.is_valid({name: entry}):
                    self._look(entry, name, (*place, index), found, waiting)
        return found[:findings_max]

    def tidy(self, document: object) -> list[AttributePath]:
        """Remove known attributes that are null, and write identifiers that are whole numbers as texts; both in place.

        null means "not set", as in a merge patch. Returns where numbers were for identifiers.
        """
        # Writing a document takes a twentieth of the time of walking through it.
        written = encode_json(document)
        if b"null" in written:
            self._compiled.remove_nulls(document, self._root)
        return self._compiled.write_ids(document, self._root) if _NUMERIC_ID.search(written) is not None else []

    def _look(
        self,
        node: object,
        name: str,
        place: AttributePath,
        found: list[Finding],
        waiting: list[tuple[AttributePath, list[Json], str]],
    ) -> None:
        """Add what is wrong with one object, but for the entries of its lists: those are added to `waiting`."""
        here, inner = self._compiled.without_entries(node, name)
        waiting += [((*place, *path), entries, kind) for path, entries, kind in inner]
        told: dict[AttributePath, tuple[int, Finding]] = {}
        for error in self._validator.iter_errors({name: here}):
            inside = tuple(error.instance_path[1:])
            rule = _rule_at(self._schema, error.schema_path)
            for said in said_of(error.kind.name, error.kind.value, _at(here, inside), rule):
                path = (*inside, *said.path)
                if path not in told or told[path][0] < said.weight:
                    finding = Finding((*place, *path), said.message, _holder(node, path), error.kind.name)
                    told[path] = (said.weight, finding)
        order = {key: at for at, key in enumerate(node)} if type(node) is dict else {}
        by_place = sorted(told.items(), key=lambda each: order.get(each[0][0], len(order)) if each[0] else -1)
        found += [finding for _, (_, finding) in by_place]


def _holder(document: Json, path: AttributePath) -> JsonObject | None:
    """Return the innermost object that has what the path leads to; None where that is not in an object."""
    node, holder = document, None
    for part in path:
        if type(node) is dict:
            holder = node
        node = node.get(part) if type(node) is dict else node[part]
    return holder


def _at(document: Json, path: AttributePath) -> Json:
    node = document
    for part in path:
        node = node[part]
    return node


def _rule_at(schema: JsonObject, path: list[str | int]) -> JsonObject:
    """Return the schema that has the keyword which a path of the library ends in; references are followed."""
    node: Any = schema
    for part in path[:-1]:
        node = schema["$defs"][node["$ref"].removeprefix(REFERENCE)] if part == "$ref" else node[part]
    rule: dict[str, Any] = node
    return rule
