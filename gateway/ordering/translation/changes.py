"""What an item does to a product: whether it says which one, and whether anything of a change is left in the order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.model import Finding, OrderLine

_TYPES: Final = frozenset({"@type", "@baseType", "@schemaLocation", "@referredType"})
# What says which product is meant, and not what becomes of it.
_OF_ITEM: Final = _TYPES | {
    "id",
    "action",
    "quantity",
    "product",
    "productOffering",
    "productOrderItemRelationship",
    "note",
}
_BARE: Final = _TYPES | {"id", "action", "product", "productOrderItemRelationship"}
_BARE_PRODUCT: Final = _TYPES | {"id", "href"}
_OF_PRODUCT: Final = _TYPES | {"id", "href", "name", "productOffering", "productSpecification"}


def is_emptied(line: OrderLine, told: Sequence[Finding]) -> bool:
    """Tell whether a change of a product has lost all that it was about; `told` are the findings of its item."""
    if line.item.get("action") != "modify" or line.alterations or line.mandatory:
        return False
    if not any(finding.code == "dropped" and finding.severity == "warning" for finding in told):
        return False
    product: Any = line.item.get("product")
    return _OF_ITEM.issuperset(line.item) and (type(product) is not dict or _OF_PRODUCT.issuperset(product))


def does_nothing(line: OrderLine) -> bool:
    """Tell whether a line says of a product only that it is there: it does not change, or nobody says what of it does."""
    if line.alterations or line.mandatory:
        return False
    action, product = line.item.get("action"), line.item.get("product")
    if action == "noChange":
        return True
    bare = _BARE.issuperset(line.item) and (type(product) is not dict or _BARE_PRODUCT.issuperset(product))
    return action == "modify" and bare


def refuse_emptied(emptied: Sequence[OrderLine], lines: Sequence[OrderLine], findings: Findings) -> None:
    """Refuse changes of which nothing is left, but for items that carry others; an order of them would end as if it were done.

    One that names an offering may be a change to that: it is told.
    """
    if not emptied:
        return
    carrying = {line.parent_id for line in lines if line.parent_id is not None}
    for line in emptied:
        if line.id in carrying:
            continue
        offered = any(
            type(node) is dict and "productOffering" in node for node in (line.item, line.item.get("product"))
        )
        if offered:
            message = "Nothing but its offering is left of the change; unless that is another than the product's, it changes nothing."
            findings.warning("nothing_to_order", line.path, message)
        else:
            message = "Nothing is left of the change: the order system has no place for what it is about. It would be done in name only."
            findings.error("nothing_to_order", line.path, message)


def check_references(raw: JsonObject, action: str, path: str, findings: Findings) -> None:
    """Refuse an item that does not say what is added, or which product it is about."""
    product = raw.get("product")
    if action == "add":
        if product is None and raw.get("productOffering") is None:
            findings.error(
                "missing_offering", path, "An item to be added needs a productOffering (or a product) to be added."
            )
        return
    if type(product) is dict and (product.get("id") or product.get("href")):
        return
    findings.error(
        "missing_product_reference",
        f"{path}.product",
        f"An item with the action {action} needs the id or href of the product it is about.",
    )
