"""What makes a document a cart: types, limits and item ids. Pure: a document in, a checked document or problems out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import count
from typing import Any, Final

from gateway.carts.shape import CART_ATTRIBUTES
from gateway.errors import BodyTooLargeError, InvalidBodyError, Problem
from gateway.settings import CartSettings
from gateway.tmf.json import encode_json
from gateway.tmf.paths import path_text
from gateway.tmf.shapes import Path, check_attributes, check_text_lengths, report

ITEM_ID_DIGITS: Final = 2


def check_cart(document: dict[str, Any], limits: CartSettings, *, taken_ids: Collection[str] = ()) -> None:
    """Check a cart in the v4 form and make it complete, in place: items without an id get one, known nulls are removed.

    `taken_ids` are ids not to be given again (of the items before a change). Attributes that the standard does not know
    are kept untouched. Raises InvalidBodyError (400) with every problem.
    """
    problems: list[Problem] = []
    check_attributes(document, CART_ATTRIBUTES, (), problems)
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
    if problems:
        raise InvalidBodyError(problems)
    _give_ids([item for item, _ in items if "id" not in item], {*used, *taken_ids})


def written_cart(document: dict[str, Any], limits: CartSettings, bytes_max: int) -> bytes:
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
        raise BodyTooLargeError(f"The cart would be larger than {bytes_max} bytes.")
    return written


def item_ids(document: dict[str, Any]) -> set[str]:
    """Return the ids of all items, nested ones included."""
    return {item["id"] for item, _ in _walk_items(document, ()) if isinstance(item.get("id"), str)}


def _walk_items(holder: dict[str, Any], path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Yield every item with its path, parents before children; what is no item is passed over."""
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


def _give_ids(items: list[dict[str, Any]], taken: set[str]) -> None:
    """Give the items the numbers 01, 02 and so on that are not taken; the id comes first, as in the examples."""
    numbers = (f"{number:0{ITEM_ID_DIGITS}d}" for number in count(1))
    free = (number for number in numbers if number not in taken)
    for item in items:
        attributes = dict(item)
        item.clear()
        item["id"] = next(free)
        item.update(attributes)
