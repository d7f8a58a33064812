"""Carts made from a seed, and what an order must hold that was made from one.

The expectation is worked out here from the cart alone, by other code than the gateway's own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, TypeAlias

COLOURS = ("Black", "White", "Gold", "Blue", "Red")
OFFERINGS = tuple(f"PRODUCT_{number:02d}" for number in range(12))
ITEMS_MIN, ITEMS_MAX = 5, 80

Tree: TypeAlias = tuple[Any, ...]
"""What a line is, with everything beneath it: offering, installed product, quantity, action, characteristics, alterations, children."""


def make_cart(
    random: Random, *, items: int | None = None, alterations_max: int = 2, installed: int = 0
) -> dict[str, Any]:
    """Return a cart of `items` items to be ordered (5 to 80 by default), and a few more that are saved for later.

    It holds bundles within bundles, the same offering several times with other characteristics and the same, and price
    alterations. Its first `installed` roots are products that the customer has: they are modified, and beneath them installed
    products are modified and deleted, and new ones added.
    """
    count = items if items is not None else random.randint(ITEMS_MIN, ITEMS_MAX)
    roots: list[dict[str, Any]] = []
    made: list[tuple[dict[str, Any], int]] = []
    for number in range(count):
        item = _item(random, str(number + 1))
        if number < installed:
            roots.append(_of_installed(random, item, "modify"))
            continue
        if number < installed * 4:
            child = _of_installed(random, item, random.choice(("modify", "delete")))
            random.choice(roots[:installed]).setdefault("cartItem", []).append(child)
            if child["action"] == "modify":
                made.append((child, 2))
            continue
        parents = [parent for parent, depth in made[-12:] if depth < 4]
        if parents and random.random() < 0.6:
            parent = random.choice(parents)
            parent.setdefault("cartItem", []).append(item)
            made.append((item, next(depth for one, depth in made if one is parent) + 1))
        elif installed and random.random() < 0.5:
            random.choice(roots[:installed]).setdefault("cartItem", []).append(item)
            made.append((item, 2))
        else:
            roots.append(item)
            made.append((item, 1))
    for item, _ in random.sample(made, min(random.randint(0, alterations_max), len(made))):
        if item["action"] == "add":
            item["itemPrice"] = [_altered_price(random)]
    for number in range(random.randint(0, 3)):
        later = {**_item(random, f"later-{number + 1}"), "status": "savedForLater"}
        later["cartItem"] = [_item(random, f"later-{number + 1}-below")]
        above = random.choice(made)[0] if made else roots[0]
        random.choice([roots, above.setdefault("cartItem", [])]).append(later)
    return {
        "@type": "ShoppingCart",
        "relatedParty": [{"id": "CD000001", "role": "customer", "@referredType": "Account"}],
        "cartItem": roots,
    }


def _item(random: Random, item_id: str) -> dict[str, Any]:
    characteristics = [{"name": "number", "value": str(random.randint(1, 3))}] if random.random() < 0.5 else []
    if random.random() < 0.6:
        characteristics.append({"name": "colour", "value": random.choice(COLOURS)})
    item: dict[str, Any] = {
        "id": item_id,
        "action": "add",
        "quantity": random.choice((1, 1, 1, 2, 5)),
        "status": "active",
        "productOffering": {"id": random.choice(OFFERINGS)},
    }
    if characteristics:
        item["product"] = {"productCharacteristic": characteristics}
    return item


def _of_installed(random: Random, item: dict[str, Any], action: str) -> dict[str, Any]:
    """Turn an item into one that changes or removes a product that the customer has; half of them name its offering."""
    product = item.get("product", {}) if action == "modify" else {}
    changed = {**item, "action": action, "product": {**product, "id": f"ASSET-{random.randrange(10**9):09d}"}}
    if random.random() < 0.5:
        del changed["productOffering"]
    return changed


def _altered_price(random: Random) -> dict[str, Any]:
    return {
        "name": "Monthly charge",
        "priceType": "recurring",
        "recurringChargePeriod": "month",
        "price": {"dutyFreeAmount": {"unit": "EUR", "value": random.randint(5, 60)}},
        "priceAlteration": [
            {
                "name": f"Discount {random.randint(1, 9)}",
                "priceType": "recurring",
                "recurringChargePeriod": "month",
                "applicationDuration": random.randint(1, 12),
                "price": {"percentage": random.randint(5, 50)},
            }
        ],
    }


def expected_trees(cart: Mapping[str, Any]) -> Counter[Tree]:
    """Return what the order's roots must be: everything but what is saved for later, with what is beneath it."""
    return Counter(tree for item in cart["cartItem"] if (tree := _tree_of_item(item)) is not None)


