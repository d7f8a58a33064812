"""TMF622 v5.0.0 to and from the canonical form of an order, which is v4's.

An order has much of what a cart has, and both versions differ in it as those of carts do: the forms of these are used. What
was sent in v5 comes back to the letter for as long as nobody changes it in v4.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.carts.dialects.forms import Form, Part, each
from gateway.carts.dialects.v5 import BILLING_ACCOUNT, DURATION, MOMENT, NOTES, OFFERING, PRICE_PARTS, PRODUCT
from gateway.carts.dialects.v5_wrapped import CHANNEL, ORDER_PARTY
from gateway.documents import JsonObject


def to_canonical(document: JsonObject) -> JsonObject:
    """Return the canonical form of a v5 order; nothing is checked here, and nothing is lost."""
    canonical: dict[str, Any] = _ORDER.up(document)
    return canonical


def from_canonical(document: JsonObject) -> JsonObject:
    """Return a canonical order as v5 writes it."""
    order: dict[str, Any] = _ORDER.down(document)
    return order


def cancellation_from_canonical(document: JsonObject) -> JsonObject:
    """Return a canonical request to cancel an order as v5 writes it."""
    cancellation: dict[str, Any] = _CANCELLATION.down(document)
    return cancellation


def _as_list(value: Any) -> Any:
    """Return v4's external id as v5's list of one."""
    return [{"externalIdentifierType": "ProductOrder", "id": value}] if type(value) is str else value


def _reference(type_name: str) -> Form:
    return Form(type_name=type_name, reference=True)


_IDENTIFIERS: Final = Form(type_name="ExternalIdentifier").listed()
_ORDER_PRICES: Final = Form(type_name="OrderPrice", parts={**PRICE_PARTS, "billingAccount": BILLING_ACCOUNT}).listed()
_PAYMENTS: Final = _reference("PaymentRef").listed()
_QUALIFICATIONS: Final = _reference("ProductOfferingQualificationRef").listed()
_ITEM: Final = Form(
    type_name="ProductOrderItem",
    parts={
        "appointment": _reference("AppointmentRef").part(),
        "billingAccount": BILLING_ACCOUNT,
        "itemPrice": _ORDER_PRICES,
        "itemTotalPrice": _ORDER_PRICES,
        "itemTerm": Form(type_name="OrderTerm", parts={"duration": DURATION}).listed(),
        "note": NOTES,
        "payment": _PAYMENTS,
        "product": PRODUCT,
        "productOffering": OFFERING,
        "productOfferingQualificationItem": Form(
            names={"itemId": "id"}, type_name="ProductOfferingQualificationItemRef"
        ).part(),
        "productOrderItemRelationship": Form(type_name="OrderItemRelationship").listed(),
        "qualification": _QUALIFICATIONS,
        "quoteItem": Form(names={"quoteItemId": "id"}, type_name="QuoteItemRef").part(),
    },
)
_ITEM.add("productOrderItem", _ITEM.listed())
_ERROR: Final = Form(
    type_name="ProductOrderErrorMessage",
    parts={"timestamp": MOMENT, "productOrderItem": Form(type_name="ProductOrderItemRef").listed()},
)
_ORDER: Final = Form(
    names={"creationDate": "orderDate"},
    type_name="ProductOrder",
    parts={
        "agreement": _reference("AgreementRef").listed(),
        "billingAccount": BILLING_ACCOUNT,
        "channel": each(CHANNEL),
        "externalId": Part(_IDENTIFIERS.up, lambda value: _IDENTIFIERS.down(_as_list(value))),
        "note": NOTES,
        "orderRelationship": _reference("OrderRelationship").listed(),
        "orderTotalPrice": _ORDER_PRICES,
        "payment": _PAYMENTS,
        "productOfferingQualification": _QUALIFICATIONS,
        "productOrderErrorMessage": _ERROR.listed(),
        "productOrderItem": _ITEM.listed(),
        "quote": _reference("QuoteRef").listed(),
        "relatedParty": each(ORDER_PARTY),
        **dict.fromkeys(("requestedStartDate", "requestedCompletionDate"), MOMENT),
    },
)
_CANCELLATION: Final = Form(
    type_name="CancelProductOrder",
    parts={
        "productOrder": _reference("ProductOrderRef").part(),
        **dict.fromkeys(("requestedCancellationDate", "effectiveCancellationDate"), MOMENT),
    },
)
