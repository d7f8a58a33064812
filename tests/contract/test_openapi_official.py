"""The OpenAPI document that is served has every path, parameter and status of the official TMF663 files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.app import create_app
from gateway.settings import Settings

SPECS = Path(__file__).resolve().parents[2] / ".." / "shared" / "specs"
OFFICIAL = {
    "/tmf-api/shoppingCart/v4": "TMF663-ShoppingCart-v4.0.0.swagger.json",
    "/tmf-api/shoppingCart/v5": "TMF663-Shopping_Cart-v5.0.0.oas.yaml",
}


def without_names(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def parameters_of(operation: dict[str, Any], document: dict[str, Any]) -> set[tuple[str, str]]:
    """Return place and name of the parameters; those in the path by place alone, those that are a body not at all."""
    found = set()
    for given in operation.get("parameters", []):
        parameter = given
        for name in given.get("$ref", "").split("/")[1:]:
            parameter = (document if parameter is given else parameter)[name]
        if parameter["in"] != "body":
            found.add((parameter["in"], "" if parameter["in"] == "path" else parameter["name"]))
    return found


@pytest.mark.parametrize("base", OFFICIAL)
def test_nothing_of_the_official_file_is_missing(base: str, settings: Settings) -> None:
    file = SPECS / OFFICIAL[base]
    if not file.is_file():
        pytest.skip("the official API files are not beside this source tree")
    official = yaml.safe_load(file.read_text(encoding="utf-8"))
    served = json.loads(create_app(settings).state.openapi_json)
    ours = {without_names(path): operations for path, operations in served["paths"].items()}
    missing = []
    for path, operations in official["paths"].items():
        # The listener is what a subscriber serves, not we.
        if path.startswith("/listener"):
            continue
        for method, operation in operations.items():
            here = ours.get(without_names(f"{base}{path}"), {}).get(method)
            if here is None:
                missing.append(f"{method} {path}")
                continue
            missing += [f"{method} {path} {name}" for name in operation["responses"] if name not in here["responses"]]
            lacking = parameters_of(operation, official) - parameters_of(here, served)
            missing += [f"{method} {path} {parameter}" for parameter in lacking]

    assert missing == []
