"""The how-to page holds a mapping with every key there is, and it loads, with the files that the page shows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.model import NOT_IN_FILE, Mapping
from gateway.ordering.mapping.tables import files_of, with_tables

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "how-to" / "write-a-mapping.md").read_text("utf-8")
BLOCKS = re.findall(r"```(?:toml|csv)\n(.*?)```", PAGE, flags=re.DOTALL)


def every_key(kind: Any, path: str = "") -> set[str]:
    keys: set[str] = set()
    for field in msgspec.structs.fields(kind):
        if field.name in NOT_IN_FILE:
            continue
        where = f"{path}.{field.name}" if path else field.name
        is_table = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        keys |= every_key(field.type, where) if is_table else {where}
    return keys


def given(document: dict[str, Any], keys: set[str], path: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in document.items():
        where = f"{path}.{key}" if path else key
        found |= given(value, keys, where) if isinstance(value, dict) and where not in keys else {where}
    return found


def test_the_mapping_on_the_page_loads_with_the_files_on_the_page():
    mapping, products, values, characteristics, catalogue = (block.encode() for block in BLOCKS)
    files = {
        "acme-products.csv": products,
        "acme-parties.csv": products,
        "acme-values.csv": values,
        "acme.characteristics.toml": characteristics,
        "acme.catalogue.toml": catalogue,
    }
    loaded = with_tables(parse_mapping(mapping, "acme.toml"), files, "acme.toml")
    assert set(files_of(loaded)) == set(files)
    assert loaded.tables.catalogue.children("WEB_PLAN") == {"WEB_SIM"}


def test_every_key_has_an_example():
    keys = every_key(Mapping)
    shown = given(tomllib.loads(BLOCKS[0]), keys)
    codes = {key for key in keys if key.startswith("codes.")}
    assert keys - shown - codes == set()
    assert {"codes.values.file", "codes.values.unknown", "codes.values.default"} <= shown


def test_every_choice_is_shown_beside_its_key():
    """A key that takes one of several words shows each of them, as its value or in its comment."""
    shown: dict[str, set[str]] = {}
    table = ""
    for line in BLOCKS[0].splitlines():
        table = line[1 : line.index("]")] + "." if line.startswith("[") else table
        shown.setdefault(table + line.partition(" ")[0], set()).update(
            re.findall(r'"?([a-z0-9-]+)"?', line.partition("=")[2])
        )
    missing = {key: choices - shown[key] for key, choices in every_choice(Mapping) if choices - shown.get(key, choices)}
    assert missing == {}


def every_choice(kind: Any, path: str = "") -> list[tuple[str, set[str]]]:
    found: list[tuple[str, set[str]]] = []
    for field in msgspec.structs.fields(kind):
        where = f"{path}{field.name}"
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found += every_choice(field.type, f"{where}.") if field.name not in NOT_IN_FILE else []
            continue
        choices = [get_args(part) for part in get_args(field.type) if get_origin(part) is Literal]
        found += [(where, set(each)) for each in choices]
    return found
