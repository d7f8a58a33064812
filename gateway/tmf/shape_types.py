"""A quick look at whether a document has a shape, made from the shape's own checks.

The checks of `gateway.tmf.shapes` say everything that is wrong, one call for each attribute. Most documents are right, and that
one pass of msgspec tells at a tenth of the cost: the checks are turned into its types. What the types refuse may still be right
(a known attribute that is null, an id in another alphabet, an object that is known by its second name): then the checks look.
What they take, the checks would take too, and leave as it is.

Carts are checked in several threads at once, and msgspec finds out about a type when it is used for the first time, without a lock:
two threads that did that together ended the process. So types are made and used once where a shape is defined, while modules are
imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec

from gateway.errors import Problem
from gateway.tmf.shapes import (
    Check,
    ListOf,
    ObjectOf,
    OneOf,
    WholeNumber,
    boolean,
    check_attributes,
    identifier,
    number,
    text,
)

# Of the ids that `identifier` takes those that are nothing but ASCII; and what is left to ask where every text is printable.
_PLAIN_IDENTIFIER: Final = Annotated[str, msgspec.Meta(max_length=255, pattern=r"^[!-~][ -~]*\Z")]
_SHORT_TEXT: Final = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_SIMPLE: Final[dict[Check, Any]] = {
    text: str,
    boolean: bool,
    number: int | Decimal,
    identifier: _PLAIN_IDENTIFIER,
}
_SIMPLE_IN_PRINTABLE: Final[dict[Check, Any]] = {**_SIMPLE, identifier: _SHORT_TEXT}


class ShapeType:
    """The types of an object with known attributes. All of them must be known by now, also those of a shape in itself."""

    def __init__(self, attributes: Mapping[str, Check]) -> None:
        self._attributes = attributes
        self._type = _ready_type(attributes, _SIMPLE)
        self._type_in_printable = _ready_type(attributes, _SIMPLE_IN_PRINTABLE)

    def check(self, document: dict[str, Any], problems: list[Problem], *, printable: bool = False) -> None:
        """Report all that is wrong with the known attributes of `document`; those that are null are removed from it.

        `printable` as for `fits`.
        """
        if not self.fits(document, printable=printable):
            check_attributes(document, self._attributes, (), problems)

    def fits(self, document: Any, *, printable: bool = False) -> bool:
        """Return whether every known attribute is right and none is null; False is not yet wrong.

        `printable` says that it is known of every text in the document that it is printable and does not begin with a blank
        (`gateway.tmf.json.is_printable`): then no id has to be looked at letter by letter.
        """
        return _fits(document, self._type_in_printable if printable else self._type)


def _fits(document: Any, wanted: Any) -> bool:
    try:
        msgspec.convert(document, wanted, builtin_types=(Decimal,), dec_hook=_look)
    except (msgspec.ValidationError, RecursionError):
        return False
    return True


def _ready_type(attributes: Mapping[str, Check], simple: Mapping[Check, Any]) -> Any:
    """Return the type of an object after msgspec has seen it and every type that is reached from it only by `_look`."""
    known: dict[Any, Any] = {}
    made = _type_of(ObjectOf(attributes), known, simple)
    for kind in (made, *known.values()):
        _fits({}, kind)
    return made


class _Looked:
    """Stands for what msgspec has no type for; each place has a subclass of its own."""

    check: Check
    type: Any = None

    @classmethod
    def look(cls, value: Any) -> bool:
        """Return whether the check has nothing to say; null is left to it."""
        if cls.type is not None:
            msgspec.convert(value, cls.type, builtin_types=(Decimal,), dec_hook=_look)
            return True
        problems: list[Problem] = []
        if value is not None:
            cls.check(value, (), "", problems)
        return value is not None and not problems


def _look(kind: Any, value: Any) -> Any:
    if not kind.look(value):
        raise msgspec.ValidationError
    return kind()


def _looked_by(check: Check) -> type[_Looked]:
    return type("Looked", (_Looked,), {"check": staticmethod(check)})


def _type_of(check: Check, known: dict[Any, Any], simple: Mapping[Check, Any]) -> Any:
    """Return the type of `check`; `known` has those of the objects around it, or what stands for one that is being made."""
    if isinstance(check, WholeNumber):
        return Annotated[int, msgspec.Meta(ge=check.smallest, le=check.largest)]
    if isinstance(check, OneOf):
        return Literal[check.words]
    if isinstance(check, ListOf):
        return list.__class_getitem__(_type_of(check.check, known, simple))
    if isinstance(check, ObjectOf):
        return _object_type_of(check, known, simple)
    return simple.get(check) or _looked_by(check)


def _object_type_of(check: ObjectOf, known: dict[Any, Any], simple: Mapping[Check, Any]) -> Any:
    key = id(check.attributes), tuple(check.needs), tuple(check.needs_one_of)
    if key in known:
        return known[key]
    known[key] = stand_in = _looked_by(check)
    # Of several attributes of which one is needed, the first is what nearly all have; it must not be empty.
    needs = {*check.needs, *check.needs_one_of[:1]}
    if any(check.attributes.get(name) is not identifier for name in check.needs_one_of[:1]):
        return _looked_by(check)
    fields = [(name, _type_of(kind, known, simple)) for name, kind in check.attributes.items()]
    fields += [(name, Any) for name in needs if name not in check.attributes]
    names = {f"attribute_{index}": name for index, (name, _) in enumerate(fields)}
    made = msgspec.defstruct(
        "Shape",
        [
            (field, kind) if name in needs else (field, kind, None)
            for (field, name), (_, kind) in zip(names.items(), fields, strict=True)
        ],
        rename=names,
        kw_only=True,
        gc=False,
    )
    stand_in.type = known[key] = made
    return made
