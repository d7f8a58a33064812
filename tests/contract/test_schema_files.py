"""The schema files of the project say what the official API files say: every name, type, mandatory attribute, word and format."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest
from official_files import FILES, official_definitions

from gateway.tmf.schema import FOLDER, definitions, lenient_definitions, schema_file

# What the official files say beside facts, in words and examples of their own.
WORDS = frozenset({"description", "example", "title"})
REFERENCES = ("#/definitions/", "#/components/schemas/", "#/$defs/")


def facts(schema: Any, path: str = "") -> dict[str, Any]:
    """Return every fact of a definition by where it stands: names of attributes and keywords, joined by dots."""
    if isinstance(schema, dict):
        found: dict[str, Any] = {}
        is_names = path.endswith((".properties", ".mapping"))
        for name, value in schema.items():
            if is_names or name not in WORDS:
                found |= facts(value, f"{path}.{name}")
        return found or {path: {}}
    if isinstance(schema, list) and path.endswith((".required", ".enum")):
        return {path: sorted(schema)}
    if isinstance(schema, list):
        return {
            key: value for index, each in enumerate(schema) for key, value in facts(each, f"{path}.{index}").items()
        }
    for start in REFERENCES:
        if isinstance(schema, str) and schema.startswith(start):
            return {path: schema.removeprefix(start)}
    return {path: schema}


def differences(ours: dict[str, Any], official: dict[str, Any]) -> list[str]:
    """Return every attribute or definition that two sets of definitions do not say the same of."""
    one, other = facts(ours), facts(official)
    return [
        f"{path}: {one.get(path, 'nothing')} here, {other.get(path, 'nothing')} in the official file"
        for path in sorted({*one, *other})
        if one.get(path) != other.get(path)
    ]


def sentences(schema: Any) -> set[str]:
    """Return the descriptions in a schema that are more than a few words."""
    if isinstance(schema, dict):
        own = schema.get("description")
        found = {own} if isinstance(own, str) and len(own.split()) > 5 else set()
        return found.union(*(sentences(value) for value in schema.values()))
    return set().union(*(sentences(value) for value in schema)) if isinstance(schema, list) else set()


@pytest.mark.parametrize("name", FILES)
def test_every_fact_is_the_official_one(name: str) -> None:
    assert differences(definitions(name, limits=False), official_definitions(name)) == []


@pytest.mark.parametrize("name", FILES)
def test_the_descriptions_are_not_the_official_ones(name: str) -> None:
    assert sentences(schema_file(name)) & sentences(official_definitions(name)) == set()


def test_a_fact_that_differs_is_found() -> None:
    ours = definitions("tmf663_v4", limits=False)
    for change in (
        lambda schemas: schemas["CartItem"]["properties"].pop("itemPrice"),
        lambda schemas: schemas["CartItem"]["properties"]["quantity"].update(type="string"),
        lambda schemas: schemas["RelatedParty"].update(required=["id"]),
        lambda schemas: schemas["CartItemActionType"]["enum"].append("buy"),
        lambda schemas: schemas["TimePeriod"]["properties"]["endDateTime"].pop("format"),
        lambda schemas: schemas.update(Mine={"type": "object"}),
    ):
        changed = copy.deepcopy(ours)
        change(changed)
        assert differences(changed, ours)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*[!y].json")), ids=lambda path: path.stem)
def test_every_schema_file_is_a_json_schema_whose_references_lead_somewhere(path: Any) -> None:
    if path.stem.endswith(".overlay"):
        pytest.skip("an overlay is no schema; the definitions that it changes are looked at")
    for found in (definitions(path.stem, limits=False), definitions(path.stem)):
        jsonschema.Draft202012Validator.check_schema({"$defs": found})
        assert {f"{target}" for target in references(found)} <= set(found)


def references(schema: Any) -> set[str]:
    """Return the names of the definitions that a schema refers to."""
    if isinstance(schema, dict):
        own = {schema["$ref"].removeprefix("#/$defs/")} if isinstance(schema.get("$ref"), str) else set()
        return own.union(*(references(value) for value in schema.values()))
    return set().union(*(references(value) for value in schema)) if isinstance(schema, list) else set()


def test_an_overlay_changes_only_what_there_is() -> None:
    for path in FOLDER.glob("*.overlay.json"):
        name = path.name.removesuffix(".overlay.json")
        plain, overlay = definitions(name, limits=False), schema_file(path.stem)
        added = {*overlay["limits"], *overlay.get("lenient", {})} - set(plain)
        assert added <= {"Identifier", "Other_FVO"}
        assert lenient_definitions(name).keys() == plain.keys() | added
