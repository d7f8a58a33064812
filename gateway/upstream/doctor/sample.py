"""The order that is made to measure with: translated from a cart as every order is, in a plan of small calls. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.documents import JsonObject
from gateway.errors import OperatorError
from gateway.ordering import Mapping, Order, Plan, plan, translate

DESCRIPTION: Final = "Test order of gateway doctor: not to be fulfilled"
CART: Final[dict[str, Any]] = {
    "@type": "ShoppingCart",
    "cartItem": [
        {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "GATEWAY-DOCTOR-1"}},
        {"id": "2", "action": "add", "quantity": 2, "productOffering": {"id": "GATEWAY-DOCTOR-2"}},
    ],
    "relatedParty": [{"id": "GATEWAY-DOCTOR", "role": "customer", "@referredType": "Individual"}],
}
"""What is ordered where no cart is given: two items, so that a draft can be seen to grow."""


class SampleOrder(Struct, frozen=True, kw_only=True):
    """An order and the calls that make it; `mapping` has the limits by which it was cut."""

    order: Order
    plan: Plan
    mapping: Mapping


def made_sample(cart: JsonObject, mapping: Mapping, now: datetime) -> SampleOrder:
    """Return the order that `cart` asks for, cut into calls of one root where drafts grow. Raises OperatorError."""
    request = {"description": DESCRIPTION, "requestedStartDate": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    translation = translate(cart, request, mapping, now=now)
    order = translation.order
    refusals = [f"{each.path}: {each.message}" for each in translation.findings if each.severity == "error"]
    if order is None:
        raise OperatorError("the cart cannot be ordered:\n" + "\n".join(refusals))
    if mapping.draft.supported and mapping.draft.growth != "none":
        first_root = sum(line.root_id == order.lines[0].root_id for line in order.lines)
        cut = replace(mapping, limits=replace(mapping.limits, items_max=max(1, first_root)))
        steps, _ = plan(order, cut)
        if steps is not None:
            return SampleOrder(order=order, plan=steps, mapping=cut)
    steps, findings = plan(order, mapping)
    if steps is None:
        raise OperatorError("the cart cannot be ordered:\n" + "\n".join(each.message for each in findings))
    return SampleOrder(order=order, plan=steps, mapping=mapping)
