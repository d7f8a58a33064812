"""An order system with a list and a filter, and orders made before and after a call that is in doubt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from upstream_server import NOT_FOUND, Request, answer

from gateway.ordering.mapping.model import Api, Mapping, Paging, Recovery
from gateway.upstream import KnownOrder

OURS = "gw1-abcdefghijklmnop-0"
SENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW = SENT + timedelta(minutes=15)
ITEM = {"id": "1", "productOffering": {"id": "PLAN"}}


def row(order_id: str, marker: Any, minutes: float | None = None, **more: Any) -> dict[str, Any]:
    """Return an order made `minutes` after the call was sent."""
    shown = {} if minutes is None else {"orderDate": (SENT + timedelta(minutes=minutes)).isoformat()}
    slot = {} if marker is None else {"externalId": marker}
    return {"id": order_id, "state": "acknowledged", **slot, **shown, **more}


OLD, YOUNG = row("old", "gw1-aaaaaaaaaaaaaaaa-0", -30), row("young", "crm-12", 5)
KNOWN_OLD, KNOWN_YOUNG = row("k1", "gw1-qrstuvwxyz234567-0"), row("k2", "gw1-765432zyxwvutsrq-0")
BOTH_KNOWN = (
    KnownOrder("k1", KNOWN_OLD["externalId"], SENT - timedelta(minutes=40)),
    KnownOrder("k2", KNOWN_YOUNG["externalId"], SENT + timedelta(minutes=1)),
)


@dataclass
class Shop:
    """An order system with a list, a filter, and whatever is wrong with them."""

    orders: list[dict[str, Any]]
    listed: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda orders: orders
    filtered: Callable[[str, list[dict[str, Any]]], list[dict[str, Any]]] | None = None
    dated: bool = True
    headers: dict[str, str] = field(default_factory=dict)

    def reply(self, request: Request) -> bytes:
        last = request.path.rpartition("/")[2]
        if last != "productOrder":
            return next((answer(200, order) for order in self.orders if order["id"] == last), NOT_FOUND)
        asked = request.query.get("externalId")
        rows = self.listed(self.orders) if asked is None else self._matching(asked)
        start, limit = int(request.query["offset"]), int(request.query["limit"])
        headers = {"Date": format_datetime(NOW, usegmt=True)} if self.dated else {}
        return answer(200, rows[start : start + limit], headers=headers | self.headers)

    def _matching(self, asked: str) -> list[dict[str, Any]]:
        if self.filtered is not None:
            return self.filtered(asked, self.orders)
        return [order for order in self.orders if order.get("externalId") == asked]


def mapping(find: str, **recovery: Any) -> Mapping:
    api = Api(resource="productOrder", paging=Paging(limit_max=50))
    return Mapping(name="test", api=api, recovery=Recovery(find=find, **recovery))
