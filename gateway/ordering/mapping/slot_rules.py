"""Slots of a mapping that cannot be: a path into a list, a name that holds something else, two values for one place.

Each would load, and a call would be written in which one value has silently taken the place of another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.errors import Problem
from gateway.ordering.mapping.model import Mapping

ITEM: Final = (
    "productOffering", "product", "itemTerm", "itemPrice", "itemTotalPrice", "appointment", "payment", "billingAccount",
    "quoteItem", "productOfferingQualificationItem", "qualification",
)  # fmt: skip
"""The attributes of an order's item that a cart can give, in the standard's order."""
PRODUCT: Final = (
    "id", "href", "name", "description", "isBundle", "isCustomerVisible", "orderDate", "productSerialNumber", "startDate",
    "status", "terminationDate", "agreement", "agreementItem", "billingAccount", "place", "product", "productCharacteristic",
    "productOffering", "productOrderItem", "productPrice", "productRelationship", "productSpecification", "productTerm",
    "realizingResource", "realizingService", "relatedParty", "creationDate", "intent",
)  # fmt: skip
"""The attributes of a product that a cart can give."""
_FILLED: Final = frozenset(
    {
        "action",
        "quantity",
        "note",
        "productOrderItem",
        "productOrderItemRelationship",
        "@type",
        "@baseType",
        "@schemaLocation",
    }
)
_NO_NAME: Final = re.compile(r"[\s./\\{}\"']")
# What a cart says of an offering beside its code.
_OF_OFFERING: Final = frozenset({"name", "href"})
_EXAMPLE: Final = "productOffering.id"
_NO_MARKER: Final = frozenset(
    {"id", "href", "state", "productOrderItem", "relatedParty", "note", "channel", "billingAccount", "payment", "agreement",
     "quote", "productOfferingQualification", "orderTotalPrice", "orderDate", "creationDate", "requestedStartDate",
     "requestedCompletionDate", "@type", "@baseType", "@schemaLocation"}
)  # fmt: skip


def collisions(mapping: Mapping) -> Iterator[Problem]:
    """Yield a problem for each slot that cannot hold what the mapping puts there, or is not where it can be read."""
    yield from _code_slots(mapping)
    yield from _characteristics(mapping)
    yield from _lines(mapping)
    slot = mapping.recovery.marker_slot
    if slot in _NO_MARKER:
        message = f"is {slot}, which holds something else; use an attribute of text that is free, e.g. externalId"
        yield Problem("recovery.marker_slot", message)
    yield from _one_name("recovery.marker_slot", slot)


def _one_name(where: str, name: str) -> Iterator[Problem]:
    if _NO_NAME.search(name):
        yield Problem(
            where, f"is {name}, but it must be the name of one attribute, no path; write it without dots and the like"
        )


def _code_slots(mapping: Mapping) -> Iterator[Problem]:
    written, read = mapping.item.product_code, mapping.lines.offering
    wrong = [*_no_slots("item.product_code", written), *_no_slots("lines.offering", read)]
    for position, slot in enumerate(written if not wrong else ()):
        where = f"item.product_code[{position}]"
        if not _may_hold_code(slot.split("."), mapping):
            message = f"is `{slot}`, which holds something else; use one that is free, e.g. {_EXAMPLE}"
            wrong.append(Problem(where, message))
        elif any(other.startswith(f"{slot}.") for other in written):
            wrong.append(Problem(where, f"is `{slot}`, inside of which another slot is; remove one"))
    yield from wrong
    # The id of a line that is read back may well be another one.
    own = [slot for slot in written if slot != "id"]
    if own and not wrong and not {*written} & {*read}:
        yield Problem("lines.offering", f"lacks {own[0]}, where item.product_code writes it; add it, after the others")


def _no_slots(key: str, slots: tuple[str, ...]) -> Iterator[Problem]:
    for position, slot in enumerate(slots):
        if not all(name and not _NO_NAME.search(name) for name in slot.split(".")):
            yield Problem(f"{key}[{position}]", f"is `{slot}`; a slot is names joined by dots, e.g. {_EXAMPLE}")


def _may_hold_code(names: list[str], mapping: Mapping) -> bool:
    """Tell whether a product code has a place there: in an attribute of the order system's own, or inside an offering."""
    first, *rest = names
    if any(name.startswith("@") for name in names):
        return False
    if first == "product" and rest:
        first, *rest = rest
        if first == mapping.item.characteristics_slot:
            return False
        standard: tuple[str, ...] = PRODUCT
    elif first in _FILLED:
        return False
    else:
        standard = ITEM
    if first == "productOffering":
        return bool(rest) and rest[0] not in _OF_OFFERING
    return first not in standard


def _characteristics(mapping: Mapping) -> Iterator[Problem]:
    item, lines = mapping.item, mapping.lines
    slot, where = item.characteristics_slot, "item.characteristics_slot"
    wrong = [*_one_name(where, slot)]
    if slot != "productCharacteristic" and (slot in PRODUCT or slot.startswith("@")):
        message = f"is {slot}, which holds something else in a product; use one that is free"
        wrong.append(Problem(where, message))
    for position, name in enumerate(lines.characteristics):
        wrong += _one_name(f"lines.characteristics[{position}]", name)
    yield from wrong
    if slot in item.product_attributes and "productCharacteristic" not in item.product_attributes:
        message = f"has {slot}, the order system's word; write the cart's, productCharacteristic"
        yield Problem("item.product_attributes", message)
    if lines.characteristics_readable and not wrong and slot not in lines.characteristics:
        message = f"lacks {slot}, where item.characteristics_slot writes them; add it, after the others"
        yield Problem("lines.characteristics", message)


def _lines(mapping: Mapping) -> Iterator[Problem]:
    lines = mapping.lines
    yield from _one_name("lines.line_id", lines.line_id)
    if lines.line_id in _FILLED or lines.line_id in ITEM:
        yield Problem(
            "lines.line_id", f"is {lines.line_id}, which holds something else; use what identifies a line, e.g. id"
        )
    if lines.line_id in lines.offering:
        message = f"has {lines.line_id}, which identifies the line (lines.line_id); use where the product code is"
        yield Problem("lines.offering", message)
    item = mapping.item
    for where, stands in (
        ("lines.item_id_echoed", lines.item_id_echoed),
        ("item.relationships", item.relationships),
    ):
        if stands and "id" in item.product_code:
            message = "is true, but item.product_code writes the product code to the item's `id`; set it to false"
            yield Problem(where, message)
