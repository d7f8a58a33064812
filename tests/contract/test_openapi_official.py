"""The OpenAPI document that is served has every path, parameter and status of the official TMF663 and TMF622 files.

Beside these: every media type that a body may have, the headers of answers, and whether an answer has a body at all.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from official_files import official_document

from gateway.app import create_app
from gateway.settings import Settings

OFFICIAL = {
    "/tmf-api/shoppingCart/v4": "tmf663_v4",
    "/tmf-api/shoppingCart/v5": "tmf663_v5",
    "/tmf-api/productOrderingManagement/v4": "tmf622_v4",
    "/tmf-api/productOrderingManagement/v5": "tmf622_v5",
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


def resolved(node: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference refers to; anything else as it is."""
    found = node
    for name in node.get("$ref", "").split("/")[1:]:
        found = (document if found is node else found)[name]
    return found


def media_types_of(operation: dict[str, Any], document: dict[str, Any]) -> set[str]:
    """Return the media types of a request's body, without their parameters (v4 says `charset=utf-8`)."""
    body = resolved(operation.get("requestBody", {}), document)
    has_body = any(parameter.get("in") == "body" for parameter in operation.get("parameters", []))
    given = body.get("content", ()) or (operation.get("consumes") or document.get("consumes", ()) if has_body else ())
    return {name.partition(";")[0] for name in given}


def parts_of(response: dict[str, Any], document: dict[str, Any]) -> set[str]:
    """Return the names of a response's headers, in lower case, and `body` when it has one."""
    found = resolved(response, document)
    has_body = "schema" in found or any("schema" in media for media in found.get("content", {}).values())
    return {name.lower() for name in found.get("headers", {})} | ({"body"} if has_body else set())


def callback_lacks(hub: dict[str, Any], path: str, operations: dict[str, Any]) -> set[str]:
    """Return the statuses of a listener that the callbacks of the hub do not name; all when there is no such callback."""
    addresses = {
        address: told for each in hub.get("post", {}).get("callbacks", {}).values() for address, told in each.items()
    }
    told = addresses.get("{$request.body#/callback}" + path, {"post": {"responses": {}}})
    return set(operations["post"]["responses"]) - set(told["post"]["responses"])


def missing_from(served: dict[str, Any], ours: dict[str, Any], official: dict[str, Any], base: str) -> list[str]:
    """Return everything of the official file that the served document lacks."""
    missing = []
    for path, operations in official["paths"].items():
        if path.startswith("/listener"):
            # What a subscriber serves, not we: told as a callback of the subscription.
            missing += [f"callback {path} {status}" for status in callback_lacks(ours[f"{base}/hub"], path, operations)]
            continue
        for method, operation in operations.items():
            where = f"{method} {path}"
            here = ours.get(without_names(f"{base}{path}"), {}).get(method)
            if here is None:
                missing.append(where)
                continue
            lacking: set[Any] = parameters_of(operation, official) - parameters_of(here, served)
            lacking |= media_types_of(operation, official) - media_types_of(here, served)
            for status, response in operation["responses"].items():
                if status not in here["responses"]:
                    lacking.add(status)
                else:
                    parts = parts_of(response, official) - parts_of(here["responses"][status], served)
                    lacking |= {(status, part) for part in parts}
            missing += [f"{where} {each}" for each in sorted(lacking, key=str)]
    return missing


def documents(base: str, settings: Settings) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the served document, its operations by path without names, and the official file."""
    official = official_document(OFFICIAL[base])
    served = json.loads(create_app(settings).state.openapi_json())
    return served, {without_names(path): operations for path, operations in served["paths"].items()}, official


@pytest.mark.parametrize("base", OFFICIAL)
def test_nothing_of_the_official_file_is_missing(base: str, settings: Settings) -> None:
    assert missing_from(*documents(base, settings), base) == []


@pytest.mark.parametrize("base", OFFICIAL)
def test_whatever_would_be_missing_would_be_noticed(base: str, settings: Settings) -> None:
    served, ours, official = documents(base, settings)
    for path, operations in official["paths"].items():
        if path.startswith("/listener"):
            hub = {"post": {**ours[f"{base}/hub"]["post"], "callbacks": {}}}
            assert missing_from(served, {**ours, f"{base}/hub": {**ours[f"{base}/hub"], **hub}}, official, base)
            continue
        for method, operation in operations.items():
            here = ours[without_names(f"{base}{path}")]
            whole = here[method]
            lacks = [{name: value for name, value in here.items() if name != method}]
            for status in operation["responses"]:
                answers = {name: value for name, value in whole["responses"].items() if name != status}
                lacks.append({**here, method: {**whole, "responses": answers}})
            for place, name in parameters_of(operation, official):
                kept = [
                    each
                    for each in whole["parameters"]
                    if parameters_of({"parameters": [each]}, served) != {(place, name)}
                ]
                lacks.append({**here, method: {**whole, "parameters": kept}})
            for lacking in lacks:
                changed = {**ours, without_names(f"{base}{path}"): lacking}
                assert missing_from(served, changed, official, base), (method, path)
