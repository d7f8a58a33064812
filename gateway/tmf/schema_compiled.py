"""Definitions of a schema file made ready for the library, and what is known of their attributes without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from gateway.documents import Json, JsonObject
from gateway.tmf.shapes import Path

REFERENCE: Final = "#/$defs/"
# A list in a document: where it is, its entries, and the name of the definition of an entry.
Entries: TypeAlias = tuple[Path, list[Any], str]


class Attribute(NamedTuple):
    """What is known of an attribute.

    `definition` is that of the object or of the entries in it, `nullable` whether null is a value, `is_identifier` whether it names
    something: a text, though many write those as numbers.
    """

    definition: str | None
    nullable: bool
    is_identifier: bool


class Compiled(NamedTuple):
    """Definitions for the library, and the attributes of each. `classes`: the definition of each class, by the base's name."""

    definitions: dict[str, Any]
    attributes: dict[str, dict[str, Attribute]]
    classes: dict[str, dict[str, str]]
    # The definition of an object of no class of these.
    otherwise: dict[str, str]

    def attributes_of(self, node: Mapping[str, Json], name: str) -> Mapping[str, Attribute]:
        """Return what is known of an object of the definition `name`; its `@type` may name a class that has more."""
        if name in self.classes:
            kind, otherwise = node.get("@type"), self.otherwise[name]
            name = self.classes[name].get(kind, otherwise) if type(kind) is str else otherwise
        return self.attributes.get(name, {})

    def remove_nulls(self, document: object, name: str) -> None:
        """Remove the attributes that are known and null from a document, in place: null means "not set", as in a merge patch."""
        stack: list[tuple[Any, str]] = [(document, name)]
        while stack:
            node, kind = stack.pop()
            if type(node) is list:
                stack += [(entry, kind) for entry in node]
            elif type(node) is dict:
                known = self.attributes_of(node, kind)
                nulls: list[str] = []
                for key, value in node.items():
                    attribute = known.get(key)
                    if attribute is None:
                        continue
                    if value is None and not attribute.nullable:
                        nulls.append(key)
                    elif attribute.definition is not None and isinstance(value, dict | list):
                        stack.append((value, attribute.definition))
                for key in nulls:
                    del node[key]

    def write_ids(self, document: object, name: str) -> list[Path]:
        """Write identifiers that are whole numbers as the text of their digits, in place; return where these were."""
        found: list[Path] = []
        stack: list[tuple[Any, str, Path]] = [(document, name, ())]
        while stack:
            node, kind, path = stack.pop()
            if type(node) is list:
                stack += [(entry, kind, (*path, index)) for index, entry in enumerate(node)]
            elif type(node) is dict:
                known = self.attributes_of(node, kind)
                for key, value in node.items():
                    attribute = known.get(key)
                    if attribute is None:
                        continue
                    if attribute.is_identifier and type(value) is int:
                        node[key] = str(value)  # no key is added, so the walk goes on
                        found.append((*path, key))
                    elif attribute.definition is not None and isinstance(value, dict | list):
                        stack.append((value, attribute.definition, (*path, key)))
        return found

    def without_entries(self, node: object, name: str) -> tuple[Json, list[Entries]]:
        """Return an object with empty lists, and these lists; both with those of the objects in it."""
        found: list[Entries] = []
        return self._without_entries(node, name, (), found), found

    def _without_entries(self, node: object, name: str, path: Path, found: list[Entries]) -> Json:
        if type(node) is not dict:
            return node
        known = self.attributes_of(node, name)
        made = dict(node)
        for key, attribute in known.items():
            value = node.get(key)
            if attribute.definition is None:
                continue
            if type(value) is list:
                made[key] = []
                found.append(((*path, key), value, attribute.definition))
            elif type(value) is dict:
                made[key] = self._without_entries(value, attribute.definition, (*path, key), found)
        return made


def compiled(every: Mapping[str, Json], root: str, formats: Mapping[str, Json]) -> Compiled:
    """Return the definitions that `root` needs as the library wants them; of the formats only those of `formats` are asserted."""
    found = {name: every[name] for name in reached(every, [root])}
    definitions: dict[str, Any] = {name: _made(schema, formats) for name, schema in found.items()}
    for name in list(definitions):
        _name_entries(definitions[name], name, definitions)
    attributes = {name: _attributes(name, definitions) for name in definitions}
    classes = {
        name: {kind: target.removeprefix(REFERENCE) for kind, target in schema["discriminator"]["mapping"].items()}
        for name, schema in found.items()
        if "discriminator" in schema
    }
    otherwise = {name: found[name]["discriminator"].get("otherwise", name).removeprefix(REFERENCE) for name in classes}
    return Compiled(_with_choices(found, definitions), attributes, classes, otherwise)


def reached(found: Mapping[str, Json], roots: Sequence[str]) -> list[str]:
    """Return the names of the definitions that `roots` refer to, directly or not, themselves included, in order."""
    names: dict[str, None] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in names:
            names[name] = None
            waiting += _references(found[name])
    return sorted(names)


def _references(schema: object) -> list[str]:
    """Return the names of the definitions in a schema: references, and the classes of a discriminator."""
    if isinstance(schema, str):
        return [schema.removeprefix(REFERENCE)] if schema.startswith(REFERENCE) else []
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    return [name for value in inner for name in _references(value)]


