"""The official Swagger 2 file of TMF622 v4 as JSON schemas."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from official_formats import FORMATS

FILE = Path(__file__).resolve().parents[2] / ".." / "shared" / "specs" / "TMF622-ProductOrder-v4.0.0.swagger.json"


@cache
def validator_v4(definition: str) -> jsonschema.Draft4Validator:
    """A validator of the class `definition`, e.g. `ProductOrder_Create`."""
    if not FILE.exists():
        pytest.skip(f"the official API file {FILE.name} is not beside the repository")
    definitions = json.loads(FILE.read_text("utf-8"))["definitions"]
    schema = {"$ref": f"#/definitions/{definition}", "definitions": definitions}
    return jsonschema.Draft4Validator(schema, format_checker=FORMATS)
