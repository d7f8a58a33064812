"""The cart that is checked out in every world of the adversary, and the order that it is to become."""

from __future__ import annotations

from typing import Any

from gateway.sandbox.intake import HAND_OFFERING
from gateway.sandbox.orders import Order

CART: dict[str, Any] = {
    "cartItem": [
        {
            "@type": "CartItem",
            "id": "1",
            "action": "add",
            "quantity": 1,
            "productOffering": {"id": "BUNDLE"},
            "cartItem": [
                {"@type": "CartItem", "id": "2", "action": "add", "quantity": 1, "productOffering": {"id": "SIM"}},
                {"@type": "CartItem", "id": "3", "action": "add", "quantity": 2, "productOffering": {"id": "SIM"}},
            ],
        },
        {
            "@type": "CartItem",
            "id": "4",
            "action": "add",
            "quantity": 3,
            "productOffering": {"id": "PHONE"},
            "product": {
                "productCharacteristic": [{"name": "colour", "value": "Black"}, {"name": "size", "value": "L"}]
            },
            "itemPrice": [
                {
                    "name": "Monthly",
                    "priceType": "recurring",
                    "recurringChargePeriod": "month",
                    "price": {"dutyFreeAmount": {"unit": "EUR", "value": 20}},
                    "priceAlteration": [
                        {
                            "name": "Half",
                            "priceType": "recurring",
                            "recurringChargePeriod": "month",
                            "applicationDuration": 3,
                            "price": {"percentage": 50},
                        }
                    ],
                }
            ],
        },
    ]
}
WANTED = [
    ("BUNDLE", "", 1, (), 0),
    ("PHONE", "", 3, (("colour", "Black"), ("size", "L")), 1),
    ("SIM", "BUNDLE", 1, (), 0),
    ("SIM", "BUNDLE", 2, (), 0),
]


def is_live(order: Order) -> bool:
    return not order.is_draft and order.state.lower() not in {"cancelled", "rejected"}


def contents(order: Order, *, added_children: bool = False) -> list[tuple[Any, ...]]:
    """Return the lines of an order in a form that can be compared, with `added_children` without those the order system added."""
    return sorted(
        (
            str(line.offering),
            str(line.parent.offering) if line.parent else "",
            line.quantity,
            tuple(sorted((name, str(value)) for name, value in line.characteristics.items())),
            len(line.alterations),
        )
        for line in order.lines.values()
        if not (added_children and line.parent is not None and line.offering == HAND_OFFERING)
    )
