"""The official OpenAPI 3 file of TMF622 v5 as JSON schemas that a validator follows.

OpenAPI chooses between `oneOf` and subclasses by a discriminator, which JSON schema does not know. Each reference from an
attribute to a class with several members becomes a choice by `@type`. The file's own list is incomplete for characteristics:
BooleanCharacteristic is defined in it but not listed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from official_formats import FORMATS

FILE = Path(__file__).resolve().parents[2] / ".." / "shared" / "specs" / "TMF622-ProductOrdering-v5.0.0.oas.yaml"
_PREFIX = "#/components/schemas/"


def _members(name: str, schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, str]:
    listed = dict(schema.get("discriminator", {}).get("mapping", {}))
    if name.startswith("Characteristic_"):
        ending = name.removeprefix("Characteristic")
        listed |= {
            kind: f"{_PREFIX}{kind}{ending}"
            for kind in ("BooleanCharacteristic", "BooleanArrayCharacteristic")
            if f"{kind}{ending}" in schemas
        }
    return listed


def _choice(listed: dict[str, str]) -> dict[str, Any]:
    """An object whose `@type` is one of the listed, and which is what that class says."""
    chosen = [
        {
            "if": {"properties": {"@type": {"const": kind}}, "required": ["@type"]},
            "then": {"$ref": target},
        }
        for kind, target in listed.items()
    ]
    return {"type": "object", "required": ["@type"], "properties": {"@type": {"enum": list(listed)}}, "allOf": chosen}


def _linked(value: Any, choices: set[str], *, inherited: bool = False) -> Any:
    """Point references of attributes to the choices; a class that inherits another one keeps its reference."""
    if isinstance(value, list):
        return [_linked(entry, choices, inherited=inherited) for entry in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if isinstance(reference, str):
        name = reference.removeprefix(_PREFIX)
        return {"$ref": f"{_PREFIX}{name}__any" if name in choices and not inherited else reference}
    return {
        key: _linked(inner, choices, inherited=key in ("allOf", "oneOf", "anyOf"))
        for key, inner in value.items()
        if key not in ("discriminator", "example", "default")
    }


@cache
def schemas() -> dict[str, Any]:
    if not FILE.exists():
        pytest.skip(f"the official API file {FILE.name} is not beside the repository")
    found = yaml.load(FILE.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 -- both are safe loaders
    declared = found["components"]["schemas"]
    listed = {name: _members(name, schema, declared) for name, schema in declared.items()}
    choices = {name for name, members in listed.items() if members}
    linked = {name: _linked(schema, choices) for name, schema in declared.items()}
    return linked | {f"{name}__any": _choice(listed[name]) for name in choices}


@cache
def validator_v5(name: str) -> jsonschema.Draft202012Validator:
    """A validator of the class `name`, e.g. `ProductOrder_FVO`; every object has its `@type` and is what it says."""
    schema = {"$ref": f"{_PREFIX}{name}__any", "components": {"schemas": schemas()}}
    return jsonschema.Draft202012Validator(schema, format_checker=FORMATS)
