"""What makes a document a cart: types, limits and item ids. Pure: a document in, a checked document or problems out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import count
from typing import Any, Final

from gateway.carts.dialects.v4_shape import look_at
from gateway.documents import JsonObject
from gateway.errors import BodyTooLargeError, InvalidBodyError, Problem
from gateway.settings import CartSettings
from gateway.tmf.json import encode_json
from gateway.tmf.paths import path_text
from gateway.tmf.shapes import Path, check_text_lengths, report

ITEM_ID_DIGITS: Final = 2
_NUMBER: Final = re.compile(r"0*[0-9]{1,18}")


def check_cart(
    document: JsonObject,
    limits: CartSettings,
    *,
    taken_ids: Collection[str] = (),
    before: Sequence[JsonObject] = (),
    mandatory: bool = False,
) -> bool:
    """Check a cart in the stored form and make it complete, in place: items without an id get one, known nulls are removed.

    `taken_ids` are ids not to be given again (of the items before a change). Attributes that the standard does not know
    are kept untouched. `before` and `mandatory` as for `look_at`.
    Returns whether v4 shows the cart as it is. Raises InvalidBodyError (400) with every problem.
    """
    problems, complete = look_at(document, before, mandatory=mandatory)
    items: list[dict[str, Any]] = []
    _add_items(document, items)
    if problems or not _is_right(items, limits):
        _report_problems(document, limits, problems)
    if problems:
        raise InvalidBodyError(problems)
    nameless = [item for item in items if "id" not in item]
    if nameless:
        _give_ids(nameless, {*(item["id"] for item in items if "id" in item), *taken_ids})
    return complete


def _add_items(holder: dict[str, Any], items: list[dict[str, Any]]) -> None:
    """Add every item, parents before children; what is not an item is passed over."""
    inside = holder.get("cartItem")
    if type(inside) is list:
        for item in inside:
            if type(item) is dict:
                items.append(item)
                if "cartItem" in item:
                    _add_items(item, items)


def _is_right(items: list[dict[str, Any]], limits: CartSettings) -> bool:
    """Tell whether `_report_problems` would find nothing in items of the right shape, without a path to any of them."""
    ids = [item["id"] for item in items if "id" in item]
    known = set(ids)
    if len(items) > limits.items_max or len(known) < len(ids):
        return False
    for item in items:
        product = item.get("product")
        if product is not None and len(product.get("productCharacteristic", ())) > limits.characteristics_max:
            return False
        for entry in item.get("cartItemRelationship", ()):
            if "id" in entry and entry["id"] not in known:
                return False
    return True


def _report_problems(document: dict[str, Any], limits: CartSettings, problems: list[Problem]) -> None:
    """Report what is wrong with the items as a whole: how many they are, their ids, what they refer to."""
    items = list(_walk_items(document, ()))
    if len(items) > limits.items_max:
        report(problems, ("cartItem",), f"has more than {limits.items_max} items, nested ones included")
    for item, path in items:
        product = item.get("product")
        characteristics = product.get("productCharacteristic") if isinstance(product, dict) else None
        if isinstance(characteristics, list) and len(characteristics) > limits.characteristics_max:
            place = (*path, "product", "productCharacteristic")
            report(problems, place, f"has more than {limits.characteristics_max} entries")
    used = _used_ids(items, problems)
    _check_relationships(items, used, problems)


def written_cart(document: JsonObject, limits: CartSettings, bytes_max: int) -> bytes:
    """Return the checked cart as it is stored and answered.

    Raises InvalidBodyError (400) for texts over the limit, BodyTooLargeError (413) for a cart that has grown over `bytes_max`.
    """
    written = encode_json(document)
    # A text has no more characters than the whole has bytes, so most carts need no walk.
    if len(written) > limits.text_characters_max:
        problems: list[Problem] = []
        check_text_lengths(document, limits.text_characters_max, problems)
        if problems:
            raise InvalidBodyError(problems)
    if len(written) > bytes_max:
        what = f"would be larger than {bytes_max} bytes"
        raise BodyTooLargeError.about("The cart", what, "")
    return written


def item_ids(document: JsonObject) -> set[str]:
    """Return the ids of all items, nested ones included."""
    return {item["id"] for item, _ in _walk_items(document, ()) if isinstance(item.get("id"), str)}


def _walk_items(holder: dict[str, Any], path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Yield every item with its path, parents before children; what is not an item is passed over."""
    items = holder.get("cartItem")
    if not isinstance(items, list):
        return
    for index, item in enumerate(items):
        if isinstance(item, dict):
            inside = (*path, "cartItem", index)
            yield item, inside
            if "cartItem" in item:
                yield from _walk_items(item, inside)


def _used_ids(items: list[tuple[dict[str, Any], Path]], problems: list[Problem]) -> set[str]:
    first: dict[str, Path] = {}
    for item, path in items:
        item_id = item.get("id")
        if not isinstance(item_id, str):
            continue
        if item_id in first:
            report(problems, (*path, "id"), f"is the id of {path_text(first[item_id])} too; ids are unique in a cart")
        else:
            first[item_id] = path
    return set(first)


def _check_relationships(items: list[tuple[dict[str, Any], Path]], ids: set[str], problems: list[Problem]) -> None:
    """Report relationships to items that the cart does not have."""
    for item, path in items:
        relationships = item.get("cartItemRelationship")
        if not isinstance(relationships, list):
            continue
        for index, entry in enumerate(relationships):
            target = entry.get("id") if isinstance(entry, dict) else None
            if isinstance(target, str) and target not in ids:
                report(problems, (*path, "cartItemRelationship", index, "id"), "names no item of this cart")


def free_ids(taken: Collection[str]) -> Iterator[str]:
    """Yield the ids 01, 02 and so on that no id of `taken` equals, neither as a text nor for a reader of numbers (`1`)."""
    numbers = {number_of(item_id) for item_id in taken}
    return (f"{number:0{ITEM_ID_DIGITS}d}" for number in count(1) if number not in numbers)


def number_of(item_id: str) -> int | None:
    """Return the number that an id is read as by those who read numbers; None for other texts."""
    return int(item_id) if _NUMBER.fullmatch(item_id) else None


def _give_ids(items: list[dict[str, Any]], taken: set[str]) -> None:
    """Give the items the numbers 01, 02 and so on that are not taken; the id comes first, as in the examples."""
    free = free_ids(taken)
    for item in items:
        attributes = dict(item)
        item.clear()
        item["id"] = next(free)
        item.update(attributes)
