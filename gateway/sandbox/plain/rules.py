"""What the plain TM Forum servers demand of a body: v4 is strict about attributes, v5 about `@type`."""

from __future__ import annotations

from typing import Any

from gateway.sandbox.answers import invalid, missing
from gateway.sandbox.intake import OrderIntake
from gateway.sandbox.items import MAX_DEPTH, characteristics_of, objects, quantity_of, text

_META = frozenset({"@type", "@baseType", "@schemaLocation"})
_ORDER_V4 = _META | {
    "agreement",
    "billingAccount",
    "cancellationDate",
    "cancellationReason",
    "category",
    "channel",
    "description",
    "externalId",
    "note",
    "notificationContact",
    "orderTotalPrice",
    "payment",
    "priority",
    "productOfferingQualification",
    "productOrderItem",
    "quote",
    "relatedParty",
    "requestedCompletionDate",
    "requestedStartDate",
}
_ORDER_PATCH_V4 = _ORDER_V4 | {"completionDate", "expectedCompletionDate", "state"}
_ITEM_V4 = _META | {
    "action",
    "appointment",
    "billingAccount",
    "id",
    "itemPrice",
    "itemTerm",
    "itemTotalPrice",
    "payment",
    "product",
    "productOffering",
    "productOfferingQualificationItem",
    "productOrderItem",
    "productOrderItemRelationship",
    "qualification",
    "quantity",
    "quoteItem",
    "state",
}
_ACTIONS = frozenset({"add", "modify", "delete", "noChange"})
STATES_V4 = frozenset(
    {
        "acknowledged",
        "rejected",
        "pending",
        "held",
        "inProgress",
        "cancelled",
        "completed",
        "failed",
        "partial",
        "assessingCancellation",
        "pendingCancellation",
    },
)
STATES_V5 = STATES_V4 | {"draft", "inProgress.accepted"}

_WITHOUT_TYPE = frozenset({"dutyFreeAmount", "taxIncludedAmount", "validFor", "duration", "value"})
"""Members whose objects carry no `@type` in v5: money, periods, durations, and the values of characteristics."""


def check_order(intake: OrderIntake, body: dict[str, Any], *, is_patch: bool) -> None:
    """Refuse an order body, or a merge patch of one, that the server would not take."""
    is_v4 = intake.options.mapping == "tmf622-v4"
    if is_v4:
        _check_names(body, _ORDER_PATCH_V4 if is_patch else _ORDER_V4, "")
    else:
        check_types(body, "")
        if not is_patch and "state" in body:
            raise invalid("state", "cannot be given on create; use requestedInitialState")
    if "productOrderItem" in body or is_v4 or not is_patch:
        check_items(intake, body.get("productOrderItem"))
    _check_references(body, is_v4=is_v4)
    for name in ("requestedStartDate", "requestedCompletionDate", "description", "category", "priority"):
        if body.get(name) is not None:
            text(body[name], name)
    external_id = body.get("externalId")
    if external_id is not None and is_v4:
        text(external_id, "externalId")
    for position, entry in enumerate([] if is_v4 else objects(external_id, "externalId")):
        text(entry.get("id"), f"externalId[{position}].id")


def check_items(intake: OrderIntake, items: Any) -> None:
    """Refuse items that break the schema, use an id twice or name a product that is not to be had."""
    if not objects(items, "productOrderItem"):
        raise missing("productOrderItem", "is mandatory, with at least one item")
    is_v4 = intake.options.mapping == "tmf622-v4"
    seen: set[str] = set()
    stack = [(item, f"productOrderItem[{position}]", 1) for position, item in enumerate(items)]
    while stack:
        item, path, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise invalid(path, f"is nested more than {MAX_DEPTH} deep")
        if is_v4:
            _check_names(item, _ITEM_V4, path + ".")
        item_id = text(item.get("id"), f"{path}.id")
        if item_id in seen:
            raise invalid(f"{path}.id", f"{item_id!r} is the id of another item, too")
        seen.add(item_id)
        if text(item.get("action"), f"{path}.action") not in _ACTIONS:
            raise invalid(f"{path}.action", "must be add, modify, delete or noChange")
        quantity_of(item, path)
        characteristics_of(item, path)
        _check_prices(item, path)
        offering = item.get("productOffering")
        if offering is not None:
            if not isinstance(offering, dict):
                raise invalid(f"{path}.productOffering", "must be an object")
            intake.check_code(text(offering.get("id"), f"{path}.productOffering.id"), f"{path}.productOffering.id")
        for relation in objects(item.get("productOrderItemRelationship"), f"{path}.productOrderItemRelationship"):
            text(relation.get("id"), f"{path}.productOrderItemRelationship.id")
        place = f"{path}.productOrderItem"
        children = objects(item.get("productOrderItem"), place)
        stack.extend((child, f"{place}[{position}]", depth + 1) for position, child in enumerate(children))


def check_types(document: Any, path: str) -> None:
    """Refuse a v5 document in which an object has no `@type`."""
    stack: list[tuple[Any, str]] = [(document, path)]
    while stack:
        value, place = stack.pop()
        if isinstance(value, list):
            stack.extend((entry, f"{place}[{position}]") for position, entry in enumerate(value))
        elif isinstance(value, dict):
            prefix = f"{place}." if place else ""
            if not isinstance(value.get("@type"), str):
                raise missing(f"{prefix}@type", "is mandatory")
            stack.extend((member, prefix + name) for name, member in value.items() if name not in _WITHOUT_TYPE)


def _check_names(value: dict[str, Any], known: frozenset[str], prefix: str) -> None:
    if "@schemaLocation" in value:  # an extension that says where it is described
        return
    for name in value:
        if name not in known:
            raise invalid(prefix + name, "is not an attribute of this resource")


def _check_prices(item: dict[str, Any], path: str) -> None:
    for position, price in enumerate(objects(item.get("itemPrice"), f"{path}.itemPrice")):
        place = f"{path}.itemPrice[{position}].priceAlteration"
        for number, alteration in enumerate(objects(price.get("priceAlteration"), place)):
            text(alteration.get("priceType"), f"{place}[{number}].priceType")
            if not isinstance(alteration.get("price"), dict):
                raise missing(f"{place}[{number}].price", "is mandatory")


def _check_references(body: dict[str, Any], *, is_v4: bool) -> None:
    """Check the mandatory members of parties, channels and notes."""
    demands = {
        "relatedParty": ("id", "@referredType") if is_v4 else ("role", "partyOrPartyRole"),
        "channel": ("id",) if is_v4 else ("role", "channel"),
        "note": ("text",) if is_v4 else (),
    }
    for name, members in demands.items():
        for position, entry in enumerate(objects(body.get(name), name)):
            for member in members:
                if entry.get(member) in (None, ""):
                    raise missing(f"{name}[{position}].{member}", "is mandatory")
            party = entry.get("partyOrPartyRole")
            if isinstance(party, dict) and not party.get("id"):
                path = f"{name}[{position}].partyOrPartyRole.id"
                raise missing(path, "is mandatory: an order takes references to parties only")
