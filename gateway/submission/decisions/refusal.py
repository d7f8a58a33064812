"""What an order system refused, in the terms of the cart: its paths into a call become paths of the cart's items. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from gateway.checkouts.row_changes import CheckoutChanges
from gateway.ordering import Order, UpstreamReason
from gateway.submission.decisions.actions import Save
from gateway.tmf.json import decode_stored, encode_json

_SEGMENT: Final = re.compile(r"[^./\[\]'\"#$\s,;:()]+")
_IN_TEXT: Final = re.compile(r"(?:productOrderItem|orderItem)(?:[\[./]\d+\]?)(?:[./]?[\w@-]++|\[\d+\]){0,20}+")
_ITEMS: Final = frozenset({"productOrderItem", "orderItem"})
# What carts call otherwise than orders.
_NAMES: Final = {"productOrderItemRelationship": "cartItemRelationship", "orderTotalPrice": "cartTotalPrice"}
# Names for the whole body that stand before the path in it.
_BODY: Final = frozenset({"body", "productOrder", "request", "payload", "root", "value"})
_POSITION_DIGITS_MAX: Final = 5
Token: TypeAlias = str | int


class CartProblem(Struct, frozen=True, kw_only=True):
    """One reason of the order system: the cart's path ("" for the whole), why, and the order system's own code."""

    path: str
    message: str
    upstreamCode: str = ""  # noqa: N815 -- the name of the attribute


def cart_problems(reasons: Iterable[UpstreamReason], order: Order, body: bytes = b"") -> tuple[CartProblem, ...]:
    """Return the reasons with the cart's paths. `body` is the call that was refused, which their positions are about.

    A path that leads to no item of the call is told as the order system wrote it.
    """
    sent = _sent_items(body)
    paths = {line.id: line.path for line in order.lines}
    found = dict.fromkeys(
        CartProblem(path=_cart_path(reason, sent, paths), message=reason.message, upstreamCode=reason.code)
        for reason in reasons
    )
    return tuple(found)


def written(problems: tuple[CartProblem, ...]) -> str | None:
    """Return the problems as the column `reason_problem` holds them; None without any."""
    return encode_json(problems).decode() if problems else None


def with_problems(decided: Save, problems: tuple[CartProblem, ...]) -> Save:
    """Return the decision that also records what the order system refused."""
    changes: CheckoutChanges = {**decided.changes, "reason_problem": written(problems)}
    return replace(decided, changes=changes)


class _SentItem(NamedTuple):
    """An item of the call that was refused: its id (empty where it has none), and the items inside of it, if it has such a list."""

    id: str
    items: tuple[_SentItem, ...] | None


def _sent_items(body: bytes) -> tuple[_SentItem, ...] | None:
    """Return the items of a call; a JSON Patch appends them. None when it has no list of items, as a submission has none."""
    try:
        document = decode_stored(body.decode()) if body else {}
    except ValueError:
        return None
    if isinstance(document, list):
        return tuple(_sent_item(change.get("value")) for change in document if isinstance(change, dict))
    return _sent_item(document).items


def _sent_item(value: object) -> _SentItem:
    if not isinstance(value, dict):
        return _SentItem("", None)
    listed = value.get("productOrderItem")
    items = tuple(map(_sent_item, listed)) if isinstance(listed, list) else None
    return _SentItem(str(value.get("id", "")), items)


def _cart_path(reason: UpstreamReason, sent: tuple[_SentItem, ...] | None, paths: dict[str, str]) -> str:
    written = reason.path
    if not written and (named := _IN_TEXT.search(reason.message)):
        written = named[0]
    tokens = _tokens(written)
    if reason.item in paths and not any(token in _ITEMS for token in tokens):
        return _written(paths[reason.item], tokens)
    item, rest, is_whole = _item_at(sent, tokens)
    if not is_whole:
        return written
    if item is None:
        return _written("", tokens) if tokens else ""
    path = paths.get(item.id)
    return written if path is None else _written(path, rest)


def _tokens(path: str) -> list[Token]:
    """Return the names and positions of a path: JSON pointer, JSONPath, or names with dots and brackets."""
    found = [segment.replace("~1", "/").replace("~0", "~") for segment in _SEGMENT.findall(path)]
    while found and found[0] in _BODY:
        found = found[1:]
    return [
        int(segment) if segment.isascii() and segment.isdigit() and len(segment) <= _POSITION_DIGITS_MAX else segment
        for segment in found
    ]


def _item_at(sent: tuple[_SentItem, ...] | None, tokens: list[Token]) -> tuple[_SentItem | None, list[Token], bool]:
    """Return the innermost item on a path, what of the path is inside of it, and whether the path's items are all there."""
    listed, item, rest = sent, None, tokens
    at = 0
    while at < len(tokens):
        if tokens[at] not in _ITEMS or at + 1 >= len(tokens):
            break
        position = tokens[at + 1]
        if listed is None or not isinstance(position, int) or position >= len(listed):
            return None, tokens, False
        item = listed[position]
        listed = item.items
        at += 2
        rest = tokens[at:]
    return item, rest, True


def _written(start: str, tokens: list[Token]) -> str:
    path = start
    for token in tokens:
        if isinstance(token, int):
            path += f"[{token}]"
        else:
            name = _NAMES.get(token, token)
            path = f"{path}.{name}" if path else name
    return path
