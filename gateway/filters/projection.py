"""Attribute selection (`fields`, TMF630): which attributes of a document are returned.

A selection is a tree: `fields=validFor,cartItem.id` is `{"validFor": None, "cartItem": {"id": None}}`, where None means the
whole attribute. `id` and `href` are always returned; names that a document does not have are skipped silently.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from gateway.documents import JsonObject
from gateway.errors import Problem

Selection: TypeAlias = "dict[str, Selection | None]"

FIELDS_MAX: Final = 100
FIELDS_CHARACTERS_MAX: Final = 4096
ALWAYS: Final = ("id", "href")


def parse_fields(values: list[str], problems: list[Problem]) -> Selection | None:
    """Return the attributes that `fields` asks for, as a tree of names; None for everything. `fields=none` is id and href alone.

    Args:
        values: every value of the parameter `fields`, each a list of dotted names separated by commas.
        problems: what is wrong is added here.

    Raises:
        Nothing: what is wrong is a problem, and `refuse` raises them together.

    Source: TMF630 part 1 (attribute selection).
    """
    text = ",".join(values)
    if len(text) > FIELDS_CHARACTERS_MAX or text.count(",") >= FIELDS_MAX:
        problems.append(Problem("fields", f"names more than {FIELDS_MAX} attributes"))
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        return None
    selection: Selection = {}
    for name in names:
        if name != "none":
            _select(selection, name.split("."))
    return selection


def _select(selection: Selection, path: list[str]) -> None:
    name, *rest = path
    if not rest:
        selection[name] = None
        return
    inner = selection.setdefault(name, {})
    if inner is not None:
        _select(inner, rest)


def project(document: JsonObject, selection: Selection) -> JsonObject:
    """Return the selected attributes of a document, in its own order; id and href always stay.

    Args:
        document: a JSON object. It is not changed, and its values are shared, not copied.
        selection: what `parse_fields` returned.

    Raises:
        Nothing: a name that the document does not have selects nothing.

    Source: TMF630 part 1 (attribute selection).
    """
    return {
        name: value if (inner := selection.get(name)) is None else _project_inside(value, inner)
        for name, value in document.items()
        if name in selection or name in ALWAYS
    }


def _project_inside(value: Any, selection: Selection) -> Any:
    if isinstance(value, dict):
        return {
            name: child if (inner := selection.get(name)) is None else _project_inside(child, inner)
            for name, child in value.items()
            if name in selection
        }
    if isinstance(value, list):
        return [_project_inside(entry, selection) for entry in value]
    return value
