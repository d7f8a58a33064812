"""The matrix of who asks for what: clients of every role in two tenants, every operation with the ids of somebody, and what is compared."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

import httpx
from litestar.routes import HTTPRoute

from gateway.app import GatewayApp
from gateway.roles import ROLES

CARTS: Final = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKOUTS: Final = "/tmf-api/checkoutManagement/v1/checkout"
ORDERS: Final = "/tmf-api/productOrderingManagement/v4/productOrder"
CANCELLATIONS: Final = "/tmf-api/productOrderingManagement/v4/cancelProductOrder"
ORDERS_V5: Final = "/tmf-api/productOrderingManagement/v5/productOrder"
INBOX: Final = "/tmf-api/checkoutManagement/v1/inbox"
TRACE: Final = "/tmf-api/checkoutManagement/v1/trace"
UNKNOWN: Final = "0123456789abcdef0123456789abcdef"
TENANTS: Final = ("acme", "other")
TENANT_WIDE: Final = {"channel", "support", "operator", "admin"}
CUSTOMER: Final = [{"id": "CD1", "role": "customer"}]
# What differs between two answers by its nature.
VOLATILE: Final = {"x-correlation-id", "date"}


class Who(NamedTuple):
    """A client of the matrix."""

    tenant: str
    role: str
    letter: str

    @property
    def name(self) -> str:
        return f"{self.tenant}-{self.role}-{self.letter}"

    def sees(self, owner: Who) -> bool:
        """Tell whether this client may know of what `owner` made."""
        return self.tenant == owner.tenant and (self.role in TENANT_WIDE or self.name == owner.name)


class Things(NamedTuple):
    """What one client made: ids by the name that they have in paths. `canary` stands in each of its documents."""

    owner: Who
    ids: dict[str, dict[str, str]]
    canary: str


CLIENTS: Final = [Who(tenant, role, letter) for tenant in TENANTS for role in ROLES for letter in "ab"]
# On the second database: whose queries differ.
FEWER: Final = [
    who
    for who in CLIENTS
    if who.role in {"channel", "partner", "operator"}
    and (who.letter == "a" or (who.tenant, who.role) == ("acme", "partner"))
]
OWNING: Final = frozenset({"channel", "partner"})
# Bodies of what is done to one cart, checkout or order system, right but for the id that they or the path name, by the end of the path.
ACTIONS: Final[dict[str, Any]] = {
    "/retry": {"reason": "r"},
    "/poll": {"reason": "r"},
    "/adopt": {"productOrder": {"id": "1"}, "reason": "r"},
    "/close": {"outcome": "rejected", "reason": "r"},
    "/pause": {"reason": "r"},
    "/resume": {"reason": "r"},
    "/checkout/{checkout_id}": {"description": "changed"},
    "/shoppingCart/{cart_id}": {"description": "changed"},
}
BODIES: Final[dict[str, Any]] = {
    **ACTIONS,
    "/resend": {"since": "2026-01-01T00:00:00Z"},
    "/replay": {"reason": "r"},
    "/dismiss": {"reason": "r"},
    "/productOrder/{order_id}": {"@type": "ProductOrder", "description": "changed"},
}


async def ask(
    app: GatewayApp, who: Who | None, method: str, path: str, body: Any = None, **headers: str
) -> httpx.Response:
    given = {"Authorization": f"Bearer {who.name}"} if who is not None else {}
    if body is not None:
        given["Content-Type"] = "application/json"
    content = None if body is None else json.dumps(body).encode()
    client: httpx.AsyncClient = app.state.test_client
    return await client.request(method, path, content=content, headers={**given, **headers})


async def made(app: GatewayApp, who: Who, path: str, body: Any, **headers: str) -> dict[str, Any]:
    answer = await ask(app, who, "POST", path, body, **headers)
    assert answer.is_success, (path, answer.text)
    document: dict[str, Any] = answer.json()
    return document


def ready_order(canary: str) -> dict[str, Any]:
    """Return an order that comes ready, as a draft."""
    return {
        "description": canary,
        "externalId": canary,
        "upstream": "crm",
        "requestedInitialState": "draft",
        "relatedParty": [{"id": "CD1", "role": "customer", "@referredType": "Customer"}],
        "productOrderItem": [{"id": "1", "action": "add", "productOffering": {"id": "X"}}],
    }


def operations(app: GatewayApp) -> list[tuple[str, str, frozenset[str]]]:
    """Return method, path template and roles of everything that is served."""
    return [
        (method, route.path_format, handler.opt["roles"])
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in sorted(handler.http_methods - {"OPTIONS"})
    ]


def id_name(path: str) -> str | None:
    """Return the name of the id of a client's resource in a path."""
    names = {"cart_id", "checkout_id", "order_id", "cancellation_id", "hub_id", "subscription_id", "notification_id"}
    known = names | {"upstream", "event_name", "entry_id", "task_id"}
    in_path = [part.partition("}")[0] for part in path.split("{")[1:]]
    assert set(in_path) <= known, f"{path}: say here whose resource this is"
    return next((name for name in in_path if name in names), None)


def filled(path: str, given: Things | None) -> str:
    """Return the path with the ids of what somebody made, or with those of nothing."""
    name = id_name(path)
    if name is not None:
        by_path = given.ids[name] if given is not None else {}
        path = path.replace(f"{{{name}}}", by_path.get(path.partition("/{")[0], by_path.get("", UNKNOWN)))
    for part, value in {
        "upstream": "crm",
        "event_name": "x",
        "entry_id": "x",
        "task_id": "x",
        "notification_id": "x",
    }.items():
        path = path.replace(f"{{{part}}}", value)
    return path


def body_of(method: str, path: str, cart_id: str) -> Any:
    if method not in {"POST", "PATCH"}:
        return None
    if path.endswith("/merge"):
        return {"shoppingCart": {"id": "f" * 32}}
    if path.endswith("{cart_id}/checkout"):
        return {"upstream": "crm", "relatedParty": CUSTOMER}
    if path.endswith(("/checkout", "/preview")):
        return {"shoppingCart": {"id": cart_id}, "upstream": "crm", "relatedParty": CUSTOMER}
    if path.endswith("/cancelProductOrder"):
        return {"@type": "CancelProductOrder", "productOrder": {"@type": "ProductOrderRef", "id": cart_id}}
    return next((body for end, body in BODIES.items() if path.endswith(end)), {})


def id_in_body(path: str, given: Things) -> str:
    """Return the id of what somebody made that a body names."""
    return given.ids["order_id" if path.endswith("/cancelProductOrder") else "cart_id"][""]


def comparable(answer: httpx.Response, given: Things | None) -> tuple[int, list[tuple[str, str]], str]:
    """Return everything that a client is told, with the ids that it asked for itself taken out."""
    text = answer.text
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in VOLATILE)
    for one in [UNKNOWN] if given is None else [each for ids in given.ids.values() for each in ids.values()]:
        text = text.replace(one, "ID")
        headers = [(name, value.replace(one, "ID")) for name, value in headers]
    return answer.status_code, headers, text
