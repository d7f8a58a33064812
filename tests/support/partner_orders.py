"""Ready orders as partners send them, in both versions, what partners ask of them, and answers compared with the official files."""

from __future__ import annotations

import json
from typing import Any, Final

import httpx
from checkout_gateway import Gateway
from official_cart_schemas import problems

V4: Final = "/tmf-api/productOrderingManagement/v4/productOrder"
V5: Final = "/tmf-api/productOrderingManagement/v5/productOrder"
PATHS: Final = {"v4": V4, "v5": V5}


def order(**attributes: Any) -> dict[str, Any]:
    """Return an order of v4 for the order system that takes orders at once, with two items, one in the other."""
    child = {"id": "2", "action": "add", "productOffering": {"id": "P2"}}
    item = {"id": "1", "action": "add", "quantity": 2, "productOffering": {"id": "P1"}, "productOrderItem": [child]}
    party = {"id": "CD1", "role": "customer", "@referredType": "Customer"}
    return {"upstream": "plain", "productOrderItem": [item], "relatedParty": [party], **attributes}


def order_v5(**attributes: Any) -> dict[str, Any]:
    """Return an order of v5, with what v5 wraps."""
    item = {
        "@type": "ProductOrderItem",
        "id": "1",
        "action": "add",
        "quantity": 1,
        "productOffering": {"@type": "ProductOfferingRef", "id": "P1", "version": "2"},
        "product": {
            "@type": "Product",
            "productCharacteristic": [{"@type": "StringCharacteristic", "name": "colour", "value": "red"}],
        },
        "note": [{"@type": "Note", "text": "ring twice"}],
    }
    party = {"@type": "PartyRoleRef", "id": "CD1", "@referredType": "Customer", "partyName": "Jo"}
    return {
        "@type": "ProductOrder",
        "upstream": "plain",
        "productOrderItem": [item],
        "relatedParty": [
            {"@type": "RelatedPartyRefOrPartyRoleRef", "role": "customer", "partyOrPartyRole": party},
        ],
        "channel": [{"@type": "RelatedChannel", "role": "sales", "channel": {"@type": "ChannelRef", "id": "web"}}],
        **attributes,
    }


ORDERS: Final = {"v4": order, "v5": order_v5}


def valid(version: str, answer: httpx.Response, name: str = "ProductOrder") -> Any:
    """Return the decoded answer, once every entry of it is what the official file says."""
    assert answer.is_success, answer.text
    body = answer.json()
    for each in body if isinstance(body, list) else [body]:
        assert problems(version, name, each, "tmf622") == []
    return body


async def placed(gateway: Gateway, version: str = "v4", **attributes: Any) -> dict[str, Any]:
    """Place an order and return it as the answer shows it."""
    answer = await gateway.post(ORDERS[version](**attributes), PATHS[version])
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def as_sent(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return items without what only the server says of them."""
    kept = [{name: value for name, value in item.items() if name not in {"state", "orderLineItemId"}} for item in items]
    return [
        {**item, "productOrderItem": as_sent(item["productOrderItem"])} if "productOrderItem" in item else item
        for item in kept
    ]


async def patched(gateway: Gateway, made: dict[str, Any], body: Any, version: str = "v4", **headers: str) -> Any:
    """Change an order by a merge patch and return the answer."""
    kind = {"Content-Type": "application/merge-patch+json", **headers}
    path = f"{PATHS[version]}/{made['id']}"
    return await gateway.client.patch(path, content=json.dumps(body), headers=kind)


async def cancelled(gateway: Gateway, made: dict[str, Any], version: str = "v4", **attributes: Any) -> Any:
    """Ask for an order to be cancelled and return the answer."""
    reference = {"id": made["id"], **({"@type": "ProductOrderRef"} if version == "v5" else {})}
    body = {"productOrder": reference, "@type": "CancelProductOrder", **attributes}
    return await gateway.post(body, f"/tmf-api/productOrderingManagement/{version}/cancelProductOrder")