def _tree_of_item(item: Mapping[str, Any]) -> Tree | None:
    if item["status"] == "savedForLater":
        return None
    characteristics = {
        entry["name"]: entry["value"] for entry in item.get("product", {}).get("productCharacteristic", ())
    }
    alterations = [each for price in item.get("itemPrice", ()) for each in price.get("priceAlteration", ())]
    children = [tree for child in item.get("cartItem", ()) if (tree := _tree_of_item(child)) is not None]
    product = item.get("product", {}).get("id")
    return _tree((offering_of(item), product), item["quantity"], item["action"], characteristics, alterations, children)


def offering_of(item: Mapping[str, Any]) -> str | None:
    """Return the offering that an item names; one that changes an installed product may name none."""
    found: str | None = item.get("productOffering", {}).get("id")
    return found


def ledger_trees(lines: Iterable[Mapping[str, Any]]) -> Counter[Tree]:
    """Return the same of an order's lines, as the sandbox's ledger has them."""
    children: dict[str | None, list[Mapping[str, Any]]] = {}
    for line in lines:
        children.setdefault(line["parent"], []).append(line)

    def tree_of(line: Mapping[str, Any]) -> Tree:
        beneath = [tree_of(child) for child in children.get(line["id"], ())]
        return _tree(
            (line["offering"], line["product"]),
            line["quantity"],
            line["action"],
            line["characteristics"],
            line["alterations"],
            beneath,
        )

    return Counter(tree_of(line) for line in children.get(None, ()))


def _tree(
    names: tuple[str | None, str | None],
    quantity: int,
    action: str,
    characteristics: Mapping[str, Any],
    alterations: Iterable[Mapping[str, Any]],
    children: Iterable[Tree],
) -> Tree:
    offering, product = names
    return (
        offering or "",
        product or "",
        quantity,
        action,
        tuple(sorted((name, str(value)) for name, value in characteristics.items())),
        tuple(sorted(json.dumps(_plain(each), sort_keys=True) for each in alterations)),
        tuple(sorted(children)),
    )


def _plain(value: Any) -> Any:
    """Leave out the type names that an order system may put in."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items() if key != "@type"}
    return value


def difference(expected: Counter[Tree], found: Counter[Tree]) -> list[str]:
    """Say which lines are missing, and which are too many, each by its path from the root."""
    wanted, had = _paths(expected), _paths(found)
    return [
        *(f"missing {count} x {path}" for path, count in (wanted - had).items()),
        *(f"surplus {count} x {path}" for path, count in (had - wanted).items()),
    ]


def _paths(trees: Counter[Tree]) -> Counter[str]:
    paths: Counter[str] = Counter()
    stack = [(tree, "", count) for tree, count in trees.items()]
    while stack:
        tree, above, count = stack.pop()
        offering, product, quantity, action, characteristics, alterations, children = tree
        values = ",".join(f"{name}={value}" for name, value in characteristics)
        prices = f" altered {' '.join(alterations)}" if alterations else ""
        path = f"{above}/{offering or product}[{values}]"
        paths[f"{path} {action} x{quantity}{prices}"] += count
        stack.extend((child, path, count) for child in children)
    return paths


def item_count(cart: Mapping[str, Any]) -> int:
    """Return how many items of the cart are ordered."""
    return sum(_size(tree) * count for tree, count in expected_trees(cart).items())


def action_counts(cart: Mapping[str, Any]) -> Counter[str]:
    """Return how many items of the cart are ordered by action."""
    counts: Counter[str] = Counter()
    stack = list(expected_trees(cart).elements())
    while stack:
        tree = stack.pop()
        counts[tree[3]] += 1
        stack.extend(tree[-1])
    return counts


def _size(tree: Tree) -> int:
    return 1 + sum(_size(child) for child in tree[-1])
