"""Where the official API files of the standards are. They are not part of the project: tests that need them are skipped without."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

FOLDER_VARIABLE: Final = "GATEWAY_OFFICIAL_SPECS"
SPECS: Final = Path(os.environ.get(FOLDER_VARIABLE) or Path(__file__).resolve().parents[2] / ".." / "shared" / "specs")
FILES: Final = {
    "tmf663_v4": "TMF663-ShoppingCart-v4.0.0.swagger.json",
    "tmf663_v5": "TMF663-Shopping_Cart-v5.0.0.oas.yaml",
    "tmf622_v4": "TMF622-ProductOrder-v4.0.0.swagger.json",
    "tmf622_v5": "TMF622-ProductOrdering-v5.0.0.oas.yaml",
}


def official_file(name: str) -> Path:
    """Return the path of an official file (a key of FILES); skip the test where it is not there."""
    path = SPECS / FILES[name]
    if not path.exists():
        pytest.skip(f"{path.name} is not in the folder that {FOLDER_VARIABLE} names (by default ../shared/specs)")
    return path


@cache
def _read(path: Path) -> Any:
    # By libyaml, which takes a sixth of the time, where that is there. JSON is YAML too, and read by json: that is faster.
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return json.loads(text)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders


def official_document(name: str) -> Any:
    """Return the document of an official file; skip the test where it is not there. It is shared: leave it as it is."""
    return _read(official_file(name))


def official_definitions(name: str) -> dict[str, Any]:
    """Return the definitions of an official file by name; skip the test where it is not there."""
    document = official_document(name)
    found: dict[str, Any] = document["definitions"] if "definitions" in document else document["components"]["schemas"]
    return found