def _made(schema: object, formats: Mapping[str, Json]) -> Json:
    """Return a schema with whole numbers written as such, and of formats only those that are asked for."""
    if isinstance(schema, list):
        return [_made(each, formats) for each in schema]
    if not isinstance(schema, dict):
        return schema
    # An attribute may be called description, too: there that is an object.
    made = {
        name: _made(value, formats)
        for name, value in schema.items()
        if not (name == "description" and type(value) is str)
    }
    if made.get("type") == "integer":
        made["wholeNumber"] = True
    if isinstance(made.get("format"), str) and made["format"] not in formats:
        del made["format"]
    return made


def _name_entries(schema: JsonObject, name: str, definitions: JsonObject) -> None:
    """Give the entries of lists that have no definition of their own one, so that they are checked by themselves."""
    for part in (schema, *schema.get("allOf", ())):
        for key, attribute in part.get("properties", {}).items():
            entries = attribute.get("items")
            if isinstance(entries, dict) and "$ref" not in entries:
                own = f"{name}.{key}"
                definitions[own] = entries
                attribute["items"] = {"$ref": f"{REFERENCE}{own}"}


def _attributes(name: str, definitions: Mapping[str, Json]) -> dict[str, Attribute]:
    """Return the attributes of a definition, inherited ones included."""
    found: dict[str, Attribute] = {}
    schema = definitions[name]
    for part in schema.get("allOf", ()):
        if "$ref" in part:
            found |= _attributes(part["$ref"].removeprefix(REFERENCE), definitions)
        else:
            found |= _own_attributes(part, definitions)
    return found | _own_attributes(schema, definitions)


def _own_attributes(schema: Mapping[str, Json], definitions: Mapping[str, Json]) -> dict[str, Attribute]:
    return {
        name: Attribute(
            _definition_in(attribute), _takes_null(attribute, definitions), _is_identifier(name, attribute, definitions)
        )
        for name, attribute in schema.get("properties", {}).items()
    }


def _definition_in(attribute: Mapping[str, Json]) -> str | None:
    """Return the name of the definition that an attribute, or each entry of its list, is of; of several forms the last one's."""
    forms = [attribute, *attribute.get("oneOf", ()), *(attribute[key] for key in ("then", "else") if key in attribute)]
    found = [part["$ref"] for form in forms for part in (form, form.get("items", {})) if "$ref" in part]
    objects = [name for name in (target.removeprefix(REFERENCE) for target in found) if name != "Identifier"]
    return objects[-1] if objects else None


def _is_identifier(name: str, attribute: Mapping[str, Json], definitions: Mapping[str, Json]) -> bool:
    """Tell whether an attribute is the identifier of something: named so, and a text."""
    if name != "id" and not name.endswith("Id"):
        return False
    target = attribute.get("$ref", "").removeprefix(REFERENCE)
    wanted = (definitions[target] if target else attribute).get("type")
    return "string" in wanted if isinstance(wanted, list) else wanted == "string"


def _takes_null(attribute: Mapping[str, Json], definitions: Mapping[str, Json]) -> bool:
    if "$ref" in attribute:
        return _takes_null(definitions[attribute["$ref"].removeprefix(REFERENCE)], definitions)
    wanted = attribute.get("type")
    return "null" in wanted if isinstance(wanted, list) else not attribute


def _with_choices(found: Mapping[str, Json], definitions: Mapping[str, Json]) -> JsonObject:
    """Return the definitions with the choice that a discriminator means written out: JSON Schema knows nothing of these.

    An object is checked by the class that its `@type` names, and by the base class; a class that the file does not have is one of
    the client's own, and checked by the base class alone.
    """
    bases = {name for name, schema in found.items() if "discriminator" in schema and "oneOf" not in schema}
    made: dict[str, Any] = {}
    for name, schema in definitions.items():
        rest = {key: value for key, value in schema.items() if key not in {"oneOf", "discriminator"}}
        if "allOf" in rest:
            # The choice among the subclasses has been made: of a base class its own part is inherited.
            rest["allOf"] = [
                {"$ref": f"{part['$ref']}.own"} if part.get("$ref", "").removeprefix(REFERENCE) in bases else part
                for part in rest["allOf"]
            ]
        if "discriminator" not in schema:
            made[name] = rest
            continue
        told = schema["discriminator"]
        choices = [
            {
                "if": {"properties": {told["propertyName"]: {"const": kind}}, "required": [told["propertyName"]]},
                "then": {"$ref": target},
            }
            for kind, target in told["mapping"].items()
            if target != f"{REFERENCE}{name}"
        ]
        if name in bases:
            made[f"{name}.own"] = rest
            made[name] = {"allOf": [{"$ref": f"{REFERENCE}{name}.own"}, *choices]}
        else:
            made[name] = {**rest, "type": "object", "allOf": [*choices, *_otherwise(told)]}
    return made


def _otherwise(told: Mapping[str, Json]) -> list[JsonObject]:
    """Return by what an object is checked whose class is not one of the choices: `otherwise`, a word of an overlay, or as any class."""
    named = told["propertyName"]
    known: dict[str, Any] = {"properties": {named: {"enum": list(told["mapping"])}}, "required": [named]}
    some_class: dict[str, Any] = {"required": [named], "properties": {named: {"type": "string"}}}
    return [{"if": known, "else": {"$ref": told["otherwise"]} if "otherwise" in told else some_class}]
