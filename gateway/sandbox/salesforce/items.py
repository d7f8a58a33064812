"""The action matrix of Salesforce: what add, modify and delete do to the lines of a draft order.

PATCH is additive: an item with action add is a further line, even when an item with that `id` was sent before.
Children stand in the `productOrderItem` of their parent; a parent that is already on the order is named by
`orderLineItemId`, or by the item `id` that made it. A mandatory child appears with its parent and is configured with
`modify`; without a catalogue, a `modify` of a child that nobody saw yet is taken for such a mandatory child.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.sandbox.answers import invalid, missing
from gateway.sandbox.catalog import Product
from gateway.sandbox.intake import OrderIntake
from gateway.sandbox.items import characteristics_of, objects, quantity_of, text
from gateway.sandbox.orders import Edit, Line
from gateway.sandbox.salesforce.lines import Lines, action_of, asset_of, id_of, offering_of, unknown_line

_NUMERIC = frozenset({"number", "currency", "percent"})


class ItemEditor:
    """Applies items to an order through an `Edit`; the caller rolls that back when an item is refused."""

    def __init__(self, intake: OrderIntake, edit: Edit) -> None:
        self._intake = intake
        self._catalog = intake.catalog
        self._edit = edit
        self._order = edit.order
        self._lines = Lines(edit.order, intake.catalog)

    def patch(self, items: list[dict[str, Any]]) -> None:
        """Apply the items of a PATCH."""
        for position, item in enumerate(items):
            path = f"productOrderItem[{position}]"
            verb = action_of(item, path)
            if verb == "add":
                self.add(item, None, path)
            elif verb == "modify":
                self._modify(self._lines.named(item, path), item, path)
            elif verb == "delete":
                self._edit.remove(self._lines.named(item, path))
            else:
                raise missing(f"{path}.action", "is mandatory unless the item only carries itemPrice.priceAlteration")

    def add(self, item: dict[str, Any], parent: Line | None, path: str) -> Line:
        """Add a line with its automatic children, then apply the children that were sent."""
        code = offering_of(item, path)
        if code is None:
            raise missing(f"{path}.productOffering.id", "is mandatory with action add (the product code)")
        self._intake.check_code(code, f"{path}.productOffering.id")
        if parent is not None:
            self._check_child(parent, code, path)
        characteristics, types = characteristics_of(item, path)
        self._check_types(code, characteristics, path)
        line = self._enter(code, parent, text(item.get("id"), f"{path}.id"), quantity_of(item, path))
        self._edit.change(line, characteristics=characteristics, value_types=types)
        self._children(line, item, path)
        return line

    def add_asset(self, item: dict[str, Any], parent: Line | None, path: str) -> Line:
        """Add the line of an installed product that a POST wants modified (asset to order), with those beneath it."""
        line = self._asset_line(item, parent, path, "modify")
        for position, child in enumerate(objects(item.get("productOrderItem"), f"{path}.productOrderItem")):
            place = f"{path}.productOrderItem[{position}]"
            if action_of(child, place) != "modify":
                raise invalid(
                    f"{place}.action", "must be modify: an order from an asset takes new products by PATCH only"
                )
            self.add_asset(child, line, place)
        return line

    def _asset_line(self, item: dict[str, Any], parent: Line | None, path: str, action: str) -> Line:
        asset = asset_of(item)
        if asset is None:
            raise missing(f"{path}.product.id", "is mandatory with action modify in a POST (the asset id)")
        characteristics, types = characteristics_of(item, path)
        line = Line(
            id=self._intake.book.next_line_id(),
            item_id=text(item.get("id"), f"{path}.id"),
            parent=parent,
            offering=offering_of(item, path),
            action=action,
            quantity=quantity_of(item, path),
            characteristics=characteristics,
            value_types=types,
            prices=self._intake.prices_of(offering_of(item, path)),
            asset_id=asset,
        )
        return self._edit.add(line)

    def _enter(self, code: str, parent: Line | None, item_id: str | None, quantity: int) -> Line:
        line_id = self._intake.book.next_line_id()
        line = Line(
            id=line_id,
            item_id=item_id or line_id,
            parent=parent,
            offering=code,
            action="add",
            quantity=quantity,
            characteristics={},
            prices=self._intake.prices_of(code),
            automatic=item_id is None,
        )
        self._edit.add(line)
        for child_code in self._catalog.mandatory_children(code):
            self._enter(child_code, line, None, 1)
        return line

    def _children(self, parent: Line, item: dict[str, Any], path: str) -> None:
        verbs: dict[str, Callable[[Line, dict[str, Any], str], None]] = {
            "add": self._add_child,
            "modify": self._modify_child,
            "delete": self._delete_child,
        }
        for position, child in enumerate(objects(item.get("productOrderItem"), f"{path}.productOrderItem")):
            place = f"{path}.productOrderItem[{position}]"
            verb = action_of(child, place)
            if not verb:
                raise missing(f"{place}.action", "is mandatory")
            verbs[verb](parent, child, place)

    def _add_child(self, parent: Line, item: dict[str, Any], path: str) -> None:
        code = offering_of(item, path)
        automatic = self._order.find(parent.id, "automatic", code) if code else []
        if automatic:  # it came with its bundle: never a second line for it
            self._modify(automatic[0], item, path)
        else:
            self.add(item, parent, path)

    def _modify_child(self, parent: Line, item: dict[str, Any], path: str) -> None:
        line = self._lines.child(parent, item, path)
        if line is not None:
            self._modify(line, item, path)
            return
        if self._came_along(parent, item):
            self._children(self._asset_line(item, parent, path, "modify"), item, path)
            return
        if self._catalog.is_open and parent.action == "add" and not item.get("orderLineItemId"):
            self.add(item, parent, path)
            return
        raise unknown_line(path, f"is not under order line {parent.id}")

    def _delete_child(self, parent: Line, item: dict[str, Any], path: str) -> None:
        line = self._lines.child(parent, item, path)
        if line is None and self._came_along(parent, item):
            line = self._asset_line(item, parent, path, "delete")
            for position, child in enumerate(objects(item.get("productOrderItem"), f"{path}.productOrderItem")):
                place = f"{path}.productOrderItem[{position}]"
                if action_of(child, place) != "delete":
                    raise invalid(f"{place}.action", "must be delete: what it stands under is removed")
                self._delete_child(line, child, place)
            return
        if line is None:
            raise unknown_line(path, f"is not under order line {parent.id}")
        self._edit.remove(line)

    @staticmethod
    def _came_along(parent: Line, item: dict[str, Any]) -> bool:
        """Whether an item names an installed product beneath one that the order is about: its line came with that one."""
        return parent.asset_id is not None and asset_of(item) is not None and not item.get("orderLineItemId")

    def _modify(self, line: Line, item: dict[str, Any], path: str) -> None:
        """Change what the item names and apply its children; an item with nothing to change only addresses a line."""
        code = offering_of(item, path)
        if code is not None and line.offering is not None and code != line.offering:
            raise invalid(f"{path}.productOffering.id", f"is {code!r}, but order line {line.id} is {line.offering!r}")
        characteristics, types = characteristics_of(item, path)
        self._check_types(line.offering, characteristics, path)
        changes: dict[str, Any] = {}
        if characteristics:
            changes["characteristics"] = line.characteristics | characteristics
            changes["value_types"] = line.value_types | types
        if "quantity" in item:
            changes["quantity"] = quantity_of(item, path)
        if line.automatic:
            changes["automatic"] = False
            changes["item_id"] = id_of(item, path) or line.item_id
        if changes:
            self._edit.change(line, **changes)
        self._children(line, item, path)

    def _check_child(self, parent: Line, code: str, path: str) -> None:
        product = self._catalog.product(parent.offering) if parent.offering else None
        if product is None:
            return
        rule = product.child_named(code)
        if rule is None:
            raise invalid(f"{path}.productOffering.id", f"{code!r} cannot stand under {parent.offering!r}")
        if rule.maximum is not None and self._order.count(parent, code) >= rule.maximum:
            raise invalid(path, f"only up to {rule.maximum} of {code!r} can be added under {parent.offering!r}")

    def _check_types(self, code: str | None, characteristics: dict[str, Any], path: str) -> None:
        product: Product | None = self._catalog.product(code) if code else None
        for name, kind in product.attribute.items() if product else ():
            if name in characteristics and not _fits(characteristics[name], kind.lower()):
                raise invalid(f"{path}.product.productCharacteristic", f"{name} must be of type {kind}")


def _fits(value: Any, kind: str) -> bool:
    if kind in _NUMERIC:
        try:
            float(value)
        except (TypeError, ValueError):
            return False
        return not isinstance(value, bool)
    if kind == "checkbox":
        return isinstance(value, bool) or value in ("true", "false")
    return True
