"""A cart that is sent with a checkout may be of any version of TMF663: the order is the same."""

from __future__ import annotations

from typing import Any

import pytest
from checkout_gateway import CARTS, CHECKOUTS, running, settings_of
from checkout_work import request

from gateway.carts.dialects import DIALECTS
from gateway.settings import Settings

CART: dict[str, Any] = {
    "cartItem": [
        {
            "id": "1",
            "action": "add",
            "quantity": 2,
            "status": "active",
            "note": [{"text": "with care"}],
            "productOffering": {"id": "SIM"},
            "product": {
                "productCharacteristic": [{"name": "colour", "value": "red", "valueType": "string"}],
                "relatedParty": [{"id": "7", "role": "user", "@referredType": "Individual"}],
            },
            "itemPrice": [
                {"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 5}, "taxRate": 7}}
            ],
        },
        {"id": "2", "status": "saveForLater", "productOffering": {"id": "HANDSET"}, "action": "add"},
    ],
    "contactMedium": [{"mediumType": "email", "characteristic": {"emailAddress": "a@example.com"}}],
}


def untyped(value: Any) -> Any:
    """Return the value without `@type`, of which v5 has more."""
    if isinstance(value, dict):
        return {name: untyped(inner) for name, inner in value.items() if name not in {"@type", "requestedStartDate"}}
    return [untyped(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize("version", sorted(DIALECTS))
async def test_the_order_is_the_same_by_value_and_by_reference(settings: Settings, version: str) -> None:
    document = DIALECTS[version].from_canonical(CART)
    async with running(settings_of(settings.storage)) as gateway:
        expected = (await gateway.post({**request(), "shoppingCart": CART}, f"{CHECKOUTS}/preview")).json()["order"]
        stored = await gateway.post(document, CARTS.replace("/tmf-api/shoppingCart/v4", DIALECTS[version].base_path))
        assert stored.status_code == 201, stored.text

        for cart in (document, {"id": stored.json()["id"]}):
            answer = await gateway.post({**request(), "shoppingCart": cart}, f"{CHECKOUTS}/preview")
            assert answer.status_code == 200, answer.text
            assert untyped(answer.json()["order"]) == untyped(expected)
            assert len(answer.json()["order"]["productOrderItem"]) == 1
