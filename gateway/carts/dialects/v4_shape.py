"""What TMF663 v4 makes mandatory of a cart that a v4 client sends, and the quick look that tells when nothing is missing.

A client may leave out what the rest of the cart tells: the id that an address ends with, the price type of the altered price,
what a party is. Everything else that the API file demands is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from gateway.carts.dialects.v4_kinds import CART, Kind
from gateway.carts.shape import CART_ATTRIBUTES, TYPES
from gateway.errors import Problem
from gateway.tmf.json import encode_canonical
from gateway.tmf.paths import path_text
from gateway.tmf.shape_types import ShapeType
from gateway.tmf.shapes import PROBLEMS_MAX, Check, ListOf, ObjectOf, OneOf, Path, report, text

_ANY_OBJECT: Final = ObjectOf(TYPES)
# A cart that was stored with so many omissions or more may be given others.
EARLIER_MAX: Final = 2_000


class _Finding(NamedTuple):
    """What is wrong at a path, and the object that has it. Its words are only put together where it is told."""

    path: Path
    message: str
    node: dict[str, Any]


def _shown_as_it_is(check: Check, as_shown: Callable[[Any], Any]) -> Check:
    """Return the check that also wants a value to be shown as it is."""
    if isinstance(check, OneOf):
        return OneOf(tuple(word for word in check.words if as_shown(word) == word))

    def look(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
        check(value, path, name, problems)
        if as_shown(value) != value:
            report(problems, (*path, name), "is shown otherwise")

    return look


def _demanding(check: Check, kind: Kind, known: dict[tuple[int, int], ObjectOf]) -> ObjectOf:
    """Return the check of the stored form with everything that the file demands."""
    base = check if isinstance(check, ObjectOf) else _ANY_OBJECT
    key = id(base.attributes), id(kind)
    if key in known:
        return known[key]
    attributes: dict[str, Check] = {}
    known[key] = made = ObjectOf(attributes, needs=[member.name for member in kind.members])
    attributes.update({**base.attributes, **kind.types})
    for name, as_shown in kind.shown.items():
        attributes[name] = _shown_as_it_is(attributes[name], as_shown)
    for name, inner in kind.objects.items():
        attributes[name] = _demanding(base.attributes.get(name, _ANY_OBJECT), inner, known)
    for name, inner in kind.lists.items():
        listed = base.attributes.get(name)
        attributes[name] = ListOf(_demanding(listed.check if isinstance(listed, ListOf) else _ANY_OBJECT, inner, known))
    return made


# What a document of the stored form has to be to be shown in v4 as it is.
COMPLETE: Final = ShapeType(_demanding(ObjectOf(CART_ATTRIBUTES), CART, {}).attributes)


def lacking(before: dict[str, Any] | None = None) -> Callable[[dict[str, Any], list[Problem]], list[Problem]]:
    """Return what completes the problems of a v4 cart by those of mandatory attributes.

    `before` is the stored cart when this is a change: what it lacks already the change did not bring.
    """

    def complete(document: dict[str, Any], problems: list[Problem]) -> list[Problem]:
        earlier: list[_Finding] = []
        if before is not None:
            # What a merge patch leaves alone is the very object that it was.
            touched = {name for name, value in document.items() if value is not before.get(name)}
            document = {name: value for name, value in document.items() if name in touched}
            earlier = _findings({name: value for name, value in before.items() if name in touched}, EARLIER_MAX)
        if len(earlier) >= EARLIER_MAX:
            # Nobody is told of so many, and to tell old from new would take longer than a change may.
            return problems
        # Those that were there already do not hide what is new.
        found = _findings(document, PROBLEMS_MAX + len(earlier))
        told = [Problem(path_text(finding.path), finding.message) for finding in _brought(found, earlier)]
        named = {problem.path for problem in told}
        holders = {path.rpartition(".")[0] for path in named}
        # The check of the stored form says less of the same.
        kept = [
            problem
            for problem in problems
            if problem.path not in named and not (problem.path in holders and problem.message.startswith("needs "))
        ]
        return [*kept, *told][:PROBLEMS_MAX]

    return complete


def _brought(found: list[_Finding], earlier: list[_Finding]) -> list[_Finding]:
    """Return the findings that are not among the earlier ones: neither in the same place nor of the same object."""
    places = {(finding.path, finding.message) for finding in earlier}
    found = [finding for finding in found if (finding.path, finding.message) not in places]
    if not found or not earlier:
        return found
    old, new = set(_looks(earlier).values()), _looks(found)
    return [finding for finding in found if new[id(finding.node)] not in old]


def _looks(findings: list[_Finding]) -> dict[int, bytes]:
    """Return what each object looks like, by its identity: once, however much is wrong with it."""
    nodes = {id(finding.node): finding.node for finding in findings}
    return {identity: encode_canonical(node) for identity, node in nodes.items()}


def _findings(document: dict[str, Any], findings_max: int) -> list[_Finding]:
    """Return what the document lacks or has of a wrong type, and whatever else is found at the object that is the last."""
    found: list[_Finding] = []
    _look(document, CART, {}, (), found, findings_max)
    return found


def _look(
    node: dict[str, Any], kind: Kind, holder: dict[str, Any], path: Path, found: list[_Finding], findings_max: int
) -> None:
    if len(found) >= findings_max:
        return
    for member in kind.members:
        is_empty = member.name == "id" and node.get("id") == ""
        if is_empty or not (member.is_in(node) or member.told_by(node, holder) is not None):
            fault = "is empty, as it is shown where nobody told it" if is_empty else "is missing"
            found.append(_Finding((*path, member.name), f"{fault}; {member.lesson}", node))
    for name, value in node.items():
        check = kind.types.get(name)
        # Most attributes are texts that need no more than to be one; of an id that is empty enough is said.
        is_right = type(value) is str and (check is text or (name == "id" and not value))
        if value is not None and check is not None and not is_right:
            problems: list[Problem] = []
            check(value, (), name, problems)
            found += [_Finding((*path, problem.path), problem.message, node) for problem in problems]
        if name in kind.objects and type(value) is dict:
            _look(value, kind.objects[name], node, (*path, name), found, findings_max)
        elif name in kind.lists and type(value) is list:
            for index, entry in enumerate(value):
                if type(entry) is dict:
                    _look(entry, kind.lists[name], node, (*path, name, index), found, findings_max)
