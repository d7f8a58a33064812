"""The pricing PATCH: one line per call, named by its `orderLineItemId`, with `itemPrice[].priceAlteration`.

Alterations may stand in one itemPrice, or in one for each price that is altered: then priceType and recurringChargePeriod may stand
there as well.
"""

from __future__ import annotations

from typing import Any

from gateway.sandbox.answers import invalid, missing, tmf_error
from gateway.sandbox.intake import OrderIntake
from gateway.sandbox.items import objects, text
from gateway.sandbox.orders import Edit
from gateway.sandbox.salesforce.lines import action_of


def altered_prices(item: dict[str, Any], path: str) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Return the prices of an item that have alterations, each with these, as sent."""
    found = []
    for position, price in enumerate(objects(item.get("itemPrice"), f"{path}.itemPrice")):
        alterations = objects(price.get("priceAlteration"), f"{path}.itemPrice[{position}].priceAlteration")
        if alterations:
            found.append((price, alterations))
    return found


def is_pricing(items: list[dict[str, Any]]) -> bool:
    """Whether a PATCH is about prices: an item has alterations and does not ask for anything else."""
    for position, item in enumerate(items):
        path = f"productOrderItem[{position}]"
        verb = action_of(item, path)
        if altered_prices(item, path) and (not verb or (verb == "modify" and item.get("orderLineItemId"))):
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
        raise tmf_error(400, "1004", "Unknown order line", f"{path}.orderLineItemId: is not a line of this order")
    product = intake.catalog.product(line.offering) if line.offering else None
    if product is not None and not product.base_charge:
        raise tmf_error(400, "1005", "No base charge", f"{path}: Cannot apply adjustment without base charge.")
    prices = altered_prices(items[0], path)
    alterations = [(alteration, price) for price, listed in prices for alteration in listed]
    for position, (alteration, price) in enumerate(alterations):
        _check(_described(alteration, price), f"{path}.itemPrice.priceAlteration[{position}]")
    appended = intake.profile.pricing == "append"
    edit.change(
        line,
        alterations=[*(line.alterations if appended else ()), *(alteration for alteration, _ in alterations)],
        altered_prices=[*(line.altered_prices if appended else ()), *(price for price, _ in prices)],
    )


def _described(alteration: dict[str, Any], price: dict[str, Any]) -> dict[str, Any]:
    """Return an alteration with what the price that it stands in says for it: its type, and the period of that type."""
    if alteration.get("priceType", price.get("priceType")) != price.get("priceType"):
        return alteration
    return {key: price[key] for key in ("priceType", "recurringChargePeriod") if key in price} | alteration


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
