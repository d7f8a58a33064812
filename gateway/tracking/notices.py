"""What a notification says beside whose order it is about: which event, which state, of which items, what people should know. Pure."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from gateway.documents import JsonObject
from gateway.ordering import readable

EventKind: TypeAlias = Literal[
    "create",
    "stateChange",
    "attributeValueChange",
    "delete",
    "informationRequired",
    "milestone",
    "jeopardyAlert",
    "errorMessage",
    "other",
]
NoteKind: TypeAlias = Literal["milestone", "jeopardyAlert", "errorMessage", "informationRequired", "cancellation"]

_KINDS: Final[tuple[tuple[str, EventKind], ...]] = (
    ("attributevaluechange", "attributeValueChange"),
    ("statechange", "stateChange"),
    ("statuschange", "stateChange"),
    ("informationrequired", "informationRequired"),
    ("milestone", "milestone"),
    ("jeopardy", "jeopardyAlert"),
    ("errormessage", "errorMessage"),
    ("creat", "create"),
    ("delet", "delete"),
    ("remov", "delete"),
)
# Attribute of the order, kind of the note, and the attributes of an entry that people are told, in this order.
_NOTED: Final[tuple[tuple[str, NoteKind, tuple[str, ...]], ...]] = (
    ("productOrderMilestone", "milestone", ("name", "id", "status", "message", "milestoneDate")),
    ("milestone", "milestone", ("name", "id", "status", "message", "milestoneDate")),
    ("productOrderJeopardyAlert", "jeopardyAlert", ("name", "id", "jeopardyType", "exception", "message", "alertDate")),
    ("productOrderErrorMessage", "errorMessage", ("code", "reason", "message")),
    ("errorMessage", "errorMessage", ("code", "reason", "message")),
)
NOTES_MAX: Final = 20
ITEMS_MAX: Final = 2_000
PATH_CHARACTERS_MAX: Final = 255
_DEPTH_MAX: Final = 32
# What a task of a cancellation is called; the second is how the official v5 file misspells it.
CANCEL_NAMES: Final = ("cancelProductOrder", "canccelProductOrder")


class Note(Struct, frozen=True):
    """What people should know of an order: a milestone, an alert, an error, what it waits for, a cancellation.

    `path` is what is asked for, in the order system's words.
    """

    kind: NoteKind
    text: str
    path: str | None = None


def event_kind(event_type: str) -> EventKind:
    """Return which event a name means: TMF622's in every version, R17's (`...CreationNotification`), and what is near them."""
    letters = "".join(character for character in event_type.casefold() if character.isalpha())
    return next((kind for part, kind in _KINDS if part in letters), "other")


def is_of_cancellation(event_type: str) -> bool:
    """Tell whether an event is about the task of a cancellation, whose state is not the order's."""
    return event_type.casefold().startswith("cancel")


def item_states(order: JsonObject) -> dict[str, str]:
    """Return the states of the items that a notification names, by their ids; nested items included."""
    found: dict[str, str] = {}
    stack: list[tuple[Any, int]] = [(order.get("productOrderItem"), 0), (order.get("itemStateChange"), 0)]
    while stack and len(found) < ITEMS_MAX:
        listed, depth = stack.pop()
        for item in _objects(listed)[:ITEMS_MAX]:
            item_id = next((text for name in ("itemId", "id") if (text := _word(item.get(name)))), None)
            state = _word(item.get("state"))
            if item_id is not None and state is not None:
                found[item_id] = state
            if depth < _DEPTH_MAX and "productOrderItem" in item:
                stack.append((item["productOrderItem"], depth + 1))
    return found


def notes_of(order: JsonObject, payload: JsonObject, field_path: object = None) -> tuple[Note, ...]:
    """Return what people should know of `order`; `payload` is what of the notification it stands in.

    `field_path` is what a notification that asks for information names beside its payload, as v4's do.
    """
    notes: list[Note] = []
    for name, kind, attributes in _NOTED:
        for holder in (order, payload):
            notes += [Note(kind, text) for entry in _objects(holder.get(name)) if (text := _told(entry, attributes))]
    for entry in _objects(payload.get("informationRequired")):
        if text := _told(entry, ("op", "path")):
            notes.append(Note("informationRequired", text, _path(entry.get("path"))))
    if (asked_for := _word(field_path)) is not None:
        notes.append(Note("informationRequired", readable(asked_for), _path(asked_for)))
    for name in CANCEL_NAMES:
        for task in _objects(payload.get(name)):
            if text := _told(task, ("id", "state")):
                notes.append(Note("cancellation", text))
    return tuple(dict.fromkeys(notes))[:NOTES_MAX]


def _told(entry: dict[str, Any], attributes: tuple[str, ...]) -> str:
    told = [readable(text) for name in attributes if (text := _word(entry.get(name))) is not None]
    return ", ".join(told)


def _path(value: Any) -> str | None:
    return readable(value) if isinstance(value, str) and 0 < len(value) <= PATH_CHARACTERS_MAX else None


def _objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value]
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _word(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None
