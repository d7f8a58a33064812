"""The pricing PATCH: one line per call, named by its `orderLineItemId`, with `itemPrice[].priceAlteration`."""

from __future__ import annotations

from typing import Any

from gateway.sandbox.answers import invalid, missing, tmf_error
from gateway.sandbox.intake import OrderIntake
from gateway.sandbox.items import objects, text
from gateway.sandbox.orders import Edit
from gateway.sandbox.salesforce_lines import action_of


def alterations_of(item: dict[str, Any], path: str) -> list[dict[str, Any]]:
    """Return the price alterations of an item, as sent."""
    return [
        alteration
        for position, price in enumerate(objects(item.get("itemPrice"), f"{path}.itemPrice"))
        for alteration in objects(price.get("priceAlteration"), f"{path}.itemPrice[{position}].priceAlteration")
    ]


def is_pricing(items: list[dict[str, Any]]) -> bool:
    """Whether a PATCH is about prices: an item has alterations and does not ask for anything else."""
    for position, item in enumerate(items):
        path = f"productOrderItem[{position}]"
        verb = action_of(item, path)
        if alterations_of(item, path) and (not verb or (verb == "modify" and item.get("orderLineItemId"))):
            return True
    return False


def apply_pricing(intake: OrderIntake, edit: Edit, items: list[dict[str, Any]]) -> None:
    """Put the alterations of the one item on its line."""
    if len(items) != 1:
        raise invalid("productOrderItem", "pricing is applied to one order line at a time; send exactly one item")
    path = "productOrderItem[0]"
    line_id = text(items[0].get("orderLineItemId"), f"{path}.orderLineItemId")
    line = edit.order.lines.get(line_id)
    if line is None:
        raise tmf_error(400, "1004", "Unknown order line", f"{path}.orderLineItemId: is no line of this order")
    product = intake.catalog.product(line.offering) if line.offering else None
    if product is not None and not product.base_charge:
        raise tmf_error(400, "1005", "No base charge", f"{path}: Cannot apply adjustment without base charge.")
    alterations = alterations_of(items[0], path)
    for position, alteration in enumerate(alterations):
        _check(alteration, f"{path}.itemPrice.priceAlteration[{position}]")
    before = line.alterations if intake.profile.pricing == "append" else []
    edit.change(line, alterations=[*before, *alterations])


def _check(alteration: dict[str, Any], path: str) -> None:
    price_type = text(alteration.get("priceType"), f"{path}.priceType")
    price = alteration.get("price")
    if not isinstance(price, dict) or not price:
        raise missing(f"{path}.price", "is mandatory")
    if price_type.lower() != "recurring" and "recurringChargePeriod" not in alteration:
        return
    for name in ("name", "recurringChargePeriod"):
        text(alteration.get(name), f"{path}.{name}")
    duration = alteration.get("applicationDuration")
    if duration is None:
        raise missing(f"{path}.applicationDuration", "is mandatory for a recurring charge")
    if isinstance(duration, bool) or not isinstance(duration, int) or duration < 1:
        raise invalid(f"{path}.applicationDuration", "must be an integer of 1 or more")
