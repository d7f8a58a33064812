"""Carts of v4 that lack what its file makes mandatory, and how they are looked at, for the tests of that."""

from __future__ import annotations

import json
from typing import Any

import httpx
from official_cart_schemas import problems

from gateway.app import GatewayApp
from gateway.carts import store

V1 = "/shoppingCart/v1/shoppingCart"
V4 = "/tmf-api/shoppingCart/v4/shoppingCart"
V5 = "/tmf-api/shoppingCart/v5/shoppingCart"
PARTY = {"id": "42", "role": "customer", "@referredType": "Individual"}
PRICE = {"priceType": "recurring", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 10}}}


def product(**attributes: Any) -> dict[str, Any]:
    return {"cartItem": [{"action": "add", "product": attributes}]}


OF_R17: dict[str, Any] = {
    "cartItem": [
        {
            "id": "1",
            "action": "add",
            "quantity": 2,
            "productOffering": {"href": "https://shop.example/offering/7"},
            "itemPrice": [{**PRICE, "priceAlteration": [{"name": "off", "priceType": "discount"}, {"name": "on"}]}],
            "product": {
                "place": [{"id": "p", "role": "delivery"}],
                "characteristic": [{"name": "color"}],
                "productRelationship": [{"type": "bundled"}],
                "relatedParty": [{"name": "A User"}],
                "productSpecification": {"href": "/spec/5"},
            },
        }
    ],
    "relatedParty": [
        {"name": "A Customer", "role": "customer"},
        {"href": "https://crm.example/party/9", "role": "seller"},
    ],
}


def valid(answer: httpx.Response, status: int = 200) -> Any:
    """Return the body, once it is valid by the official file."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    for cart in body if isinstance(body, list) else [body]:
        assert not problems("v4", "ShoppingCart", cart)
    return body


async def document_of(app: GatewayApp, cart_id: str) -> dict[str, Any]:
    """Return the cart as it is stored."""
    row = await app.services.database.read(lambda connection: store.get(connection, "default", cart_id))
    assert row is not None
    found: dict[str, Any] = json.loads(row.document)
    return found
