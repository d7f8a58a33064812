"""Every reason that an order system's error answer gives: for the whole, for an attribute, for an item. Pure, and suspicious.

TM Forum's Error has one reason and a message; vendors put the real causes into `details` (with a `datapath` or `propertyPath`), into
arrays of errors, or onto the items of an order that they send back. Texts are cleaned, cut at a word, and bounded in number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec.structs import replace

from gateway.ordering import DEAD_ENDS, Mapping, ObservedOrder, UpstreamReason, tmf_state
from gateway.upstream.answers import CODE_CHARACTERS_MAX, clean

REASONS_MAX: Final = 50
REASON_CHARACTERS_MAX: Final = 500
PATH_CHARACTERS_MAX: Final = 300
_DEPTH_MAX: Final = 6
_NODES_MAX: Final = 2_000
_CODES: Final = ("errorCode", "code", "statusCode")
_MESSAGES: Final = ("reason", "message", "error_description", "errorMessage", "title", "detail", "description")
_PATHS: Final = (
    "propertyPath", "datapath", "dataPath", "jsonPath", "path", "field", "pointer", "instancePath", "property", "location", "attribute",
)  # fmt: skip
# Where the causes of an error are listed.
_CAUSES: Final = (
    "details",
    "detail",
    "errors",
    "error",
    "causes",
    "violations",
    "validationErrors",
    "fieldErrors",
    "invalidParams",
)
_ITEMS: Final = ("productOrderItem", "orderItem")
_OF_ITEM: Final = ("terminationError", "productOrderErrorMessage", "errorMessage", "itemError", "errors", "error")
_ITEM_IDS: Final = ("productOrderItemId", "orderItemId", "itemId", "id")


def reasons_of(document: object) -> tuple[UpstreamReason, ...]:
    """Return the reasons in an error answer, or in an order that says of itself or its items why it failed; none twice."""
    return _bounded(_reasons(document, UpstreamReason(""), 0))


def with_reasons(order: ObservedOrder, document: object, mapping: Mapping) -> ObservedOrder:
    """Return an order that came to nothing with the reasons that its document gives for itself and its items."""
    if not isinstance(document, dict) or tmf_state(mapping, order.state) not in DEAD_ENDS:
        return order
    return replace(order, reasons=_bounded(_of_order(document, 0)))


def _bounded(reasons: Iterator[UpstreamReason]) -> tuple[UpstreamReason, ...]:
    found: dict[UpstreamReason, None] = {}
    for nodes, reason in enumerate(reasons):
        if reason.message:
            found[reason] = None
        if len(found) >= REASONS_MAX or nodes >= _NODES_MAX:
            break
    whole = {reason.message for reason in found if not reason.path and not reason.item}
    # What is said for the whole and for an attribute alike is about the attribute.
    told = {reason.message for reason in found if reason.path or reason.item} & whole
    return tuple(reason for reason in found if reason.path or reason.item or reason.message not in told)


def detail_with_reasons(detail: str, reasons: tuple[UpstreamReason, ...]) -> str:
    """Return a line for people with every reason that it does not tell yet."""
    missing = [reason.message for reason in reasons if reason.message not in detail]
    return clean("; ".join([detail, *dict.fromkeys(missing)])) if missing else detail


def _reasons(node: Any, above: UpstreamReason, depth: int) -> Iterator[UpstreamReason]:
    """Yield what a node says, then what it lists; `above` has the path, item and code of what holds it."""
    if depth > _DEPTH_MAX:
        return
    if isinstance(node, list):
        for member in node:
            yield from _reasons(member, above, depth + 1)
    elif isinstance(node, str):
        yield UpstreamReason(clean(node, REASON_CHARACTERS_MAX), above.code, above.path, above.item)
    elif isinstance(node, dict):
        own = UpstreamReason(
            _message(node), _code(node) or above.code, _path(node) or above.path, _item(node) or above.item
        )
        yield own
        for name in _CAUSES:
            inner = node.get(name)
            if isinstance(inner, list | dict):
                yield from _reasons(inner, own, depth + 1)
        yield from _of_order(node, depth)


def _of_order(node: dict[str, Any], depth: int) -> Iterator[UpstreamReason]:
    """Yield the reasons that an order gives for itself and for its items."""
    for name in ("productOrderErrorMessage", "terminationError"):
        yield from _reasons(node.get(name), UpstreamReason(""), depth + 1)
    for name in _ITEMS:
        items = node.get(name)
        for item in items if isinstance(items, list) else ():
            if not isinstance(item, dict):
                continue
            about = UpstreamReason("", item=_text(item.get("id"), CODE_CHARACTERS_MAX))
            for key in _OF_ITEM:
                if isinstance(item.get(key), str | list | dict):
                    yield from _reasons(item[key], about, depth + 1)
            yield from _of_order(item, depth + 1) if depth < _DEPTH_MAX else ()


def _message(node: dict[str, Any]) -> str:
    """Return the texts of an error, its reason before its message; `error` is a text or a code."""
    texts = [node[name] for name in _MESSAGES if isinstance(node.get(name), str)]
    word = node.get("error")
    if isinstance(word, str) and (" " in word.strip() or not texts):
        texts.append(word)
    # A reason that the message repeats says nothing more.
    told = dict.fromkeys(text.strip() for text in texts if text.strip())
    whole = ": ".join(text for text in told if not any(text != other and text in other for other in told))
    return clean(whole, REASON_CHARACTERS_MAX)


def _code(node: dict[str, Any]) -> str:
    return next((text for name in _CODES if (text := _text(node.get(name), CODE_CHARACTERS_MAX))), "")


def _path(node: dict[str, Any]) -> str:
    for name in _PATHS:
        if path := _text(node.get(name), PATH_CHARACTERS_MAX):
            return path
    source = node.get("source")
    if isinstance(source, dict):
        return _text(source.get("pointer"), PATH_CHARACTERS_MAX)
    fields = node.get("fields")
    return (
        ", ".join(field for field in fields if isinstance(field, str))[:PATH_CHARACTERS_MAX]
        if isinstance(fields, list)
        else ""
    )


def _item(node: dict[str, Any]) -> str:
    """Return the id of the item that an error names: in an object of its own, or beside its message."""
    for name in _ITEMS:
        inner = node.get(name)
        inner = inner[0] if isinstance(inner, list) and len(inner) == 1 else inner
        if isinstance(inner, dict) and not any(key in inner for key in _OF_ITEM):
            return next((text for key in _ITEM_IDS if (text := _text(inner.get(key), CODE_CHARACTERS_MAX))), "")
    return next((text for key in _ITEM_IDS[:-1] if (text := _text(node.get(key), CODE_CHARACTERS_MAX))), "")


def _text(value: Any, characters_max: int) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return clean(str(value), characters_max)
