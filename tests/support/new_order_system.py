"""An order system nobody has seen before: its mapping, the table beside it, a model of it, and a cart for it.

`Model` is that system: it takes capitalised actions, product codes in its own slot, at most four items a call, calls its draft
`Basket`, and is submitted by a body of its own. It refuses what it does not know.
"""

from __future__ import annotations

from typing import Any

MAPPING = b"""
name = "acme"
title = "The order desk of Acme"
[api]
resource = "orderDesk/orders"
[api.paging]
style = "page"
first = 1
limit_parameter = "size"
offset_parameter = "page"
limit_max = 25
[order]
type_name = "DeskOrder"
attributes = ["relatedParty", "description", "requestedStartDate", "category"]
start_date_required = true
party_roles = ["buyer", "customer"]
party_required = true
defaults = { category = "web" }
[item]
type_name = "DeskLine"
product_code = ["article.number"]
hierarchy = "flat"
bundles_relationship = "contains"
relies_on_relationship = "partOf"
action_case = "capitalised"
actions = { modify = "change" }
characteristics_slot = "options"
characteristic_values = "string"
attributes = ["productOffering", "product"]
product_attributes = ["id", "productCharacteristic"]
notes = "drop"
[price]
item_prices = false
totals = false
alterations = "patch-per-line"
[limits]
items_max = 4
depth_max = 3
budget = 40
[draft]
supported = true
create_attributes = { mode = "basket" }
growth = "additive"
submit_attributes = { command = "place", confirmed = true }
states = ["Basket"]
[lines]
line_id = "lineNumber"
item_id_echoed = false
offering = ["article.number"]
characteristics = ["options"]
[recovery]
marker_slot = "customerReference"
marker_length_max = 30
find = "scan"
scan_parameters = { status = "Basket" }
[states.order]
Basket = "draft"
Placed = "acknowledged"
Shipped = "completed"
[codes.products]
file = "acme-products.csv"
unknown = "error"
"""
PRODUCTS = b"from,to\n" + b"".join(b"P%d,ACME-%d\n" % (n, n) for n in range(10))


class Model:
    """The order system: strict about everything, numbers its lines itself, tells no item id."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.header: dict[str, Any] = {}
        self.state = ""

    def take(self, method: str, path: str, body: dict[str, Any]) -> None:
        items = body.pop("productOrderItem", [])
        assert len(items) <= 4
        if method == "POST":
            assert path == "orderDesk/orders"
            assert body.pop("mode") == "basket"
            assert set(body) == {"@type", "customerReference", "relatedParty", "requestedStartDate", "category"}
            self.header, self.state = body, "Basket"
        elif "command" in body:
            assert (path, body) == ("orderDesk/orders/D-1", {"command": "place", "confirmed": True})
            self.state = "Placed"
        else:
            assert (path, body) == ("orderDesk/orders/D-1", {})
        named: dict[str, str] = {}
        for item in items:
            self._line(item, named)
        for item in items:
            for relation in item.get("productOrderItemRelationship", ()):
                if relation["relationshipType"] == "partOf":
                    child = self._at(named[item["id"]])
                    child["parent"] = named.get(relation["id"], relation["id"])

    def _line(self, item: dict[str, Any], named: dict[str, str]) -> None:
        if "lineNumber" in item:
            line = self._at(item["lineNumber"])
            if "itemPrice" in item:
                assert set(item) == {"lineNumber", "itemPrice"}
                line["itemPrice"] = item["itemPrice"]
            else:
                assert item["action"] == "Modify"
            return
        assert item.get("@type") == "DeskLine"
        assert item["action"] in ("Add", "Change")
        assert "id" not in item.get("productOffering", {})
        assert item["action"] == "Change" or item["article"]["number"].startswith("ACME-")
        assert all(isinstance(one["value"], str) for one in item.get("product", {}).get("options", ()))
        number = f"L{len(self.lines) + 1}"
        named[item["id"]] = number
        kept = {key: item[key] for key in ("action", "quantity", "article", "product") if key in item}
        self.lines.append({"lineNumber": number, "parent": None, **kept})

    def _at(self, number: str) -> dict[str, Any]:
        return next(line for line in self.lines if line["lineNumber"] == number)

    def show(self) -> dict[str, Any]:
        shown = []
        for line in self.lines:
            children = [one["lineNumber"] for one in self.lines if one["parent"] == line["lineNumber"]]
            ties = [{"id": child, "relationshipType": "contains"} for child in children]
            shown.append({**{key: line[key] for key in line if key != "parent"}, "productOrderItemRelationship": ties})
        return {"id": "D-1", "state": self.state, **self.header, "productOrderItem": shown}


def cart() -> dict[str, Any]:
    def item(item_id: str, code: int, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
        offering = {"id": f"P{code}", "name": "x"}
        return {"id": item_id, "action": "add", "quantity": 1, "productOffering": offering, "cartItem": list(children), **more}  # fmt: skip

    alteration = {"name": "Off", "priceType": "oneTime", "price": {"percentage": 10}}
    options = {"productCharacteristic": [{"name": "size", "value": 42}, {"name": "gift", "value": True}]}
    bundle = item("a", 1, *(item(f"a{n}", n % 10) for n in range(6)), product=options)
    priced = item(
        "b", 2, itemPrice=[{"priceType": "oneTime", "price": {"percentage": 1}, "priceAlteration": [alteration]}]
    )
    change = {"id": "c", "action": "modify", "product": {"id": "INSTALLED-1", **options}}
    party = [{"id": "7", "role": "customer"}, {"id": "8", "role": "buyer"}, {"id": "9", "role": "agent"}]
    return {"id": "cart", "relatedParty": party, "cartItem": [bundle, priced, change, item("d", 2)]}
