"""What the order must hold, read from the cart alone, against what the sandbox's ledger says it holds.

Nothing of the gateway's translation is used here: two ways to the same answer are worth more than one.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from gateway.demo.cart import children_of, every_item, offering_of


class Content(NamedTuple):
    """One line by what it is: the offerings from the top item down to it, and what was chosen for it."""

    path: tuple[str | None, ...]
    action: str
    quantity: int
    characteristics: tuple[tuple[str, str], ...]
    alterations: tuple[str, ...]


def expected_lines(cart: dict[str, Any]) -> Counter[Content]:
    """Return what the order must hold, once for each time it must hold it."""
    is_flat = any(item.get("cartItemRelationship") for item in every_item(cart))
    found: Counter[Content] = Counter()
    stack: list[tuple[dict[str, Any], tuple[str | None, ...]]] = [(item, ()) for item in children_of(cart)]
    while stack:
        item, above = stack.pop()
        if "later" in str(item.get("status", "")).lower() or str(item.get("status", "")).lower() == "saved":
            continue
        path = (*above, offering_of(item))
        stack.extend((child, path) for child in children_of(item))
        if item.get("action") == "noChange":
            continue
        product = item.get("product") if isinstance(item.get("product"), dict) else {}
        assert isinstance(product, dict)
        characteristics = product.get("productCharacteristic") or product.get("characteristic") or []
        alterations = [each for price in item.get("itemPrice") or [] for each in price.get("priceAlteration") or []]
        found[
            Content(
                path=path[-1:] if is_flat else path,
                action=item.get("action", "add"),
                quantity=item.get("quantity", 1),
                characteristics=tuple(sorted((each["name"], _text(each.get("value"))) for each in characteristics)),
                alterations=tuple(sorted(_canonical(each) for each in alterations)),
            )
        ] += 1
    return found


def ledger_lines(entry: dict[str, Any], *, with_path: bool = True) -> Counter[Content]:
    """Return the lines of one ledger entry, each by what it is."""
    by_id = {line["id"]: line for line in entry["lines"]}
    found: Counter[Content] = Counter()
    for line in entry["lines"]:
        path: list[str | None] = []
        node: dict[str, Any] | None = line
        while node is not None:
            path.insert(0, node["offering"])
            node = by_id.get(node["parent"]) if node["parent"] and with_path else None
        found[
            Content(
                path=tuple(path),
                action=line["action"].lower(),
                quantity=line["quantity"],
                characteristics=tuple(sorted((name, _text(value)) for name, value in line["characteristics"].items())),
                alterations=tuple(sorted(_canonical(each) for each in line["alterations"])),
            )
        ] += 1
    return found


def differences(cart: dict[str, Any], ledger: Path) -> list[str]:
    """Return what is wrong with the ledger: other than one submitted order, or lines that are not the cart's."""
    entries = [json.loads(line, parse_float=Decimal) for line in ledger.read_text(encoding="utf-8").splitlines()]
    submitted = {entry["order"]: entry for entry in entries if entry["effect"] == "submitted"}
    times = sum(entry["effect"] == "submitted" for entry in entries)
    if len(submitted) != 1 or times != 1:
        return [
            f"the ledger holds {len(submitted)} submitted orders, submitted {times} times; there must be exactly one"
        ]
    is_flat = any(item.get("cartItemRelationship") for item in every_item(cart))
    ((number, entry),) = submitted.items()
    wanted, there = expected_lines(cart), ledger_lines(entry, with_path=not is_flat)
    return [
        *(f"order {number} lacks {count} x {_name(content)}" for content, count in (wanted - there).items()),
        *(f"order {number} holds {count} x {_name(content)} too many" for content, count in (there - wanted).items()),
    ]


def _name(content: Content) -> str:
    return f"{' > '.join(part or '?' for part in content.path)} ({content.action}, quantity {content.quantity})"


def _text(value: Any) -> str:
    """Return a characteristic's value as text: an order system may keep every value so."""
    return value if isinstance(value, str) else _canonical(value)


def _canonical(value: Any) -> str:
    """Return JSON in which equal values are equal text, 50 and 50.0 among them."""
    return json.dumps(_comparable(value), sort_keys=True)


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _comparable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_comparable(inner) for inner in value]
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return {"number": format(Decimal(str(value)).normalize(), "f")}
    return value
