"""What the API files of TMF663 say of carts, and those of TMF622 of orders, as validators for what is answered.

The facts are those of the project's schema files.

That these are the official ones is tested where the official files are (tests/contract/test_schema_files.py).

In v5 a schema with a discriminator stands for whatever `@type` names: JSON Schema knows nothing of that, so the schemas are
rewritten to say it (`oneOf` becomes a choice by `@type`, a base class also demands what its subclass does). The file's own
lists of subclasses are incomplete; every class that is defined counts.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from official_files import FILES, FOLDER_VARIABLE, SPECS, official_document

from gateway.tmf.moments import parse_date_time
from gateway.tmf.schema import definitions

V4_FILE: Final = SPECS / FILES["tmf663_v4"]
V5_FILE: Final = SPECS / FILES["tmf663_v5"]
_SCHEMAS: Final = "#/$defs/"
# Subclasses that are defined but that no discriminator lists.
_UNLISTED: Final = {
    "Characteristic": (
        "IntegerCharacteristic",
        "BooleanArrayCharacteristic",
        "ObjectArrayCharacteristic",
        "NumberArrayCharacteristic",
    )
}
# The formats that the files use, by their standards; the library checks neither without further packages.
FORMATS: Final = FormatChecker(formats=())
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)


@FORMATS.checks("date-time")
def _is_date_time(value: Any) -> bool:
    return not isinstance(value, str) or (_RFC_3339.fullmatch(value) is not None and parse_date_time(value) is not None)


@FORMATS.checks("uri")
def _is_uri(value: Any) -> bool:
    """Want a URI by RFC 3986: with a scheme, and after it nothing that must be percent-encoded."""
    return not isinstance(value, str) or (_URI.fullmatch(value) is not None and bool(urlsplit(value).scheme))


def needed(path: Path) -> Path:
    """Return the path of an official file; skip the test where it is not beside the repository."""
    if not path.exists():
        pytest.skip(f"{path.name} is not in the folder that {FOLDER_VARIABLE} names (by default ../shared/specs)")
    return path


@cache
def v5_document() -> dict[str, Any]:
    """Return the API file of v5, dates as text."""
    document: dict[str, Any] = json.loads(json.dumps(official_document("tmf663_v5"), default=_text))
    return document


def _text(value: Any) -> str:
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else str(value)


@cache
def v4_document() -> dict[str, Any]:
    """Return the API file of v4."""
    document: dict[str, Any] = official_document("tmf663_v4")
    return document


@cache
def _v5_schemas(standard: str) -> dict[str, Any]:
    original = definitions(f"{standard}_v5", limits=False)
    schemas: dict[str, Any] = {}
    for name, schema in original.items():
        mapping = schema.get("discriminator", {}).get("mapping", {})
        subclasses = {kind: target.removeprefix(_SCHEMAS) for kind, target in mapping.items()}
        suffix = name[-4:] if name.endswith(("_FVO", "_MVO")) else ""
        for kind in _UNLISTED.get(name.removesuffix(suffix), ()):
            subclasses.setdefault(kind, f"{kind}{suffix}")
        choices = [
            {
                "if": {"properties": {"@type": {"const": kind}}, "required": ["@type"]},
                "then": {"$ref": f"{_SCHEMAS}{target}"},
            }
            for kind, target in subclasses.items()
            if target != name and target in original
        ]
        if "oneOf" in schema:
            schemas[name] = {
                "properties": {"@type": {"enum": sorted(subclasses)}},
                "required": ["@type"],
                "allOf": choices,
            }
        elif choices:
            schemas[f"{name}.own"] = schema
            schemas[name] = {"allOf": [{"$ref": f"{_SCHEMAS}{name}.own"}, *choices]}
        else:
            schemas[name] = schema
    bases = {name.removesuffix(".own") for name in schemas if name.endswith(".own")}
    return {
        name: schema if name in bases else _onto_own(schema, bases, name.removesuffix(".own"))
        for name, schema in schemas.items()
    }


def _onto_own(schema: dict[str, Any], bases: set[str], name: str) -> dict[str, Any]:
    """Let a class inherit what its base class itself demands: the choice among the subclasses has been made."""
    inherited = []
    for part in schema.get("allOf", []):
        target = part.get("$ref", "").removeprefix(_SCHEMAS)
        inherited.append({"$ref": f"{_SCHEMAS}{target}.own"} if target in bases and target != name else part)
    return {**schema, "allOf": inherited} if "allOf" in schema else schema


@cache
def _v5_validator(name: str, standard: str) -> Draft202012Validator:
    root = {"$ref": f"{_SCHEMAS}{name}", "$defs": _v5_schemas(standard)}
    return Draft202012Validator(root, format_checker=FORMATS)


@cache
def _v4_validator(name: str, standard: str) -> Draft202012Validator:
    root = {"$ref": f"{_SCHEMAS}{name}", "$defs": definitions(f"{standard}_v4", limits=False)}
    return Draft202012Validator(root, format_checker=FORMATS)


def problems(version: str, name: str, value: Any, standard: str = "tmf663") -> list[str]:
    """Return what the official schema `name` of `version` (v4, v5) of a standard has against `value`."""
    validator = (_v5_validator if version == "v5" else _v4_validator)(name, standard)
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]
